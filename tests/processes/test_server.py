"""A server, stations and runs by their verbs: whoever is killed, late or strange, the twins are the same."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from data.artefacts import read_artefact
from data.keys import make_keys
from data.wire import VERSION
from fl_server.cli.main import main
from fl_server.federation.control import METRICS, RUNS
from fl_server.run_folder import STATE, SUMMARY, read_summary
from fl_server.stored_runs import reached, twin_files
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

VHTWIN = [sys.executable, "-m", "fl_server.cli.main"]
START_SECONDS, RUN_SECONDS, END_SECONDS = 60, 300, 20
STATIONS = ("s0", "s1", "s2")
USUAL = ["--inputs", "paper", "--no-single-level"]
QUICK = [*USUAL, "--epochs", "6", "--stream-epochs", "3"]
LASTING = [*USUAL, "--epochs", "80", "--stream-epochs", "84"]
KEPT = ["--keep-every", "0"]
LOST_SECONDS = 20  # after which a node that is silent counts as lost
ANOTHER_VERSION = """
import sys
import data.wire
data.wire.VERSION = "99.0"
from fl_server.cli.main import main
sys.exit(main())
"""
SLOW = """
import sys, time
from bs_client.site import Site
from data.messages import TrainOrder
from data.wire import unpacked_orders
from fl_server.cli.main import main
prompt = Site.answered
def hesitant(site, packet):
    if any(isinstance(each, TrainOrder) for each in unpacked_orders(packet).orders):
        time.sleep(3)
    return prompt(site, packet)
Site.answered = hesitant
sys.exit(main())
"""
Said = tuple[int, str, str]  # the exit code of a verb, and what stands on stdout and stderr
Told = dict[str, Any]  # Any: what JSON holds


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def listening(address: tuple[str, int]) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection(address, 1):
        return True
    return False


@dataclass
class Federation:
    """A server on a port that stays the same, and stations' processes, in `home`.

    What stands in `inside` for a process comes before its own words: what takes it to another machine.
    """

    home: Path
    city: Path
    keys: Path | None = None
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    inside: Mapping[str, Sequence[str]] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the server listens."""
        return f"{self.host}:{self.port}"

    @property
    def runs(self) -> Path:
        """Where runs are kept."""
        return self.home / "runs"

    def run(self, name: str) -> Path:
        """The folder of a run."""
        return self.runs / name

    def start(self, name: str, words: Sequence[object]) -> None:
        """A process that goes on until the federation ends; `name`.log is what it says."""
        whole = [*self.inside.get(name, ()), *map(str, words)]
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(whole, stdout=log, stderr=subprocess.STDOUT)

    def serve(self, *words: object) -> None:
        """Start the server, and wait until it is there."""
        where = ["--listen", self.address, "--runs", self.runs, "--log", self.home / "events"]
        if self.keys:
            where += ["--keys", self.keys]
        self.start("server", [*VHTWIN, "server", *where, *words])
        self.until(lambda: listening((self.host, self.port)), START_SECONDS)

    def station(self, name: str, *stations: str, code: str = "") -> None:
        """Start a process with some stations; with `code` in the place of the command."""
        words = [
            "station",
            "--server",
            self.address,
            "--data",
            self.city,
            "--stations",
            *(stations or [name]),
        ]
        if self.keys:
            words += ["--ca", self.keys / "ca.crt", "--key", self.keys / "nodes" / f"{name}.key"]
        self.start(name, [*([sys.executable, "-c", code] if code else VHTWIN), *words])

    def kill(self, name: str) -> None:
        """Let a process be gone at once."""
        self.processes[name].kill()
        self.processes.pop(name).wait()

    def end(self) -> None:
        """End all processes, the server last."""
        for name in sorted(self.processes, key=lambda name: name == "server"):
            process = self.processes[name]
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
            process.kill()
            process.wait()

    def said(self, verb: str, *words: object) -> Said:
        """What a verb says when it is asked of this server."""
        out, err = StringIO(), StringIO()
        keys = ["--keys", str(self.keys)] if self.keys and "--keys" not in words else []
        with redirect_stdout(out), redirect_stderr(err):
            code = main([verb, "--server", self.address, *keys, *map(str, words)])
        return code, out.getvalue(), err.getvalue()

    def done(self, verb: str, *words: object) -> str:
        """What a verb prints that succeeds."""
        code, out, err = self.said(verb, *words)
        assert code == 0, "\n".join([err, self.logs()])
        return out

    def refused(self, verb: str, *words: object) -> str:
        """The sentence with which a verb is refused."""
        code, _, err = self.said(verb, *words)
        assert code == 3, err
        return err.strip().splitlines()[-1]

    def status(self) -> Told:
        """The status, as `vhtwin status --json` prints it."""
        told: Told = json.loads(self.done("status", "--json"))
        return told

    def until(self, holds: Callable[[], bool], seconds: float = RUN_SECONDS) -> None:
        """Wait until something holds, as long as the server is there."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"it did not come about in time\n{self.logs()}"
            assert self.processes["server"].poll() is None, self.logs()
            time.sleep(0.05)

    def until_told(self, holds: Callable[[Told], bool], seconds: float = RUN_SECONDS) -> None:
        """Wait until something holds of the status."""
        self.until(lambda: holds(self.status()), seconds)

    def until_kept(self, name: str, stage: str, turns: int) -> None:
        """Wait until so many turns of a stage of a run are kept on the disk."""

        def there() -> bool:
            if not (self.run(name) / STATE).exists():
                return False
            far = reached(self.run(name))
            assert (far.stage == "horizontal") >= (stage == "horizontal") or far.stage == "vertical"
            return far.stage == stage and far.turn >= turns

        self.until(there)

    def logs(self) -> str:
        """What all processes have said."""
        return "\n".join(f"{log.name}\n{log.read_text()}" for log in sorted(self.home.glob("*.log")))


@contextmanager
def federation(
    home: Path, city: Path, stations: Sequence[str] = STATIONS, keys: Path | None = None
) -> Iterator[Federation]:
    """A server and a process for each of these stations; none of them is left afterwards."""
    home.mkdir(exist_ok=True)
    made = Federation(home, city, keys)
    try:
        made.serve()
        for station in stations:
            made.station(station)
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small set."""
    folder = tmp_path_factory.mktemp("sets") / "city"
    folder.mkdir()
    return written_set(folder, wavy_traffic(stations=len(STATIONS), days=12))


