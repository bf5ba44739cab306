"""The command line itself: exit codes, sentences, one JSON object."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data import errors
from fl_server.cli import doctor, main


def test_no_verb_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([])
    assert ended.value.code == 2
    assert "VERB" in capsys.readouterr().err


def test_a_missing_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["data", "make"])
    assert ended.value.code == 2
    assert "--out" in capsys.readouterr().err


def test_a_bad_input_is_one_sentence_and_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["data", "show", str(tmp_path / "nowhere")]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("vhtwin: ")
    assert "expected a folder" in captured.err
    assert len(captured.err.splitlines()) == 1


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["--help"])
    assert ended.value.code == 0
    assert "exit codes" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("vhtwin 0.")


def test_a_path_that_the_system_refuses_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert (
        main.main(["data", "make", "--stations", "1", "--days", "1", "--out", str(tmp_path / "file" / "x")])
        == 3
    )
    assert capsys.readouterr().err.splitlines()[-1].startswith("vhtwin: ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_leaves_nothing_half_written(tmp_path: Path, number: int, code: int) -> None:
    words = ["data", "make", "--stations", "5000", "--days", "300", "--out", str(tmp_path / "city")]
    run = subprocess.Popen(
        [sys.executable, "-m", "fl_server.cli.main", *words],
        cwd=Path(main.__file__).parents[2],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    assert "making the city" in run.stderr.readline()  # the folder is being filled
    run.send_signal(number)
    ended = run.communicate()[1].splitlines()[-1]
    assert run.returncode == code
    assert ended.startswith("vhtwin: ")
    assert list(tmp_path.iterdir()) == []


def test_a_hangup_is_nothing_under_nohup(tmp_path: Path) -> None:
    words = ["data", "make", "--stations", "5000", "--days", "300", "--out", str(tmp_path / "city")]
    run = subprocess.Popen(
        ["nohup", sys.executable, "-m", "fl_server.cli.main", *words],
        cwd=Path(main.__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    while "making the city" not in run.stderr.readline():  # nohup has a word to say too
        assert run.poll() is None
    run.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(0.5)
    run.terminate()
    run.communicate()
    assert run.returncode == 143


def test_the_doctor_says_where_everything_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["doctor", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer["packages"]) == set(doctor.PACKAGES)
    assert {Path(folder).parent for folder in answer["packages"].values()} == {Path(main.__file__).parents[2]}
    assert {"torch", "vhtwin", "python"} <= set(answer["versions"])
    assert "device" in answer


def test_the_doctor_prints_a_table_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["doctor"]) == 0
    assert "the installation is whole" in capsys.readouterr().out


def test_a_stranger_that_took_one_of_our_names_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forecasting").mkdir()
    (tmp_path / "forecasting" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "forecasting")
    with pytest.raises(errors.InputError, match=f"'forecasting' comes from {tmp_path}"):
        doctor.refuse_strangers()


@pytest.mark.parametrize("words", [["doctor"], ["doctor", "--json"]])
def test_a_closed_pipe_is_no_error(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "fl_server.cli.main", *words],
        cwd=Path(main.__file__).parents[2],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")
