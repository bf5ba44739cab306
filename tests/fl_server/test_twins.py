"""`vhtwin twins` lists, shows and exports what runs have stored, and names what is damaged."""

import json
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.clock import wall_clock
from data.sets.tables import read_set
from fl_server.cli.main import main
from fl_server.local import local_fleet
from fl_server.run import planned
from fl_server.run_folder import SUMMARY, keep, read_record
from fl_server.running import first_state, states
from fl_server.stored_runs import twin_files
from forecasting.twin import Twin, load_twin, save_twin

SMALL = ["--model", "linear", "--inputs", "paper", "--epochs", "11", "--stream-epochs", "4", "--threads", "1"]
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a synthetic city of 6 stations, with a twin of each station."""
    folder = tmp_path_factory.mktemp("runs")
    assert main(["data", "make", "--stations", "6", "--days", "21", "--out", str(folder / "city")]) == 0
    assert (
        main(["twin", str(folder / "city"), *SMALL, "--personal", "head", "--out", str(folder / "run")]) == 0
    )
    return folder / "run"


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """The same run, to be spoilt."""
    return Path(shutil.copytree(finished, tmp_path / "runs" / "copy"))


def answered(capsys: Printed, *words: object, code: int = 0) -> dict[str, Any]:
    """The JSON object that `vhtwin twins` answers with."""
    capsys.readouterr()
    assert main(["twins", *map(str, words), "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: Printed, *words: object) -> str:
    """The sentence with which `vhtwin twins` refuses."""
    assert main(["twins", *map(str, words)]) == 3
    return capsys.readouterr().err


def damage(file: Path) -> None:
    """Flip one bit in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def stop_after(folder: Path, turns: int) -> None:
    """Turn a finished run into one that was stopped after so many turns."""
    record = read_record(folder)
    traffic = read_set(Path(record.set), record.reading)
    settings = record.settings
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature)
    plan = planned(fleet, settings)
    *_, last = islice(states(fleet, plan, first_state(plan)), turns)
    keep(folder, last)
    (folder / SUMMARY).unlink()


def stations_of(folder: Path) -> tuple[str, ...]:
    """All stations of a run."""
    return load_twin(folder / "twins" / "network.twin").stations


def test_every_stored_twin_is_listed_from_the_network_down(finished: Path, capsys: Printed) -> None:
    (run,) = answered(capsys, "list", finished)["runs"]
    names = [each["name"] for each in run["twins"]]
    clusters = [each for each in run["twins"] if each["scope"] == "cluster"]
    assert names[0] == "network"
    assert [each["name"] for each in clusters] == [f"cluster-{n}" for n in range(1, len(clusters) + 1)]
    assert sum(each["stations"] for each in clusters) == 6
    assert set(names[1 + len(clusters) :]) == set(stations_of(finished))
    assert run["finished"]
    assert run["refused"] == []


def test_the_age_is_counted_to_the_end_of_the_data(finished: Path, capsys: Printed) -> None:
    (run,) = answered(capsys, "list", finished)["runs"]
    record = read_record(finished)
    traffic = read_set(Path(record.set), record.reading)
    (end,) = wall_clock(
        np.array([traffic.start + len(traffic.load) * np.timedelta64(60, "m")]), traffic.timezone
    )
    for each in run["twins"]:
        until = np.datetime64(each["trained_until"])
        assert each["age_hours"] == (end - until) / np.timedelta64(1, "h")
    assert {each["age_hours"] for each in run["twins"] if each["scope"] == "local"} == {0}


def test_numbers_in_names_are_sorted_as_numbers(copied: Path) -> None:
    for file in twin_files(copied):
        file.unlink()
    names = ["local-9", "cluster-10", "local-a", "cluster-2", "network", "local-10"]
    for name in names:
        (copied / "twins" / f"{name}.twin").touch()
    (copied / "twins" / ".network.twin.abc.partial").touch()
    expected = ["network", "cluster-2", "cluster-10", "local-9", "local-10", "local-a"]
    assert [file.stem for file in twin_files(copied)] == expected


