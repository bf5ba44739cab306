"""The rows of the paper's Fig. 8, how efficient orchestration is by size of the network; where time goes.

The paper says neither how large its networks are nor what its efficiency is a sum over. Here a larger network
has more stations and a larger area, as dense as the paper's 200 users; efficiency is that of (5), what users
are given over what the twins cost, and beside it what they are given more than without twins, over the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from itertools import groupby
from time import process_time

import numpy as np
from scipy.stats import t as student

from data.errors import InputError
from hetnet.association import best_association
from hetnet.higher import higher_twin
from hetnet.network import satisfaction
from hetnet.orchestration import OrchestrationSettings, everything, orchestrated
from hetnet.scene import SceneSettings, resized
from hetnet.simulation import Hour, Seconds, SimulationSettings, System, fitted_twins, simulated
from hetnet.world import World, WorldSettings, conditions_in, made_world, network_in, strongest

SIZES = (50, 100, 200, 500, 1000)
WITHOUT_TWINS = "strongest signal"
CURVE = (*SIZES, 2000)  # sizes of the cost curve
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Fig8Row:
    """One system in one network, over its hours. Efficiencies are 0 for a system that has no twins."""

    users: int
    seed: int
    system: str
    award: float  # of the mean user
    satisfied: float  # share of users
    served: float
    cost: float  # of the twins, for the mean user
    twins: float  # in detail, for the mean user
    late: float  # hours
    efficiency: float  # award over cost (5)
    literal_efficiency: float  # with alpha of (4) on the cost of users that were satisfied
    gain: float  # award beyond that of the strongest signal, over cost
    seconds: Seconds = field(default=Seconds(), compare=False)  # of an hour


@dataclass(frozen=True)
class Summary:
    """A column of a system's rows over seeds: its mean, and half the width of its interval."""

    users: int
    system: str
    column: str
    mean: float
    half_width: float
    seeds: int


@dataclass(frozen=True)
class StepTime:
    """Seconds of the processor for one orchestration of everyone, and for its parts."""

    users: int
    stations: int
    screening: float  # the higher layer
    twins: float  # fitting them
    association: float
    orchestration: float  # association and power, all that is decided


def fig8_rows(
    users: int,
    seed: int,
    settings: SimulationSettings | None = None,
    world: WorldSettings | None = None,
    *,
    growing: bool = True,
) -> list[Fig8Row]:
    """The rows of one network: `growing` with its users, or the paper's 25 stations for however many."""
    scene = resized(SceneSettings(), users) if growing else replace(SceneSettings(), users=users)
    scene = replace(scene, seed=seed)
    made = made_world(scene, replace(world or WorldSettings(), seed=seed))
    return rows_of(list(simulated(made, settings)), users, seed)


def rows_of(hours: Sequence[Hour], users: int, seed: int) -> list[Fig8Row]:
    """What each system's hours come to; the strongest signal must be among them."""
    of = {system: [hour for hour in hours if hour.system == system] for system in _systems(hours)}
    bare = [found for system, found in of.items() if system.name == WITHOUT_TWINS]
    if not bare:
        raise InputError(f"Fig. 8: found no hours of {WITHOUT_TWINS!r}, expected them to hold others against")
    without = _mean(bare[0], lambda hour: hour.outcome.award)
    return [_row(system, found, without, users, seed) for system, found in of.items()]


def summaries(rows: Sequence[Fig8Row], columns: Sequence[str]) -> list[Summary]:
    """Means over seeds with their intervals (Student's), for each size and system."""
    key = sorted(rows, key=lambda row: (row.users, row.system))
    found = []
    for (users, system), group in groupby(key, lambda row: (row.users, row.system)):
        of_seeds = [asdict(row) for row in group]
        for column in columns:
            values = np.array([row[column] for row in of_seeds], float)
            found.append(
                Summary(users, system, column, float(values.mean()), half_width(values), len(values))
            )
    return found


def factors(rows: Sequence[Fig8Row], ours: str, theirs: str, column: str = "efficiency") -> list[Summary]:
    """How many times as much of a column one system has as another, for each size: seed by seed."""
    of = {(row.users, row.seed, row.system): float(asdict(row)[column]) for row in rows}
    found = []
    for users in sorted({row.users for row in rows}):
        seeds = sorted({row.seed for row in rows if row.users == users})
        pairs = np.array([[of[users, seed, name] for name in (ours, theirs)] for seed in seeds])
        if not (pairs[:, 1] > 0).all():
            raise InputError(f"Fig. 8: {column} of {theirs!r} is not positive, expected it to compare with")
        ratio = pairs[:, 0] / pairs[:, 1]
        name = f"{ours} / {theirs}"
        found.append(Summary(users, name, column, float(ratio.mean()), half_width(ratio), len(ratio)))
    return found


def half_width(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Half the width of the 95 % interval of the mean; 0 of a single value, which has none."""
    if len(values) < 2:
        return 0.0
    return float(student.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)


def step_time(world: World, settings: OrchestrationSettings | None = None) -> StepTime:
    """How long the processor is at one orchestration of everyone in `world`, part by part."""
    settings = settings or OrchestrationSettings()
    held, hour = strongest(world, world.start), world.start
    network, offered = network_in(world, hour, held), world.offered[hour]
    selection = everything(len(network.users), len(network.stations))
    lately = satisfaction(conditions_in(world, hour, held), network.users.required)
    reachable = np.ones(network.gain.shape, bool)
    return StepTime(
        users=len(network.users),
        stations=len(network.stations),
        screening=_seconds(lambda: higher_twin(network, world.history, lately)),
        twins=_seconds(lambda: fitted_twins(world, SimulationSettings())),
        association=_seconds(lambda: best_association(network.gain, network.stations.slots, reachable)),
        orchestration=_seconds(lambda: orchestrated(network, offered, selection, settings)),
    )


def step_times(sizes: Sequence[int], seed: int = 1) -> Iterator[StepTime]:
    """The cost curve: one orchestration of networks of these sizes, an eighth as many stations as users."""
    for users in sizes:
        scene = replace(resized(SceneSettings(), users), seed=seed)
        yield step_time(made_world(scene, WorldSettings(days=8, hours=1, seed=seed)))


def _systems(hours: Sequence[Hour]) -> list[System]:
    return list(dict.fromkeys(hour.system for hour in hours))


def _row(system: System, hours: Sequence[Hour], without: float, users: int, seed: int) -> Fig8Row:
    award, cost = _mean(hours, lambda hour: hour.outcome.award), _mean(hours, lambda hour: hour.cost)
    return Fig8Row(
        users=users,
        seed=seed,
        system=system.name,
        award=award / users,
        satisfied=_mean(hours, lambda hour: hour.outcome.satisfied),
        served=_mean(hours, lambda hour: hour.outcome.served),
        cost=cost / users,
        twins=_mean(hours, lambda hour: hour.twins) / users,
        late=_mean(hours, lambda hour: hour.late),
        efficiency=_ratio(award, cost),
        literal_efficiency=_ratio(award, _mean(hours, lambda hour: hour.literal_cost)),
        gain=_ratio(award - without, cost),
        seconds=Seconds(*np.mean([astuple(hour.seconds) for hour in hours], axis=0).tolist()),
    )


def _mean(hours: Sequence[Hour], value: Callable[[Hour], float]) -> float:
    return float(np.mean([value(hour) for hour in hours]))


def _ratio(what: float, cost: float) -> float:
    return what / cost if cost > 0 else 0.0


def _seconds(work: Callable[[], object]) -> float:
    """The processor's time for it, once it has been done before."""
    work()
    began = process_time()
    work()
    return process_time() - began
