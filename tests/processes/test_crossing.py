"""Weights that cross in fewer bytes, over processes: the same twins as in one, whatever is killed."""

import subprocess
from pathlib import Path

import pytest

from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set
from tests.processes.test_up import VHTWIN, WORDS, children, gone, rounds, twins, until, up

CODED = [*WORDS, "--compress", "top-k=0.1+int8", "top-k=0.2+float16", "int8"]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small set."""
    folder = tmp_path_factory.mktemp("sets") / "city"
    folder.mkdir()
    return written_set(folder, wavy_traffic(stations=3, days=12))


@pytest.fixture(scope="module")
def alone(city: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The twins of a run in one process."""
    run = tmp_path_factory.mktemp("runs") / "alone"
    subprocess.run([*VHTWIN, "twin", city, "--out", run, *CODED], check=True, capture_output=True)
    return twins(run)


@pytest.mark.long
def test_processes_make_the_twins_of_one_though_they_are_killed_and_remember_nothing_but_what_is_kept(
    city: Path, alone: dict[str, bytes], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with up(city, "--out", run, *CODED) as process:
        until(lambda: rounds(run) > 0, process)
        left = children(run)
        process.kill()
        until(lambda: gone(left))
    with up("--resume", run, "--keep-every", "0") as process:
        before = rounds(run)
        until(lambda: rounds(run) > before, process)
        left = children(run)
        process.kill()
        until(lambda: gone(left))
    subprocess.run([*VHTWIN, "up", "--resume", run], check=True, capture_output=True, timeout=120)
    assert len(list((run / "memory").iterdir())) == 3
    assert twins(run) == alone
