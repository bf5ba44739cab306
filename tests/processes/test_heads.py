"""Cluster heads as processes between stations and a server: whoever is killed, the twins are the same."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fl_server.run_folder import read_summary
from fl_server.tier.backhaul import SILENT
from fl_server.tier.head import STANDS_HERE
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set
from tests.processes.test_server import (
    END_SECONDS,
    KEPT,
    LOST_SECONDS,
    START_SECONDS,
    VHTWIN,
    Federation,
    failures,
    listening,
    run_alone,
    twins,
)

GROUPS = {"north": ("s0", "s2", "s3"), "south": ("s1", "s4", "s5")}
USUAL = ["--inputs", "paper"]
QUICK = [*USUAL, "--epochs", "6", "--stream-epochs", "3", "--test-days", "1"]
LASTING = [*USUAL, "--epochs", "60", "--stream-epochs", "24", "--test-days", "2"]
BY_HEADS = ["--method", "heads", "--wait-for", "6"]


@dataclass
class Tier:
    """A server, heads, and their stations; each head is what a federation's server is to its stations."""

    above: Federation
    heads: Mapping[str, Federation]

    def lead(self, name: str) -> None:
        """Start a head."""
        head = self.heads[name]
        words = ["--listen", head.address, "--states", head.home / "states", "--log", head.home / "events"]
        head.start("server", [*VHTWIN, "head", "--server", self.above.address, *words])
        head.until(lambda: listening((head.host, head.port)), START_SECONDS)

    def end(self) -> None:
        """End all processes."""
        for head in self.heads.values():
            head.end()
        self.above.end()

    def logs(self) -> str:
        """What all processes have said."""
        return "\n".join(each.logs() for each in (self.above, *self.heads.values()))


@contextmanager
def tier(home: Path, city: Path, *, apart: bool = True) -> Iterator[Tier]:
    """A server, two heads, and six stations, each in a process or those of a head in one; all are ended."""
    for name in GROUPS:
        (home / name).mkdir(parents=True)
    made = Tier(Federation(home, city), {name: Federation(home / name, city) for name in GROUPS})
    try:
        made.above.serve()
        for name, stations in GROUPS.items():
            made.lead(name)
            for station, several in [(each, [each]) for each in stations] if apart else [(name, stations)]:
                made.heads[name].station(station, *several)
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small set of six stations."""
    folder = tmp_path_factory.mktemp("sets") / "six"
    folder.mkdir()
    return written_set(folder, wavy_traffic(stations=6, days=12))


def by_groups(city: Path, folder: Path, words: Sequence[str]) -> Path:
    """The folder of a run in one process with the same clusters."""
    folder.mkdir()
    file = folder / "groups.csv"
    rows = [f"{station},{name}\n" for name, stations in GROUPS.items() for station in stations]
    file.write_text("".join(["station,group\n", *rows]))
    return run_alone(city, folder / "run", [*words, "--groups", str(file), "--no-single-level"])


@pytest.fixture(scope="module")
def lasting(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lasting run in one process."""
    return by_groups(city, tmp_path_factory.mktemp("runs") / "lasting", LASTING)


@pytest.mark.parametrize("apart", [False, pytest.param(True, marks=pytest.mark.long)])
def test_heads_and_their_stations_make_the_twins_of_one_process(
    city: Path, tmp_path: Path, apart: bool
) -> None:
    with tier(tmp_path, city, apart=apart) as here:
        here.above.done("run", "--name", "first", *BY_HEADS, *QUICK)
        told, shown = here.above.status(), here.above.done("status")
        below = here.heads["north"].status()
        refusal = here.heads["south"].refused("run", "--name", "other")
    run, straight = here.above.run("first"), by_groups(city, tmp_path / "alone", QUICK)
    assert twins(run) == twins(straight)
    summary, expected = read_summary(run), read_summary(straight)
    for part in ("v", "h", "reference", "by_cluster", "quality", "bytes", "updates", "spared"):
        assert summary[part] == expected[part], part
    assert told["heads"] == [list(stations) for stations in GROUPS.values()]
    assert "cluster head of s0, s2, s3: 3 waiting\n" in shown
    assert set(below["stations"]) == set(GROUPS["north"])
    assert below["run"] == ""
    assert refusal.endswith(f"this is a cluster head; runs are those of {here.above.address}")
    assert up_the_backhaul(told) < twin_bytes(summary) + 1500 * told["wire"]["answers"]