@pytest.fixture(scope="module")
def alone(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lasting run in one process."""
    return run_alone(city, tmp_path_factory.mktemp("runs") / "alone", LASTING)


def run_alone(city: Path, run: Path, words: Sequence[str]) -> Path:
    """The folder of a run in one process."""
    assert main(["twin", str(city), "--out", str(run), *words]) == 0
    return run


def twins(run: Path) -> dict[str, object]:
    """All that a run ended with, but for the name of the set, which a server does not know."""
    found: dict[str, object] = {}
    for file in twin_files(run):
        header, arrays = read_artefact(file, "twin")
        del header["lineage"]["set_name"]
        found[file.name] = header, {name: array.tobytes() for name, array in arrays.items()}
    return found | {name: (run / name).read_bytes() for name in ("history.csv", "stations.csv")}


def failures(run: Path, phase: str) -> dict[str, int]:
    """How often something failed in a phase of a finished run, by the reason."""
    summary: Told = read_summary(run)
    return dict(summary["phases"][phase]["failures"])


def test_stations_and_runs_by_their_verbs_make_the_twins_of_one_process(city: Path, tmp_path: Path) -> None:
    with federation(tmp_path, city) as here:
        made = json.loads(here.done("run", "--name", "first", "--wait-for", "3", "--json", *QUICK))
        told, shown = here.status(), here.done("status")
        gauges = httpx.get(f"http://{here.address}{METRICS}")
    straight = run_alone(city, tmp_path / "alone", QUICK)
    assert twins(here.run("first")) == twins(straight)
    assert made["stations"] == 3
    assert (told["runs"], told["run"], told["nodes"]) == ({"first": "finished"}, "", 3)
    assert "run first: finished\n3 nodes connected; stations of the last run: 3 waiting" in shown
    assert gauges.headers["content-type"].startswith("text/plain")
    assert f"vhtwin_answers_total {told['wire']['answers']}\n" in gauges.text
    assert 'vhtwin_stations{state="waiting"} 3\n' in gauges.text


@pytest.fixture(scope="module")
def lonely(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """A server without stations."""
    with federation(tmp_path_factory.mktemp("lonely"), city, stations=()) as made:
        yield made


def test_a_second_run_is_refused_while_one_is_under_way(lonely: Federation) -> None:
    lonely.done("run", "--name", "one", "--wait-for", "3", "--detach", *QUICK)
    lonely.until_told(lambda told: told["stage"] == "gathering", START_SECONDS)
    assert "run one: gathering 0 of 3" in lonely.done("status")
    refusal = lonely.refused("run", "--name", "two", *QUICK)
    assert refusal == f"vhtwin: {lonely.address}: the run one is under way; wait or stop it"
    assert lonely.done("run", "--stop") == "stopping one; vhtwin status tells how it ended\n"
    lonely.until_told(lambda told: told["runs"]["one"] == "stopped before it began")
    assert lonely.refused("run", "--stop") == f"vhtwin: {lonely.address}: no run is under way"


def test_a_run_whose_name_is_taken_is_refused_and_the_first_stays_what_it_was(lonely: Federation) -> None:
    lonely.run("taken").mkdir(parents=True)
    refusal = lonely.refused("run", "--name", "taken", *QUICK)
    said = f"vhtwin: {lonely.address}: a run taken is there already; choose another name, or go on with it"
    assert refusal == said
    assert "taken" not in lonely.status()["runs"]
    assert "is no run of vhtwin" in lonely.refused("run", "--name", "nothing", "--resume")
    settings = "expected no others beside it"
    assert settings in lonely.refused("run", "--name", "taken", "--resume", "--epochs", "7")
    assert "expected no --wait-for" in lonely.refused("run", "--name", "taken", "--resume", "--wait-for", "3")
    assert "nothing" not in lonely.status()["runs"]


def test_stations_are_chosen_by_name_and_by_cluster(city: Path, tmp_path: Path) -> None:
    with federation(tmp_path, city) as here:
        here.done("run", "--name", "all", "--wait-for", "3", *QUICK)
        chosen = json.loads(here.done("run", "--name", "two", "--only", "s0", "s2", "--json", *QUICK))
        assert chosen["stations"] == 2
        table = pl.read_csv(here.run("all") / "stations.csv")
        mates = table.filter(pl.col("cluster") == 1)["station"].to_list()
        words = ["--name", "ring", "--only", "s0", "s1", "--only-clusters", "all:1"]
        here.done("run", *words, *QUICK)
        assert pl.read_csv(here.run("ring") / "stations.csv")["station"].to_list() == sorted(
            {"s0", "s1", *mates}
        )
        refusal = here.refused("run", "--name", "none", "--only-clusters", "all:9", *QUICK)
        assert "has no cluster 9, expected one of [1" in refusal
        told = f"vhtwin: {here.address}: the run two is finished; there is nothing to go on with"
        assert here.refused("run", "--name", "two", "--resume") == told
        here.done("run", "--name", "lost", "--only", "s0", "s7", "--detach", *QUICK)
        here.until_told(lambda told: told["detail"] == "without s7")
        here.done("run", "--stop")
    straight = run_alone(city, tmp_path / "alone", ["--only", "s2", "s0", *QUICK])
    assert twins(here.run("two")) == twins(straight)


@pytest.mark.parametrize("name", ["../first", "..", "", "a/b", "/first", "first\n", "é"])
def test_a_name_that_is_no_name_is_refused_here_and_by_the_server(lonely: Federation, name: str) -> None:
    words = "the name of a run must be of letters, digits, - and _"
    if name:
        assert words in lonely.refused("run", "--name", name)
    answer = httpx.post(f"http://{lonely.address}{RUNS}", json={"name": name, "settings": {}})
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert lonely.status()["run"] == ""


def test_a_summary_is_read_below_the_runs_alone(lonely: Federation) -> None:
    (lonely.home / SUMMARY).write_text("{}")
    for name in ("%2e%2e", "nobody", "%00"):
        answer = httpx.get(f"http://{lonely.address}{RUNS}/{name}")
        assert answer.status_code == 404
        assert "{}" not in answer.text


def test_what_is_no_run_is_refused_in_words(lonely: Federation) -> None:
    for sent in ("7", "[]", '"first"', "{}", '{"name": 5}', "no JSON", '{"name": "x", "stations": -1}'):
        answer = httpx.post(f"http://{lonely.address}{RUNS}", content=sent)
        assert answer.status_code == 400, sent
        assert answer.json()["error"]


def test_a_server_that_is_not_there_is_one_sentence(lonely: Federation) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    assert lonely.refused("status", "--server", nobody).endswith("expected a vhtwin server there")


@pytest.mark.parametrize("address", ["", "host", "host:", ":9300", "host:port", "host:70000", "::1:9300"])
@pytest.mark.parametrize("verb", [["status"], ["run", "--stop"], ["station", "--data", "city"], ["server"]])
def test_an_address_that_is_none_is_refused_in_words(
    verb: list[str], address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option = "--listen" if verb == ["server"] else "--server"
    assert main([*verb, option, address]) == 3
    assert f"vhtwin: {option} {address}: expected HOST:PORT" in capsys.readouterr().err


@pytest.mark.long
def test_the_status_tells_what_stations_do_while_a_run_goes_on(city: Path, tmp_path: Path) -> None:
    with federation(tmp_path, city) as here:
        sleepy = [*LASTING, "--set", "behaviour.sleepers=0.6", "--set", "behaviour.dropouts=0.0"]
        here.done("run", "--name", "first", "--wait-for", "3", "--detach", *sleepy)
        here.until_told(lambda told: told["stage"] == "V-twinning" and told["done"] > 1)
        told = here.status()
        assert (told["run"], told["total"], told["nodes"]) == ("first", 80, 3)
        assert set(told["stations"]) == set(STATIONS)
        (line,) = (line for line in here.done("status").splitlines() if line.startswith("run first: "))
        assert line.startswith("run first: V-twinning ")
        here.until_told(lambda told: told["runs"]["first"] == "finished")
        events = [json.loads(line) for line in (here.home / "events").read_text().splitlines()]
    nights = [
        event for event in events if event.get("stage") == "H-twinning" and "asleep" in event["stations"]
    ]
    assert len(nights) > 10
    assert twins(here.run("first")) == twins(run_alone(city, tmp_path / "alone", sleepy))


@pytest.mark.long
def test_a_run_that_is_stopped_and_gone_on_with_ends_with_the_same_twins(
    city: Path, alone: Path, tmp_path: Path
) -> None:
    """Stopped in V-twinning, and again in the stream."""
    with federation(tmp_path, city) as here:
        here.done("run", "--name", "first", "--wait-for", "3", "--detach", *KEPT, *LASTING)
        for stage in ("vertical", "horizontal"):
            here.until_kept("first", stage, 5)
            here.done("run", "--stop")
            here.until_told(lambda told: told["run"] == "")
            assert here.status()["runs"]["first"] == "stopped; it can be gone on with"
            assert reached(here.run("first")).stage == stage
            here.done("run", "--name", "first", "--resume", "--detach", *KEPT)
        here.until_told(lambda told: told["run"] == "")
        assert here.status()["runs"]["first"] == "finished"
    assert twins(here.run("first")) == twins(alone)


@pytest.mark.long
def test_a_server_that_is_killed_and_started_again_goes_on_to_the_same_twins(
    city: Path, alone: Path, tmp_path: Path
) -> None:
    """Killed in V-twinning, and again in the stream; stations come back without being told."""
    with federation(tmp_path, city) as here:
        here.done("run", "--name", "first", "--wait-for", "3", "--detach", *KEPT, *LASTING)
        for stage in ("vertical", "horizontal"):
            here.until_kept("first", stage, 5)
            here.kill("server")
            assert reached(here.run("first")).stage == stage
            here.serve()
            here.done("run", "--name", "first", "--resume", "--detach", *KEPT)
        here.until_told(lambda told: told["run"] == "")
        assert here.status()["runs"]["first"] == "finished"
    assert twins(here.run("first")) == twins(alone)


@pytest.mark.long
def test_a_station_that_is_killed_and_started_again_takes_part_again(city: Path, tmp_path: Path) -> None:
    """It was missed in some rounds, and nothing is counted twice."""
    with federation(tmp_path, city) as here:
        words = ["--wait-for", "3", "--answer-seconds", "2", *KEPT, *LASTING]
        here.done("run", "--name", "first", "--detach", *words)
        here.until_kept("first", "vertical", 3)
        here.kill("s1")
        here.station("s1")
        here.until_told(lambda told: told["run"] == "")
        assert here.status()["runs"]["first"] == "finished"
        assert here.status()["counts"].get("lost", 0) == 0
    missed = failures(here.run("first"), "v")
    assert list(missed) == ["did not answer"]
    assert 0 < missed["did not answer"] < 20
    flow = read_summary(here.run("first"))["phases"]["v"]["exchange"]["station_cluster"]  # type: ignore[index]  # JSON
    assert flow["messages_up"] == 3 * 80 - missed["did not answer"]


@pytest.mark.long
def test_a_station_that_comes_twice_while_others_are_waited_for_counts_once(
    city: Path, tmp_path: Path
) -> None:
    with federation(tmp_path, city, stations=("s0", "s1")) as here:
        here.done("run", "--name", "first", "--wait-for", "3", "--detach", *QUICK)
        here.until_told(lambda told: told["done"] == 2, START_SECONDS)
        here.kill("s1")
        here.station("s1")
        here.until_told(lambda told: told["nodes"] == 3, LOST_SECONDS)
        here.until_told(lambda told: told["nodes"] == 2, LOST_SECONDS + 5)
        assert here.status()["stage"] == "gathering"
        here.station("s2")
        here.until_told(lambda told: told["run"] == "")
    assert read_summary(here.run("first"))["stations"] == 3


@pytest.mark.long
def test_a_round_closes_without_a_station_that_is_gone_before_its_time_is_over(
    city: Path, tmp_path: Path
) -> None:
    """The server would wait ten minutes for an answer, but not for one of a node that is gone."""
    with federation(tmp_path, city) as here:
        words = ["--wait-for", "3", "--answer-seconds", "600", *KEPT, *LASTING]
        here.done("run", "--name", "first", "--detach", *words)
        here.until_kept("first", "vertical", 3)
        here.kill("s1")
        here.until_told(lambda told: told["stations"]["s1"] == "lost", LOST_SECONDS + 20)
        assert ["s1", "lost"] in [line.split() for line in here.done("status").splitlines()]
        here.until_told(lambda told: told["runs"]["first"] == "finished")


@pytest.mark.long
def test_a_station_of_another_version_is_refused_in_words_that_the_status_shows(
    city: Path, tmp_path: Path
) -> None:
    sentence = f"a packet of vhtwin 99.0, expected one of {VERSION}"
    with federation(tmp_path, city, stations=("s0", "s1")) as here:
        here.station("odd", "s2", code=ANOTHER_VERSION)
        here.done("run", "--name", "first", "--wait-for", "3", "--detach", *QUICK)
        here.until_told(lambda told: sentence in told["wire"].get("refused", {}), START_SECONDS)
        assert f"refused 1 times: {sentence}" in here.done("status")
        assert here.status()["stage"] == "gathering"
        here.station("s2")
        here.until_told(lambda told: told["runs"]["first"] == "finished")
        assert "vhtwin_refused_total 0" not in httpx.get(f"http://{here.address}{METRICS}").text
    assert twins(here.run("first")) == twins(run_alone(city, tmp_path / "alone", QUICK))


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    """The folder of a set of ten stations."""
    (tmp_path / "ten").mkdir()
    return written_set(tmp_path / "ten", wavy_traffic(stations=10, days=12))


GOOD, BAD = tuple(f"s{number}" for number in range(7)), ("s7", "s8", "s9")


@pytest.mark.long
def test_with_three_of_ten_stations_dead_from_the_start_the_others_are_twinned(
    ten: Path, tmp_path: Path
) -> None:
    with federation(tmp_path, ten, stations=()) as here:
        here.station("good", *GOOD)
        for station in BAD:
            here.station(station)
        here.until_told(lambda told: told["nodes"] == 4, START_SECONDS)
        for station in BAD:
            here.kill(station)
        here.done("run", "--name", "first", "--wait-for", "7", *QUICK)
        assert here.status()["counts"] == {"waiting": 7}
    assert read_summary(here.run("first"))["stations"] == 7


@pytest.mark.long
def test_rounds_close_without_three_of_ten_stations_that_are_slow_and_the_stream_goes_on(
    ten: Path, tmp_path: Path
) -> None:
    """Clusters with fewer answers than are asked for keep their twins in that round."""
    with federation(tmp_path, ten, stations=()) as here:
        here.station("good", *GOOD)
        here.station("slow", *BAD, code=SLOW)
        words = ["--wait-for", "10", "--answer-seconds", "1", *QUICK]
        began = time.monotonic()
        here.done("run", "--name", "usual", *words)
        assert time.monotonic() - began < 120
        here.done("run", "--name", "strict", *words, "--set", "vertical.least_answers=10")
        assert here.status()["counts"] == {"waiting": 10}
    usual, strict = read_summary(here.run("usual")), read_summary(here.run("strict"))
    assert failures(here.run("usual"), "v") == {"did not answer": 6 * 3}
    unused = failures(here.run("strict"), "v")
    assert unused.pop("did not answer") == 6 * 3
    ((reason, count),) = unused.items()
    assert reason == "was one of too few in its cluster, which kept its twin"
    assert 0 < count <= 6 * 7
    for summary in (usual, strict):
        assert summary["h"] is not None
        assert summary["stations"] == 10


@pytest.mark.long
def test_with_keys_only_those_who_have_one_take_part_and_ask(city: Path, tmp_path: Path) -> None:
    """A station that is killed has its key, and is let in again at once."""
    make_keys(tmp_path / "keys", ["127.0.0.1"], STATIONS)
    make_keys(tmp_path / "theirs", ["127.0.0.1"], ["s0"])
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "ca.crt").write_bytes((tmp_path / "keys" / "ca.crt").read_bytes())
    (stranger / "operator.token").write_bytes((tmp_path / "theirs" / "operator.token").read_bytes())
    with federation(tmp_path, city, keys=tmp_path / "keys") as here:
        here.until_told(lambda told: told["nodes"] == 3, START_SECONDS)
        sentence = f"vhtwin: {here.address}: this is for the operator: show the token"
        for words in (["status"], ["run", "--name", "x"], ["run", "--stop"]):
            assert here.refused(*words, "--keys", stranger) == sentence
        with httpx.Client(base_url=f"http://{here.address}") as plain, pytest.raises(httpx.HTTPError):
            plain.get(METRICS)
        here.kill("s1")
        here.station("s1")
        here.until(lambda: joined(here, "s1") == 2, LOST_SECONDS / 2)
        here.done("run", "--name", "first", "--wait-for", "3", *QUICK)
    assert len(node_ids(here)) == 3
    assert twins(here.run("first")) == twins(run_alone(city, tmp_path / "alone", QUICK))


def node_ids(here: Federation) -> set[int]:
    """The nodes that have ever joined."""
    events = map(json.loads, (here.home / "events").read_text().splitlines())
    return {each["node"] for each in events if each["event"] == "node joined"}


def joined(here: Federation, name: str) -> int:
    """How often a station's processes have joined."""
    return (here.home / f"{name}.log").read_text().count("joined")


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_keeps_its_run(
    city: Path, alone: Path, tmp_path: Path, how: signal.Signals
) -> None:
    with federation(tmp_path, city) as here:
        here.done("run", "--name", "first", "--wait-for", "3", "--detach", *LASTING)
        here.until_told(lambda told: told["stage"] == "V-twinning" and told["done"] > 4)
        os.kill(here.processes["server"].pid, how)
        here.processes.pop("server").wait(END_SECONDS)
        assert reached(here.run("first")).turn > 4
        here.serve()
        here.done("run", "--name", "first", "--resume")
    assert twins(here.run("first")) == twins(alone)
