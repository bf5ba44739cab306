"""`vhtwin cache twin`: a twin of the requests beside what came after its history."""

import json
from pathlib import Path

import pytest

from fl_server.cli.main import main


def test_a_twin_is_measured_on_what_it_has_not_seen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "twin", "--number", "60000", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["surprise"] < found["surprise_of_history"]
    assert found["common"]["popularity_floor"] < found["common"]["popularity"] < 0.6
    assert found["session"] == pytest.approx(3, rel=0.2)
    assert main(["cache", "twin", "--number", "20000"]) == 0
    assert "generated, rare" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--history", "1"], "expected a share between 0 and 1"),
        (["--number", "500"], "expected 1000 of each at least"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "twin", *words]) == 3
    assert reason in capsys.readouterr().err


def test_a_log_of_one_content_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,client,content\n" + "".join(f"{time},a,x\n" for time in range(3000)))
    assert main(["cache", "twin", "--requests", str(log)]) == 3
    assert "one content only" in capsys.readouterr().err
