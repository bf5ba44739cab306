"""Server and stations on machines of their own, on a network that is cut, slow, or loses what it carries.

The machines are network namespaces. Their cables are veth pairs that meet in a bridge; where the kernel
cannot delay and lose frames (tc netem), they are TAP devices instead, whose frames this process passes on,
late or not at all. The test itself sits on one more machine: that of the operator.
"""

import fcntl
import heapq
import os
import select
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread

import httpx
import pytest
from flwr.supercore.protobuf.translation import PROTOBUF_REQUEST_TYPES

from data.keys import make_keys
from fl_server.federation.control import METRICS, STATUS
from fl_server.run_folder import kept_state
from tests.processes.test_server import (
    KEPT,
    LOST_SECONDS,
    QUICK,
    START_SECONDS,
    STATIONS,
    USUAL,
    Federation,
    city,
    run_alone,
    twins,
)

__all__ = ["city"]  # a fixture
pytestmark = pytest.mark.long

SUBNET = "198.18.7"  # of the addresses that are for tests of networks
SERVER, NORTH, SOUTH, OPERATOR = MACHINES = ("server", "north", "south", "operator")
PLACE = {"s0": NORTH, "s1": SOUTH, "s2": SOUTH, "server": SERVER}  # where each process runs
TUNSETIFF, TAP_ALONE = 0x400454CA, 0x1002  # of linux/if_tun.h: IFF_TAP, IFF_NO_PI
LONGEST_FRAME = 65536
HALF_A_ROUND_TRIP_MS, LOST_SHARE = 50, 0.02


def system(*words: str) -> str:
    """Let the system do something; what it says when it refuses."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return f"{words[0]}: is not installed"
    return f"{' '.join(words)}: {done.stderr.strip()}" if done.returncode else ""


def must(*words: str) -> None:
    """Let the system do something that it is known to allow."""
    refusal = system(*words)
    assert not refusal, refusal


@dataclass
class Machines:
    """Namespaces by the names of machines; the operator's is that of this process."""

    namespace: dict[str, str] = field(
        default_factory=lambda: {name: f"vhtwin-{os.getpid()}-{name}" for name in (*MACHINES[:-1], "bridge")}
    )

    def on(self, machine: str) -> list[str]:
        """What comes before `ip` words that are for a machine."""
        return ["-n", self.namespace[machine]] if machine in self.namespace else []

    def inside(self) -> dict[str, list[str]]:
        """What takes each process to its machine."""
        return {name: ["ip", "netns", "exec", self.namespace[machine]] for name, machine in PLACE.items()}

    def device(self, machine: str) -> str:
        """What both ends of the cable of a machine are called."""
        return f"vht{os.getpid() % 10**6}-{MACHINES.index(machine)}"

    def connected(self, machine: str, device: str) -> None:
        """Give a device of a machine its address, and let it be up."""
        there = self.on(machine)
        must("ip", *there, "address", "add", f"{address_of(machine)}/24", "dev", device)
        must("ip", *there, "link", "set", device, "up")


def address_of(machine: str) -> str:
    """The address of a machine."""
    return f"{SUBNET}.{MACHINES.index(machine) + 1}"


@pytest.fixture
def machines() -> Iterator[Machines]:
    """Machines without cables."""
    made = Machines()
    try:
        for namespace in made.namespace.values():
            refusal = system("ip", "netns", "add", namespace)
            if refusal:
                pytest.skip(f"no network namespaces can be made here: {refusal}")
            must("ip", "-n", namespace, "link", "set", "lo", "up")
        yield made
    finally:
        system("ip", "link", "delete", made.device(OPERATOR))  # what is here of the bridge's cables
        for namespace in made.namespace.values():
            system("ip", "netns", "delete", namespace)


