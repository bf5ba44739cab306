"""`vhtwin forecast`, run as a person runs it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.sets.partitions import write_stations
from data.traffic import Traffic
from fl_server.cli.main import main
from tests.cities import wavy_traffic


def written_set(folder: Path, traffic: Traffic) -> Path:
    write_stations(folder, traffic.stations, traffic.positions)
    columns = {station: traffic.load[:, column] for column, station in enumerate(traffic.stations)}
    times = pl.Series("time", traffic.times.astype("datetime64[ms]"))
    pl.DataFrame({"time": times} | columns).write_csv(
        folder / "traffic.csv", datetime_format="%Y-%m-%dT%H:%M"
    )
    return folder


@pytest.fixture
def city(tmp_path: Path) -> Path:
    (tmp_path / "city").mkdir()
    return written_set(tmp_path / "city", wavy_traffic(days=21))


def forecast(*words: object) -> int:
    return main(["forecast", *map(str, words), "--inputs", "paper", "--epochs", "1"])


def test_json_holds_a_row_per_predictor(
    city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert forecast(city, "--out", tmp_path / "out", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["predictor"] for row in answer["rows"]][:2] == ["mlp, one for all", "last value"]
    for row in answer["rows"]:
        assert {"predictor", "mse", "mae", "nrmse", "raw_mae"} <= set(row)
        assert row["mse"] > 0
    assert answer["test"] == ["2024-01-15T00:00", "2024-01-21T23:00"]


def test_the_folder_holds_table_forecasts_settings_and_picture(city: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert forecast(city, "--out", out, "--baselines", "last value,ridge", "--stations", "s1") == 0
    assert sorted(path.name for path in out.iterdir()) == [
        ".vhtwin",
        "forecast.png",
        "forecasts.parquet",
        "settings.json",
        "table.csv",
    ]
    assert pl.read_csv(out / "table.csv")["predictor"].to_list() == [
        "mlp, one for all",
        "last value",
        "ridge",
    ]
    assert json.loads((out / "settings.json").read_text())["settings"]["model"] == "mlp"


def test_the_stored_forecasts_are_those_that_were_scored(city: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert forecast(city, "--out", out, "--baselines", "none") == 0
    frame = pl.read_parquet(out / "forecasts.parquet")
    traffic = wavy_traffic(days=21)
    assert frame["time"].unique().sort().to_list() == traffic.times[14 * 24 :].tolist()
    errors, inside = [], []
    for column, station in enumerate(traffic.stations):
        rows = frame.filter(pl.col("station") == station).sort("time")
        assert rows["truth"].to_numpy() == pytest.approx(traffic.load[14 * 24 :, column], rel=1e-5)
        scale = traffic.load[: 14 * 24, column].astype(np.float64).std()
        errors.append((rows["forecast"] - rows["truth"]).to_numpy() / scale)
        inside.append(rows["truth"].is_between(rows["lower"], rows["upper"]).to_numpy())
    table = pl.read_csv(out / "table.csv")
    assert np.mean(np.square(errors)) == pytest.approx(table["mse"][0], rel=1e-4)
    assert np.mean(inside) == pytest.approx(table["coverage"][0], abs=0.005)


def test_the_table_is_for_a_person(city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--out", tmp_path / "out", "--level-shift", "2", "--seeds", "2", "--test-days", "15")
    assert forecast(city, *words) == 0
    out = capsys.readouterr().out
    assert "mlp, one per station" in out
    assert "±" in out
    assert "first day after" in out
    assert "left out: same hour last week: needs" in out


def test_only_an_own_folder_is_replaced_and_only_on_demand(city: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert forecast(city, "--out", out, "--baselines", "none") == 0
    assert forecast(city, "--out", out, "--baselines", "none") == 3
    assert forecast(city, "--out", out, "--baselines", "none", "--overwrite") == 0
    assert forecast(city, "--out", city, "--baselines", "none", "--overwrite") == 3
    assert (city / "traffic.csv").exists()


def test_gaps_and_silent_stations_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "city").mkdir()
    traffic = wavy_traffic(days=21)
    load = traffic.load.copy()
    load[:, 0] = 3
    load[5 * 24, :2] = np.nan  # before the test, once at the silent station
    load[15 * 24, 1] = np.nan
    folder = written_set(tmp_path / "city", replace(traffic, load=load))
    assert forecast(folder, "--out", tmp_path / "out", "--json", "--baselines", "none") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["silent_stations"], answer["stations"], answer["filled_truths"]) == (["s0"], 2, 1)
    assert answer["filled"] == 3
    assert forecast(folder, "--out", tmp_path / "out2", "--baselines", "none", "--stations", "s0") == 0
    out = capsys.readouterr().out
    assert "never vary before the test: 1 stations (s0)" in out
    assert "filled in for gaps: 1 values" in out
    assert "gaps filled: 3 values of the set" in out


def test_a_level_shift_is_in_the_answer(
    city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--out", tmp_path / "out", "--level-shift", "3", "--json", "--baselines", "last value")
    assert forecast(city, *words) == 0
    for row in json.loads(capsys.readouterr().out)["rows"]:
        assert 0 <= row["coverage_first_day"] <= row["coverage_before_shift"] <= 1


def test_folders_in_runs_are_numbered(city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert forecast(city, "--baselines", "none") == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "forecast-city-1",
        "forecast-city-2",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--stations", "s9"), "unknown station 's9'"),
        (("--baselines", "oracle"), "unknown baseline 'oracle'"),
        (("--test-days", "40"), "nothing to train on"),
        (("--learning-rate", "-1"), "learning_rate must be positive"),
        (("--coverage", "2"), "coverage must lie between 0 and 1"),
        (("--seed", "-1"), "seed at least 0"),
        (("--test-days", "nan"), "test_days must be positive"),
        (("--test-days", "0.001"), "hold no step"),
        (("--level-shift", "inf"), "positive factor"),
        (("--device", "banana"), "unknown device 'banana'"),
        (("--device", "cuda"), "finds no CUDA device"),
        (("--baselines", "ridge,ridge"), "each baseline may stand once"),
    ],
)
def test_bad_options_are_one_sentence(
    city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], sentence: str
) -> None:
    assert forecast(city, "--out", tmp_path / "out", *words) == 3
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
