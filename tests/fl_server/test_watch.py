"""`vhtwin watch`, run as a person runs it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data.traffic import StationId, Traffic, of_columns
from fl_server.cli.main import main
from fl_server.watching import watched
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

DAYS = 17
FAST = ("--inputs", "profile", "--epochs", "12", "--stream-epochs", "2", "--no-single-level")


def city(days: int = DAYS, *, step_minutes: int = 60) -> Traffic:
    """Five stations; a longer city begins with the shorter one."""
    traffic = wavy_traffic(stations=5, days=24, step_minutes=step_minutes)
    return replace(traffic, load=traffic.load[: days * 1440 // step_minutes])


def faulty(days: int = 24) -> Traffic:
    """The longer city, in which s2 carries nothing for six hours of the fourth new day."""
    traffic = city(days)
    load = traffic.load.copy()
    load[(DAYS + 3) * 24 + 10 : (DAYS + 3) * 24 + 16, 2] = 0
    return replace(traffic, load=load)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, never changed, beside its set and a newer one."""
    folder = tmp_path_factory.mktemp("made")
    another_set(folder / "city", city())
    another_set(folder / "newer", faulty())
    assert main(["twin", str(folder / "city"), "--out", str(folder / "run"), *FAST]) == 0
    return folder / "run"


def another_set(folder: Path, traffic: Traffic) -> Path:
    folder.mkdir()
    return written_set(folder, traffic)


