"""A run of twinning: its plan, which does not change, and all that it has come to so far.

Axes: N stations, C clusters, P parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clustering.groups import given_clusters
from clustering.quality import Quality
from clustering.segmentation import refuse_too_much
from data.clock import wall_clock
from data.errors import InputError
from data.messages import Description, IntroduceOrder, Introduction, Timeline
from data.traffic import StationId, fingerprint
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.behaviour import Behaviour, Draw, drawn_behaviour, taking_part
from fl_server.crossing.coded import Bases
from fl_server.crossing.common import begun_common
from fl_server.crossing.lone import refuse_lone
from fl_server.exchange import Exchange
from fl_server.fleet import Fleet
from fl_server.scoring import Standing, no_standing
from fl_server.segmenting import Landscape, described, landscape, segmented, unlinked
from fl_server.settings import TwinSettings
from fl_server.stream import Stream
from fl_server.tree import Floats, Tree, seedling
from fl_server.trust.pairing import refuse_too_few
from forecasting.networks import Network, build_network, initial_weights
from forecasting.stations import start_rng

Stage = Literal["vertical", "horizontal", "done"]
System = Literal["hierarchical", "single-level"]


@dataclass(frozen=True)
class Plan:
    """What a run goes by and does not change."""

    settings: TwinSettings
    stations: tuple[StationId, ...]
    introductions: tuple[Introduction, ...]
    descriptions: tuple[Description, ...]  # before the stream
    land: Landscape
    network: Network
    behaviour: Behaviour

    @property
    def timezone(self) -> str | None:
        """The zone of the stations' wall clock, or None where only that is known."""
        return self.introductions[0].timezone

    @property
    def data(self) -> str:
        """The fingerprint of the stations' series."""
        return fingerprint(each.fingerprint for each in self.introductions)

    @property
    def timeline(self) -> Timeline:
        """The steps that all stations have."""
        return self.descriptions[0].timeline

    @property
    def stream_steps(self) -> int:
        """How many steps the stream has."""
        return self.timeline.steps - self.timeline.train_steps

    @property
    def stream_epochs(self) -> int:
        """How many epochs the stream is parted into: as many as were asked for, if it has as many steps."""
        return min(self.settings.horizontal.epochs, self.stream_steps)

    @cached_property
    def busy(self) -> NDArray[np.float64]:
        """How busy each station usually is in the hours of a day, in deviations from its mean, (N, 24)."""
        return np.array([each.day for each in self.descriptions])

    @cached_property
    def stream_hours(self) -> NDArray[np.int64]:
        """The hour of the day at each step of the stream, (S,)."""
        hours: NDArray[np.int64] = (
            stream_clock(self.timeline, self.timezone).astype("datetime64[h]").astype(np.int64) % 24
        )
        return hours

    @cached_property
    def place(self) -> dict[StationId, int]:
        """Where each station stands among the N."""
        return {station: place for place, station in enumerate(self.stations)}


@dataclass(frozen=True)
class Phase:
    """What a phase has cost so far, and how well its twins forecast."""

    standing: Standing
    exchange: Exchange
    failures: Mapping[str, int]
    seconds: float = 0.0


@dataclass(frozen=True)
class Shown:
    """The twins in force, by which the next step is forecast, and since which step of the stream they are."""

    clusters: Floats  # (C, P)
    versions: NDArray[np.int64]  # (C,)
    since: NDArray[np.int64]  # (C,)
    top: Floats  # (P,)
    top_version: int
    top_since: int


@dataclass(frozen=True)
class Row:
    """One turn in the history of a run: `error` is the loss of a round, or the MSE of the stream so far."""

    stage: Stage
    turn: int
    error: float | None
    clusters: int
    stability: float | None = None  # of a segmentation that was made in this turn
    sent: int = 0
    spared: int = 0


@dataclass(frozen=True)
class Mark:
    """What the server knows of a cluster head on a machine of its own.

    `after` is the last of its turns that counts, `told` the version of the G-NDT that it has; `lost` are
    stations that it has lost.
    """

    after: int = 0
    told: int = 0
    spared: int = 0
    lost: tuple[StationId, ...] = ()


@dataclass(frozen=True)
class Run:
    """All that a run has come to; `turn` turns of its stage are done."""

    system: System
    stage: Stage
    turn: int
    tree: Tree
    vertical: Phase
    horizontal: Phase
    segmentations: int = 0
    quality: Quality | None = None
    stream: Stream | None = None
    shown: Shown | None = None
    history: tuple[Row, ...] = ()
    heads: tuple[Mark, ...] = ()  # C of them, where clusters have machines of their own
    bases: Bases | None = None  # what stations have, where orders count from that