def test_a_folder_stands_for_the_runs_below_it(
    copied: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = shutil.copytree(copied, copied.parent / "psi" / "other")
    shutil.copytree(copied, copied.parent / ".third.partial")
    (copied.parent / "segment-city-1").mkdir()
    monkeypatch.chdir(copied.parent.parent)
    found = [each["run"] for each in answered(capsys, "list")["runs"]]
    assert found == ["runs/copy", str(Path(deep).relative_to(Path.cwd()))]


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        (2, "V-twinning, round 2 of 11"),
        (11 + 5, "H-twinning, step 5"),
        (11 + 168 + 3, "V-twinning, round 3 of 11, without clusters"),
        (11 + 168 + 11 + 1, "H-twinning, epoch 1 of 4, without clusters"),
        (11 + 168 + 11 + 4, "twinned, results not written yet"),
    ],
)
def test_an_unfinished_run_is_listed_with_how_far_it_is(
    copied: Path, capsys: Printed, turns: int, words: str
) -> None:
    stop_after(copied, turns)
    (run,) = answered(capsys, "list", copied)["runs"]
    assert not run["finished"]
    assert run["reached"]["words"] == words
    assert run["resume"] == f"vhtwin resume {copied}"
    assert run["twins"] == []
    assert main(["twins", "list", str(copied)]) == 0
    assert f"not finished: {words}; vhtwin resume {copied}" in capsys.readouterr().out


def test_a_run_that_has_kept_nothing_is_listed_too(copied: Path, capsys: Printed) -> None:
    (copied / SUMMARY).unlink()
    (copied / "state").unlink()
    (run,) = answered(capsys, "list", copied)["runs"]
    assert run["reached"] == {"stage": "vertical", "turn": 0, "words": "nothing kept yet"}


def test_a_damaged_twin_is_named_and_the_others_are_listed(copied: Path, capsys: Printed) -> None:
    before = answered(capsys, "list", copied)["runs"][0]["twins"]
    damage(copied / "twins" / "cluster-1.twin")
    (run,) = answered(capsys, "list", copied, code=3)["runs"]
    assert run["twins"] == [each for each in before if each["name"] != "cluster-1"]
    (sentence,) = run["refused"]
    assert sentence.startswith(str(copied / "twins" / "cluster-1.twin"))
    assert "damaged or cut short" in sentence
    assert main(["twins", "list", str(copied)]) == 3
    assert f"refused: {sentence}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["run.json", "summary.json"])
def test_a_damaged_run_does_not_hide_the_next_one(
    copied: Path, finished: Path, capsys: Printed, name: str
) -> None:
    (copied / name).write_text("{")
    damaged, sound = answered(capsys, "list", copied, finished, code=3)["runs"]
    assert str(copied / name) in damaged["refused"][0]
    assert len(sound["twins"]) >= 8


def test_where_no_run_is_it_says_so(tmp_path: Path, capsys: Printed) -> None:
    assert "no such folder" in refused(capsys, "list", tmp_path / "nowhere")
    assert "holds no run; vhtwin twin DIR makes one" in refused(capsys, "list", tmp_path)


