"""Systems that orchestrate a world hour after hour, and know more or less of it.

Axes: N users, K attributes, T time. Twins know the history and readings that come late; what they decide for
an hour is judged on what that hour then brings. Between orchestrations a network helps itself: users whom
their station no longer reaches are handed over to the strongest with a free slot.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import Literal

import numpy as np

from data.errors import InputError
from data.words import counted
from hetnet.forecasters import Forecaster, Issuer, linear
from hetnet.higher import HigherSettings, HigherTwin, higher_twin, valued_attributes
from hetnet.lags import no_neighbours
from hetnet.lower import at_use
from hetnet.network import ATTRIBUTES, NOBODY, Counts, Floats, Mask, Network, is_satisfied, satisfaction
from hetnet.orchestration import (
    OrchestrationSettings,
    Outcome,
    Selection,
    awards,
    everything,
    orchestrated,
)
from hetnet.scene import HOME, WORK, generator
from hetnet.world import (
    Held,
    World,
    at_random,
    conditions_in,
    handed_over,
    network_in,
    network_of,
    strongest,
)

Scope = Literal["all", "hierarchical", "strongest", "random"]
LOAD, THROUGHPUT = ATTRIBUTES.index("load"), ATTRIBUTES.index("throughput")


@dataclass(frozen=True)
class System:
    """A way to orchestrate: what its twins model, and whether they are put to the instant of use."""

    name: str
    scope: Scope
    synchronised: bool = False


SYSTEMS = (
    System("hierarchical, synchronised", "hierarchical", synchronised=True),
    System("hierarchical", "hierarchical"),
    System("all-inclusive, synchronised", "all", synchronised=True),
    System("all-inclusive", "all"),
    System("strongest signal", "strongest"),
    System("random", "random"),
)


@dataclass(frozen=True, kw_only=True)
class SimulationSettings:
    """How late twins are, and what is done with them; the lateness is ours.

    Each user's readings are up to `report_hours` old when they come. The centre collects and builds
    `twins_an_hour` (one is one attribute of one user), so that twins are the later the more there are.
    `alpha` is that of (4): how much dearer the twins of a satisfied user count in the literal cost.
    What `orchestration` believes may be wrong; users are judged by what is so.
    """

    report_hours: float = 2.0
    twins_an_hour: float = 2000.0
    alpha: float = 10.0
    orchestration: OrchestrationSettings = field(default_factory=OrchestrationSettings)
    higher: HigherSettings = field(default_factory=HigherSettings)

    def __post_init__(self) -> None:
        if not 0 <= self.report_hours < np.inf:
            raise InputError(f"simulation: report_hours is {self.report_hours}, expected 0 or more")
        if not self.twins_an_hour > 0:
            raise InputError(f"simulation: twins_an_hour is {self.twins_an_hour}, expected a positive number")


@dataclass(frozen=True)
class Seconds:
    """How long the processor was at each part of a decision; 0 of a system without twins."""

    screening: float = 0.0  # what is modelled: the higher layer, which all-inclusive twins do without
    forecasting: float = 0.0  # what the twins expect of the hour
    orchestration: float = 0.0  # association and power


@dataclass(frozen=True)
class Hour:
    """One hour of one system."""

    system: System
    hour: int  # from the first that is orchestrated
    held: Held
    outcome: Outcome
    cost: float  # of the twins: the sum of their entropies; 0 of a system without
    literal_cost: float  # with those of users that were satisfied counted `alpha` times, as in (4)
    twins: int  # how many are modelled in detail
    late: float  # hours, the mean age of what is known of those who are orchestrated
    explained: str  # what could not be done
    seconds: Seconds = field(default=Seconds(), compare=False)


@dataclass(frozen=True)
class Twins:
    """What was learnt from the history: how loads and places go on, and what it costs to model each user."""

    loads: Issuer
    places: Issuer
    costs: Floats  # (N,) of all attributes of each user


@dataclass(frozen=True)
class Known:
    """What a system models for an hour, at which cost, and how many hours back each user's readings end."""

    selection: Selection
    costs: Floats  # (N,) of the twins of each user
    satisfied: Mask  # (N,) in the hour before
    late: Counts  # (N,) 1 or more


@dataclass(frozen=True)
class Decision:
    """What a system puts in force for an hour, what it knew for that, and what it could not do."""

    held: Held
    known: Known
    explained: str = ""
    seconds: Seconds = field(default=Seconds(), compare=False)


def simulated(
    world: World,
    settings: SimulationSettings | None = None,
    systems: Sequence[System] = SYSTEMS,
    twins: Twins | None = None,
) -> Iterator[Hour]:
    """Each hour of each system; all begin with users at the stations that they hear best, in equal power.

    Where no `twins` are given, linear ones are fitted.
    """
    settings = settings or SimulationSettings()
    twins = twins or fitted_twins(world, settings)
    for system in systems:
        held = strongest(world, world.start - 1)
        for hour in world.hours:
            decision = next_held(world, twins, system, hour, held, settings)
            held, known = decision.held, decision.known
            chosen = known.selection.users
            yield Hour(
                system=system,
                hour=hour - world.start,
                held=held,
                outcome=outcome_in(world, hour, held),
                cost=float(known.costs.sum()),
                literal_cost=float((known.costs * np.where(known.satisfied, settings.alpha, 1.0)).sum()),
                twins=int(known.selection.twins.sum()),
                late=float(known.late[chosen].mean()) if chosen.any() else 0.0,
                explained=decision.explained,
                seconds=decision.seconds,
            )