def bridged(machines: Machines) -> None:
    """Connect the machines by veth pairs that meet in a bridge."""
    bridge = machines.namespace["bridge"]
    must("ip", "-n", bridge, "link", "add", "bridge", "type", "bridge")
    must("ip", "-n", bridge, "link", "set", "bridge", "up")
    for machine in MACHINES:
        cable = machines.device(machine)
        there = ["netns", machines.namespace[machine]] if machine in machines.namespace else []
        must("ip", "link", "add", cable, "netns", bridge, "type", "veth", "peer", "name", cable, *there)
        must("ip", "-n", bridge, "link", "set", cable, "master", "bridge", "up")
        machines.connected(machine, cable)


def worsened(machines: Machines, words: Sequence[str]) -> None:
    """Let tc netem do its worst to all that the stations' machines send and receive."""
    for machine in (NORTH, SOUTH):
        for end in (machine, "bridge"):
            cable = machines.device(machine)
            must("tc", *machines.on(end), "qdisc", "add", "dev", cable, "root", "netem", *words)


@contextmanager
def passed_on(machines: Machines, delay_ms: float, lost: float) -> Iterator[None]:
    """Connect the machines by TAP devices; all frames come late, and some of them never."""
    taps = {machine: tap(machines, machine) for machine in MACHINES}
    ended = Event()
    hub = Thread(target=pass_on, args=(list(taps.values()), delay_ms / 1000, lost, ended))
    hub.start()
    try:
        yield
    finally:
        ended.set()
        hub.join()
        for each in taps.values():
            os.close(each)


def tap(machines: Machines, machine: str) -> int:
    """The near end of a cable whose far end is a device of the machine."""
    name = machines.device(machine)
    try:
        near = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(near, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP_ALONE))
    except OSError as error:
        pytest.skip(f"neither tc netem nor TAP devices are to be had here: {error}")
    if machine in machines.namespace:
        must("ip", "link", "set", name, "netns", machines.namespace[machine])
    machines.connected(machine, name)
    return near


def pass_on(taps: Sequence[int], delay: float, lost: float, ended: Event) -> None:
    """Pass each frame on to all others after `delay` seconds, but for a share that is `lost`."""
    rng, order = Random(1), count()
    underway: list[tuple[float, int, int, bytes]] = []
    while not ended.is_set():
        wait = min(max(underway[0][0] - time.monotonic(), 0), 0.2) if underway else 0.2
        for tap in select.select(taps, [], [], wait)[0]:
            frame = os.read(tap, LONGEST_FRAME)
            if rng.random() >= lost:
                due = time.monotonic() + delay
                for other in taps:
                    if other != tap:
                        heapq.heappush(underway, (due, next(order), other, frame))
        while underway and underway[0][0] <= time.monotonic():
            _, _, tap, frame = heapq.heappop(underway)
            with suppress(OSError):  # a device that is not up takes nothing
                os.write(tap, frame)


@contextmanager
def federation(machines: Machines, home: Path, city: Path) -> Iterator[Federation]:
    """A server and three stations on their machines, with keys; the verbs come from the operator's."""
    make_keys(home / "keys", [address_of(SERVER)], STATIONS)
    made = Federation(home, city, home / "keys", address_of(SERVER), 9300, machines.inside())
    try:
        made.serve()
        for station in STATIONS:
            made.station(station)
        made.until_told(lambda told: told["nodes"] == 3, START_SECONDS)
        yield made
    finally:
        made.end()


