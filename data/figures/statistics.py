"""What a set of traffic is like, in figures: for putting two sets side by side.

Figures are of hourly sums in local time, of each station by itself, then averaged over stations; none
depends on the unit of the load. A set that is too short, too small or z-scored for a figure does not
show it. Axes: T hours, N stations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import kurtosis

from data.calendar import weekday
from data.city.holidays import day_kind
from data.errors import InputError
from data.figures.predictability import ERRORS, FEWEST_DAYS, error_figures
from data.plane import kilometres, pair_distances
from data.traffic import Traffic, chosen_stations, hourly

Array = NDArray[np.float64]
Values = dict[str, float]

MOST_STATIONS = 400  # that the figures over time look at, evenly chosen; figures of space look at all
LAGS = (1, 12, 24, 168)  # hours
NEAR = {"up to 300 m": (0.0, 0.3), "300 to 600 m": (0.3, 0.6), "0.8 to 1.5 km": (0.8, 1.5)}  # kilometres
FAR = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)  # kilometres
LONGEST_FOR_NOTHING = 1e-9  # of a logarithm: a rest no larger is rounding


@dataclass(frozen=True)
class Group:
    """Figures that are found together, and what a set must have to show them."""

    names: tuple[str, ...]
    needs: str


RHYTHM = Group(
    ("night / evening", "Saturday / workday", "Sunday / workday", "public holiday / workday"),
    "needs amounts of load on such days and on workdays",
)
MEMORY = Group(tuple(f"autocorrelation {lag} h" for lag in LAGS), "needs twice as many hours")
ERROR = Group(ERRORS, f"needs {FEWEST_DAYS} days; past readings need steps of 10 minutes")
LEVEL = Group(("hourly deviation / mean",), "needs amounts of load, not z-scores")
REST = Group(
    (
        "rest: size, median station",
        "rest: size, most restless tenth",
        *(f"rest: autocorrelation {lag} h" for lag in (1, 6, 24)),
        "rest: excess kurtosis",
        *(f"rest: correlation {name}" for name in NEAR),
        "variety of the workday",
    ),
    "needs 3 weeks of amounts of load that do not just repeat; a correlation needs stations so far apart",
)
SPACE = Group(
    (
        "loads: median / mean",
        "loads: largest / mean",
        "loads: share of the busiest 1 %",
        "loads: share of the busiest 10 %",
        "loads: Gini",
        "loads: spread of the logarithm",
        *(f"loads: correlation at {distance:g} km" for distance in FAR),
    ),
    "needs amounts of load at 20 stations; a correlation needs 30 pairs of unlike stations so far apart",
)
GROUPS = (RHYTHM, MEMORY, ERROR, LEVEL, REST, SPACE)
NAMES = tuple(name for group in GROUPS for name in group.names)


@dataclass(frozen=True)
class Figures:
    """What a set shows, all finite, and of each figure that it does not show what it would need."""

    values: Values
    left_out: dict[str, str]


def set_figures(traffic: Traffic) -> Figures:
    """Every figure of `traffic`."""
    sample = comparable(traffic)
    hours = hourly(sample)
    found = {RHYTHM: rhythm_figures(hours), MEMORY: memory_figures(hours), ERROR: error_figures(sample)}
    if traffic.load.min() >= 0:  # levels of z-scored loads mean nothing
        found |= {LEVEL: level_figures(hours), REST: rest_figures(hours), SPACE: space_figures(traffic)}
    values: Values = {}
    left_out: dict[str, str] = {}
    for group in GROUPS:
        for name in group.names:
            value = found.get(group, {}).get(name, np.nan)
            if np.isfinite(value):
                values[name] = value
            else:
                left_out[name] = group.needs
    return Figures(values, left_out)


def comparable(traffic: Traffic) -> Traffic:
    """At most MOST_STATIONS of the stations whose load moves, in a unit that makes the largest about one.

    The unit is a power of two, so that nothing is rounded; it keeps squares of any load finite.
    """
    _, exponent = np.frexp(np.abs(traffic.load).max())
    return sampled(moving(replace(traffic, load=np.ldexp(traffic.load, -exponent))), MOST_STATIONS)


def moving(traffic: Traffic) -> Traffic:
    """The same traffic without the stations whose hourly load never changes."""
    load = hourly(traffic).load
    changing = load.min(axis=0) < load.max(axis=0)
    if changing.all():
        return traffic
    if not changing.any():
        raise InputError("no station's hourly load ever changes, expected traffic")
    return chosen_stations(traffic, [traffic.stations[station] for station in np.flatnonzero(changing)])


def sampled(traffic: Traffic, most: int) -> Traffic:
    """The same traffic, of at most `most` stations, evenly chosen along their order."""
    count = len(traffic.stations)
    if count <= most:
        return traffic
    return chosen_stations(traffic, [traffic.stations[index * count // most] for index in range(most)])


def local_hours(hours: Traffic) -> NDArray[np.int64]:
    """Hour of the local day of each step, (T,)."""
    return hours.local_times.astype("datetime64[h]").astype(np.int64) % 24


def day_kinds(hours: Traffic) -> NDArray[np.str_]:
    """Kind of the local day that each step lies in, (T,)."""
    days, place = np.unique(hours.local_times.astype("datetime64[D]"), return_inverse=True)
    return np.array([day_kind(day) for day in days.tolist()])[place]


def mean_week(hours: Traffic) -> Array:
    """Mean load of each hour of the week from Monday on, (168,), 1 on average; NaN where none was seen."""
    of_week = weekday(hours.local_times) * 24 + local_hours(hours)
    relative = (hours.load / hours.load.mean(axis=0, dtype=np.float64)).mean(axis=1)  # (T,)
    seen = np.bincount(of_week, minlength=168)
    total = np.bincount(of_week, relative, minlength=168)
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)


def autocorrelation(load: NDArray[np.floating], lags: Sequence[int]) -> Array:
    """Mean over stations of each lag's autocorrelation, of (T, N); NaN for a lag that does not fit twice."""
    load = load[:, load.min(axis=0) < load.max(axis=0)]
    centred = load - load.mean(axis=0, dtype=np.float64)
    variance = centred.var(axis=0)
    return np.array(
        [
            ((centred[:-lag] * centred[lag:]).mean(axis=0) / variance).mean()
            if 2 * lag <= len(centred) and centred.size
            else np.nan
            for lag in lags
        ]
    )


