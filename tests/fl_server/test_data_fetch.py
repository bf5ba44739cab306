"""`vhtwin data fetch` as a person calls it, against a server on this machine."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data.archive.dataverse import OFFICIAL_SETS
from fl_server.cli.main import main
from tests.data.archive.http_server import Archive, Cut, Refuse, RemoteContent, Stall, serving

ROOT = Path(__file__).parents[2]
PATIENCE = ["--first-delay-seconds", "0.01", "--longest-delay-seconds", "0.02", "--attempts", "2"]


def archive() -> Archive:
    milan, trentino = OFFICIAL_SETS["milan"], OFFICIAL_SETS["trentino"]
    days = [
        RemoteContent(day, f"sms-call-internet-mi-2013-11-{day:02}.txt", bytes(1000 * day))
        for day in (1, 2, 3)
    ]
    return Archive(
        {
            milan.activity: days,
            milan.grid: [RemoteContent(50, "milano-grid.geojson", b"{}")],
            trentino.activity: [RemoteContent(60, "sms-call-internet-tn-2013-11-01.txt", b"trento")],
        }
    )


def fetch(remote: Archive, folder: Path, *words: str) -> int:
    with serving(remote) as server:
        return main(["data", "fetch", "--out", str(folder), "--server", server, *PATIENCE, *words])


@pytest.fixture(autouse=True)
def _no_proxy_between_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_days_and_grid_arrive_and_json_is_one_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = archive()
    remote.datasets[OFFICIAL_SETS["milan"].activity][1].faults = [Cut(after=500)]
    assert fetch(remote, tmp_path, "--days", "2013-11-02..2013-11-03", "--grid", "--json") == 0
    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert [file["name"] for file in answer["files"]] == [
        "sms-call-internet-mi-2013-11-02.txt",
        "sms-call-internet-mi-2013-11-03.txt",
        "milano-grid.geojson",
    ]
    assert (answer["bytes"], answer["bytes_downloaded"]) == (5002, 5002)
    assert "download: 100%" in told.err


def test_a_second_call_finds_all_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch(archive(), tmp_path, "--days", "2013-11-01") == 0
    assert "1 files fetched" in capsys.readouterr().out
    assert fetch(archive(), tmp_path, "--files", "1", "2") == 0
    assert "1 files fetched (0.0 MB), 1 were there and are whole" in capsys.readouterr().out


def test_the_trentino_set_and_another_dataset_can_be_named(tmp_path: Path) -> None:
    assert fetch(archive(), tmp_path / "tn", "--set", "trentino") == 0
    assert (tmp_path / "tn" / "sms-call-internet-tn-2013-11-01.txt").read_bytes() == b"trento"
    assert fetch(archive(), tmp_path / "grid", "--dataset", OFFICIAL_SETS["milan"].grid) == 0
    assert (tmp_path / "grid" / "milano-grid.geojson").exists()


def test_no_network_is_one_sentence_and_exit_code_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "fetch", "--out", str(tmp_path), "--server", "http://archive.invalid", *PATIENCE]
    assert main(words) == 4
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vhtwin:")]
    assert len(told) == 1
    assert "archive.invalid cannot be reached" in told[0]
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_stays_down_is_exit_code_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remote = archive()
    remote.listing_faults = [Refuse(503)] * 5
    assert fetch(remote, tmp_path) == 4
    assert "503" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--days", "november"], "--days 'november': expected 2013-11-01"),
        (["--days", "2013-11-03..2013-11-01"], "the first day comes after the last"),
        (["--days", "2015-01-01"], "the dataset holds 2013-11-01 to 2013-11-03"),
        (["--files", "77"], "no file of the dataset has the id 77"),
        (["--attempts", "0"], "attempts and connections must be at least 1"),
        (["--server", "ftp://x"], "'ftp://x' is not a web address"),
        (["--server", "http://["], "'http://[' is not a web address"),
        (["--server", "http://x:99999"], "'http://x:99999' is not a web address"),
        (["--server", "http://x..y"], "'http://x..y' is not a web address"),
    ],
)
def test_an_option_that_makes_no_sense_is_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert fetch(archive(), tmp_path, *words) == 3
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_does_not_wait_for_a_silent_connection(tmp_path: Path) -> None:
    remote = archive()
    remote.datasets[OFFICIAL_SETS["milan"].activity][1].faults = [Stall(after=500)]
    with serving(remote) as server:
        words = ["data", "fetch", "--files", "2", "--out", str(tmp_path), "--server", server]
        command = [sys.executable, "-m", "fl_server.cli.main", *words, "--timeout-seconds", "600"]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                next(line for line in process.stderr if "download:" in line)  # 500 bytes came, no more will
                process.send_signal(signal.SIGINT)
                _, told = process.communicate(timeout=20)
            finally:
                process.kill()
    assert process.returncode == 130
    assert told.endswith("vhtwin: interrupted\n")
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [500]
