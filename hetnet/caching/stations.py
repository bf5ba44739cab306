"""Stations that serve requests from their caches, compiled: what they know and hold, how busy they are.

A request is heard by the stations that its client reaches: they count it. One of them serves it, from its
own cache or from afar; on a miss it may put the content in the place of another one. What stations know does
not depend on what they do: caches and loads do.

Sums that fade are kept as if nothing faded, beside a moment from which on they would: a factor in common
fades all of them when they are read. Axes: R requests, B stations, N contents, C clients, G groups, S slots,
F = 8 features, K = 7 of them sums, M = 3 memories, H hours.
"""

from typing import NamedTuple

import numpy as np

from data.compiling import cached
from hetnet.caching.safety import NOWHERE, Limits, load_ratios, safe_action, safe_reward, safe_state
from hetnet.network import Counts, Floats

EMPTY = -1
HOUR = 3600.0
MEMORIES = 3
OWN, FORETOLD, FOLLOWING, RECENT = 0, 3, 6, 7  # where features begin: all are requests an hour
SUMS, FEATURES = 7, 8
LONGEST = 30.0  # memories, after which sums are faded in earnest: exp of more would lose digits
SOON = 60.0  # seconds that are added to how long ago something was asked for
NEVER = -1e9
OFFERED, SERVED, ARRIVED = (
    0,
    1,
    2,
)  # loads: what was sent to a station, what it served, what its own asked for
HIT, REWARD, REFUSED, MOVED, UNEVEN, JAIN, OVER, STATION = range(8)  # what is told of each request
TOLD = 8


class Course(NamedTuple):
    """Requests, and what is foretold of them; nothing of it depends on what stations do."""

    times: Floats  # (R,)
    clients: Counts  # (R,)
    contents: Counts  # (R,)
    reached: Counts  # (C, 2) the home, and the other station that a client reaches, or NOWHERE
    groups: Counts  # (C,)
    memories: Floats  # (K,) of sums, in seconds
    amounts: Floats  # (B, G, M) how many requests an hour one request of a group foretells at a station
    follower: Counts  # (N,)
    follows: float  # the chance that it comes
    growth: Floats  # (H, B) how busy a station will be soon, beside now, by hour


class Rules(NamedTuple):
    """How loads are counted, and what happens to stations that are overloaded."""

    load_seconds: float  # how long requests count as load
    refuses: bool  # an overloaded station turns requests away
    limits: Limits
    safe: bool  # whether the safety modules are at work


class Policy(NamedTuple):
    """A policy as numbers."""

    weights: Floats  # (F,) of the features: their sum is what a content is worth at a station
    margin: float  # a newcomer must be worth so many times what it would replace
    held: float  # in favour of the station that holds the content
    home: float
    worth: float  # the logarithm of what the content is worth there
    load: float  # against the station's load
    near: float  # against what its load is beyond the point from which it is near its limit
    ahead: float  # against the load that its own clients will ask of it


class State(NamedTuple):
    """Where stations stand."""

    held: Counts  # (B, S) contents, or EMPTY
    slot_of: Counts  # (B, N) or EMPTY
    filled: Counts  # (B,) slots
    sums: Floats  # (B, N, K)
    since: Floats  # (K,) the moments from which on sums fade
    recent: Floats  # (B, N) when each content was last asked for
    loads: Floats  # (3, B) OFFERED, SERVED, ARRIVED
    clock: Floats  # (1,) when loads were last faded


@cached
def new_state(stations: int, slots: int, contents: int) -> State:
    """Empty caches, nothing heard."""
    return State(
        np.full((stations, slots), EMPTY),
        np.full((stations, contents), EMPTY),
        np.zeros(stations, np.int64),
        np.zeros((stations, contents, SUMS)),
        np.zeros(SUMS),
        np.full((stations, contents), NEVER),
        np.zeros((3, stations)),
        np.zeros(1),
    )


