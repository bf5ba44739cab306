"""How long a round takes with stations in processes of their own, and what they weigh.

python -m tests.benchmarks.federation_speed [--case NAME]    all cases, or one; the last one is Flower's own
SuperLink and SuperNodes, which start a process for every message. About half an hour.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data.sets.tables import ReadSettings, read_set
from fl_server.federation.fleet import FlowerFleet, Patience, setup_of
from fl_server.federation.link import quiet
from fl_server.federation.stations import Crewing, federated
from fl_server.fleet import Fleet
from fl_server.lifecycle import advanced
from fl_server.local import local_fleet
from fl_server.run import Plan, begun, planned
from fl_server.run_folder import read_summary
from fl_server.running import first_state, states
from fl_server.settings import TwinSettings, VerticalSettings
from tests.processes.test_plain_flower import Flower

ROUNDS, WARM = 12, 2
COMMAND = [sys.executable, "-m", "fl_server.cli.main"]
GOALS = {"10 processes": 1.0, "50 processes": 3.0, "200 processes": 15.0, "200 stations in 4": 1.0}
GOAL_MB = 60.0
SHIPPED = "10 processes, Flower as shipped"
CASES = {  # stations, stations a process
    "10 processes": (10, 1),
    "50 processes": (50, 1),
    "200 processes": (200, 1),
    "200 stations in 4": (200, 50),
    "10,000 stations in 4": (10_000, 2_500),
    SHIPPED: (10, 1),
}
RESULTS = Path(__file__).parents[2] / ".results" / "federation_speed.csv"


@dataclass(frozen=True)
class Figures:
    """Medians over the warm rounds; bytes of packets a round; memory as the share of each process (PSS)."""

    case: str
    round_s: float
    in_process_s: float | None
    mb_out_a_round: float | None
    mb_in_a_round: float | None
    pss_mb_a_process: float
    h_updates_a_second: float | None
    h_step_ms: float | None


def main() -> None:
    """Make cities, twin them over processes, keep and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", choices=CASES, help="measure this one alone again")
    chosen = parser.parse_args().case
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        for case in [chosen] if chosen else CASES:
            row = _of_case(case, Path(folder))
            print(row, flush=True)
            _keep(row)
    frame = pl.read_csv(RESULTS)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, fmt_str_lengths=40):
        print(frame)
    for kept in frame.iter_rows(named=True):
        case, seconds = kept["case"], kept["round_s"]
        if case in GOALS:
            print(f"{case}: {seconds:.2f} s a round, goal {GOALS[case]:g} s")
        if case.endswith("processes"):
            print(f"{case}: {kept['pss_mb_a_process']:.1f} MB a station, goal {GOAL_MB:g} MB")
        if case.startswith("10,000"):
            print(f"{case}: {seconds / kept['in_process_s']:.2f} the round in one process, goal 1.5")


def _of_case(case: str, folder: Path) -> Figures:
    stations, each = CASES[case]
    city = folder / f"city{stations}"
    if not city.exists():
        words = ["data", "make", "--stations", str(stations), "--days", "30", "--out", str(city)]
        subprocess.run([*COMMAND, *words], check=True, capture_output=True)
    return _shipped(folder, city, stations) if case == SHIPPED else _measured(case, city, stations, each)


def _keep(row: Figures) -> None:
    """Put a row into the file, in the place of an earlier one of its case."""
    rows = (
        {each["case"]: each for each in pl.read_csv(RESULTS).iter_rows(named=True)}
        if RESULTS.exists()
        else {}
    )
    rows |= {row.case: asdict(row)}
    pl.DataFrame([rows[case] for case in CASES if case in rows]).write_csv(RESULTS)


