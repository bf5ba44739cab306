"""Target areas: the users whom it pays to model in detail, and the stations that can help them.

(hierarchical-twin paper, equations (19) to (23)). Axes: N users, M base stations, Q QoS metrics, C segments.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from data.errors import InputError
from hetnet.network import Counts, Floats, Mask, Variant
from hetnet.segments import Segments

Rule = Literal["budget", "every", "literal"]
Solver = Literal["greedy", "exact"]
LEAST_ROOM = 1e-6  # bit/s, below which a segment has none
ROUNDING = 1e-9  # of a budget, so that what fills it to the last bit still fits


@dataclass(frozen=True, kw_only=True)
class AreaSettings:
    """Who may be selected, and what belongs to an area beside them.

    `rule`: `budget` takes the users with the highest sum of benefits that the twin budget pays for, which is
    the share `budget` of what modelling every user would cost; `every` takes all unsatisfied users that
    stations have room for; `literal` maximises (19) as it is printed, a ratio, which the one best user of
    each segment does alone. `capacity`: `literal` divides (21) by the number of stations too, which leaves
    room for what one average station carries. `weight` is w of (22). Ties of at least the share `strong` of
    the strongest one join an area.
    """

    rule: Rule = "budget"
    budget: float = 0.3
    solver: Solver = "greedy"
    capacity: Variant = "sound"
    weight: float = 0.5
    strong: float = 0.5

    def __post_init__(self) -> None:
        for name, value, known in (
            ("rule", self.rule, get_args(Rule)),
            ("solver", self.solver, get_args(Solver)),
            ("capacity", self.capacity, get_args(Variant)),
        ):
            if value not in known:
                raise InputError(f"areas: unknown {name} {value!r}, expected one of {', '.join(known)}")
        for name in ("budget", "weight", "strong"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"areas: {name} {getattr(self, name)}, expected a share from 0 to 1")


@dataclass(frozen=True)
class Need:
    """What each user lacks and what it costs to model it."""

    satisfaction: Floats  # (N, Q)
    weights: Floats  # (N, Q) of the metrics
    cost: Floats  # (N,) of modelling its selected attributes
    demand: Floats  # (N,) bit/s


@dataclass(frozen=True)
class Supply:
    """What stations can carry and do carry, and for whom they are in range."""

    capacity: Floats  # (M,) bit/s
    traffic: Floats  # (M,) bit/s
    loaded: Mask  # (M,)
    available: Mask  # (N, M)

    @property
    def spare(self) -> Floats:
        """The bit/s that each unloaded station has left, (M,); 0 of a loaded one."""
        return np.where(self.loaded, 0.0, np.maximum(self.capacity - self.traffic, 0.0))


@dataclass(frozen=True)
class Choice:
    """Candidates, what each brings, costs and takes of its segment's room, and how much there is of both."""

    benefit: Floats  # (N,) 0 for those that are no candidates
    cost: Floats  # (N,)
    demand: Floats  # (N,) bit/s
    segment: Counts  # (N,)
    budget: float  # of the costs of all chosen
    room: Floats  # (C,) bit/s, of the demands of those chosen in each segment


@dataclass(frozen=True)
class TargetAreas:
    """Who and what is modelled in detail, by segment, and who had to be left out and why."""

    selected: Mask  # (N,) users that are modelled
    companions: Mask  # (N,) users with strong ties to the stations of an area: served along, not modelled
    stations: Mask  # (M,) unloaded ones with strong ties to selected users
    ties: Floats  # (N, M) the weights after equations (22) and (23)
    too_dear: Mask  # (N,) unsatisfied, but the budget was spent on others
    no_room: Mask  # (N,) unsatisfied, but their segment's stations cannot carry what they ask for
    out_of_range: Mask  # (N,) unsatisfied, but no station with slots reaches them: nothing can be done
    stranded: Mask  # (N,) selected, but every station in range is loaded