@pytest.mark.parametrize("seconds", [20, 60])
def test_a_machine_that_is_cut_off_is_done_without_and_takes_part_again(
    machines: Machines, city: Path, tmp_path: Path, seconds: int
) -> None:
    bridged(machines)
    bridge, cable = machines.on("bridge"), machines.device(NORTH)
    with federation(machines, tmp_path, city) as here:
        words = [*USUAL, "--epochs", "100000", "--answer-seconds", "4", *KEPT]
        here.done("run", "--name", "first", "--wait-for", "3", "--detach", *words)
        here.until_kept("first", "vertical", 3)
        must("ip", *bridge, "link", "set", cable, "nomaster")
        cut, turns = time.monotonic(), here.status()["done"]
        here.until_told(lambda told: told["stations"]["s0"] == "lost", LOST_SECONDS + 10)
        lost = time.monotonic()
        assert here.status()["counts"]["lost"] == 1
        here.until_told(lambda told: time.monotonic() > cut + seconds, seconds + 5)
        assert here.status()["done"] > turns + 5
        must("ip", *bridge, "link", "set", cable, "master", "bridge")
        mended = time.monotonic()
        here.until_told(lambda told: told["stations"]["s0"] != "lost", 45)
        back = time.monotonic()
        here.done("run", "--stop")
        here.until_told(lambda told: told["run"] == "")
        here.done("run", "--name", "second", "--wait-for", "3", *QUICK)
    state = kept_state(here.run("first"))
    assert state is not None
    missed = dict(state.hierarchical.vertical.failures)
    assert list(missed) == ["did not answer"]
    flow = state.hierarchical.vertical.exchange.station_cluster
    assert flow.messages_up == 3 * state.hierarchical.turn - missed["did not answer"]
    assert twins(here.run("second")) == twins(run_alone(city, tmp_path / "alone", QUICK))
    print(  # noqa: T201 - to be read with pytest -s
        f"cut for {mended - cut:.0f} s: counted as lost after {lost - cut:.1f} s, back {back - mended:.1f} s "
        f"after the end; {missed} of {state.hierarchical.turn} rounds"
    )


@pytest.mark.parametrize(
    ("delay_ms", "lost"), [(HALF_A_ROUND_TRIP_MS, 0.0), (0, LOST_SHARE)], ids=["slow", "lossy"]
)
def test_over_a_bad_network_a_run_ends_with_the_same_twins(
    machines: Machines, city: Path, tmp_path: Path, delay_ms: int, lost: float
) -> None:
    with worse_network(machines, delay_ms, lost) as by, federation(machines, tmp_path, city) as here:
        began = time.monotonic()
        here.done("run", "--name", "first", "--wait-for", "3", *QUICK)
        took = time.monotonic() - began
        orders = here.status()["wire"]["orders"]
    assert twins(here.run("first")) == twins(run_alone(city, tmp_path / "alone", QUICK))
    figures = f"{2 * delay_ms} ms there and back, {lost:.0%} lost ({by}): {took:.0f} s for {orders} orders"
    print(figures)  # noqa: T201 - to be read with pytest -s


@contextmanager
def worse_network(machines: Machines, delay_ms: int, lost: float) -> Iterator[str]:
    """Connect the machines badly; by what means."""
    if system("tc", *machines.on("bridge"), "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"):
        with passed_on(machines, delay_ms, lost):
            yield "TAP devices"
    else:
        bridged(machines)
        worsened(machines, ["delay", f"{delay_ms}ms", "loss", f"{lost:.0%}"])
        yield "tc netem"


def test_another_machine_reaches_what_stations_need_and_nothing_else(
    machines: Machines, city: Path, tmp_path: Path
) -> None:
    bridged(machines)
    with federation(machines, tmp_path, city) as here:
        token = (tmp_path / "keys" / "operator.token").read_text().strip()
        operator = {"authorization": f"Bearer {token}"}
        trusted = ssl.create_default_context(cafile=str(tmp_path / "keys" / "ca.crt"))
        with httpx.Client(base_url=f"https://{here.address}", verify=trusted) as stranger:
            for _, path in PROTOBUF_REQUEST_TYPES:
                refused = 401 if path.startswith("/v1/fleet/") else 404
                assert stranger.post(path, content=b"").status_code == refused, path
                assert stranger.get(path, headers=operator).status_code in (404, 405)
            for path in (STATUS, METRICS):
                assert stranger.get(path).status_code == 401
                assert stranger.get(path, headers=operator).status_code == 200
