"""`vhtwin faults` and `vhtwin maintain`, run as a person runs them."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data.sets.tables import ReadSettings, read_set
from fl_server.cli.main import main
from fl_server.faulting import LABELS, injected, read_labels
from hetnet.operations.faults import FAULT_KINDS, FaultSettings
from tests.cities import real_set, wavy_traffic
from tests.fl_server.test_watch import FAST, another_set

STATIONS, DAYS = 24, 17


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, never changed, beside its set, a longer one, and that with faults."""
    folder = tmp_path_factory.mktemp("made")
    for name, days in (("city", DAYS), ("newer", DAYS + 8)):
        another_set(folder / name, wavy_traffic(stations=STATIONS, days=30))
        table = pl.read_csv(folder / name / "traffic.csv").head(days * 24)
        table.write_csv(folder / name / "traffic.csv")
    assert main(["twin", str(folder / "city"), "--out", str(folder / "run"), *FAST]) == 0
    words = ["--out", str(folder / "faulty"), "--each", "1", "--seed", "4"]
    assert main(["faults", "inject", str(folder / "newer"), *words]) == 0
    return folder


def answer_of(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:  # Any: JSON
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_what_is_written_is_the_set_with_the_faults_that_its_labels_tell(made: Path) -> None:
    reading = ReadSettings(max_gap_hours=48)
    clean, faulty = (read_set(made / name, reading) for name in ("newer", "faulty"))
    faults = read_labels(made / "faulty" / LABELS)
    assert sorted(fault.kind for fault in faults) == sorted(FAULT_KINDS)
    assert all(fault.start >= clean.local_times[-7 * 24] for fault in faults)
    touched = {station for fault in faults for station in (fault.station, *fault.disturbed)}
    assert faulty.stations == clean.stations
    for column, station in enumerate(clean.stations):
        assert np.allclose(clean.load[:, column], faulty.load[:, column]) == (station not in touched)
    assert faulty.gaps is not None
    missing = next(fault for fault in faults if fault.kind == "missing")
    inside = (faulty.local_times >= missing.start) & (faulty.local_times < missing.end)
    assert np.array_equal(np.flatnonzero(faulty.gaps.any(axis=1)), np.flatnonzero(inside))


def test_a_seed_writes_the_same_set_again(made: Path, tmp_path: Path) -> None:
    words = ["--out", str(tmp_path / "again"), "--each", "1", "--seed", "4"]
    assert main(["faults", "inject", str(made / "newer"), *words]) == 0
    assert (tmp_path / "again" / LABELS).read_text() == (made / "faulty" / LABELS).read_text()
    reading = ReadSettings(max_gap_hours=48)
    one, two = (read_set(each, reading) for each in (tmp_path / "again", made / "faulty"))
    assert np.array_equal(one.load, two.load)


def test_the_score_tells_of_every_kind_by_three_detectors(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = answer_of(capsys, "faults", "score", made / "run", "--data", made / "faulty")
    assert list(answer) == ["twins", "seasonal threshold", "isolation forest"]
    for several in answer.values():
        assert sorted(several) == sorted([*FAULT_KINDS, "any"])
    twins = answer["twins"]
    for kind in ("outage", "missing", "frozen"):
        assert twins[kind]["recall"] == twins[kind]["recall_by_second_sample"] == 1
        assert twins[kind]["precision"] == 1
    assert main(["faults", "score", str(made / "run"), "--data", str(made / "faulty")]) == 0
    assert "with 95 % intervals (Wilson)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no table of labels"),
        ("kind,station\n", "lacks start, end, size, disturbed"),
        ("kind,station,start,end,size,disturbed\n", "holds no fault"),
        (
            "kind,station,start,end,size,disturbed\nfire,s1,2024-01-20,2024-01-21,0,\n",
            ":2: unknown kind 'fire'",
        ),
        ("kind,station,start,end,size,disturbed\noutage,s1,noon,2024-01-21,0,\n", ":2: "),
        (
            "kind,station,start,end,size,disturbed\noutage,s1,2024-01-21,2024-01-20,0,\n",
            "a start before the end",
        ),
        (
            "kind,station,start,end,size,disturbed\noutage,x1,2024-01-20,2024-01-21,0,\n",
            "station x1 is not watched",
        ),
        (
            "kind,station,start,end,size,disturbed\noutage,s1,2025-01-20,2025-01-21,0,\n",
            "none of its 1 fault",
        ),
    ],
)
def test_bad_labels_are_one_sentence(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    (tmp_path / "labels.csv").write_text(text)
    words = ["--data", str(made / "newer"), "--labels", str(tmp_path / "labels.csv")]
    assert main(["faults", "score", str(made / "run"), *words]) == 3
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--each", "9"), "ask for fewer"),
        (("--kinds", "fire"), "--kinds fire: expected one of outage"),
        (("--days", "nan"), "--days nan: expected a number above 0"),
        (("--each", "0"), "--each 0: expected at least 1"),
        (("--max-gap-hours", "nan"), "--max-gap-hours nan: expected at least 0"),
        (("--days", "99"), "--days 99: expected from 1 to less than the 25.0 days"),
        (("--handed", "2"), "--handed 2: expected 0 to 1"),
        (("--seed", "-1"), "--seed -1: expected at least 0"),
    ],
)
def test_bad_options_of_faults_are_one_sentence(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], sentence: str
) -> None:
    assert main(["faults", "inject", str(made / "newer"), "--out", str(tmp_path / "out"), *words]) == 3
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_real_ten_minute_series_take_faults_too() -> None:
    traffic = read_set(real_set("milan25"), ReadSettings())
    made = injected(traffic, 7, FaultSettings(each=1), 1)
    changed = made.traffic.load != traffic.load
    stations = {station for fault in made.faults for station in (fault.station, *fault.disturbed)}
    assert {traffic.stations[column] for column in np.flatnonzero(changed.any(axis=0))} == stations
    assert not changed[: -7 * 144].any()


