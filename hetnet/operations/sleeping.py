"""Which cells can sleep at which hours, so that those who take over are not overloaded.

Axes: K stations, H hours, R futures, C classes of a station, N stations that take over.
"""

import numpy as np

from data.errors import InputError
from hetnet.network import Counts, Floats, Mask
from hetnet.operations.coverage import NOBODY, Classes, classes_of
from hetnet.operations.replica import ROUNDING, Replica


def sleepers(replica: Replica, confidence: float, window: Mask) -> Mask:
    """Which stations may sleep at which hours of `window` (H,), (H, K).

    One after another, the least busy of its capacity first, each falls asleep at the hours when every part
    of its area is within the reach of one that is awake, and each of those that take over, the nearest, stays
    within its capacity with at least this confidence: of the R futures so few may overload it that one more
    future, drawn like them, would with probability 1 - confidence at most. Who takes over stays awake. One
    who is overloaded anyway takes over nothing.
    """
    allowed = _allowed(len(replica.futures), confidence)
    loads = replica.futures.astype(np.float64)  # (R, H, K) of what stations are asked as others fall asleep
    asleep: Mask = np.zeros(replica.forecast.shape, bool)
    needed = np.zeros_like(asleep)
    use = replica.forecast[window].mean(axis=0) / np.maximum(replica.capacity, 1e-12)
    stations = np.arange(len(replica.stations))
    classes = classes_of(replica.positions, replica.reach, stations)
    begins = np.searchsorted(classes.station, np.append(stations, len(stations)))
    for station in np.argsort(use, kind="stable"):
        part = slice(begins[station], begins[station + 1])
        given, takers = _handed(classes, part, ~asleep)
        hours = window & ~needed[:, station] & (given.sum(axis=1) > 1 - ROUNDING)
        if not hours.any():
            continue
        after = loads[:, hours][:, :, takers] + given[hours] * replica.futures[:, hours, station, None]
        over = (after > replica.capacity[takers] * (1 + ROUNDING)).sum(axis=0)  # (H', N)
        fits = ((over <= allowed) | (given[hours] == 0)).all(axis=1)
        hours[hours] = fits
        where = np.ix_(hours, takers)
        asleep[hours, station] = True
        needed[where] |= given[hours] > 0
        loads[np.ix_(np.arange(len(loads)), hours, takers)] = after[:, fits]
    return asleep


def clauses_of(asleep: Mask, replica: Replica) -> tuple[str, ...]:
    """The clauses of a scenario in which these sleep, (H, K); each hour of the day is there once at most."""
    of_day = replica.hours.astype("datetime64[h]").astype(np.int64) % 24
    if len(set(of_day.tolist())) < len(of_day):
        raise InputError(f"{len(of_day)} hours are more than a day, expected at most 24 to plan who sleeps")
    by_day = np.zeros((25, asleep.shape[1]), bool)  # the last ends what lasts until midnight
    by_day[of_day] = asleep
    together: dict[str, list[str]] = {}
    for place in np.flatnonzero(asleep.any(axis=0)):
        edges = np.flatnonzero(np.diff(by_day[:, place].astype(np.int8), prepend=0))
        for first, last in edges.reshape(-1, 2).tolist():
            together.setdefault(f"@{first}-{last}", []).append(replica.stations[place])
    return tuple(f"{','.join(names)}{window}" for window, names in together.items())


def _allowed(futures: int, confidence: float) -> int:
    """How many of the futures may overload a station."""
    if not 0 < confidence < 1:
        raise InputError(f"the confidence must lie between 0 and 1, got {confidence}")
    allowed = int(np.floor((1 - confidence) * (futures + 1) + 1e-9)) - 1
    if allowed < 0:
        raise InputError(
            f"{futures} futures cannot tell what holds with a confidence of {confidence:.0%}, expected at "
            f"least {futures_to_plan(confidence)}: sample more, or lower the confidence"
        )
    return allowed


def futures_to_plan(confidence: float) -> int:
    """How many futures it takes to tell what holds with such a confidence."""
    return int(np.ceil(1 / (1 - confidence) - 1 - 1e-9))


def _handed(classes: Classes, part: slice, awake: Mask) -> tuple[Floats, Counts]:
    """The share of one station's traffic that the nearest awake take over, (H, N), and who these are (N,)."""
    candidates, share = classes.candidates[part], classes.share[part]  # (C, J), (C,)
    is_open = awake[:, candidates] & (candidates != NOBODY)  # (H, C, J)
    first = is_open & (np.cumsum(is_open, axis=2) == 1)
    takers = np.unique(candidates[candidates != NOBODY])
    given = np.zeros((len(awake), len(takers)))
    places = np.searchsorted(takers, np.where(candidates == NOBODY, takers[:1].sum(), candidates))
    if len(takers):
        weights = first * share[:, None]
        for column in range(candidates.shape[1]):
            np.add.at(given.T, places[:, column], weights[:, :, column].T)
    return given, takers
