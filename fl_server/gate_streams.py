"""Streams of a set, run again and again behind different gates: to learn a gate, and to compare gates.

A gate is learned on the validation days and compared on the test days, which it has not seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from data.progress import Step, Work
from fl_server.behaviour import drawn_behaviour
from fl_server.exchange import together
from fl_server.fleet import Fleet
from fl_server.horizontal import step_passed
from fl_server.in_force import mean_squared, scored
from fl_server.lifecycle import advanced
from fl_server.run import Plan, Run, begun, planned, stream_clock
from fl_server.settings import TwinSettings
from fl_server.terms import drawn_for_epoch, epoch_of, world_of
from hetnet.sync.gate_learning import GateLearner, GateLearningSettings, Move
from hetnet.sync.gates import LearnedGate, Sighting

Gate = Callable[[Sighting], bool]
OTHER_STREAMS = 1_000  # seeds of the behaviours that a gate is learned on, apart from a run's own


@dataclass(frozen=True)
class Streamed:
    """What a gate came to over a stream."""

    reports: int
    sent: int
    distance: float  # ε that the network's knowledge of a cluster was off after a report, on average
    megabytes: float  # between clusters and network, both ways
    mse: float  # of the G-NDTs in force
    cluster_mse: float

    def cost(self, unit: float) -> float:
        """What a report cost on average, in sendings: sent, or left untold at so much ε a sending."""
        return (self.sent / max(self.reports, 1)) + self.distance / unit


@dataclass(frozen=True)
class Taught:
    """A learned gate, and what each stream cost while it was learned, in sendings a report."""

    gate: LearnedGate
    costs: tuple[float, ...]


def stream_begin(fleet: Fleet, settings: TwinSettings) -> tuple[Plan, Run]:
    """A run without comparison after its V-twinning."""
    plan = planned(fleet, replace(settings, single_level=False))
    run = begun(plan, "hierarchical")
    while run.stage == "vertical":
        run = advanced(fleet, plan, run)
    return plan, run


def taught(fleet: Fleet, plan: Plan, run: Run, settings: GateLearningSettings) -> Work[Taught]:
    """A gate, learned on this stream with stations that behave differently each time."""
    learner, costs = GateLearner(settings), []
    for number in range(settings.streams):
        behaving, now = _behaving(plan, settings.seed * OTHER_STREAMS + number), run
        while now.turn < plan.stream_steps:
            now = _stepped(fleet, behaving, now, learner.decide)
        moves = learner.learn()
        cost = sum(move.cost(settings.unit) for move in moves) / max(len(moves), 1)
        costs.append(cost)
        yield Step("learning", number + 1, settings.streams, f"a cost of {cost:.3f} a report", "streams")
    return Taught(learner.learned(), tuple(costs))


def streamed(fleet: Fleet, plan: Plan, run: Run, gate: Gate) -> Streamed:
    """What a gate comes to over the stream of a run."""
    moves: list[Move] = []

    def watched(seen: Sighting) -> bool:
        moves.append(Move(seen, gate(seen)))
        return moves[-1].sent

    while run.turn < plan.stream_steps:
        run = _stepped(fleet, plan, run, watched)
        run = scored(fleet, plan, run, run.turn, everything=run.turn == plan.stream_steps)
    standing, flow = run.horizontal.standing, run.horizontal.exchange.cluster_network
    left = [0.0 if move.sent else move.seen.distance for move in moves]
    mse, of_clusters = mean_squared(standing.top), mean_squared(standing.cluster)
    assert mse is not None
    assert of_clusters is not None
    return Streamed(
        reports=len(moves),
        sent=sum(move.sent for move in moves),
        distance=sum(left) / max(len(left), 1),
        megabytes=flow.bytes / 1e6,
        mse=mse,
        cluster_mse=of_clusters,
    )


def _stepped(fleet: Fleet, plan: Plan, run: Run, gate: Gate) -> Run:
    """The run after a step of its stream; nobody is segmented anew."""
    assert run.stream is not None
    mask = drawn_for_epoch(plan, run.tree.cluster_of, epoch_of(plan, run.turn))
    passed = step_passed(fleet, run.tree, run.stream, replace(world_of(plan), gate=gate), mask)
    exchange = together(run.horizontal.exchange, passed.exchange)
    phase = replace(run.horizontal, exchange=exchange)
    return replace(run, turn=run.turn + 1, tree=passed.tree, stream=passed.stream, horizontal=phase)


def _behaving(plan: Plan, seed: int) -> Plan:
    """The plan with stations that are slow, asleep and away at other times."""
    clock = stream_clock(plan.timeline, plan.timezone)
    drawn = drawn_behaviour(plan.stations, clock, plan.settings.behaviour, OTHER_STREAMS + seed)
    return replace(plan, behaviour=drawn)