def fitted_twins(world: World, settings: SimulationSettings, forecaster: Forecaster | None = None) -> Twins:
    """One fit for all systems: a user's twin is the same whoever has it built."""
    forecaster = forecaster or linear()
    users, until = len(world.scene.users), world.start
    valued = valued_attributes(world.history, world.scene.users.weights, settings.higher)
    return Twins(
        costs=valued.cost.sum(axis=1),
        loads=forecaster.fit(_series(world.offered[:until]), no_neighbours(users)),
        places=forecaster.fit(_series(world.where[:until]), no_neighbours(users)),
    )


def outcome_in(world: World, hour: int, held: Held) -> Outcome:
    """What users get in that hour, together."""
    users = world.scene.users
    satisfied = satisfaction(conditions_in(world, hour, held), users.required)
    return Outcome(
        award=float(awards(satisfied, users.weights).sum()),
        satisfied=float(is_satisfied(satisfied, users).mean()),
        served=float((held.serving != NOBODY).mean()),
    )


def next_held(
    world: World, twins: Twins, system: System, hour: int, held: Held, settings: SimulationSettings
) -> Decision:
    """What a system puts in force for an hour, `held` being so before."""
    if system.scope in ("strongest", "random"):
        by_radio = strongest(world, hour) if system.scope == "strongest" else at_random(world, hour)
        return Decision(by_radio, _nothing(world))
    held = handed_over(network_in(world, hour, held))
    times = [process_time()]
    known = known_for(world, twins, system.scope, hour, held, settings)
    times.append(process_time())
    network, offered = expected(world, twins, known, hour, held, synchronised=system.synchronised)
    times.append(process_time())
    found = orchestrated(network, offered, known.selection, settings.orchestration)
    times.append(process_time())
    explained = found.explained() if len(found.selected) else _idle(known)
    return Decision(Held(found.serving, found.sent), known, explained, Seconds(*np.diff(times).tolist()))


def _idle(known: Known) -> str:
    """Why nothing was orchestrated."""
    lacking = int((~known.satisfied).sum())
    if not lacking:
        return "all users are satisfied: there is nothing to do"
    lack = "lacks" if lacking == 1 else "lack"
    return f"{counted(lacking, 'user')} {lack} something, but none was found that can be helped"


def known_for(
    world: World, twins: Twins, scope: Scope, hour: int, held: Held, settings: SimulationSettings
) -> Known:
    """Which twins a system has for an hour, what they cost, and how late they are."""
    users, stations = world.scene.users, world.scene.stations
    lately = satisfaction(conditions_in(world, hour - 1, held), users.required)
    selection, costs = everything(len(users), len(stations)), twins.costs
    if scope == "hierarchical":
        network = network_in(world, hour - 1, held)  # the higher layer looks at what is reported at once
        selection, costs = _selected(higher_twin(network, world.history, lately, settings.higher))
    reported = generator(world.settings.seed, 13).uniform(0, settings.report_hours, len(users))
    late = np.ceil(reported + selection.twins.sum() / settings.twins_an_hour)
    return Known(selection, costs, is_satisfied(lately, users), np.clip(late, 1, hour).astype(np.int64))


def expected(
    world: World, twins: Twins, known: Known, hour: int, held: Held, *, synchronised: bool
) -> tuple[Network, Floats]:
    """The network and the offered traffic (N,) that the twins expect for an hour.

    The twin of a user's throughput tells at which of its places the user is, since that is what makes its
    links good or bad; stations know the mean gain of places. (Mobility, how far it walks, does not tell.)
    Where a user's load or throughput is not modelled its latest reading stands for it.
    """
    modelled, last = known.selection.twins, hour - known.late
    loads, places = _series(world.offered[:hour]), _series(world.where[:hour])
    offered = _at_use(twins.loads, loads, last, modelled[:, LOAD], hour, synchronised=synchronised)
    where = _at_use(twins.places, places, last, modelled[:, THROUGHPUT], hour, synchronised=synchronised)
    network = network_of(world, np.where(where >= (HOME + WORK) / 2, WORK, HOME), held)
    return network, np.maximum(offered, 0.0)


def _at_use(
    issuer: Issuer, values: Floats, last: Counts, modelled: Mask, hour: int, *, synchronised: bool
) -> Floats:
    """What each series (N, T), known up to `last` (N,), is expected to be in an hour."""
    read: Floats = values[np.arange(len(values)), last]
    if not modelled.any():
        return read
    return np.where(modelled, at_use(issuer, values, last, float(hour), synchronised=synchronised), read)


def _series(hourly: Floats | Counts) -> Floats:
    """Values (T, N) as series (N, T)."""
    return np.ascontiguousarray(hourly.T, np.float64)


def _selected(looked: HigherTwin) -> tuple[Selection, Floats]:
    """What is orchestrated, and what the twins of each user for it cost, (N,).

    That is what the higher layer models of everyone and the lower layer of those selected (equation 30).
    """
    areas, valued = looked.areas, looked.valued
    costs = valued.cost * (valued.levels.level == 1) + valued.cost * looked.modelled
    return Selection(areas.selected, areas.stations, looked.modelled), costs.sum(axis=1)


def _nothing(world: World) -> Known:
    users, stations = len(world.scene.users), len(world.scene.stations)
    nobody = np.zeros(users, bool)
    twins = np.zeros((users, len(ATTRIBUTES)), bool)
    selection = Selection(nobody, np.zeros(stations, bool), twins)
    return Known(selection, np.zeros(users), nobody, np.ones(users, np.int64))
