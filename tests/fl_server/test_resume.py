"""A run that is stopped at any moment, even by kill -9, goes on to the very same end."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fl_server.cli.main import main
from fl_server.run_folder import keep, kept_state
from fl_server.running import State, states
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set
from tests.fl_server.test_lifecycle import bits, fleet_of, plan_of, usual

PLAN = plan_of(fleet_of())
CITY = wavy_traffic(stations=7, days=10)
SMALL = (
    *("--test-days", "2", "--inputs", "paper", "--hidden", "4", "--degree", "4", "--personal", "head"),
    *("--epochs", "6", "--stream-epochs", "6", "--set", "segment.every_vertical=2"),
    *("--set", "behaviour.training_hours=2", "--set", "horizontal.patience_hours=3"),
)
ENDS = ("stations.csv", "history.csv", "twins.png", "run.json")


def resumed(state: State) -> State:
    """The end of the run that goes on from `state` with stations that remember nothing."""
    fleet = fleet_of()
    return [state, *states(fleet, plan_of(fleet), state)][-1]


@pytest.mark.parametrize("phase", ["vertical", "horizontal", "done"])
def test_from_every_state_that_was_stored_the_rest_is_the_same(tmp_path: Path, phase: str) -> None:
    (tmp_path / "run.json").write_text("{}")
    chosen = [state for state in usual() if state.hierarchical.stage == phase]
    assert len(chosen) >= 5
    for state in chosen:
        keep(tmp_path, state)
        again = kept_state(tmp_path)
        assert again is not None
        assert bits(resumed(again)) == bits(usual()[-1])


def test_answers_were_open_and_waiting_in_the_states_that_were_stored() -> None:
    streams = [run.stream for run in (state.hierarchical for state in usual()) if run.stream]
    assert sum(bool(stream.open) for stream in streams) > 10
    assert sum(bool(stream.waiting) for stream in streams) > 10


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_set(tmp_path_factory.mktemp("city"), CITY)


@pytest.fixture(scope="module")
def straight(city: Path) -> Path:
    """The folder of a run that nobody stopped."""
    folder = city.parent / "straight"
    assert main(["twin", str(city), "--out", str(folder), *SMALL]) == 0
    return folder


def assert_same_end(folder: Path, straight: Path) -> None:
    twins = sorted(path.name for path in (straight / "twins").iterdir())
    assert sorted(path.name for path in (folder / "twins").iterdir()) == twins
    for name in (*ENDS, *(f"twins/{name}" for name in twins)):
        assert (folder / name).read_bytes() == (straight / name).read_bytes(), name
    assert timeless(folder) == timeless(straight)
    state, other = kept_state(folder), kept_state(straight)
    assert bits(state) == bits(other)
    assert [*folder.rglob("*.partial"), *folder.parent.glob(".*.partial")] == []


def timeless(folder: Path) -> object:
    """The summary without the seconds that phases took."""
    summary = json.loads((folder / "summary.json").read_text())
    for phases in (summary["phases"], summary["single_level"]["phases"]):
        for phase in phases.values():
            del phase["seconds"]
    return summary


@contextmanager
def vhtwin(*words: object) -> Iterator["subprocess.Popen[str]"]:
    """A process of its own, which is killed at the end of the block if it still runs."""
    command = [sys.executable, "-m", "fl_server.cli.main", *map(str, words)]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def written_anew(process: "subprocess.Popen[str]", file: Path, before: int | None) -> bool:
    """Wait until `file` is another than `before`; whether the process was there to see it."""
    while process.poll() is None:
        if node(file) not in (before, None):
            return True
        wait(process, 0.0005)
    return False


def wait(process: "subprocess.Popen[str]", seconds: float) -> None:
    """Wait for the end of the process, for so long at most."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return


def node(file: Path) -> int | None:
    """What tells a file from one that takes its place later."""
    try:
        return os.stat(file).st_mtime_ns
    except FileNotFoundError:
        return None


def killed(words: Sequence[object], folder: Path, moment: str, delay: float) -> bool:
    """Start, and kill -9 some time after `moment` was written in the folder; whether it still ran by then."""
    before = node(folder / moment)
    with vhtwin(*words) as process:
        if not written_anew(process, folder / moment, before):
            return False
        wait(process, delay)
        if process.poll() is not None:
            return False
        process.kill()
        return process.wait() == -9


