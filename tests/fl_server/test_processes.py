"""Calls over processes: what they answer, how they fail, and that a signal ends them all."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from data.errors import InputError
from fl_server.experiments.ledger import kept_rows
from fl_server.processes import in_processes

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds, on a busy machine: most of them go to the end of a Python with many libraries
DRAWN_OUT = """
import sys
from fl_server.cli import main
from tests.fl_server import drawn_out
main._run = drawn_out.run
sys.exit(main.main(sys.argv[1:]))
"""
ENDS = ((signal.SIGINT, 130, "vhtwin: interrupted"), (signal.SIGTERM, 143, "vhtwin: terminated"))


def doubled(number: int) -> int:
    return 2 * number


def refusing_three(number: int) -> int:
    if number == 3:
        raise InputError("no three")
    return number


def killing_itself(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("processes", [1, 2])
def test_every_call_is_answered_once(processes: int) -> None:
    assert sorted(in_processes(doubled, range(7), processes)) == [0, 2, 4, 6, 8, 10, 12]
    assert list(in_processes(doubled, [], processes)) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_call_raises_is_raised_here(processes: int) -> None:
    with pytest.raises(InputError, match="no three"):
        list(in_processes(refusing_three, range(7), processes))


def test_a_process_that_ends_early_is_told_of() -> None:
    with pytest.raises(InputError, match=r"ended early \(signal 9\)"):
        list(in_processes(killing_itself, range(3), 2))


def in_group(group: int) -> bool:
    """Whether a process of a group lives, ended ones that nobody has waited for left out."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its) == group and state != "Z":
                return True
    return False


@contextmanager
def group_of(words: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """A command in a group of its own, of which nothing is left at the end."""
    run = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield run
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()


def wait_for_line(run: "subprocess.Popen[str]", word: str) -> None:
    assert run.stdout is not None
    while word not in (line := run.stdout.readline()):
        assert line, run.poll()


def ended_by(run: "subprocess.Popen[str]", number: int) -> tuple[int, list[str]]:
    """The exit code and the last lines of a command whose whole group a signal ends."""
    os.killpg(run.pid, number)
    rest = run.communicate(timeout=PATIENCE)[0].splitlines()
    until = time.monotonic() + PATIENCE
    while in_group(run.pid):
        assert time.monotonic() < until
        time.sleep(0.05)
    return run.returncode, rest


@pytest.mark.parametrize(("number", "code", "sentence"), ENDS)
def test_a_signal_to_all_ends_processes_that_start(
    tmp_path: Path, number: int, code: int, sentence: str
) -> None:
    with group_of(["-c", DRAWN_OUT, str(tmp_path)]) as run:
        wait_for_line(run, "starting")
        assert ended_by(run, number) == (code, [sentence])


@pytest.mark.parametrize(("number", "code", "sentence"), ENDS)
def test_a_signal_to_all_ends_processes_at_work_and_keeps_what_was_made(
    tmp_path: Path, number: int, code: int, sentence: str
) -> None:
    rows = tmp_path / "some.csv"
    with group_of(["-c", DRAWN_OUT, str(tmp_path)]) as run:
        while not rows.exists():
            assert run.poll() is None
            time.sleep(0.05)
        ended, rest = ended_by(run, number)
    assert (ended, rest[-1]) == (code, sentence)
    assert not [line for line in rest if "Traceback" in line]
    assert list(kept_rows(rows)) == ["errors/one/a/1"]
    assert list(tmp_path.iterdir()) == [rows]


@pytest.mark.long
@pytest.mark.parametrize(("number", "code", "sentence"), ENDS)
@pytest.mark.parametrize("wait", [0.0, 0.1, 0.5, 2.0, 6.0])
def test_a_signal_ends_a_study_at_any_moment(
    tmp_path: Path, wait: float, number: int, code: int, sentence: str
) -> None:
    words = ["-m", "fl_server.cli.main", "reproduce", "membership", "--quick", "--out", str(tmp_path)]
    with group_of(words) as run:
        wait_for_line(run, "membership:")
        time.sleep(wait)
        assert ended_by(run, number) == (code, [sentence])