def planned(fleet: Fleet, settings: TwinSettings, before_telling: Callable[[], None] | None = None) -> Plan:
    """The plan of a run with the stations of `fleet`.

    `before_telling` is called when nothing is left to refuse but what stations tell of their series.
    """
    for spec in (settings.strategies.cluster, settings.strategies.top):
        chosen_strategy(spec)  # one of the user's own is looked up here for the first time
    known = introduced(fleet)
    land = landscape(fleet.stations, _places(known), settings.segment, settings.recipe.seed)
    refuse_too_much(land.topology, settings.segment.how)
    refuse_too_few(len(fleet.stations), settings.defence)
    if settings.segment.how.is_given:
        given_clusters(
            fleet.stations, settings.segment.how.groups
        )  # what cannot be is refused before the run
    if before_telling is not None:
        before_telling()
    plan = _plan(fleet, settings, known, land)
    if settings.crossing.secure_sum and settings.vertical.epochs:
        refuse_lone(_first_sums(plan))
    return plan


def _first_sums(plan: Plan) -> list[list[StationId]]:
    """The stations of each cluster that the first round of V-twinning asks."""
    cluster_of = segmented(plan.land, plan.descriptions, 0, None).cluster_of
    draw = Draw(plan.settings.recipe.seed, 0, 0)
    drawn = taking_part(plan.stations, cluster_of, plan.settings.vertical.participation, draw)
    sums: list[list[StationId]] = [[] for _ in range(int(cluster_of.max()) + 1)]
    for place in np.flatnonzero(drawn):
        sums[cluster_of[place]].append(plan.stations[place])
    return sums


def cluster_planned(fleet: Fleet, settings: TwinSettings) -> Plan:
    """The plan of a head for the stations of its cluster, which is not parted any further."""
    known = introduced(fleet)
    land = unlinked(fleet.stations, _places(known), settings.segment, settings.recipe.seed)
    return _plan(fleet, settings, known, land)


def _places(known: Sequence[Introduction]) -> NDArray[np.float64]:
    return np.array([(each.longitude, each.latitude) for each in known]).reshape(-1, 2)


def _plan(fleet: Fleet, settings: TwinSettings, known: Sequence[Introduction], land: Landscape) -> Plan:
    descriptions = tuple(described(fleet, None))
    timeline, layout = descriptions[0].timeline, descriptions[0].layout
    odd = [each for each in descriptions if (each.timeline, each.layout) != (timeline, layout)]
    if odd:
        raise InputError(
            f"station {odd[0].station} has other steps or inputs than station {descriptions[0].station}: "
            f"{_steps(odd[0])}, expected {_steps(descriptions[0])}"
        )
    clock = stream_clock(timeline, known[0].timezone)
    return Plan(
        settings=settings,
        stations=fleet.stations,
        introductions=tuple(known),
        descriptions=descriptions,
        land=land,
        network=build_network(settings.recipe.model, layout, settings.recipe.hidden),
        behaviour=drawn_behaviour(fleet.stations, clock, settings.behaviour, settings.recipe.seed),
    )


def introduced(fleet: Fleet) -> list[Introduction]:
    """Who the stations of the fleet are, in its order; all must have series of one kind."""
    found = {each.station: each for each in fleet.ask([IntroduceOrder()]) if isinstance(each, Introduction)}
    lost = [station for station in fleet.stations if station not in found]
    if lost:
        raise InputError(f"station {lost[0]} did not introduce itself, expected every station to")
    known = [found[station] for station in fleet.stations]
    for each in known:
        if not (abs(each.longitude) <= 180 and abs(each.latitude) <= 90):
            raise InputError(
                f"station {each.station} stands at {each.longitude:g}, {each.latitude:g}, expected "
                "a longitude of -180 to 180 and a latitude of -90 to 90"
            )
        kind, usual = _kind(each), _kind(known[0])
        if kind != usual:
            raise InputError(
                f"station {each.station} has {kind}, expected what {known[0].station} has: {usual}"
            )
    return known


def _steps(description: Description) -> str:
    """The steps of a station, in words."""
    timeline, inputs = description.timeline, description.layout.features
    return (
        f"{timeline.steps} steps of {timeline.step_minutes} min from {timeline.start}, the first "
        f"{timeline.train_steps} of them history, {inputs} inputs"
    )


def _kind(known: Introduction) -> str:
    return f"{known.channel} every {known.step_minutes} min on the clock of {known.timezone or 'no zone'}"


def stream_clock(timeline: Timeline, timezone: str | None) -> NDArray[np.datetime64]:
    """The wall clock at each step of the stream, (S,)."""
    steps = np.arange(timeline.train_steps, timeline.steps) * np.timedelta64(timeline.step_minutes, "m")
    return wall_clock(timeline.start + steps, timezone)


def begun(plan: Plan, system: System) -> Run:
    """A run before its first turn."""
    weights = initial_weights(plan.network, start_rng(plan.settings.recipe.seed))
    nothing = Phase(no_standing(len(plan.stations)), Exchange(), {})
    coded = system == "hierarchical" and plan.settings.crossing.between_clusters is not None
    tree = seedling(len(plan.stations), weights)
    tree = replace(tree, common=begun_common(weights)) if coded else tree
    return Run(system, "vertical", 0, tree, nothing, nothing)
