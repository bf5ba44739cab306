"""Scenarios: what is to be different in the coming hours, in words, and what these words come to.

    off     WHO[@HOURS]            these stations serve nobody: a fault, or maintenance
    sleep   WHO[@HOURS]            the same, as cells asleep, which take a little power
    demand  WHO=±N%[@HOURS]        so much more or less is asked of them
    move    WHO>STATION=N%[@HOURS] so much of what is asked of them is asked of another

WHO is stations with commas between them, `cluster:3`, `near:STATION:KM` or `all`; HOURS are hours of the day,
such as 18-22 or, over midnight, 22-6. Demand is changed before it is moved. Axes: K stations, H hours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np

from data.errors import InputError
from data.plane import kilometres
from hetnet.network import Counts, Floats, Mask
from hetnet.operations.replica import Ground

KINDS = ("off", "sleep", "demand", "move")
MOST_PERCENT = 1000.0
HOURS = re.compile(r"@(\d{1,2})-(\d{1,2})$")
PERCENT = re.compile(r"([+-]?)(\d+(?:\.\d+)?|\.\d+)%")
GRAMMAR = {
    "off": "WHO[@HOURS], such as 5050@1-5",
    "sleep": "WHO[@HOURS], such as 5050@1-5",
    "demand": "WHO=±N%[@HOURS], such as 5050=+30%@18-22",
    "move": "WHO>STATION=N%[@HOURS], such as 5050>5051=20%",
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is to be different: clauses as a person writes them, by kind."""

    name: str = "scenario"
    about: str = ""
    off: tuple[str, ...] = ()
    sleep: tuple[str, ...] = ()
    demand: tuple[str, ...] = ()
    move: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be different."""
        return not any(getattr(self, kind) for kind in KINDS)


@dataclass(frozen=True)
class Change:
    """What a scenario comes to."""

    off: Mask  # (H, K) serves nobody, as it is out of order
    asleep: Mask  # (H, K) serves nobody, as it sleeps
    factor: Floats  # (H, K) of what is asked
    moves: "tuple[Move, ...]" = ()

    @property
    def silent(self) -> Mask:
        """Which stations serve nobody, (H, K)."""
        return self.off | self.asleep


@dataclass(frozen=True)
class Move:
    """At these hours a share of what is asked of some stations is asked of another."""

    sources: Counts  # (S,)
    target: int
    share: Floats  # (H,)


@dataclass(frozen=True)
class _Clause:
    """One clause taken apart."""

    text: str
    kind: str
    who: Counts  # (S,) places of stations
    named: frozenset[int] = field(default_factory=frozenset)  # those of them that are named one by one
    window: Mask | None = None  # (H,)
    amount: float = 0.0
    target: int = -1


def change_of(scenario: Scenario, ground: Ground) -> Change:
    """What `scenario` comes to here; refuses what is not to be understood or contradicts itself."""
    clauses = [_clause(kind, text, ground) for kind in KINDS for text in getattr(scenario, kind)]
    _refuse_contradictions(clauses, ground)
    shape = ground.shape
    off, asleep, factor = np.zeros(shape, bool), np.zeros(shape, bool), np.ones(shape)
    moves = []
    for each in clauses:
        where = np.ix_(_window(each), each.who)
        if each.kind == "off":
            off[where] = True
        elif each.kind == "sleep":
            asleep[where] = True
        elif each.kind == "demand":
            factor[where] *= 1 + each.amount
        else:
            moves.append(Move(each.who, each.target, np.where(_window(each), each.amount, 0.0)))
    _refuse_all_silent(off | asleep, ground)
    return Change(off, asleep & ~off, factor, tuple(moves))


def asked(change: Change, loads: Floats) -> Floats:
    """What is asked around each station, (…, H, K), where `loads` would be without the scenario.

    The very same where nothing changes.
    """
    if (change.factor == 1).all() and not change.moves:
        return loads
    demand = loads * change.factor.astype(loads.dtype)
    if not change.moves:
        return demand
    moved = demand.copy()
    for each in change.moves:
        taken = demand[..., each.sources] * each.share[:, None].astype(loads.dtype)
        moved[..., each.sources] -= taken
        moved[..., each.target] += taken.sum(axis=-1)
    return np.maximum(moved, 0)


def _clause(kind: str, text: str, ground: Ground) -> _Clause:
    words, window = _without_hours(text.strip(), kind, ground)
    amount, target = 0.0, -1
    if kind in ("demand", "move"):
        words, sign, percent = words.rpartition("=")
        if not sign:
            raise InputError(f"{kind} {text!r}: expected {GRAMMAR[kind]}")
        _refuse_odd_hours(percent, kind, text)
        amount = _amount(kind, text, percent.strip())
    if kind == "move":
        words, sign, last = words.rpartition(">")
        if not sign:
            raise InputError(f"{kind} {text!r}: expected {GRAMMAR[kind]}")
        target = _target(last.strip(), text, ground)
    who, named = _who(words.strip(), kind, text, ground)
    if kind == "move":
        if who.tolist() == [target]:
            raise InputError(f"move {text!r}: from a station to itself, expected two stations")
        who = who[who != target]
    return _Clause(text, kind, who, named, window, amount, target)


def _without_hours(text: str, kind: str, ground: Ground) -> tuple[str, Mask]:
    """The clause without its hours of the day, and which of the coming hours these are."""
    found = HOURS.search(text)
    if not found:
        return text, np.ones(len(ground.hours), bool)
    first, last = int(found[1]), int(found[2])
    if first > 23 or last > 24 or first == last:
        raise InputError(f"{kind} {text!r}: expected two hours of the day such as @18-22 or @22-6")
    of_day = ground.hours.astype("datetime64[h]").astype(np.int64) % 24
    window = (of_day >= first) & (of_day < last) if first < last else (of_day >= first) | (of_day < last)
    if not window.any():
        raise InputError(f"{kind} {text!r}: none of the {len(ground.hours)} coming hours lies in it")
    return text[: found.start()], window


def _refuse_odd_hours(words: str, kind: str, text: str) -> None:
    """Refuse what stands behind a @ and is no hours of the day."""
    _, sign, hours = words.partition("@")
    if sign:
        raise InputError(
            f"{kind} {text!r}: found @{hours}, expected whole hours of the day at the end, such as @18-22"
        )


def _target(name: str, text: str, ground: Ground) -> int:
    """The one station that what is moved goes to."""
    if name not in ground.places and "," in name:
        raise InputError(f"move {text!r}: found {name!r} after >, expected one station a clause")
    return _station(name, "move", text, ground)


def _amount(kind: str, text: str, percent: str) -> float:
    found = PERCENT.fullmatch(percent)
    if not found:
        raise InputError(f"{kind} {text!r}: found {percent!r}, expected a percentage; {GRAMMAR[kind]}")
    number = float(found[2])
    if kind == "move":
        if found[1] == "-" or not 0 < number <= 100:
            raise InputError(f"move {text!r}: expected more than 0% and at most 100%, got {percent}")
        return number / 100
    if not found[1]:
        raise InputError(f"demand {text!r}: expected a sign, +{percent} or -{percent}")
    if (found[1] == "-" and number > 100) or number > MOST_PERCENT:
        raise InputError(f"demand {text!r}: expected between -100% and +{MOST_PERCENT:.0f}%, got {percent}")
    return number / 100 if found[1] == "+" else -number / 100


def _who(words: str, kind: str, text: str, ground: Ground) -> tuple[Counts, frozenset[int]]:
    """The places of the stations that are meant, and which of them are named one by one."""
    places = ground.places
    parts = [words] if words in places else [part.strip() for part in words.split(",")]
    found, named = [], set()
    for part in parts:
        group = None if part in places else _group(part, kind, text, ground)
        if group is None:
            named.add(_station(part, kind, text, ground))
        else:
            found += group.tolist()
    return np.array(sorted({*found, *named}), np.int64), frozenset(named)


def _group(words: str, kind: str, text: str, ground: Ground) -> Counts | None:
    """The stations of a group, or None where no group is named."""
    if words == "all":
        return np.arange(len(ground.stations))
    if words.startswith("cluster:"):
        known = np.unique(ground.clusters)
        members = np.flatnonzero(ground.clusters.astype(str) == words.removeprefix("cluster:"))
        if not len(members):
            raise InputError(
                f"{kind} {text!r}: unknown cluster, expected one of {', '.join(map(str, known))}"
            )
        return members
    if words.startswith("near:"):
        station, _, radius = words.removeprefix("near:").rpartition(":")
        try:
            kilometre = float(radius)
        except ValueError:
            kilometre = np.nan
        if not 0 < kilometre < np.inf:
            raise InputError(f"{kind} {text!r}: expected near:STATION:KM, such as near:5050:1.5")
        plane = kilometres(ground.positions)
        apart = np.linalg.norm(plane - plane[_station(station, kind, text, ground)], axis=1)
        return np.flatnonzero(apart <= kilometre)
    return None


def _station(name: str, kind: str, text: str, ground: Ground) -> int:
    places = ground.places
    if name in places:
        return places[name]
    _refuse_odd_hours(name, kind, text)
    near = get_close_matches(name, ground.stations, n=3)
    few = ", ".join(ground.stations[:5]) + (", …" if len(ground.stations) > 5 else "")
    hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {few}"
    raise InputError(f"{kind} {text!r}: unknown station {name!r}; {hint}")


def _window(clause: _Clause) -> Mask:
    assert clause.window is not None
    return clause.window


def _refuse_contradictions(clauses: Sequence[_Clause], ground: Ground) -> None:
    for place, one in enumerate(clauses):
        for other in clauses[place + 1 :]:
            both = one.named & other.named
            if both and (_window(one) & _window(other)).any():
                _refuse_pair(one, other, ground.stations[min(both)])
        if one.kind == "move":
            _refuse_move_to_silent(one, clauses, ground)
    _refuse_more_than_all(clauses, ground)


def _refuse_pair(one: _Clause, other: _Clause, station: str) -> None:
    """Refuse two clauses that name one station for one hour and do not go together."""
    kinds = {one.kind, other.kind}
    if kinds in ({"demand", "move"}, {"move"}):
        return
    raise InputError(
        f"{one.kind} {one.text!r} and {other.kind} {other.text!r} both name station {station} for the same "
        f"hours, expected one of them"
    )


def _refuse_move_to_silent(move: _Clause, clauses: Sequence[_Clause], ground: Ground) -> None:
    for each in clauses:
        if (
            each.kind in ("off", "sleep")
            and move.target in each.named
            and (_window(each) & _window(move)).any()
        ):
            raise InputError(
                f"move {move.text!r}: station {ground.stations[move.target]} serves nobody by "
                f"{each.kind} {each.text!r}, expected a station that is on"
            )


def _refuse_more_than_all(clauses: Sequence[_Clause], ground: Ground) -> None:
    total = np.zeros(ground.shape)
    for each in clauses:
        if each.kind == "move":
            total[np.ix_(_window(each), each.who)] += each.amount
    if (total > 1 + 1e-9).any():
        worst = np.unravel_index(total.argmax(), total.shape)[1]
        raise InputError(
            f"the moves take {total.max():.0%} from station {ground.stations[worst]}, expected at most 100%"
        )


def _refuse_all_silent(silent: Mask, ground: Ground) -> None:
    hours = np.flatnonzero(silent.all(axis=1))
    if len(hours):
        raise InputError(
            f"all {len(ground.stations)} stations are off at {ground.hours[hours[0]]}: nothing is left to "
            f"carry traffic, expected at least one that is on"
        )
