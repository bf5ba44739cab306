"""Two twins made one, worked by hand, and the command on two runs of one city."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from data.inputs import INPUTS, Layout
from data.scaling import Scaler
from data.sets.tables import ReadSettings, read_set
from data.traffic import StationId
from data.windows import SplitSettings, forecast_task
from fl_server.cli.main import main
from fl_server.trust.merging import fitted_share, merged, mixed_weights, share_by_stations
from forecasting.networks import build_network
from forecasting.training import predict
from forecasting.twin import Lineage, Twin, load_twin
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set
from tests.fl_server.trust.test_quality import SMALL

LAYOUT = Layout(2, 1, 0)


def twin(names: str, weight: float, day: int) -> Twin:
    network = build_network("linear", LAYOUT)
    stations = tuple(StationId(name) for name in names)
    return Twin(
        scope="global",
        name="network",
        network=network,
        inputs=INPUTS["paper"],
        weights=np.full(network.parameters, weight, np.float32),
        stations=stations,
        scaler=Scaler(np.full(len(stations), weight), np.ones(len(stations))),
        version=day,
        trained_until=np.datetime64(f"2024-01-{day:02}", "m"),
        lineage=Lineage(data="", set_name="city", strategy="mean", seed=1, phase="vertical", round=1),
    )


def test_a_twin_counts_by_its_stations_and_half_after_each_half_life() -> None:
    young, old = twin("ab", 1, 11), twin("bcde", 4, 1)
    assert share_by_stations(young, old, half_life_days=10) == 0.5  # 2 to 4 / 2
    assert share_by_stations(old, young, half_life_days=10) == 0.5
    assert share_by_stations(young, old, half_life_days=1e9) == pytest.approx(1 / 3)


def test_the_merged_twin_stands_for_the_stations_of_both() -> None:
    made = merged(twin("bcde", 4, 1), twin("ab", 1, 11), "both", 0.25)
    assert made.weights.tolist() == [1.75] * len(made.weights)  # 4 / 4 + 1 · 3 / 4
    assert made.stations == ("a", "b", "c", "d", "e")
    assert made.scaler.mean.tolist() == [1, 1, 4, 4, 4]  # the newer one's where both have it
    assert made.trained_until == np.datetime64("2024-01-11")
    assert made.lineage.parents == (("network", 1), ("network", 11))
    assert made.version == 12


def test_the_share_is_fitted_where_the_mixture_errs_least() -> None:
    one, other = twin("a", 0, 1), twin("b", 1, 1)
    assert fitted_share(one, other, 0.4, lambda weights: abs(float(weights[0]) - 0.26)) == 0.75
    assert fitted_share(one, other, 0.4, lambda weights: abs(float(weights[0]) - 0.6)) == 0.4
    assert fitted_share(one, other, 0.4, lambda _: 1.0) == 0.4
    assert mixed_weights(one, other, 0.75)[0] == 0.25


def test_different_networks_and_inputs_are_refused() -> None:
    one = twin("a", 0, 1)
    network = build_network("mlp", LAYOUT, (3,))
    wide = replace(one, network=network, weights=np.zeros(network.parameters, np.float32))
    with pytest.raises(InputError, match="weights of different networks have no mean"):
        merged(one, wide, "both", 0.5)
    with pytest.raises(InputError, match="see different inputs"):
        merged(one, replace(one, inputs=INPUTS["profile"]), "both", 0.5)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_set(tmp_path_factory.mktemp("city"), wavy_traffic(stations=7, days=10))


@pytest.fixture(scope="module")
def runs(city: Path) -> list[str]:
    """Two runs of one city, of seven stations and of five."""
    found = [str(city.parent / "first"), str(city.parent / "second")]
    for folder, few in zip(found, ("7", "5"), strict=True):
        short = ("--epochs", "3", "--stream-epochs", "2", "--stations", few)
        assert main(["twin", str(city), "--out", folder, *SMALL, *short]) == 0
    return found


@pytest.fixture(scope="module")
def private(city: Path) -> str:
    """One of the same city under a budget, whose noise leaves nothing of its twins."""
    folder = str(city.parent / "private")
    words = ("--epochs", "3", "--stream-epochs", "2", "--privacy", "epsilon=.1")
    assert main(["twin", str(city), "--out", folder, *SMALL, *words]) == 0
    return folder


Printed = pytest.CaptureFixture[str]


def test_the_command_merges_runs_of_overlapping_areas(
    runs: list[str], tmp_path: Path, capsys: Printed
) -> None:
    capsys.readouterr()
    out = tmp_path / "both.twin"
    assert main(["twins", "merge", *runs, "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stations"] == 7
    for errors in told["errors"].values():
        alone = [errors[run]["mse"] for run in runs]
        assert errors["merged"]["mse"] < 1.1 * max(alone)
    assert (told["by"], told["warnings"]) == ("errors", [])
    assert told["earlier_mse"]["merged"] == min(told["earlier_mse"].values())
    assert load_twin(out).stations == tuple(f"s{number}" for number in range(7))
    assert main(["twins", "merge", *runs, "--out", str(out)]) == 3  # is there already
    bad = ("--half-life-days", "0", "--overwrite")
    assert main(["twins", "merge", *runs, "--out", str(out), *bad]) == 3


def test_it_is_told_what_decided_and_on_which_days(runs: list[str], tmp_path: Path, capsys: Printed) -> None:
    capsys.readouterr()
    assert main(["twins", "merge", *runs, "--out", str(tmp_path / "both.twin")]) == 0
    told = capsys.readouterr().out
    assert "on days that they have not seen they err more" in told
    assert f"on the days before the streams, by MSE there: {runs[0]} 0." in told
    assert main(["twins", "merge", *runs, "--out", str(tmp_path / "by.twin"), "--by", "stations"]) == 0
    told = capsys.readouterr().out
    assert "the share goes by stations and age" in told
    assert "before the streams" not in told


def test_errors_do_not_decide_over_private_runs_and_a_useless_mixture_is_warned_of(
    runs: list[str], private: str, tmp_path: Path, capsys: Printed
) -> None:
    out = str(tmp_path / "both.twin")
    both = [runs[0], private]
    capsys.readouterr()
    assert main(["twins", "merge", *both, "--out", out, "--by", "errors"]) == 3
    assert f"--by errors: {private} is private" in capsys.readouterr().err
    assert main(["twins", "merge", *both, "--out", out, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["by"], told["earlier_mse"], len(told["warnings"])) == ("stations", None, 2)
    assert main(["twins", "merge", *both, "--out", out, "--overwrite"]) == 0
    assert f"warning: at the stations of {private} the merged twin has an MSE of" in capsys.readouterr().out


def test_a_merged_twin_is_shown_and_forecasts_in_python(
    city: Path, runs: list[str], tmp_path: Path, capsys: Printed
) -> None:
    """As README.md has it."""
    out = tmp_path / "both.twin"
    assert main(["twins", "merge", *runs, "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["twins", "show", str(out)]) == 0
    told = capsys.readouterr().out
    assert "both (global), version" in told
    assert "7: s0, s1" in told
    assert "network version" in told
    assert main(["twins", "show", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    made = load_twin(out)
    assert (shown["name"], shown["trained_until"]) == ("both", str(made.trained_until))
    assert sum(part["norm"] ** 2 for part in shown["parts"]) == pytest.approx((made.weights**2).sum())
    windows = forecast_task(read_set(city, ReadSettings()), made.inputs, SplitSettings(test_days=2)).windows
    found = predict(made.network, np.tile(made.weights, (len(windows.inputs), 1)), windows.inputs)
    assert np.mean((found - windows.targets) ** 2) < 1


def test_what_is_no_twin_or_has_more_than_one_name_is_not_shown(
    runs: list[str], tmp_path: Path, capsys: Printed
) -> None:
    out = tmp_path / "both.twin"
    assert main(["twins", "merge", *runs, "--out", str(out)]) == 0
    assert main(["twins", "show", str(out), "network"]) == 3
    assert "is a twin, not a run of several" in capsys.readouterr().err
    out.write_text("nothing")
    assert main(["twins", "show", str(out)]) == 3
    assert "is no file that vhtwin stored" in capsys.readouterr().err