def _measured(case: str, city: Path, stations: int, each: int) -> Figures:
    settings = TwinSettings(vertical=VerticalSettings(epochs=ROUNDS), single_level=False)
    with _federation(city, stations, each, settings) as (fleet, weight):
        plan = planned(fleet, settings)
        rounds, out, came = _rounds(fleet, plan)
        pss = weight()
        updates, refresh = _stream(fleet, plan) if stations <= 200 else (None, None)
    traffic = read_set(city, ReadSettings())
    local = local_fleet(traffic, settings.station_recipe, settings.segment.signature, threads=2)
    inside, _, _ = _rounds(local, planned(local, settings))
    return Figures(case, rounds, inside, out, came, pss, updates, refresh)


@contextmanager
def _federation(
    city: Path, stations: int, each: int, settings: TwinSettings
) -> Iterator[tuple[FlowerFleet, Callable[[], float]]]:
    """The stations of a city in processes, and how many MB one of these takes."""
    patience = Patience(answer_seconds=600, introduction_seconds=300)
    with federated(Crewing(city, ReadSettings(), each), setup_of(settings), patience) as crew:
        for _ in crew.fleet.gathered(stations):
            pass
        yield crew.fleet, lambda: _share_mb(crew.launched.group)


def _shipped(folder: Path, city: Path, stations: int) -> Figures:
    """A round as Flower is shipped: from the difference of runs of one round and of three, after one more."""
    flower = Flower(folder)
    with flower.superlink(), ExitStack() as nodes:
        for number in range(stations):
            config = f'data="{city}" partition-id={number} num-partitions={stations}'
            nodes.enter_context(flower.supernode(f"node{number}", config))
        _shipped_seconds(flower, folder / "first", stations, 1)  # in which every process compiles
        seconds = {epochs: _shipped_seconds(flower, folder, stations, epochs) for epochs in (1, 3)}
        pss = sum(_pss(str(pid)) for pid in flower.alive()) / stations / 1024
    none = None
    seconds_a_round = (seconds[3] - seconds[1]) / 2
    return Figures(SHIPPED, seconds_a_round, none, none, none, pss, none, none)


def _shipped_seconds(flower: Flower, folder: Path, stations: int, epochs: int) -> float:
    out = folder / f"shipped-{epochs}"
    words = f'stations={stations} epochs={epochs} stream-epochs=0 single-level=false out="{out}"'
    flower.run(f"{words} answer-seconds=900.0")
    phases: Any = read_summary(out)["phases"]  # Any: what JSON holds
    seconds: float = phases["v"]["seconds"]
    return seconds


def _share_mb(parent: int) -> float:
    """The mean of the processes' proportional share of memory, their parent's among them."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    shares = [_pss(pid) for pid in [str(parent), *children]]
    return sum(shares) / len(children) / 1024


def _pss(pid: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _rounds(fleet: Fleet, plan: Plan) -> tuple[float, float, float]:
    """The median of the warm rounds in seconds, and the MB of packets of one, out and in."""
    run, times, before = begun(plan, "hierarchical"), [], (0, 0)
    for number in range(ROUNDS - 1):  # the last also scores
        if number == WARM:
            before = _crossed(fleet)
        began = time.monotonic()
        run = advanced(fleet, plan, run)
        times.append(time.monotonic() - began)
    out, came = (
        (after - earlier) / (ROUNDS - 1 - WARM) / 1e6
        for after, earlier in zip(_crossed(fleet), before, strict=True)
    )
    return statistics.median(times[WARM:]), out, came


def _crossed(fleet: Fleet) -> tuple[int, int]:
    if isinstance(fleet, FlowerFleet):
        return fleet.crossed.order_bytes, fleet.crossed.answer_bytes
    return 0, 0


def _stream(fleet: Fleet, plan: Plan) -> tuple[float, float]:
    """In H-twinning: stations' updates a second, and ms from a cluster's update to the orders after it."""
    *_, last = states(fleet, plan, first_state(plan))
    phase = last.hierarchical.horizontal
    updates = phase.exchange.station_cluster.messages_up
    return updates / phase.seconds, 1000 * phase.seconds / plan.stream_steps


if __name__ == "__main__":
    main()
