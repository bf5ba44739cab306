"""`vhtwin keys`, as the command is run."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.keys import certificate, node_keys, operator_token, server_keys
from fl_server.cli import main

NEW = ("--host", "twin.example.org", "192.0.2.7", "--nodes", "north", "south")
DEADLINE_SECONDS = 60.0


def run(folder: Path, *words: str) -> int:
    return main.main(["keys", str(folder), *words])


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run(tmp_path / "keys", *NEW) == 0
    capsys.readouterr()
    return tmp_path / "keys"


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_person_reads_which_file_goes_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "keys"
    assert run(folder, *NEW) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{folder}: made, valid until 20")
    listed = {line.split()[0]: " ".join(line.split()[1:]) for line in shown.splitlines() if "  " in line}
    assert listed.keys() == files(folder) | {"file"}
    assert listed["ca.key"] == "stays here you alone"
    assert listed["ca.crt"] == "the server and every station anyone"
    assert listed["nodes/south.key"] == "the machine of node south this node alone"


def test_all_that_was_made_is_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "keys"
    assert run(folder, *NEW, "--days", "10", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert {each["file"] for each in answer.pop("made")} == files(folder)
    assert len(answer.pop("valid_until")) == len("2030-01-01")
    assert answer == {"folder": str(folder), "nodes": ["north", "south"]}


def test_no_key_is_ever_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place, words in enumerate([NEW, (*NEW, "--json")]):
        run(tmp_path / str(place), *words)
    shown = capsys.readouterr()
    secrets = [operator_token(tmp_path / each / "operator.token") for each in "01"] + ["PRIVATE KEY"]
    assert not [secret for secret in secrets if secret in shown.out + shown.err]


def test_many_nodes_do_not_flood_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "keys", "--host", "localhost", "--nodes", *(f"n{number}" for number in range(20)))
    shown = capsys.readouterr().out
    assert (
        "and 25 more files of nodes; --json lists all" in shown
    )  # 5 of the server and 40 of nodes, 20 shown
    assert len(shown.splitlines()) < 30


def test_what_was_copied_where_the_table_says_is_all_that_each_side_needs(keys: Path, tmp_path: Path) -> None:
    server, station = tmp_path / "server", tmp_path / "station"
    for name in files(keys) - {"ca.key", "nodes/north.key", "nodes/south.key"}:
        copied(keys / name, server / name)
    for name in ("ca.crt", "nodes/north.key"):
        copied(keys / name, station / Path(name).name)
    assert list(server_keys(server).names.values()) == ["north", "south"]
    assert node_keys(station / "north.key")
    assert certificate(station / "ca.crt")


def copied(source: Path, target: Path) -> None:
    """Copy a file with its mode, as `cp -p` and `scp -p` do."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-p", source, target], check=True)


def test_nodes_are_added_and_removed(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(keys, "--add", "west", "east", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["nodes"] == ["east", "north", "south", "west"]
    assert [each["file"] for each in answer["made"]] == [
        f"nodes/{name}.{half}" for half in ("key", "pub") for name in ("west", "east")
    ]
    assert run(keys, "--remove", "north", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"folder": str(keys), "nodes": ["east", "south", "west"], "removed": "north"}
    assert run(keys, "--remove", "south") == 0
    told = f"{keys / 'nodes' / 'south.pub'}: removed; a server that starts from now on does not let south in"
    assert capsys.readouterr().out.startswith(told)
    assert list(server_keys(keys).names.values()) == ["east", "west"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (NEW, "already holds files, and keys are never overwritten"),
        (("--add", "north"), "has a node north already"),
        (("--add", "../north"), "node ../north: expected up to 64 letters"),
        (("--remove", "west"), "has no node west, expected one of its nodes: north, south"),
    ],
)
def test_a_bad_wish_is_one_sentence_and_exit_code_3(
    keys: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    before = {file: (keys / file).read_bytes() for file in files(keys)}
    assert run(keys, *words) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("vhtwin: ")
    assert sentence in captured.err
    assert len(captured.err.splitlines()) == 1
    assert {file: (keys / file).read_bytes() for file in files(keys)} == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "expected --host with the names of the server, or --add or --remove"),
        (("--nodes", "a"), "expected --host with the names of the server"),
        (("--add", "a", "--remove", "b"), "not allowed with"),
        (("--add", "a", "--host", "b"), "--host, --nodes and --days are for a new folder"),
        (("--remove", "a", "--days", "3"), "--host, --nodes and --days are for a new folder"),
        (("--host", "a", "--days", "many"), "--days"),
    ],
)
def test_words_that_do_not_go_together_are_a_wrong_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(tmp_path / "keys", *words)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "left"), [(signal.SIGTERM, []), (signal.SIGKILL, [".keys.partial"])])
def test_a_stopped_command_leaves_no_half_of_a_folder(tmp_path: Path, number: int, left: list[str]) -> None:
    folder, many = tmp_path / "keys", [f"n{place}" for place in range(20_000)]
    command = [
        sys.executable,
        "-m",
        "fl_server.cli.main",
        "keys",
        str(folder),
        "--host",
        "a",
        "--nodes",
        *many,
    ]
    home = Path(main.__file__).parents[2]
    process = subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE)
    end = time.monotonic() + DEADLINE_SECONDS
    while not (tmp_path / ".keys.partial" / "nodes" / "n0.pub").exists() and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate()
    assert process.returncode in (-number, 128 + number)
    assert [path.name for path in tmp_path.iterdir()] == left
    assert run(folder, *NEW) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]
    assert list(server_keys(folder).names.values()) == ["north", "south"]
