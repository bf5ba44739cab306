"""Progress as lines where there is no terminal, and as a bar where there is one."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from data.progress import Step, Work, finished, renamed
from fl_server.cli.progress import shown


def counting() -> Work[str]:
    """Three steps and a result."""
    for done in range(1, 4):
        yield Step("count", done, 3, detail=f"[/{done}]")
    return "counted"


def test_lines_go_to_stderr_and_the_result_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(counting()) == "counted"
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert "count:  33%" in lines[0]  # the first and the last at once, those between every five seconds
    assert "count: 100%  [/3]" in lines[-1]
    assert len(lines) == 2


def test_bytes_are_shown_in_megabytes(capsys: pytest.CaptureFixture[str]) -> None:
    def copying() -> Work[None]:
        yield Step("copy", 2e6, 2e6, unit="B")

    shown(copying())
    assert "2 of 2 MB" in capsys.readouterr().err


def test_a_terminal_gets_a_bar() -> None:
    master, slave = pty.openpty()
    code = (
        "from tests.fl_server.test_progress import counting\n"
        "from fl_server.cli.progress import shown\n"
        "print(shown(counting()))"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env=os.environ | {"TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=slave,
        check=True,
        text=True,
    )
    os.close(slave)
    drawn = os.read(master, 100_000).decode()
    os.close(master)
    assert ended.stdout == "counted\n"
    assert "100%" in drawn
    assert "━" in drawn
    assert "[/3]" in drawn


def test_work_can_be_finished_in_silence_and_renamed() -> None:
    assert finished(counting()) == "counted"
    assert [step.stage for step in renamed(counting(), "other")] == ["other"] * 3
    assert finished(renamed(counting(), "other")) == "counted"