def test_showing_a_run_prints_what_twinning_it_printed(copied: Path, capsys: Printed) -> None:
    words = ["twin", read_record(copied).set, *SMALL, "--out", str(copied.parent / "again")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert main(["twins", "show", str(copied.parent / "again")]) == 0
    again, score = capsys.readouterr().out.split("score: ")
    before, after = printed.split("; ")[-1].split("\n", 1)  # "0.3 s in all", and what follows
    assert again == printed.replace(f"; {before}\n{after}", f"\n{after}")
    assert " of 1; vhtwin score " in score


def test_a_shown_twin_has_its_distance_from_the_network_twin(finished: Path, capsys: Printed) -> None:
    shown = answered(capsys, "show", finished, "cluster-1")
    twin, network = (load_twin(finished / "twins" / f"{name}.twin") for name in ("cluster-1", "network"))
    difference = twin.weights.astype(np.float64) - network.weights
    assert shown["distance"]["epsilon"] == pytest.approx((difference**2).mean())
    assert shown["trained_until"] == shown["line"]["trained_until"]
    assert sum(part["difference"] ** 2 for part in shown["parts"]) == pytest.approx((difference**2).sum())
    assert sum(part["norm"] ** 2 for part in shown["parts"]) == pytest.approx((twin.weights**2).sum())
    assert [each["station"] for each in shown["scaler"]] == list(twin.stations)
    assert answered(capsys, "show", finished, "network")["distance"]["epsilon"] == 0


def test_a_person_sees_whence_a_station_has_its_twin(finished: Path, capsys: Printed) -> None:
    station = stations_of(finished)[0]
    assert main(["twins", "show", str(finished), station]) == 0
    printed = capsys.readouterr().out
    assert f"{station} (local), version 1" in printed
    assert "made of        cluster-" in printed
    assert "fingerprint" in printed
    assert "layers.0.weight" in printed


def test_a_station_that_is_called_like_another_twin_can_be_named(copied: Path, capsys: Printed) -> None:
    file = copied / "twins" / f"local-{stations_of(copied)[0]}.twin"
    save_twin(copied / "twins" / "local-network.twin", replace(load_twin(file), name="network"))
    assert answered(capsys, "show", copied, "network")["scope"] == "global"
    assert answered(capsys, "show", copied, "local-network")["scope"] == "local"


def test_a_twin_under_the_name_of_another_is_refused(copied: Path, capsys: Printed) -> None:
    shutil.copy(copied / "twins" / "cluster-1.twin", copied / "twins" / "network.twin")
    sentence = "network.twin: holds the twin cluster-1, expected the one that the file is named after"
    assert sentence in refused(capsys, "show", copied, "network")


def test_an_unknown_name_is_refused_with_the_nearest(finished: Path, capsys: Printed) -> None:
    assert "has no twin 'netwrok'; did you mean network?" in refused(capsys, "show", finished, "netwrok")
    assert f"vhtwin twins list {finished}" in refused(capsys, "show", finished, "Ω")
    assert "has no twin '../run'" in refused(capsys, "show", finished, "../run")


def test_nothing_is_shown_of_an_unfinished_run_or_a_damaged_twin(copied: Path, capsys: Printed) -> None:
    damage(copied / "twins" / "cluster-1.twin")
    assert "damaged or cut short" in refused(capsys, "show", copied, "cluster-1")
    (copied / SUMMARY).unlink()
    assert f"vhtwin resume {copied} goes on with it" in refused(capsys, "show", copied, "network")
    assert "is no run of vhtwin" in refused(capsys, "show", copied.parent)


def test_a_twin_of_another_network_is_not_compared(copied: Path, capsys: Printed) -> None:
    words = ["twin", read_record(copied).set, *SMALL, "--model", "mlp", "--out", str(copied.parent / "mlp")]
    assert main(words) == 0
    shutil.copy(copied.parent / "mlp" / "twins" / "cluster-1.twin", copied / "twins" / "cluster-1.twin")
    assert "is a twin of another run" in refused(capsys, "show", copied, "cluster-1")


def test_an_exported_twin_holds_the_stored_weights(finished: Path, tmp_path: Path, capsys: Printed) -> None:
    out = tmp_path / "new" / "network.npz"
    answer = answered(capsys, "export", finished, "network", "--out", out)
    twin: Twin = load_twin(finished / "twins" / "network.twin")
    arrays = dict(np.load(out, allow_pickle=False))
    joined = np.concatenate([arrays[part.name].ravel() for part in twin.network.parts])
    np.testing.assert_array_equal(joined, twin.weights)
    assert answer["parts"] == {part.name: list(part.shape) for part in twin.network.parts}
    assert answer["bytes"] == out.stat().st_size


def test_an_existing_file_is_replaced_only_when_told(finished: Path, tmp_path: Path, capsys: Printed) -> None:
    out = tmp_path / "network.safetensors"
    out.write_text("mine")
    assert "already exists; name another file or pass --overwrite" in refused(
        capsys, "export", finished, "network", "--out", out
    )
    assert out.read_text() == "mine"
    assert main(["twins", "export", str(finished), "network", "--out", str(out), "--overwrite"]) == 0
    assert "twin network (global)" in capsys.readouterr().out
    assert out.stat().st_size > 100


def test_a_refused_export_leaves_nothing(copied: Path, tmp_path: Path, capsys: Printed) -> None:
    damage(copied / "twins" / "network.twin")
    out = tmp_path / "out"
    out.mkdir()
    assert "damaged" in refused(capsys, "export", copied, "network", "--out", out / "a.npz")
    assert "unknown ending '.onnx'" in refused(capsys, "export", copied, "cluster-1", "--out", out / "a.onnx")
    assert "is a folder" in refused(capsys, "export", copied, "cluster-1", "--out", out)
    assert list(out.iterdir()) == []
