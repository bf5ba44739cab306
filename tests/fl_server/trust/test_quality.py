"""Utilities and scores worked by hand, and what the command says of a run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from data.errors import InputError
from fl_server.cli.main import main
from fl_server.trust.at_hand import at_hand
from fl_server.trust.quality import (
    UNITS,
    Curve,
    QualitySettings,
    measured_of,
    quality_settings,
    scored_run,
    stations_of_set,
    weighed,
)
from forecasting.twin import load_twin
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

FLOW = {"messages_up": 1, "messages_down": 1, "bytes_up": 2_000_000, "bytes_down": 1_000_000}
SUMMARY = {
    "v": {"mse": 0.3, "cluster": {"mse": 0.25}},
    "h": {"mse": 0.2, "cluster": {"mse": 0.1}},
    "stations": 3,
    "left_out": {"s9": "never varies"},
    "phases": {"v": {"exchange": {"station_cluster": FLOW}}, "h": {"exchange": {"station_cluster": FLOW}}},
}
SMALL = ("--test-days", "2", "--inputs", "paper", "--hidden", "4", "--degree", "4", "--no-single-level")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    city = written_set(tmp_path_factory.mktemp("city"), wavy_traffic(stations=7, days=10))
    folder = city.parent / "run"
    assert (
        main(["twin", str(city), "--out", str(folder), *SMALL, "--epochs", "3", "--stream-epochs", "2"]) == 0
    )
    return folder


def test_a_curve_is_1_at_its_best_and_0_at_its_worst_and_beyond() -> None:
    falling = Curve(best=10, worst=20)
    assert [falling.utility(value) for value in (5, 10, 15, 20, 99)] == [1, 1, 0.5, 0, 0]
    assert f"{Curve(best=1, worst=0.5).utility(0.5):.2f}{Curve(best=0, worst=1).utility(1):.2f}" == "0.000.00"
    assert Curve(best=20, worst=10, shape=2).utility(15) == 0.25


@given(some.floats(0, 1), some.floats(0, 1), some.floats(0.1, 5))
def test_what_is_nearer_to_the_best_is_never_worth_less(one: float, other: float, shape: float) -> None:
    near, far = sorted((one, other))
    curve = Curve(best=0, worst=1, shape=shape)
    assert 1 >= curve.utility(near) >= curve.utility(far) >= 0


def test_the_summary_tells_fidelity_coverage_and_cost() -> None:
    measured = measured_of(SUMMARY)
    assert measured["fidelity"] == 0.1
    assert stations_of_set(SUMMARY) == 4  # three and one that was left out
    assert measured["cost"] == 2  # 6 MB for three stations
    assert measured_of(SUMMARY | {"h": None})["fidelity"] == 0.25


def test_the_score_is_the_weighted_mean_of_what_could_be_measured() -> None:
    settings = QualitySettings(
        fidelity=Curve(best=0, worst=1, weight=3), cost=Curve(best=0, worst=4, weight=1)
    )
    nothing = dict.fromkeys(UNITS)
    found = weighed(nothing | {"fidelity": 0.2, "cost": 3.0}, settings)
    assert found.utilities["fidelity"] == 0.8
    assert found.utilities["freshness"] is None
    assert found.score == pytest.approx((3 * 0.8 + 1 * 0.25) / 4)
    assert found.without == ("freshness", "coverage", "calibration")
    assert found.caveat.startswith("without freshness, coverage, calibration, not measured")
    assert weighed(dict.fromkeys(UNITS, 1.0), settings).caveat == ""
    with pytest.raises(InputError, match="no attribute that has a weight"):
        weighed(nothing, settings)


def test_the_command_scores_a_run_by_all_attributes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["score", str(run), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out).values()
    assert found["measured"].keys() == UNITS.keys()
    assert None not in found["measured"].values()
    assert 0 < found["score"] < 1
    assert main(["twins", "show", str(run)]) == 0
    assert f"score: {found['score']:.3f} of 1" in capsys.readouterr().out


def test_a_twin_that_is_lost_or_damaged_covers_no_stations(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    assert scored_run(copy, QualitySettings()).measured["coverage"] == 1
    file = copy / "twins" / "cluster-1.twin"
    stations = len(load_twin(file).stations)
    file.write_text("nothing")
    assert scored_run(copy, QualitySettings()).measured["coverage"] == (7 - stations) / 7
    file.unlink()
    assert scored_run(copy, QualitySettings()).measured["coverage"] == (7 - stations) / 7


def test_own_weights_change_the_score(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.toml"
    file.write_text("[freshness]\nworst = 1\nweight = 9\n")
    settings = quality_settings(file)
    assert settings.freshness == Curve(best=0, worst=1, weight=9)
    assert settings.cost == QualitySettings().cost
    assert scored_run(run, settings).score < scored_run(run, QualitySettings()).score


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[quality]\n", "found 'quality', expected tables called fidelity"),
        ("[cost]\nweight = -1\n", "weight 0 or more"),
        ("[cost]\nbest = 1\nworst = 1\n", "best and worst must be two finite numbers"),
        ("[cost]\nbest = 1e308\nworst = -1e308\n", "best and worst must be two finite numbers"),
        ("[cost]\nweight = 1e308\n[fidelity]\nweight = 1e308\n", "a sum above 0 that is finite"),
        ("[cost]\nwieght = 1\n", "did you mean"),
        ("cost", "is no TOML"),
    ],
)
def test_bad_settings_are_refused(run: Path, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        quality_settings(file)
    assert main(["score", str(run), "--settings", str(file)]) == 3


def test_without_the_set_there_is_no_calibration(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(folder: Path) -> None:
        raise InputError(f"{folder}: no such set")

    monkeypatch.setattr("fl_server.trust.quality.at_hand", missing)
    assert scored_run(run, QualitySettings()).measured["calibration"] is None


def test_intervals_are_made_of_earlier_errors_and_hold_about_what_they_should(run: Path) -> None:
    stations = at_hand(run)
    weights = np.zeros(stations.plan.network.parameters, np.float32)
    assert 0.6 < stations.coverage([(stations.fleet.stations, weights)], 0.8) < 0.95