def target_areas(
    need: Need, supply: Supply, segments: Segments, weights: Floats, settings: AreaSettings | None = None
) -> TargetAreas:
    """The target areas of a network cut into `segments`, whose links weigh `weights` (N, M)."""
    settings = settings or AreaSettings()
    _check(need, supply, weights)
    choice = choice_of(need, supply, segments, settings)
    selected = _selected(choice, settings)
    most = (np.maximum(0.0, 1 - need.satisfaction) * need.weights).max(axis=1, initial=0.0)  # (N,)
    share = supply.spare / np.where(supply.capacity > 0, supply.capacity, 1.0)
    ties = updated_ties(weights, most, share, supply.available, settings.weight)
    same = segments.of_users[:, None] == segments.of_stations
    open_ties = np.where(supply.available & same & ~supply.loaded, ties, 0.0)
    stations = _strong(open_ties[selected], settings.strong)
    companions = _strong(np.where(stations, ties * same, 0.0).T, settings.strong, selected) & ~selected
    left_out = _candidates(choice) & ~selected
    no_room = left_out & ~_fits(choice, selected)
    reached = supply.available.any(axis=1)
    return TargetAreas(
        selected=selected,
        companions=companions,
        stations=stations,
        ties=ties,
        too_dear=left_out & ~no_room,
        no_room=no_room,
        out_of_range=(most > 0) & ~reached,
        stranded=selected & ~(supply.available & ~supply.loaded).any(axis=1),
    )


def choice_of(need: Need, supply: Supply, segments: Segments, settings: AreaSettings) -> Choice:
    """Whom to choose from: the unsatisfied in range, the budget that there is, the room in each segment."""
    reached = supply.available.any(axis=1)
    gain = np.where(reached, expected_gain(need.satisfaction, need.weights), 0.0)
    left = supply.capacity if settings.capacity == "literal" else supply.spare
    return Choice(
        benefit=gain,
        cost=need.cost,
        demand=need.demand,
        segment=segments.of_users,
        budget=settings.budget * float(need.cost.sum()) if settings.rule == "budget" else np.inf,
        room=segment_room(left, supply.available, gain > 0, segments, settings.capacity),
    )


def expected_gain(satisfaction: Floats, weights: Floats) -> Floats:
    """What orchestration may gain for each user, (N,): its weighted lack, and 0 where satisfied (19, 20)."""
    lack: Floats = (np.maximum(0.0, 1 - satisfaction) * weights).sum(axis=1)
    return lack


def segment_room(
    capacity: Floats, available: Mask, candidates: Mask, segments: Segments, variant: Variant = "sound"
) -> Floats:
    """What each segment's stations can carry for its candidates, (C,) bit/s: the right side of (21).

    A station counts by the share of its segment's candidates that are in its range. `capacity` (M,) is what
    stations have left. `literal` also divides by the number of stations in the segment.
    """
    count = segments.count
    same = segments.of_users[:, None] == segments.of_stations  # (N, M)
    near = (available & same & candidates[:, None]).sum(axis=0)  # (M,)
    users = np.bincount(segments.of_users[candidates], minlength=count)
    stations = np.bincount(segments.of_stations, minlength=count)
    divisor = np.maximum(users, 1) * (np.maximum(stations, 1) if variant == "literal" else 1)
    return np.bincount(segments.of_stations, capacity * near, minlength=count) / divisor


def greedy_choice(choice: Choice) -> Mask:
    """Take candidates while they fit, (N,): by what they bring for what they use up of budget and room.

    By benefit over cost as well, and by benefit alone; the order that brings the most is kept.
    """
    room = np.maximum(choice.room, LEAST_ROOM)[choice.segment]
    used = choice.cost / max(choice.budget, 1e-300) + choice.demand / room
    orders = [choice.benefit / np.maximum(each, 1e-300) for each in (used, choice.cost)]
    found = [_taken(choice, np.argsort(-each, kind="stable")) for each in (*orders, choice.benefit)]
    best: Mask = max(found, key=lambda taken: choice.benefit[taken].sum())
    return best