def answer_of(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:  # Any: JSON
    capsys.readouterr()
    assert main(["watch", *map(str, words), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_newer_data_raise_an_alert_where_a_station_carries_nothing(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = answer_of(capsys, made, "--data", made.parent / "newer")
    outages = [each for each in answer["alerts"] if each["kind"] == "outage"]
    assert [each["stations"] for each in outages] == [["s2"]]
    assert outages[0]["raised"] == "2024-01-21T10:00"
    assert outages[0]["severity"] == "critical"
    assert not outages[0]["neighbours_explain"]
    assert (answer["from"], answer["until"]) == ("2024-01-18T00:00", "2024-01-24T23:00")
    assert answer["drift"]["retrain"] is False


def test_the_newer_days_alone_follow_the_history_of_the_run(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = faulty()
    start = whole.start + np.timedelta64(DAYS * 1440, "m")
    alone = another_set(tmp_path / "alone", replace(whole, load=whole.load[DAYS * 24 :], start=start))
    answer = answer_of(capsys, made, "--data", alone)
    other = answer_of(capsys, made, "--data", made.parent / "newer")
    assert answer["alerts"] == other["alerts"]
    late = replace(whole, load=whole.load[(DAYS + 1) * 24 :], start=start + np.timedelta64(1440, "m"))
    assert main(["watch", str(made), "--data", str(another_set(tmp_path / "late", late))]) == 3
    assert "expected not later than 2024-01-18T00:00, when the run's set ends" in capsys.readouterr().err


def test_the_run_itself_is_watched_over_its_stream(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = answer_of(capsys, made)
    assert (answer["from"], answer["until"]) == ("2024-01-11T00:00", "2024-01-17T23:00")


def test_gaps_are_alerts_and_not_loads(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = another_set(tmp_path / "gaps", city(24))
    table = pl.read_csv(folder / "traffic.csv")
    hours = pl.int_range(pl.len()).is_between((DAYS + 2) * 24, (DAYS + 2) * 24 + 9)
    table.with_columns(pl.when(hours).then(None).otherwise(pl.col("s1")).alias("s1")).write_csv(
        folder / "traffic.csv"
    )
    missing = [
        each for each in answer_of(capsys, made, "--data", folder)["alerts"] if each["kind"] == "missing"
    ]
    assert [(each["stations"], each["start"], each["end"]) for each in missing] == [
        (["s1"], "2024-01-20T00:00", "2024-01-20T10:00")
    ]


def test_what_comes_later_changes_no_alert(made: Path, tmp_path: Path) -> None:
    """From the files to the alerts: a set that goes on differently tells the same until then."""
    from hetnet.operations.alerts import as_known

    load = faulty().load.copy()
    load[(DAYS + 4) * 24 :] *= np.random.default_rng(0).uniform(0, 3, load[(DAYS + 4) * 24 :].shape)
    other = another_set(tmp_path / "other", replace(faulty(), load=load.astype(np.float32)))
    until = np.datetime64("2024-01-21T23:00", "m")
    one, two = (watched(made, each).alerts for each in (made.parent / "newer", other))
    assert as_known(one, until)
    assert as_known(one, until) == as_known(two, until)
    assert one != two


def test_following_tells_what_is_new_when_the_set_has_grown(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(made.parent / "newer", tmp_path / "grows")
    whole = pl.read_csv(folder / "traffic.csv")
    known = iter([(DAYS + 3) * 24, (DAYS + 5) * 24])
    whole.head(next(known)).write_csv(folder / "traffic.csv")

    def more_comes(seconds: float) -> None:
        assert seconds == 5
        rows = next(known, None)
        if rows is None:
            raise KeyboardInterrupt
        whole.head(rows).write_csv(folder / "traffic.csv")

    monkeypatch.setattr("fl_server.cli.watch.sleep", more_comes)
    assert main(["watch", str(made), "--data", str(folder), "--follow", "--every", "5"]) == 130
    first, second = capsys.readouterr().out.split("no need to train again")[:2]
    assert "outage" not in first
    assert "to 2024-01-20T23:00" in first
    assert "s2" in second
    assert "to 2024-01-22T23:00" in second


def test_following_goes_on_when_the_set_cannot_be_read_for_a_while(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(made.parent / "newer", tmp_path / "grows")
    whole = (folder / "traffic.csv").read_text()
    rows = whole.splitlines(keepends=True)
    (folder / "traffic.csv").write_text("".join(rows[: (DAYS + 3) * 24 + 1]))
    contents = iter([rows[0] + "2024-", rows[0] + "2024-", None, whole])

    def something_comes(_seconds: float) -> None:
        (folder / "traffic.csv").unlink(missing_ok=True)
        try:
            content = next(contents)
        except StopIteration:
            raise KeyboardInterrupt from None
        if content is not None:
            (folder / "traffic.csv").write_text(content)

    monkeypatch.setattr("fl_server.cli.watch.sleep", something_comes)
    assert main(["watch", str(made), "--data", str(folder), "--follow", "--every", "5"]) == 130
    told = capsys.readouterr()
    assert "to 2024-01-24T23:00" in told.out
    assert [line.endswith("looking again") for line in told.err.splitlines()].count(True) == 2


def test_following_waits_for_a_set_that_cannot_be_read_yet(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(made.parent / "newer", tmp_path / "grows")
    whole = (folder / "traffic.csv").read_text()
    (folder / "traffic.csv").write_text(whole[:40])
    words = ["watch", str(made), "--data", str(folder), "--follow", "--every", "5"]
    contents = iter([whole])

    def it_comes(_seconds: float) -> None:
        try:
            (folder / "traffic.csv").write_text(next(contents))
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("fl_server.cli.watch.sleep", it_comes)
    assert main(words) == 130
    told = capsys.readouterr()
    assert told.err.count("looking again") == 1
    assert "to 2024-01-24T23:00" in told.out
    assert main(["watch", str(made), "--data", str(tmp_path / "nowhere"), "--follow"]) == 3
    assert "no such file or folder" in capsys.readouterr().err
    assert main(["watch", str(folder), "--follow"]) == 3  # no run will come of it


def test_newer_files_without_a_zone_are_of_the_zone_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city, run, alone = (str(tmp_path / name) for name in ("city", "run", "alone"))
    assert main(["data", "make", "--stations", "4", "--days", "24", "--out", city]) == 0
    assert main(["twin", city, "--out", run, *FAST]) == 0
    rows = pl.read_parquet(f"{city}/traffic.parquet")
    station = str(rows["station"][0])
    wide = rows.pivot(on="station", index="time", values="internet").sort("time")
    days = wide.filter(pl.col("time") >= wide["time"].max() - pl.duration(days=2))
    (tmp_path / "alone").mkdir()
    shutil.copy(f"{city}/stations.csv", alone)
    times = days["time"].dt.offset_by("2d")  # the same days again, after the run's
    days.with_columns(times.dt.strftime("%Y-%m-%dT%H:%M")).write_csv(f"{alone}/traffic.csv")
    for words in (
        ["watch", run, "--data", alone, "--json"],
        ["predict", run, "--data", alone, "--json", "--station", station],
        ["whatif", run, "--data", alone, "--off", station, "--json", "--out", str(tmp_path / "out")],
    ):
        assert main(words) == 0, capsys.readouterr().err


def test_the_table_is_for_a_person(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(made), "--data", str(made.parent / "newer")]) == 0
    out = capsys.readouterr().out
    assert "5 stations from 2024-01-18T00:00 to 2024-01-24T23:00" in out
    assert "outage: carries next to nothing of what was expected" in out
    assert "no need to train again" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--since", "noon"), "expected a wall-clock time such as"),
        (("--since", "2024-03-01"), "expected steps from 2024-03-01"),
        (("--since", "2024-01-02"), "for twins to forecast from"),
        (("--since", "2024-01-05"), "what is unusual is learned from at least 3"),
        (("--data", "nowhere"), "nowhere"),
        (("--follow", "--every", "inf"), "--every inf: expected seconds"),
        (("--follow", "--every", "0"), "--every 0: expected seconds, more than 0 and at most a day"),
    ],
)
def test_bad_options_are_one_sentence(
    made: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    assert main(["watch", str(made), *words]) == 3
    assert sentence in capsys.readouterr().err


def test_bad_sets_are_one_sentence(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strange = replace(city(24), stations=tuple(StationId(each) for each in ("s0", "s1", "s2", "s3", "x9")))
    short = city(8)
    native = city(24, step_minutes=120)
    for name, traffic, sentence in (
        ("strange", strange, "1 station without a twin"),
        ("short", short, "nothing in it is news to its twins"),
        ("coarse", native, "a step of 120 min does not divide an hour"),
    ):
        folder = another_set(tmp_path / name, traffic)
        assert main(["watch", str(made), "--data", str(folder)]) == 3
        assert sentence in capsys.readouterr().err


def test_fewer_stations_than_the_run_has_can_be_watched(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = another_set(tmp_path / "few", of_columns(faulty(), [2]))
    answer = answer_of(capsys, made, "--data", folder)
    assert answer["stations"] == 1
    assert {"outage"} <= {each["kind"] for each in answer["alerts"]}


def test_a_run_that_is_not_finished_is_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(made, tmp_path / "run")
    (run / "summary.json").unlink()
    assert main(["watch", str(run)]) == 3
    assert "this run is not finished" in capsys.readouterr().err