def rhythm_figures(hours: Traffic) -> Values:
    """The mean week in a few ratios of mean loads."""
    kinds, of_day = day_kinds(hours), local_hours(hours)
    city = hours.load.mean(axis=1, dtype=np.float64)  # (T,)
    workday = kinds == "workday"
    parts = (
        (workday & (of_day == 4), workday & (of_day == 18)),
        (kinds == "saturday", workday),
        (kinds == "sunday", workday),
        (kinds == "holiday", workday),
    )
    return {
        name: float(city[part].mean() / city[whole].mean())
        for name, (part, whole) in zip(RHYTHM.names, parts, strict=True)
        if hours.load.min() >= 0 and part.any() and city[whole].any()
    }


def level_figures(hours: Traffic) -> Values:
    """How much the stations' hours vary."""
    mean = hours.load.mean(axis=0, dtype=np.float64)
    deviation = hours.load.std(axis=0, dtype=np.float64)
    return {LEVEL.names[0]: float((deviation / mean).mean())}


def memory_figures(hours: Traffic) -> Values:
    """Autocorrelations of the hourly load."""
    return dict(zip(MEMORY.names, autocorrelation(hours.load, LAGS).tolist(), strict=True))


def rests(hours: Traffic) -> Array:
    """What the mean rhythm leaves of each load's logarithm, (T, N).

    The mean rhythm is the station's own: its mean logarithm at each hour of a workday, a Saturday, and
    a Sunday or holiday.
    """
    kinds = np.where(day_kinds(hours) == "holiday", "sunday", day_kinds(hours))
    smallest = 1e-3 * hours.load.mean(axis=0, dtype=np.float64)  # a silent hour is not minus infinity
    logarithm = np.log(np.maximum(hours.load, smallest))
    _, group = np.unique(np.char.add(kinds, local_hours(hours).astype(str)), return_inverse=True)
    count = np.bincount(group)
    left: Array = np.empty_like(logarithm)
    for station, column in enumerate(logarithm.T):
        left[:, station] = column - (np.bincount(group, column) / count)[group]
    return left