def exact_choice(choice: Choice) -> Mask:
    """The candidates whose sum of benefits is the greatest possible, (N,): a mixed-integer programme."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    place = np.flatnonzero(_candidates(choice))
    taken = np.zeros(len(choice.benefit), bool)
    if len(place) == 0:
        return taken
    dearest = max(float(choice.cost[place].sum()), 1e-300)
    rows = [choice.cost[place] / dearest]
    limits = [min(choice.budget / dearest, 1.0) * (1 + ROUNDING)]
    for segment in np.unique(choice.segment[place]):
        here = choice.segment[place] == segment
        most = max(choice.room[segment], float(choice.demand[place][here].max()), 1e-300)
        rows.append(np.where(here, choice.demand[place] / most, 0.0))
        limits.append(choice.room[segment] / most * (1 + ROUNDING))
    solved = milp(
        -choice.benefit[place] / choice.benefit[place].max(),
        integrality=np.ones(len(place), np.int64),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(np.array(rows), -np.inf, np.array(limits)),
        options={"mip_rel_gap": 0.0},
    )
    if solved.x is None:
        raise InputError(f"areas: no exact choice was found ({solved.message}), expected one; choose greedy")
    taken[place] = solved.x > 0.5
    return taken


def updated_ties(weights: Floats, gain: Floats, spare: Floats, available: Mask, weight: float) -> Floats:
    """The ties between users and stations, (N, M), raised where need meets spare capacity (22, 23).

    `gain` (N,) is the greatest weighted lack of a user's metrics; `spare` (M,) is the share of its capacity
    that each station has left, 0 of a loaded one.
    """
    ties: Floats = (1 - weight) * weights + weight * np.where(available, np.outer(gain, spare), 0.0)
    return ties


def _selected(choice: Choice, settings: AreaSettings) -> Mask:
    if settings.rule == "literal":
        return _best_ratios(choice)
    return exact_choice(choice) if settings.solver == "exact" else greedy_choice(choice)


def _best_ratios(choice: Choice) -> Mask:
    """In each segment the one candidate with the best ratio among those whom it has room for, (N,)."""
    fits = _candidates(choice) & (choice.demand <= choice.room[choice.segment] * (1 + ROUNDING))
    ratio = np.where(fits, choice.benefit / np.maximum(choice.cost, 1e-300), -1.0)
    taken = np.zeros(len(ratio), bool)
    for segment in np.unique(choice.segment[fits]):
        here = np.flatnonzero(fits & (choice.segment == segment))
        taken[here[ratio[here].argmax()]] = True
    return taken


def _candidates(choice: Choice) -> Mask:
    return choice.benefit > 0


def _taken(choice: Choice, order: Counts) -> Mask:
    """Go through candidates in this order and take each that still fits."""
    budget, room = choice.budget * (1 + ROUNDING), choice.room * (1 + ROUNDING)
    taken = np.zeros(len(order), bool)
    for user in order[_candidates(choice)[order]]:
        segment = choice.segment[user]
        if choice.cost[user] <= budget and choice.demand[user] <= room[segment]:
            budget -= choice.cost[user]
            room[segment] -= choice.demand[user]
            taken[user] = True
    return taken


def _fits(choice: Choice, taken: Mask) -> Mask:
    """Whether each user would fit into its segment's room beside those taken, (N,)."""
    used = np.bincount(choice.segment[taken], choice.demand[taken], minlength=len(choice.room))
    fits: Mask = choice.demand <= ((choice.room * (1 + ROUNDING)) - used)[choice.segment]
    return fits


def _strong(ties: Floats, share: float, of: Mask | None = None) -> Mask:
    """The columns with a tie of at least `share` of its row's strongest, or of that among columns `of`."""
    strongest = (ties if of is None else ties[:, of]).max(axis=1, initial=0.0)[:, None]
    strong: Mask = ((ties > 0) & (strongest > 0) & (ties >= share * strongest)).any(axis=0)
    return strong


def _check(need: Need, supply: Supply, weights: Floats) -> None:
    """Refuse tables that do not belong together, and values that no sum can hold."""
    users, stations = weights.shape
    shapes = (
        ("satisfaction", need.satisfaction, (users, need.weights.shape[-1])),
        ("weights", need.weights, need.satisfaction.shape),
        ("cost", need.cost, (users,)),
        ("demand", need.demand, (users,)),
        ("capacity", supply.capacity, (stations,)),
        ("traffic", supply.traffic, (stations,)),
        ("loaded", supply.loaded, (stations,)),
        ("available", supply.available, (users, stations)),
    )
    for name, values, shape in shapes:
        if values.shape != shape:
            raise InputError(f"areas: found {name} of the shape {values.shape}, expected {shape}")
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise InputError(f"areas: found {name} that is negative or not finite, expected neither")