@cached
def fade_loads(state: State, now: float, load_seconds: float) -> None:
    """Let loads fade until `now`."""
    faded = np.exp((state.clock[0] - now) / load_seconds)
    state.loads[:] = state.loads * faded
    state.clock[0] = now


@cached
def hear(course: Course, state: State, place: int) -> None:
    """Count a request at the stations that its client reaches, and in what the twin foretells."""
    now, client, content = course.times[place], course.clients[place], course.contents[place]
    group, follower = course.groups[client], course.follower[content]
    for each in range(SUMS):
        passed = (now - state.since[each]) / course.memories[each]
        if passed > LONGEST:
            state.sums[:, :, each] *= np.exp(-passed)
            state.since[each] = now
            passed = 0.0
        counted = np.exp(passed)
        if each < FORETOLD:
            for station in course.reached[client]:
                if station != NOWHERE:
                    state.sums[station, content, each] += counted * HOUR / course.memories[each]
        elif each < FOLLOWING:
            for station in range(len(state.held)):
                amount = course.amounts[station, group, each - FORETOLD]
                state.sums[station, content, each] += counted * amount
        elif follower >= 0:
            for station in course.reached[client]:
                if station != NOWHERE:
                    amount = course.follows * HOUR / course.memories[each]
                    state.sums[station, follower, each] += counted * amount
    for station in course.reached[client]:
        if station != NOWHERE:
            state.recent[station, content] = now
    state.loads[ARRIVED, course.reached[client, 0]] += 1


@cached
def faded_weights(course: Course, state: State, weights: Floats, now: float) -> Floats:
    """What sums count by at this moment, (F,)."""
    faded = weights.copy()
    for each in range(SUMS):
        faded[each] *= np.exp((state.since[each] - now) / course.memories[each])
    return faded


@cached
def worth(state: State, station: int, content: int, faded: Floats, now: float) -> float:
    """What a content is worth at a station."""
    total: float = faded[RECENT] * HOUR / (now - state.recent[station, content] + SOON)
    for each in range(SUMS):
        total += faded[each] * state.sums[station, content, each]
    return total


@cached
def worst_slot(state: State, station: int, faded: Floats, now: float) -> tuple[int, float]:
    """The slot whose content is worth least at a station, and that worth; an empty one is worth nothing."""
    if state.filled[station] < state.held.shape[1]:
        return int(state.filled[station]), 0.0
    worst, least = 0, np.inf
    for slot in range(state.held.shape[1]):
        found = worth(state, station, state.held[station, slot], faded, now)
        if found < least:
            worst, least = slot, found
    return worst, least