def up_the_backhaul(told: Mapping[str, object]) -> int:
    """Bytes of all that heads have sent to the server."""
    wire = told["wire"]
    assert isinstance(wire, dict)
    return int(wire["answer_bytes"])


def twin_bytes(summary: dict[str, object]) -> int:
    """Bytes of the twins that were to go up: in rounds, by the gate, and at the end."""
    phases = summary["phases"]
    assert isinstance(phases, dict)
    flows = [phases[phase]["exchange"]["cluster_network"] for phase in ("v", "h")]
    size = flows[0]["bytes_up"] // flows[0]["messages_up"]
    return int(sum(flow["bytes_up"] for flow in flows) + len(GROUPS) * size)


@pytest.mark.long
def test_a_run_of_another_method_is_refused_by_heads_in_words(city: Path, tmp_path: Path) -> None:
    with tier(tmp_path, city) as here:
        here.above.done("run", "--name", "first", "--wait-for", "6", "--detach", *QUICK)
        here.above.until_told(lambda told: STANDS_HERE in told["wire"].get("refused", {}), START_SECONDS)
        assert STANDS_HERE in here.above.done("status")
        here.above.done("run", "--stop")


@pytest.mark.long
def test_a_station_that_is_killed_under_a_head_is_missed_and_told_of_above(
    city: Path, tmp_path: Path
) -> None:
    with tier(tmp_path, city) as here:
        words = [*BY_HEADS, "--answer-seconds", "2", *KEPT, *LASTING]
        here.above.done("run", "--name", "first", "--detach", *words)
        here.above.until_kept("first", "vertical", 3)
        here.heads["north"].kill("s2")
        here.above.until_told(lambda told: told["stations"]["s2"] == "lost", LOST_SECONDS + 20)
        here.heads["north"].station("s2")
        here.above.until_told(lambda told: told["runs"]["first"] == "finished")
    missed = failures(here.above.run("first"), "v")
    assert 0 < missed.pop("did not answer") < 60
    assert not missed


@pytest.mark.long
def test_a_head_that_is_killed_is_missed_and_goes_on_from_what_it_kept(city: Path, tmp_path: Path) -> None:
    with tier(tmp_path, city) as here:
        words = [*BY_HEADS, "--answer-seconds", "2", *KEPT, *LASTING]
        here.above.done("run", "--name", "first", "--detach", *words)
        here.above.until_kept("first", "vertical", 5)
        here.heads["south"].kill("server")
        here.above.until_told(lambda told: told["counts"].get("lost", 0) == 3, LOST_SECONDS + 30)
        here.lead("south")
        here.above.until_told(lambda told: told["runs"]["first"] == "finished")
    run = here.above.run("first")
    missed = {reason: count for phase in ("v", "h") for reason, count in failures(run, phase).items()}
    assert missed[SILENT] % 3 == 0
    assert read_summary(run)["h"] is not None


@pytest.mark.long
@pytest.mark.parametrize("who", [("above",), ("above", "north", "south")])
def test_a_server_that_is_killed_goes_on_to_the_same_twins_with_heads_old_or_new(
    city: Path, lasting: Path, tmp_path: Path, who: Sequence[str]
) -> None:
    """Killed in V-twinning, and again in the stream; those that were killed are started again."""
    with tier(tmp_path, city) as here:
        here.above.done("run", "--name", "first", "--detach", *BY_HEADS, *KEPT, *LASTING)
        for stage in ("vertical", "horizontal"):
            here.above.until_kept("first", stage, 5)
            for name in who:
                (here.above if name == "above" else here.heads[name]).kill("server")
            here.above.serve()
            for name in who[1:]:
                here.lead(name)
            here.above.done("run", "--name", "first", "--resume", "--detach", *KEPT)
        here.above.until_told(lambda told: told["run"] == "")
        assert here.above.status()["runs"]["first"] == "finished", here.logs()
    assert twins(here.above.run("first")) == twins(lasting)


@pytest.mark.long
def test_a_head_that_is_told_to_end_leaves_in_good_order(city: Path, tmp_path: Path) -> None:
    with tier(tmp_path, city) as here:
        here.above.until_told(lambda told: told["nodes"] == 2, START_SECONDS)
        process = here.heads["north"].processes.pop("server")
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0
        here.above.until_told(lambda told: told["nodes"] == 1, START_SECONDS)
