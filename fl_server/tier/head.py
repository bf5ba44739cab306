"""A cluster head on a machine of its own: to its stations the server, to the server above it a node.

It follows the orders of the server above turn by turn, and keeps what each turn came to: the server may come
back to an earlier one, after either was killed, or where an answer of the head did not arrive.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from data.errors import InputError
from data.messages import (
    Answer,
    ClusterStep,
    DescribeOrder,
    Description,
    Failure,
    HeadOrder,
    IntroduceOrder,
    Introduction,
    KeepOrder,
    Kept,
    Order,
    RefreshOrder,
    RoundOrder,
    ScoreOrder,
    StepOrder,
    TrainOrder,
)
from data.plain import Plain, plain, rebuilt
from data.progress import Step
from data.traffic import StationId
from data.wire import packed_answers, unpacked_orders
from fl_server.horizontal import reposted
from fl_server.run import Plan, Run, begun, cluster_planned
from fl_server.settings import TwinSettings
from fl_server.tier.head_states import Stored, store, stored, stored_turns
from fl_server.tier.head_turns import (
    Below,
    Stepping,
    begun_from,
    round_answered,
    scores_answered,
    step_answered,
    streaming,
)

STANDS_HERE = "a cluster head stands here, which takes part in runs with --method heads alone"
NO_TRAINING = "a cluster head lets its stations train in rounds and steps alone"
NOTHING_LEFT = "has nothing left of this run, as after a restart, and was sent no G-NDT to begin from"
NO_REPORT = "has made no report that this G-NDT could answer, as after a restart"
BEHIND = "is under a head that went on from before some of its turns, as after a restart"


@dataclass(frozen=True)
class HeadSetup:
    """What all orders to a head presuppose: the settings of the run, its name, and how long to wait."""

    head: TwinSettings
    run: str
    answer_seconds: float


Gather = Callable[[HeadSetup, tuple[StationId, ...]], Below]  # these stations, or all that are there


def head_setup(settings: TwinSettings, run: str, answer_seconds: float) -> Plain:
    """The setup of a run for its heads, who need not know of each other."""
    how = replace(settings.segment.how, groups=())
    alone = replace(settings, segment=replace(settings.segment, how=how), single_level=False)
    return plain(HeadSetup(alone, run, answer_seconds), {})


@dataclass
class Head:
    """Answers the packets that come from above; what turns came to is kept in `folder`."""

    gather: Gather
    folder: Path
    _present: "HeadRun | None" = None

    def answered(self, packet: bytes) -> bytes:
        """The packet of answers to a packet of orders; a refusal in words when it cannot be followed."""
        try:
            given = unpacked_orders(packet)
            present = self._run(given.setup)
            made = [answer for order in given.orders for answer in present.answers(order)]
        except InputError as error:
            return packed_answers([], str(error))
        return packed_answers(made)

    @property
    def run(self) -> str:
        """The name of the run that is under way, if there is one."""
        return self._present.setup.run if self._present and self._present.step else ""

    @property
    def step(self) -> Step | None:
        """How far that run is."""
        return self._present.step if self._present else None

    def _run(self, setup: Plain) -> "HeadRun":
        """The run that a packet belongs to; when another comes, the one before is over."""
        if not isinstance(setup, dict) or "head" not in setup:
            raise InputError(STANDS_HERE)
        asked = rebuilt(HeadSetup, setup)
        if self._present is None or self._present.setup.run != asked.run:
            self._present = HeadRun(asked, self.gather, self.folder)
        self._present.setup = asked
        return self._present


@dataclass
class HeadRun:
    """A run as far as it concerns one cluster: `states` are what its turns came to."""

    setup: HeadSetup
    gather: Gather
    folder: Path
    states: dict[int, Run] = field(default_factory=dict)
    step: Step | None = None  # how far it is, while it is under way
    _below: Below | None = None
    _made: Plan | None = None
    _at: int | None = None  # what is open below is so as when this turn ended; None: in the midst of one
    _posted: bool = False  # whether anything can be open below
    _midst: "_Step | None" = None
    _last: tuple[Order, list[Answer]] | None = None

    def answers(self, order: Order) -> list[Answer]:
        """What the head answers to an order, or its stations do."""
        if isinstance(order, IntroduceOrder):
            return list(self._introductions())
        if isinstance(order, DescribeOrder):
            return list(self._descriptions(order))
        if isinstance(order, TrainOrder):
            raise InputError(NO_TRAINING)
        if not isinstance(order, get_args(HeadOrder)):
            return self.below.fleet.ask([order])
        return self._once(order)

    def _introductions(self) -> Sequence[Introduction]:
        """Who the stations are: of a run that has begun always the same, of another those that are there."""
        if self._made is None:
            self._below = self.gather(self.setup, stored(self.folder, self.setup.run).stations)
            return self._below.introductions
        unfit = [each for each in self.below.introductions if each.unfit]
        return [*self._made.introductions, *unfit]

    def _descriptions(self, order: DescribeOrder) -> Sequence[Description]:
        """What the stations reveal: with this a run begins, and from then on its stations are the same."""
        if self._made is None:
            if set(order.stations) != set(self.below.fleet.stations):
                self._below = self.gather(self.setup, order.stations)
            self._made = cluster_planned(self.below.fleet, self.setup.head)
            self.states |= stored(self.folder, self.setup.run).states
        if set(order.stations) != set(self._made.stations):
            raise InputError(
                f"a cluster of {len(order.stations)} stations, expected those that it had before"
            )
        return self._made.descriptions

    def _once(self, order: HeadOrder) -> list[Answer]:
        """The answer of the head; to an order that comes again, as its answer was lost, the same."""
        if self._last is None or plain(self._last[0], {}) != plain(order, {}):
            self._last = None
            answer = self._followed(order)
            if isinstance(answer, Failure):
                return [answer]
            self._last = order, [answer]
        return self._last[1]

    @property
    def below(self) -> Below:
        """The stations."""
        if self._below is None:
            self._introductions()
        assert self._below is not None
        return self._below

    @property
    def plan(self) -> Plan:
        """What the run goes by, under this head."""
        if self._made is None:  # the head was started anew in the midst of it
            self._descriptions(DescribeOrder(self.below.fleet.stations))
        assert self._made is not None
        return self._made

    def _followed(self, order: HeadOrder) -> Answer:
        name = order.stations[0]
        try:
            match order:
                case RefreshOrder():
                    return self._refreshed(order)
                case KeepOrder():
                    return self._kept(order)
                case _:
                    return self._turn(order)
        except InputError as error:
            self._midst = None
            return Failure(name, str(error))
        except OSError as error:
            return Failure(name, f"cannot keep what it came to: {error.strerror or error}")

    def _turn(self, order: RoundOrder | StepOrder | ScoreOrder) -> Answer:
        """A turn from its beginning; a step only until its first report."""
        plan, before = self.plan, self._before(order)
        self.states = {turn: state for turn, state in self.states.items() if turn <= before}
        run = begun_from(self.states.get(before) or self._first(order), order)
        self._stand_at(before, run)
        missed = tuple(Failure(each, BEHIND) for each in plan.stations) if before < order.after else ()
        if isinstance(order, RoundOrder):
            self.step = Step("V-twinning", order.turn, plan.settings.vertical.epochs)
            run, answer = round_answered(self.below, plan, run, order)
            self._end(order.turn, run)
            return replace(answer, failures=(*missed, *answer.failures))
        run = streaming(self.below, plan, run)
        if isinstance(order, ScoreOrder):
            self._end(before, run)
            self.step = self.step if order.phase == "vertical" else None
            return scores_answered(self.below, plan, run, order)
        self.step = Step("H-twinning", order.step + 1, plan.stream_steps)
        self._at, self._posted = None, True
        self._midst = _Step(order.turn, step_answered(self.below, plan, run, order), missed)
        return self._until_report(self._midst, None)

    def _before(self, order: RoundOrder | StepOrder | ScoreOrder) -> int:
        """The turn to begin from: that of the order, or the last one before it that is still known."""
        return max((turn for turn in self.states if turn <= order.after), default=0)

    def _first(self, order: RoundOrder | StepOrder | ScoreOrder) -> Run:
        """A run before all turns; in the midst of others its twin is the G-NDT."""
        run = begun(self.plan, "hierarchical")
        if not order.after:
            return run
        if order.weights is None:
            raise InputError(NOTHING_LEFT)
        run = begun_from(run, order)
        return replace(run, tree=replace(run.tree, clusters=run.tree.starts))

    def _stand_at(self, turn: int, run: Run) -> None:
        """Let those orders be open below that were so when a turn ended."""
        if self._at == turn:
            return
        self._midst = None
        if self._posted:
            self._below, self._posted = self.gather(self.setup, self.plan.stations), False
        if run.stream is not None:
            reposted(self.below.fleet, run.stream)
            self._posted = True
        self._at = turn

    def _end(self, turn: int, run: Run) -> None:
        """Know what a turn came to."""
        self.states[turn] = run
        self._at = turn

    def _refreshed(self, order: RefreshOrder) -> Answer:
        """Go on in a step after one of its reports was answered."""
        step = self._midst
        if step is None or (step.turn, step.reports - 1) != (order.turn, order.number):
            raise InputError(NO_REPORT)
        return self._until_report(step, order)

    def _until_report(self, step: "_Step", given: RefreshOrder | None) -> Answer:
        try:
            report = next(step.stepping) if given is None else step.stepping.send(given)
            step.reports += 1
            return report
        except StopIteration as ended:
            run, last = ended.value
        self._midst = None
        self._end(step.turn, run)
        answer: ClusterStep = replace(last, failures=(*step.missed, *last.failures))
        return answer

    def _kept(self, order: KeepOrder) -> Answer:
        """Keep a turn on the disk, and forget those before the one that was kept last."""
        if not order.after:
            return Kept(order.stations[0])
        if order.after not in self.states:
            raise InputError(f"knows nothing of turn {order.after}, as after a restart")
        kept = Stored({order.after: self.states[order.after]}, self.plan.stations)
        store(self.folder, self.setup.run, kept)
        oldest = min(stored_turns(self.folder, self.setup.run))
        self.states = {turn: state for turn, state in self.states.items() if turn >= oldest}
        return Kept(order.stations[0])


@dataclass
class _Step:
    """A step of the stream while its reports are answered."""

    turn: int
    stepping: Stepping
    missed: tuple[Failure, ...]
    reports: int = 0