@cached
def ahead_ratios(course: Course, state: State, now: float) -> Floats:
    """What stations' own clients will soon ask of them, beside the mean of all, (B,)."""
    hour = min(int(now // HOUR), len(course.growth) - 1)
    return load_ratios(state.loads[ARRIVED] * course.growth[hour])


@cached
def station_score(
    state: State, policy: Policy, station: int, seen: tuple[int, float, float, bool, float]
) -> float:
    """How much a policy is for a station; `seen` are content, load, load ahead, home, worth there."""
    content, ratio, ahead, home, value = seen
    score: float = policy.worth * np.log(value + 1e-9) - policy.load * ratio - policy.ahead * ahead
    if state.slot_of[station, content] != EMPTY:
        score += policy.held
    if home:
        score += policy.home
    return score


@cached
def chosen_station(course: Course, state: State, policy: Policy, rules: Rules, place: int) -> int:
    """The station that a policy has serve a request."""
    now, client, content = course.times[place], course.clients[place], course.contents[place]
    home, other = int(course.reached[client, 0]), int(course.reached[client, 1])
    if other == NOWHERE:
        return home
    faded = faded_weights(course, state, policy.weights, now)
    ratios, ahead = load_ratios(state.loads[OFFERED]), ahead_ratios(course, state, now)
    knee = rules.limits.limit - rules.limits.margin
    best, most = home, -np.inf
    for station in (home, other):
        value = worth(state, station, content, faded, now)
        seen = (content, ratios[station], ahead[station], station == home, value)
        score = station_score(state, policy, station, seen) - policy.near * max(ratios[station] - knee, 0.0)
        if score > most:
            best, most = station, score
    return best


@cached
def admitted_slot(course: Course, state: State, policy: Policy, station: int, place: int) -> int:
    """The slot that a policy puts a missed content into, or EMPTY where it lets it pass."""
    now, content = course.times[place], course.contents[place]
    faded = faded_weights(course, state, policy.weights, now)
    slot, least = worst_slot(state, station, faded, now)
    return slot if worth(state, station, content, faded, now) >= policy.margin * least else EMPTY


@cached
def offer(state: State, station: int, rules: Rules) -> bool:
    """Send a request to a station; whether it is served."""
    state.loads[OFFERED, station] += 1
    most = rules.limits.limit * state.loads[OFFERED].mean()
    if rules.refuses and state.loads[SERVED, station] >= most:
        return False
    state.loads[SERVED, station] += 1
    return True


@cached
def put(state: State, station: int, slot: int, content: int) -> None:
    """Put a content into a slot, in the place of what is there."""
    before = state.held[station, slot]
    if before == EMPTY:
        state.filled[station] += 1
    else:
        state.slot_of[station, before] = EMPTY
    state.held[station, slot] = content
    state.slot_of[station, content] = slot


@cached
def secured(course: Course, state: State, chosen: int, rules: Rules, place: int) -> int:
    """The station that serves after the safety modules have had their say."""
    home, other = course.reached[course.clients[place]]
    near = safe_state(load_ratios(state.loads[OFFERED]), rules.limits)
    return safe_action(chosen, other if chosen == home else home, near)


@cached
def tell(told: Floats, state: State, station: int, outcome: tuple[bool, bool, bool], rules: Rules) -> None:
    """Write down what became of a request: hit, refused, moved by the safety modules."""
    hit, refused, moved = outcome
    ratios = load_ratios(state.loads[OFFERED])
    reward = 1.0 if hit else 0.0
    if rules.safe:
        reward = safe_reward(reward, ratios[station], moved, rules.limits)
    told[HIT], told[REWARD], told[REFUSED], told[MOVED] = hit, reward, refused, moved
    told[UNEVEN] = ratios.max()
    told[JAIN] = ratios.sum() ** 2 / (len(ratios) * (ratios**2).sum())
    told[OVER], told[STATION] = ratios.max() > rules.limits.limit, station


@cached
def served(course: Course, state: State, policy: Policy, rules: Rules, span: tuple[int, int]) -> Floats:
    """Serve the requests from a place on and before another; what became of each, (R, 8)."""
    begin, end = span
    told = np.zeros((end - begin, TOLD))
    for place in range(begin, end):
        fade_loads(state, course.times[place], rules.load_seconds)
        hear(course, state, place)
        chosen = chosen_station(course, state, policy, rules, place)
        station = secured(course, state, chosen, rules, place) if rules.safe else chosen
        taken = offer(state, station, rules)
        content = course.contents[place]
        hit = taken and state.slot_of[station, content] != EMPTY
        if taken and not hit:
            slot = admitted_slot(course, state, policy, station, place)
            if slot != EMPTY:
                put(state, station, slot, content)
        tell(told[place - begin], state, station, (hit, not taken, station != chosen), rules)
    return told


@cached
def hear_all(course: Course, state: State, begin: int, end: int, load_seconds: float) -> None:
    """Count requests without serving them: what stations know of them, and nothing of caches."""
    for place in range(begin, end):
        fade_loads(state, course.times[place], load_seconds)
        hear(course, state, place)


@cached
def copied(state: State) -> State:
    """The same state, to be gone on with."""
    return State(
        state.held.copy(),
        state.slot_of.copy(),
        state.filled.copy(),
        state.sums.copy(),
        state.since.copy(),
        state.recent.copy(),
        state.loads.copy(),
        state.clock.copy(),
    )
