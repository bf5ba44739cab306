"""vhtwin as an app for Flower's own commands: a SuperLink, SuperNodes, `flwr run`, and the simulation.

Flower starts a process for every message here and looks for messages every few seconds, so these runs are
as short as they can be and yet hold every kind of order: in a stream of three hours the G-NDT is made anew.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from data.traffic import Traffic, chosen_stations
from fl_server.cli.main import main
from fl_server.run_folder import read_summary
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
COMMANDS = Path(sys.executable).parent
START_SECONDS, RUN_SECONDS, END_SECONDS = 60, 900, 20
SETTINGS = """
[recipe]
split.test_days = 0.125
[horizontal]
new_values = 2
psi = 1e-12
[behaviour]
sleepers = 0.0
dropouts = 0.0
speed_spread = 0.0
"""
CONNECTION = (
    '[superlink]\ndefault = "here"\n[superlink.here]\naddress = "127.0.0.1:{port}"\ninsecure = true\n'
)
WORDS = ("--epochs", "2", "--stream-epochs", "1", "--no-single-level")
ASKED = f"epochs=2 stream-epochs=1 single-level=false answer-seconds={RUN_SECONDS / 3}"


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


def listening(port: int) -> bool:
    """Whether somebody does."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def reached(state: Callable[[], bool], seconds: float) -> bool:
    """Wait for a state, for so long at most; whether it was reached."""
    deadline = time.monotonic() + seconds
    while not state():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@dataclass
class Flower:
    """Flower's own commands, with a home and a port of their own."""

    home: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        (self.home / "config.toml").write_text(CONNECTION.format(port=self.port))
        self.environment = os.environ | {
            "PATH": f"{COMMANDS}{os.pathsep}{os.environ['PATH']}",
            "FLWR_HOME": str(self.home),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.25",
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
        }

    def alive(self) -> list[int]:
        """The processes that were started with this home, whoever their parent is by now."""
        mark, found = f"FLWR_HOME={self.home}".encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    @contextmanager
    def running(self, name: str, *words: str) -> Iterator[None]:
        """A command that goes on until the end of the block."""
        with (self.home / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [COMMANDS / words[0], *words[1:]],
                cwd=self.home,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
            process.kill()
            process.wait()

    @contextmanager
    def superlink(self, *words: str) -> Iterator[None]:
        """A SuperLink that is ready; at the end of the block no process is left."""
        try:
            here = ("--insecure", "--host", "127.0.0.1", "--port", str(self.port))
            with self.running("superlink", "flower-superlink", *here, *words):
                assert reached(partial(listening, self.port), START_SECONDS), self.logs()
                yield
            assert reached(lambda: not self.alive(), END_SECONDS), self.logs()
        finally:
            for left in self.alive():
                with suppress(ProcessLookupError):
                    os.kill(left, signal.SIGKILL)

    def supernode(self, name: str, config: str) -> AbstractContextManager[None]:
        """A SuperNode with this node-config."""
        link = ("--insecure", "--superlink", f"127.0.0.1:{self.port}")
        own = ("--host", "127.0.0.1", "--port", str(free_port()), "--node-config", config)
        return self.running(name, "flower-supernode", *link, *own)

    def run(self, config: str, *words: str) -> str:
        """What `flwr run` shows of a run until its end."""
        ran = subprocess.run(
            [COMMANDS / "flwr", "run", ROOT, "--stream", "-c", config, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, "\n".join([ran.stdout, ran.stderr, self.logs()])
        return ran.stdout

    def logs(self) -> str:
        """What all commands have said."""
        return "\n".join(f"{log.name}\n{log.read_text()}" for log in sorted(self.home.glob("*.log")))


@pytest.fixture
def flower(tmp_path: Path) -> Flower:
    """Flower, with a home of its own."""
    (tmp_path / "home").mkdir()
    return Flower(tmp_path / "home")


def written(folder: Path, traffic: Traffic) -> Path:
    """The folder, with a set of this traffic."""
    folder.mkdir()
    return written_set(folder, traffic)


def settings(folder: Path) -> Path:
    """A file of settings for a short run."""
    (folder / "short.toml").write_text(SETTINGS)
    return folder / "short.toml"


def assert_same_end(folder: Path, straight: Path) -> None:
    """Two runs ended with the same twins, byte for byte, by way of the same history."""
    twins = sorted(path.name for path in (straight / "twins").iterdir())
    assert sorted(path.name for path in (folder / "twins").iterdir()) == twins
    for name in ("stations.csv", "history.csv", *(f"twins/{name}" for name in twins)):
        assert (folder / name).read_bytes() == (straight / name).read_bytes(), name


def test_a_superlink_and_three_supernodes_make_the_twins_of_vhtwin_twin(
    flower: Flower, tmp_path: Path
) -> None:
    traffic = wavy_traffic(days=15)
    city, short = written(tmp_path / "city", traffic), settings(tmp_path)
    alone = written(tmp_path / "alone", chosen_stations(traffic, ["s2"]))
    straight, folder = tmp_path / "straight", tmp_path / "run"
    assert main(["twin", str(city), "--out", str(straight), "--settings", str(short), *WORDS]) == 0
    with flower.superlink(), ExitStack() as nodes:
        nodes.enter_context(flower.supernode("named", f'data="{city}" stations="s0"'))
        nodes.enter_context(flower.supernode("part", f'data="{city}" partition-id=1 num-partitions=3'))
        nodes.enter_context(flower.supernode("own", f'data="{alone}"'))
        shown = flower.run(f'{ASKED} stations=3 settings="{short}" out="{folder}" data="city"')
    assert "joining: 100%  3 of 3 stations" in shown
    assert_same_end(folder, straight)
    assert read_summary(folder)["updates"] == 1


@pytest.mark.skipif(find_spec("ray") is None, reason="no Ray here: pip install '.[simulation]' brings it")
def test_flowers_simulation_makes_the_twins_of_vhtwin_twin(flower: Flower, tmp_path: Path) -> None:
    """200 stations, hosted by the four nodes of a simulation that Ray spreads over two processes."""
    city, short = written(tmp_path / "city", wavy_traffic(stations=200, days=15)), settings(tmp_path)
    straight, folder = tmp_path / "straight", tmp_path / "run"
    assert main(["twin", str(city), "--out", str(straight), "--settings", str(short), *WORDS]) == 0
    nodes = "num-supernodes=4 client-resources-num-cpus=1 init-args-num-cpus=2"
    with flower.superlink("--simulation"):
        flower.run(
            f'{ASKED} stations=200 settings="{short}" out="{folder}" data="{city}"',
            "--federation-config",
            nodes,
        )
    assert_same_end(folder, straight)