def test_more_crews_than_stations_make_the_visits_of_as_many(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--data", made / "newer", "--crews")
    few, many = (
        answer_of(capsys, "maintain", made / "run", *words, crews) for crews in (STATIONS, 1_000_000)
    )
    assert few == many


def test_a_plan_of_visits_loses_no_more_than_none(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "visits.csv"
    words = ("--data", made / "faulty", "--check", 2, "--crews", 2, "--out", out)
    answer = answer_of(capsys, "maintain", made / "run", *words)
    assert answer["lost"] <= answer["lost_riskiest_first"] <= answer["lost_without_visits"]
    assert len(answer["chance"]) == STATIONS
    assert all(0 <= each <= 0.5 for each in answer["chance"].values())
    assert pl.read_csv(out)["station"].to_list() == [each["station"] for each in answer["visits"]]
    assert all(each > 0.6 for each in answer["auc"]["worn"])
    assert main(["maintain", str(made / "run"), "--check", "2"]) == 0
    assert "rank above others with AUC" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--crews", "0"), "--crews 0: expected at least 1"),
        (("--hours", "9"), "--hours 9: expected at most the 6 h between two slots"),
        (("--failing", "1"), "--failing 1: expected more than 0 and less than 1"),
        (("--failing", "nan"), "--failing nan: expected more than 0 and less than 1"),
        (("--repair-hours", "0"), "--repair-hours 0: expected at least 1"),
        (("--every", "169"), "--every 169: expected 1 to 168"),
        (("--check", "-1"), "--check -1: expected at least 0"),
    ],
)
def test_bad_options_of_maintain_are_one_sentence(
    made: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], sentence: str
) -> None:
    assert main(["maintain", str(made / "run"), *words]) == 3
    assert sentence in capsys.readouterr().err


def test_nothing_is_written_into_a_run_or_the_set_that_is_read(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(made.rglob("*"))
    assert main(["maintain", str(made / "run"), "--out", str(made / "run" / "visits.csv")]) == 3
    assert "nothing may change" in capsys.readouterr().err
    assert main(["faults", "inject", str(made / "city"), "--out", str(made / "city" / "faulty")]) == 3
    assert "nothing may change" in capsys.readouterr().err
    stations = made / "city" / "stations.csv"
    content = stations.read_bytes()
    assert main(["maintain", str(made / "run"), "--out", str(stations)]) == 3
    assert "stations.csv: already exists; name another file or pass --overwrite" in capsys.readouterr().err
    assert stations.read_bytes() == content
    assert sorted(made.rglob("*")) == before


def test_an_unfinished_run_is_refused_by_both(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(made / "run", tmp_path / "run")
    (run / "summary.json").unlink()
    assert main(["maintain", str(run)]) == 3
    assert main(["faults", "score", str(run), "--data", str(made / "faulty")]) == 3
    assert capsys.readouterr().err.count("this run is not finished") == 2
