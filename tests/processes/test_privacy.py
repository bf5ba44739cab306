"""Private runs over processes: the twins of one process with the same secrets; a kill spends nothing."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set
from tests.processes.test_up import VHTWIN, WORDS, children, gone, rounds, twins, until, up

PRIVATE = [*WORDS, "--privacy", "epsilon=1e4"]


@pytest.mark.long
def test_processes_make_the_twins_of_one_with_their_secrets_though_they_are_killed(tmp_path: Path) -> None:
    city, run, alone = tmp_path / "city", tmp_path / "run", tmp_path / "alone"
    city.mkdir()
    written_set(city, wavy_traffic(stations=3, days=12))
    with up(city, "--out", run, *PRIVATE) as process:
        until(lambda: rounds(run) > 0, process)
        left = children(run)
        process.kill()
        until(lambda: gone(left))
    subprocess.run([*VHTWIN, "up", "--resume", run], check=True, capture_output=True, timeout=120)
    before = releases(run)
    shutil.copytree(run, alone)
    for name in ("state", "summary.json"):
        (alone / name).unlink()
    shutil.rmtree(alone / "twins")
    subprocess.run([*VHTWIN, "resume", alone], check=True, capture_output=True, timeout=120)
    assert twins(alone) == twins(run)
    assert releases(alone) == before
    told = json.loads((run / "summary.json").read_text())["privacy"]
    assert told["made"] == max(map(len, before.values()))
    assert told["spent"] <= told["epsilon"] * (1 + 1e-9)


@pytest.mark.long
def test_a_private_run_that_is_refused_replaces_none(tmp_path: Path) -> None:
    city, run, groups = tmp_path / "city", tmp_path / "run", tmp_path / "groups.csv"
    city.mkdir()
    written_set(city, wavy_traffic(stations=3, days=12))
    groups.write_text("station,group\ns0,a\n")
    subprocess.run([*VHTWIN, "twin", city, "--out", run, *WORDS], check=True, capture_output=True)
    before = twins(run)
    again = [*VHTWIN, "up", str(city), "--out", str(run), "--overwrite", *PRIVATE]
    done = subprocess.run([*again, "--groups", str(groups)], check=False, capture_output=True, timeout=120)
    assert done.returncode == 3
    assert b"station s1 is in no group" in done.stderr
    assert twins(run) == before
    assert (run / "summary.json").exists()
    subprocess.run(again, check=True, capture_output=True, timeout=120)
    assert twins(run) != before
    assert releases(run)


def releases(run: Path) -> dict[str, list[str]]:
    """What each station has sent, by names; of several files the latest counts."""
    found: dict[str, list[str]] = {}
    for file in sorted((run / "memory").glob("budget-*"), key=lambda each: each.stat().st_mtime_ns):
        accounts = json.loads(file.read_text())["accounts"]
        found |= {station: account["releases"] for station, account in accounts.items()}
    return found