def rest_figures(hours: Traffic) -> Values:
    """Size, memory, tails and likeness of what the mean rhythm leaves; needs three weeks."""
    if len(hours.load) < 21 * 24:
        return {}
    left = rests(hours)
    restless = left.std(axis=0) > LONGEST_FOR_NOTHING
    if not restless.any():
        return {}
    left = left[:, restless]
    sizes = left.std(axis=0)
    found = [
        np.median(sizes),
        np.quantile(sizes, 0.9),
        *autocorrelation(left, (1, 6, 24)),
        kurtosis((left / sizes).ravel()),
        *_likeness(left, hours.positions[restless]),
        workday_variety(hours),
    ]
    return dict(zip(REST.names, map(float, found), strict=True))


def _likeness(left: Array, positions: Array) -> list[float]:
    """Mean correlation of the rests of two stations in each band of NEAR; NaN where no two are."""
    correlation = np.atleast_2d(np.corrcoef(left.T))
    apart = pair_distances(positions)
    bands = [(apart > nearest) & (apart <= farthest) for nearest, farthest in NEAR.values()]
    return [float(correlation[pairs].mean()) if pairs.any() else np.nan for pairs in bands]


def workday_variety(hours: Traffic) -> float:
    """How differently the stations' workdays run: spread over stations of the logarithm of the mean day."""
    workday = day_kinds(hours) == "workday"
    of_day = local_hours(hours)
    days = [hours.load[workday & (of_day == hour)].mean(axis=0, dtype=np.float64) for hour in range(24)]
    smallest = 1e-3 * hours.load.mean(axis=0, dtype=np.float64)  # a silent hour is not minus infinity
    shape = np.log(np.maximum(np.stack(days), smallest))  # (24, N)
    shape -= shape.mean(axis=0)
    return float(shape.std(axis=1).mean())


def space_figures(traffic: Traffic) -> Values:
    """How the stations' mean loads spread and how alike neighbours are; needs 20 stations."""
    mean = traffic.load.mean(axis=0, dtype=np.float64)
    if len(mean) < 20 or mean.max() <= 0:
        return {}
    ranked = np.sort(mean)[::-1]
    shares = ranked / ranked.sum()
    places = np.arange(1, len(mean) + 1)
    found = [
        np.median(mean) / mean.mean(),
        ranked[0] / mean.mean(),
        shares[: max(1, len(mean) // 100)].sum(),
        shares[: len(mean) // 10].sum(),
        1 + 1 / len(mean) - 2 * (shares * places).sum() / len(mean),
        np.log(mean[mean > 0]).std(),
        *spatial_correlation(traffic, FAR),
    ]
    return dict(zip(SPACE.names, map(float, found), strict=True))


_SAMPLED_STATIONS = 1500  # whose every pair is looked at: a million pairs tell enough
_BAND = 0.2  # pairs within 20 % of a distance count for it
_FEWEST_PAIRS = 30  # fewer may be unlike all others, and what is divided by is the spread of all stations


def spatial_correlation(traffic: Traffic, distances: Sequence[float]) -> Array:
    """Correlation of the logarithm of mean loads that many kilometres apart; NaN where few pairs are.

    It is the covariance of those pairs over the variance of all stations: pairs of few stations that are
    unlike the others may leave -1 to 1.
    """
    mean = traffic.load.mean(axis=0, dtype=np.float64)
    logarithm = np.log(np.maximum(mean, 1e-3 * mean.mean()))
    if logarithm.min() == logarithm.max():
        return np.full(len(distances), np.nan)
    score = (logarithm - logarithm.mean()) / logarithm.std()
    places = kilometres(traffic.positions)
    tree = cKDTree(places)
    some = np.arange(0, len(mean), max(1, len(mean) // _SAMPLED_STATIONS))
    found = []
    for distance in distances:
        far = [tree.query_ball_point(place, distance * (1 + _BAND)) for place in places[some]]
        near = [tree.query_ball_point(place, distance * (1 - _BAND)) for place in places[some]]
        total, pairs = 0.0, 0
        for station, outer, inner in zip(some, far, near, strict=True):
            total += score[station] * (score[outer].sum() - score[inner].sum())
            pairs += len(outer) - len(inner)
        enough = pairs >= 2 * _FEWEST_PAIRS  # a pair is met from both ends
        found.append(total / pairs if enough else np.nan)
    return np.array(found)