def end_after_kills(city: Path, folder: Path, moments: Sequence[tuple[str, float]]) -> int:
    """Run to the end, killed at these moments on the way; how many of the kills met a process at work."""
    met = 0
    for moment, delay in moments:
        running = ("--keep-every", 0, "--replay", 300)
        words = ("resume", folder) if folder.exists() else ("twin", city, "--out", folder, *SMALL)
        met += killed((*words, *running), folder, moment, delay)
    assert main(["resume", str(folder), "--threads", "2"]) == 0
    return met


def test_a_run_that_is_killed_ends_as_one_that_is_not(city: Path, straight: Path, tmp_path: Path) -> None:
    """In the rounds, in the stream, and while the results are written."""
    moments = [("run.json", 0.05), ("state", 0.1), ("twins/network.twin", 0.0), ("history.csv", 0.0)]
    folder = tmp_path / "run"
    assert end_after_kills(city, folder, moments) >= 3
    assert_same_end(folder, straight)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_a_run_that_is_killed_at_random_moments_ends_as_one_that_is_not(
    city: Path, straight: Path, tmp_path: Path, seed: int
) -> None:
    """Four kills each and more: in the rounds, twice in the stream, and while the results are written."""
    rng = np.random.default_rng(seed)
    results = ["twins/network.twin", "twins/cluster-1.twin", "twins/local-s6.twin", "stations.csv"]
    moments = [
        ("run.json", rng.uniform(0, 0.2)),
        ("state", rng.uniform(0, 0.1)),
        ("state", rng.uniform(0, 0.15)),
        ("state", rng.uniform(0, 0.1)),
        *((str(rng.choice([*results, *ENDS[1:3]])), rng.uniform(0, 0.01)) for _ in range(2)),
    ]
    folder = tmp_path / "run"
    assert end_after_kills(city, folder, moments) >= 4
    assert_same_end(folder, straight)


def test_a_run_that_another_process_holds_is_neither_resumed_nor_replaced(
    city: Path, straight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    before = node(folder / "state")
    slowly = ("--keep-every", 0, "--replay", 5)
    with vhtwin("twin", city, "--out", folder, *SMALL, *slowly) as process:
        assert written_anew(process, folder / "state", before)
        for words in (["resume", str(folder)], ["twin", str(city), "--out", str(folder), "--overwrite"]):
            assert main(words) == 3
            assert "another process is at work on this run; wait for it" in capsys.readouterr().err
        assert process.poll() is None
    assert main(["resume", str(folder)]) == 0
    assert_same_end(folder, straight)


def test_told_to_end_a_run_keeps_where_it_stands(city: Path, straight: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    slowly = ("--keep-every", 1e6, "--replay", 20)
    with vhtwin("twin", city, "--out", folder, *SMALL, *slowly) as process:
        assert process.stderr is not None
        told = next(line for line in process.stderr if "H-twinning" in line)
        process.terminate()
        assert process.wait() == 143
    assert "step 1" in told
    state = kept_state(folder)
    assert state is not None
    assert state.hierarchical.stage == "horizontal"
    assert main(["resume", str(folder)]) == 0
    assert_same_end(folder, straight)


def test_a_finished_run_resumed_prints_the_same_and_changes_nothing(
    straight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {path: path.read_bytes() for path in straight.rglob("*") if path.is_file()}
    assert main(["resume", str(straight), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {path: path.read_bytes() for path in straight.rglob("*") if path.is_file()} == files
    summary = json.loads((straight / "summary.json").read_text())
    assert {name: answer[name] for name in summary} == summary


def test_a_set_that_was_moved_is_gone_on_with_and_one_that_changed_is_not(
    straight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "city").mkdir()
    city, run = written_set(tmp_path / "city", CITY), tmp_path / "run"
    shutil.copytree(straight, run)
    assert main(["resume", str(run), "--data", str(city)]) == 0
    assert json.loads((run / "run.json").read_text())["set"] == str(city)
    written_set(city, wavy_traffic(stations=7, days=10, seed=1))
    capsys.readouterr()
    assert main(["resume", str(run)]) == 3
    assert f"{city}: has changed since the run began; make a new run of it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("state", "nothing", "state: is no file that vhtwin stored, expected a stored state of a run"),
        ("run.json", "{}", "run.json: cannot be read: the settings: version, set, data, reading, settings"),
    ],
)
def test_a_damaged_run_is_refused_in_one_sentence(
    straight: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    text: str,
    sentence: str,
) -> None:
    run = shutil.copytree(straight, tmp_path / "run")
    (run / file).write_text(text)
    assert main(["resume", str(run)]) == 3
    assert sentence in capsys.readouterr().err
