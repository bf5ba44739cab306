"""How long what-if takes for 10,000 stations: `python -m tests.benchmarks.what_if_speed [RUN]`.

Without RUN it makes a city and a short run first, which takes some minutes. Seconds of the processor of one
thread, polars' too; what is compiled is compiled before. Writing tables and pictures is not counted but told.
"""

import os
import sys

os.environ |= dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import tempfile  # the numbers of threads are read when these are first imported
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import TypeVar

from fl_server.cli.main import main
from fl_server.what_if import replica_of, what_if
from fl_server.what_if_output import write_outcome
from hetnet.operations.impact import Outcome
from hetnet.operations.replica import Replica
from hetnet.operations.scenario import Scenario

Result = TypeVar("Result")
STATIONS, DAYS = 10_000, 21
FAST = ("--epochs", "1", "--stream-epochs", "1", "--no-single-level")


def ten_scenarios(stations: tuple[str, ...]) -> list[Scenario]:
    """Small and large ones, of every kind; one changes all stations, one silences a whole cluster."""
    ten, hundred = ",".join(stations[100:110]), ",".join(stations[200:300])
    return [
        Scenario(name="one off", off=(stations[10],)),
        Scenario(name="ten off", off=(ten,)),
        Scenario(name="all +30 %", demand=("all=+30%",)),
        Scenario(name="match", demand=(f"near:{stations[500]}:2=+50%@18-22",)),
        Scenario(name="moved", move=(f"{stations[20]}>{stations[21]}=20%",)),
        Scenario(name="cluster off", off=("cluster:3",)),
        Scenario(name="hundred asleep", sleep=(f"{hundred}@0-6",)),
        Scenario(name="fire", off=(f"near:{stations[3000]}:1",)),
        Scenario(name="cluster -20 %", demand=("cluster:1=-20%",)),
        Scenario(name="off and full", off=(stations[5],), demand=(f"{stations[7]}=+100%",)),
    ]


def large_run(folder: Path) -> Path:
    """A finished run of a large city, by few epochs."""
    city, run = folder / "city", folder / "run"
    words = ["--stations", str(STATIONS), "--days", str(DAYS), "--seed", "7", "--out", str(city)]
    assert main(["data", "make", *words]) == 0
    assert main(["twin", str(city), "--out", str(run), *FAST]) == 0
    return run


def seconds(work: Callable[[], Result]) -> tuple[float, Result]:
    """How long the processor is busy with `work`, and its result."""
    begun = process_time()
    result = work()
    return process_time() - begun, result


def _write(places: list[tuple[Path, Outcome]], replica: Replica) -> None:
    for place, outcome in places:
        write_outcome(place, outcome, replica)


def report(run: Path) -> None:
    """Measure, and print."""
    replica = replica_of(run)  # compiles, if that was not done before
    scenarios = ten_scenarios(replica.stations)
    what_if(run, scenarios, None, replica)
    forecast, replica = seconds(lambda: replica_of(run))
    played, outcomes = seconds(lambda: what_if(run, scenarios, None, replica))
    print(f"{len(replica.stations):,} stations, {len(replica.hours)} hours, {len(replica.futures)} futures")
    for scenario in scenarios:
        alone, _ = seconds(lambda each=scenario: what_if(run, [each], None, replica))  # type: ignore[misc]
        print(f"  {scenario.name:15} {alone:6.2f} s alone")
    print(f"replica           {forecast:6.2f} s")
    print(f"ten scenarios     {played:6.2f} s")
    print(f"both              {forecast + played:6.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        places = [(Path(folder) / str(place), each) for place, each in enumerate(outcomes)]
        written, _ = seconds(lambda: _write(places, replica))
    print(f"tables, pictures  {written:6.2f} s")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        report(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            report(large_run(Path(made)))
