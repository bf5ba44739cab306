"""`vhtwin whatif`, run as a person runs it."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes

from data.errors import InputError
from fl_server.cli.main import main
from fl_server.cli.whatif_tables import short
from fl_server.what_if import read_scenario, written_scenario
from hetnet.operations.capacity import given_capacity
from hetnet.operations.scenario import Scenario
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

FAST = ("--inputs", "paper", "--epochs", "4", "--stream-epochs", "1", "--no-single-level")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four stations in a row, beside its set; the folder `out` beside it is for all."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "city").mkdir()
    written_set(folder / "city", wavy_traffic(stations=4, days=21))
    assert main(["twin", str(folder / "city"), "--out", str(folder / "run"), *FAST]) == 0
    return folder / "run"


def told(made: Path, capsys: pytest.CaptureFixture[str], *words: object) -> list[dict[str, Any]]:  # Any: JSON
    capsys.readouterr()
    out = ["--out", str(made.parent / "out"), "--overwrite", "--json"]
    assert main(["whatif", str(made), *map(str, words), *out]) == 0
    answer: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["scenarios"]
    return answer


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_neighbours_take_over_and_nothing_of_the_run_is_touched(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hashes(made.parent / "run"), hashes(made.parent / "city")
    (answer,) = told(made, capsys, "--off", "s1", "--headroom", "3")
    assert (hashes(made.parent / "run"), hashes(made.parent / "city")) == before
    assert answer["stations"]["s1"]["load"]["upper"] == [0] * 24
    assert {each["from"] for each in answer["flows"]} == {"s1"}
    assert {"s0", "s2"} <= {each["to"] for each in answer["flows"]}
    gone = sum(answer["stations"]["s1"]["base"]["forecast"])
    taken = sum(sum(each["by_hour"]) for each in answer["flows"])
    assert 0 < taken <= gone * (1 + 1e-9)


def test_the_folder_holds_tables_a_picture_and_the_scenario(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (answer,) = told(made, capsys, "--demand", "s0=+300%@18-22", "--name", "evening")
    folder = made.parent / "out"
    names = [".vhtwin", "flows.csv", "outcome.json", "scenario.toml", "stations.csv", "whatif.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert read_scenario(folder / "scenario.toml") == Scenario(name="evening", demand=("s0=+300%@18-22",))
    table = pl.read_csv(folder / "stations.csv").filter(station="s0")
    assert table["load"].to_list() == pytest.approx(answer["stations"]["s0"]["load"]["forecast"])


def test_scenarios_are_saved_listed_and_compared(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "scenarios"
    told(made, capsys, "--off", "s1", "--name", "fire", "--save", kept / "fire.toml")
    told(made, capsys, "--move", "s1>s2=20%", "--name", "fair", "--save", kept / "fair.toml")
    again = [
        "whatif",
        str(made),
        "--off",
        "s2",
        "--save",
        str(kept / "fire.toml"),
        "--out",
        str(tmp_path / "w"),
    ]
    assert main(again) == 3
    assert "fire.toml: already exists" in capsys.readouterr().err
    assert main(["whatif", "--list", str(kept)]) == 0
    assert "2 scenarios" in capsys.readouterr().out
    fire, fair = told(made, capsys, "--scenario", kept / "fire.toml", kept / "fair.toml")
    assert (fire["scenario"]["name"], fair["scenario"]["name"]) == ("fire", "fair")
    (alone,) = told(made, capsys, "--scenario", kept / "fair.toml")
    assert alone == fair  # what one scenario comes to does not depend on others
    words = ["--scenario", str(kept / "fire.toml"), str(kept / "fair.toml")]
    out = ["--out", str(made.parent / "out"), "--overwrite"]
    assert main(["whatif", str(made), *words, *out]) == 0
    assert "on the same futures" in capsys.readouterr().out
    (kept / "bad.toml").write_text('off = ["s9"]')
    both = [str(kept / "fair.toml"), str(kept / "bad.toml")]
    assert main(["whatif", str(made), "--scenario", *both, *out]) == 3
    assert "bad.toml: off 's9': unknown station" in capsys.readouterr().err
    assert main(["whatif", str(made), "--scenario", str(kept / "fair.toml"), "--name", "mine", *out]) == 3
    assert "--name is for the scenario of clauses" in capsys.readouterr().err
    (kept / "bad.toml").write_text("off = [")
    assert main(["whatif", "--list", str(kept)]) == 0
    listed = capsys.readouterr().out
    assert "2 scenarios" in listed
    assert "no scenario: " in listed
    assert "bad.toml" in listed


def test_a_long_clause_is_cut_between_names() -> None:
    assert short(",".join(["4748", *["5147"] * 20, "251@0-6"])).startswith("4748,5147,5147")
    assert short(",".join(["5147"] * 20) + "=+30%@0-6") == f"{','.join(['5147'] * 8)},…=+30%@0-6"
    assert short("x" * 70) == "x" * 70
    cut = short(",".join(["4748", *["5147"] * 20])).removesuffix(",…")
    assert set(cut.split(",")) == {"4748", "5147"}


def test_a_capacity_file_decides_who_is_over(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "capacity.csv"
    file.write_text("station,capacity,reach_km\n" + "".join(f"s{each},1,0.1\n" for each in range(4)))
    (answer,) = told(made, capsys, "--off", "s1", "--capacity", file)
    assert answer["over_before"] == ["s0", "s1", "s2", "s3"]
    assert answer["flows"] == []  # nobody reaches further than 100 m


def test_users_are_told_of_where_somebody_says_how_many_there_are(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (answer,) = told(made, capsys, "--off", "s1")
    assert answer["totals"]["users"] is None
    (answer,) = told(made, capsys, "--off", "s1,s2", "--users", 4000, "--headroom", 0.6)
    users = answer["totals"]["users"]
    assert 0 < users["without_service"]["mean"]["forecast"] <= users["without_service"]["most"]["forecast"]
    assert users["without_service"]["most"]["upper"] + users["served_elsewhere"]["most"] <= 2 * 4000
    file = tmp_path / "capacity.csv"
    file.write_text("station,capacity,users\n" + "".join(f"s{each},1e9,{each}\n" for each in range(4)))
    out = ["--out", str(made.parent / "out"), "--overwrite"]
    assert main(["whatif", str(made), "--off", "s1", "--capacity", str(file), *out]) == 0
    assert "users without service, on average" in capsys.readouterr().out
    assert main(["whatif", str(made), "--off", "s1", "--capacity", str(file), "--users", "3"]) == 3
    assert "expected one of them" in capsys.readouterr().err


def test_words_say_what_is_a_forecast_and_what_is_of_futures(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = ("--off", "s1", "--headroom", "0.8")
    (answer,) = told(made, capsys, *scenario)
    totals, policies = answer["totals"], answer["policies"]
    assert main(["whatif", str(made), *scenario, "--out", str(made.parent / "out"), "--overwrite"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "medians of 24 futures, which need not add up, and what holds 90% of them" in "\n".join(lines)
    (kwh,) = (line for line in lines if line.lstrip().startswith("kWh"))
    for name in ("kwh_before", "kwh", "kwh_more"):
        each = totals[name]
        assert each["lower"] <= each["median"] <= each["upper"]
        assert f"{each['median']:,.0f} [{each['lower']:,.0f}, {each['upper']:,.0f}]" in kwh
    header = next(line for line in lines if line.lstrip().startswith("policy"))
    assert "lost by the forecast" in header
    assert "mean of the 24 futures that choose" in header
    (exact,) = (line for line in lines if line.lstrip().startswith("exact"))
    expected = next(each for each in policies if each["policy"] == "exact")
    figures = [f"{expected[name]:,.0f}" for name in ("lost", "lost_choosing", "lost_mean", "moved")]
    assert exact.split()[1:] == figures


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--off", "s1", "--users", "0"], "--users 0: expected more than 0 and at most 1e10"),
        (["--off", "s1", "--users", "inf"], "--users inf: expected more than 0 and at most 1e10"),
        (["--off", "s1", "--users", "nan"], "--users nan: expected more than 0 and at most 1e10"),
        (["--off", "s11"], "did you mean"),
        ([], "no scenario"),
        (["--off", "s1", "--hours", "0"], "--hours 0: expected 1 to 336"),
        (["--off", "s1", "--futures", "5"], "expected at least 37: more --futures"),
        (["--off", "s1", "--policy", "magic"], "--policy magic: expected one of best, nearest"),
        (
            ["--sleep-plan", "0-6", "--confidence", "0.99"],
            "--futures 48: half of them choose who sleeps, expected",
        ),
        (["--sleep-plan", "0-6", "--hours", "48"], "--hours 48: expected at most 24"),
        (["--sleep-plan", "night"], "--sleep-plan night: expected all, or hours of the day"),
        (["--sleep-plan", ""], "--sleep-plan '': expected all, or hours of the day"),
        (["--off", "s1", "--confidence", "1.5"], "--confidence 1.5: expected more than 0 and less than 1"),
        (["--off", "s1", "--coverage", "1.5"], "--coverage 1.5: expected more than 0 and less than 1"),
        (["--off", "s1", "--headroom", "-1"], "--headroom -1: expected more than 0 and at most 100"),
        (["--off", "s1", "--reach", "0"], "--reach 0: expected a number above 0"),
        (["--off", "s1", "--reach", "nan"], "--reach nan: expected a number above 0"),
        (["--off", "s1", "--capacity", "nowhere.csv"], "no such file"),
        (["--off", "s1", "--capacity", "any.csv", "--headroom", "1"], "--headroom: --capacity says"),
        (["--off", "s1", "--power", "6", "100", "4", "20", "200"], "--power 6 100 4 20 200: energy: asleep"),
        (["--off", "s1", "--power", "nan", "1", "1", "1", "1"], "--power nan 1 1 1 1: nan transceivers"),
        (["--off", "s1", "--power", "inf", "1", "1", "1", "1"], "expected a whole number"),
        (["--scenario", "nowhere.toml"], "no such file"),
        (
            ["--off", "s1", "--save", "fire.json"],
            "--save fire.json: expected a file whose name ends in .toml",
        ),
        (["--off", "s1@18:30-22"], "found @18:30-22, expected whole hours of the day"),
        (["--demand", "s1=+10%@9"], "found @9, expected whole hours of the day"),
        (["--move", "s1>s2,s3=20%"], "found 's2,s3' after >, expected one station a clause"),
    ],
)
def test_bad_input_is_refused(
    words: list[str], reason: str, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["whatif", str(made), *words]) == 3
    assert reason in capsys.readouterr().err


def test_a_plan_of_who_sleeps_saves_energy_and_loses_nothing_by_the_forecast(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (answer,) = told(made, capsys, "--sleep-plan", "0-6", "--confidence", "0.9", "--headroom", "3")
    assert answer["scenario"]["sleep"]
    assert answer["totals"]["kwh_more"]["upper"] < 0
    assert answer["totals"]["lost_more"]["forecast"] == 0
    silent = [each["silent"] for each in answer["stations"].values()]
    assert not any(any(hours[6:]) for hours in silent)
    assert main(["whatif", str(made), "--sleep-plan", "0-6", "--off", "s1"]) == 3
    assert main(["whatif", str(made), "--sleep-plan", "night"]) == 3


def test_scenario_files_with_what_is_unknown_are_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd.toml"
    for text, reason in (
        ('of = ["s1"]', "did you mean off"),
        ('off = "s1"', "expected a list"),
        ("off = [1]", "expected a list"),
        ("name = 3", "expected a text"),
        ("off = [", "is no TOML"),
        ('name = "nothing"', "nothing is to be different"),
        ("", "nothing is to be different"),
    ):
        file.write_text(text)
        assert main(["whatif", str(made), "--scenario", str(file)]) == 3
        assert reason in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--save"])
def test_nothing_is_written_into_the_run(
    option: str, made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashes(made)
    assert main(["whatif", str(made), "--off", "s1", option, str(made / "new" / "x")]) == 3
    assert "nothing may change" in capsys.readouterr().err
    monkeypatch.chdir(made)  # and the default would be there
    assert main(["whatif", ".", "--off", "s1"]) == 3
    assert hashes(made) == before


def test_a_scenario_is_saved_when_all_else_is_written(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    save = tmp_path / "fire.toml"
    words = ["whatif", str(made), "--off", "s1", "--save", str(save), "--out", str(tmp_path / "out")]
    with monkeypatch.context() as broken:
        broken.setattr("fl_server.cli.whatif.write_outcome", fail)
        assert main(words) != 0
        assert not list(tmp_path.iterdir())
    assert main(words) == 0
    assert save.exists()


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "fire.toml"
    file.write_bytes(b'\xef\xbb\xbfoff = ["s1"]\n')
    assert read_scenario(file) == Scenario(name="fire", off=("s1",))


def test_options_that_are_given_again_add_up(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (once,) = told(made, capsys, "--off", "s1", "s2")
    (again,) = told(made, capsys, "--off", "s1", "--off", "s2")
    assert again == once


@pytest.mark.parametrize("name", ["", " ", "n" * 300])
def test_each_of_several_scenarios_has_a_folder_of_its_own(
    name: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file, words in (("odd", f'name = "{name}"\n'), ("other", "")):
        (tmp_path / f"{file}.toml").write_text(words + 'off = ["s1"]')
    told(made, capsys, "--scenario", tmp_path / "odd.toml", "--scenario", tmp_path / "other.toml")
    folders = sorted(path.name for path in (made.parent / "out").iterdir() if path.is_dir())
    assert folders == sorted(["other", name.strip()[:60] or "odd"])


def test_newer_data_of_other_stations_are_refused_by_their_folder(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    written_set(other, wavy_traffic(stations=2, days=20))
    assert main(["whatif", str(made), "--off", "s1", "--data", str(other)]) == 3
    assert f"{other}: lacks 2 stations of the run: s2, s3" in capsys.readouterr().err


def test_scenarios_whose_folders_would_be_one_are_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / name for name in ("a b.toml", "a-b.toml")]
    for file in files:
        file.write_text('off = ["s1"]')
    assert main(["whatif", str(made), "--scenario", *map(str, files)]) == 3
    assert "'a b' and 'a-b'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("station;capacity\n", ":1: found columns separated by ';'"),
        ("station,capacity\ns0,5 000\n", ":2: column capacity: found '5 000'"),
        (
            "station,capacity\ns0,\n",
            ":2: station s0: found nothing as capacity, expected a number, more than 0",
        ),
        ("station,capacity\ns0,nan\n", ":2: station s0: found nan as capacity"),
        ("station,capacity\ns0,1e308\n", ":2: station s0: found 1e+308 as capacity"),
        ("station,capacity\ns0,0\n", ":2: station s0: found 0 as capacity"),
        (
            "station,capacity,users\ns0,1,-1\n",
            ":2: station s0: found -1 as users, expected a number, at least 0",
        ),
        ("station,capacity\ns0,1\ns0,1\n", ":3: station s0 stands there twice"),
        ("station,capacity\ns1,1\n", "lacks station s0"),
        ("station,load\ns0,1\n", ":1: found the columns station, load"),
    ],
)
def test_a_capacity_file_is_refused_by_its_line(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "capacity.csv"
    file.write_text(text)
    with pytest.raises(InputError) as refusal:
        given_capacity(file, ["s0"])
    assert reason in str(refusal.value)


def test_a_capacity_file_may_hold_other_stations_too(tmp_path: Path) -> None:
    file = tmp_path / "capacity.csv"
    file.write_text("station,capacity\nfar,9\ns0,1\n")
    assert given_capacity(file, ["s0"]).capacity.tolist() == [1]


def test_what_is_no_finished_run_is_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["whatif", str(made.parent / "city"), "--off", "s1"]) == 3
    assert "is no run of vhtwin" in capsys.readouterr().err


def test_a_written_scenario_is_read_back(tmp_path: Path) -> None:
    scenario = Scenario(name='a "b" \\ \n', about="é\t", off=("x,y",), move=("a>b=2%",))
    (tmp_path / "one.toml").write_text(written_scenario(scenario))
    assert read_scenario(tmp_path / "one.toml") == scenario


def test_nothing_lost_is_a_line_above_the_frame_and_a_word(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is lost is drawn dotted in ink: along the frame of the axes nobody would see it."""
    drawn: list[Axes] = []
    made_legend = Axes.legend

    def kept(axes: Axes, *words: Any, **how: Any) -> Any:  # Any: what matplotlib takes and gives
        drawn.append(axes)
        return made_legend(axes, *words, **how)

    monkeypatch.setattr(Axes, "legend", kept)
    for headroom, label in (("9", "lost with, by the forecast: none"), ("0.5", "lost with, by the forecast")):
        out = ["--out", str(tmp_path / headroom), "--headroom", headroom]
        assert main(["whatif", str(made), "--off", "s1", *out]) == 0
        (line,) = (each for each in drawn[-1].get_lines() if str(each.get_label()).startswith("lost"))
        assert line.get_label() == label
        assert drawn[-1].get_ylim()[0] < np.min(line.get_ydata())
