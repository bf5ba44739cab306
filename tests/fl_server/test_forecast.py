"""`vhtwin forecast`, run as a person runs it."""

import json
from pathlib import Path

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
    frame = pl.read_parquet(out / "forecasts.parquet")
    truth = wavy_traffic(days=21).load[14 * 24 :, 1]
    assert frame.filter(pl.col("station") == "s1")["truth"].to_numpy() == pytest.approx(truth, rel=1e-5)
    assert json.loads((out / "settings.json").read_text())["model"] == "mlp"


def test_the_table_is_for_a_person(city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--out", tmp_path / "out", "--level-shift", "2", "--seeds", "2", "--test-days", "15")
    assert forecast(city, *words) == 0
    out = capsys.readouterr().out
    assert "mlp, one per station" in out
    assert "±" in out
    assert "first day after" in out
    assert "left out: same hour last week: needs" in out


def test_an_existing_folder_is_kept_unless_told_otherwise(city: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    assert forecast(city, "--out", out, "--baselines", "none") == 3
    assert (out / "mine").exists()
    assert forecast(city, "--out", out, "--baselines", "none", "--overwrite") == 0
    assert not (out / "mine").exists()


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
    ],
)
def test_bad_options_are_one_sentence(
    city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], sentence: str
) -> None:
    assert forecast(city, "--out", tmp_path / "out", *words) == 3
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
