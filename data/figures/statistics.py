"""What a set of traffic is like, in figures and curves: for putting two sets side by side.

Figures are of hourly sums in local time, of each station by itself, then averaged over stations. A
set that is too short, too small or z-scored for a figure does not show it. Axes: T hours, N stations.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import kurtosis

from data.city.holidays import day_kind
from data.errors import InputError
from data.figures.predictability import error_figures
from data.traffic import Traffic, chosen_stations, hourly

Array = NDArray[np.float64]
Figures = dict[str, float]

MOST_STATIONS = 400  # that the figures over time look at, evenly chosen; figures of space look at all
_KM_PER_DEGREE = 111.32


def figures(traffic: Traffic) -> Figures:
    """Every figure that `traffic` has."""
    sample = sampled(moving(traffic), MOST_STATIONS)
    hours = hourly(sample)
    found = rhythm_figures(hours) | memory_figures(hours) | error_figures(sample)
    if traffic.load.min() >= 0:  # levels of z-scored loads mean nothing
        found |= level_figures(hours) | rest_figures(hours) | space_figures(traffic)
    return found


def moving(traffic: Traffic) -> Traffic:
    """The same traffic without the stations whose load never changes."""
    changing = traffic.load.min(axis=0) < traffic.load.max(axis=0)
    if changing.all():
        return traffic
    if not changing.any():
        raise InputError("no station's load ever changes, expected traffic")
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
    days = hours.local_times.astype("datetime64[D]").astype(np.int64)
    of_week = (days + 3) % 7 * 24 + local_hours(hours)  # 1 January 1970 was a Thursday
    relative = (hours.load / hours.load.mean(axis=0, dtype=np.float64)).mean(axis=1)  # (T,)
    seen = np.bincount(of_week, minlength=168)
    total = np.bincount(of_week, relative, minlength=168)
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)


def autocorrelation(load: NDArray[np.floating], lags: Sequence[int]) -> Array:
    """Mean over stations of each lag's autocorrelation, of (T, N); NaN for a lag that does not fit twice."""
    centred = load - load.mean(axis=0, dtype=np.float64)
    variance = centred.var(axis=0)
    moving = variance > 0
    centred, variance = centred[:, moving], variance[moving]
    return np.array(
        [
            ((centred[:-lag] * centred[lag:]).mean(axis=0) / variance).mean()
            if 2 * lag <= len(centred) and moving.any()
            else np.nan
            for lag in lags
        ]
    )


def rhythm_figures(hours: Traffic) -> Figures:
    """The mean week in a few ratios of mean loads."""
    kinds, of_day = day_kinds(hours), local_hours(hours)
    city = hours.load.mean(axis=1, dtype=np.float64)  # (T,)
    if city.min() <= 0:
        return {}
    workday = kinds == "workday"
    parts = {
        "night / evening": (workday & (of_day == 4), workday & (of_day == 18)),
        "Saturday / workday": (kinds == "saturday", workday),
        "Sunday / workday": (kinds == "sunday", workday),
        "public holiday / workday": (kinds == "holiday", workday),
    }
    return {
        name: float(city[part].mean() / city[whole].mean())
        for name, (part, whole) in parts.items()
        if part.any() and whole.any()
    }


def level_figures(hours: Traffic) -> Figures:
    """How much the stations' hours vary."""
    mean = hours.load.mean(axis=0, dtype=np.float64)
    deviation = hours.load.std(axis=0, dtype=np.float64)
    return {"hourly deviation / mean": float((deviation[mean > 0] / mean[mean > 0]).mean())}


def memory_figures(hours: Traffic) -> Figures:
    """Autocorrelations of the hourly load."""
    lags = (1, 24, 168)
    found = autocorrelation(hours.load, lags)
    return {
        f"autocorrelation {lag} h": float(value)
        for lag, value in zip(lags, found, strict=True)
        if np.isfinite(value)
    }


def rests(hours: Traffic) -> Array:
    """What the mean rhythm leaves of each load's logarithm, (T, N).

    The mean rhythm is the station's own: its mean logarithm at each hour of a workday, a Saturday, and
    a Sunday or holiday.
    """
    kinds = np.where(day_kinds(hours) == "holiday", "sunday", day_kinds(hours))
    smallest = 1e-3 * hours.load.mean(axis=0, dtype=np.float64)  # a silent hour is not minus infinity
    logarithm = np.log(np.maximum(hours.load, np.maximum(smallest, 1e-12)))
    _, group = np.unique(np.char.add(kinds, local_hours(hours).astype(str)), return_inverse=True)
    count = np.bincount(group)
    left: Array = np.empty_like(logarithm)
    for station, column in enumerate(logarithm.T):
        left[:, station] = column - (np.bincount(group, column) / count)[group]
    return left


def rest_figures(hours: Traffic) -> Figures:
    """Size, memory, tails and likeness of what the mean rhythm leaves; needs three weeks."""
    if len(hours.load) < 21 * 24:
        return {}
    left = rests(hours)
    sizes = left.std(axis=0)
    memory = autocorrelation(left, (1, 6, 24))
    found = {
        "rest: size, median station": float(np.median(sizes)),
        "rest: size, most restless tenth": float(np.quantile(sizes, 0.9)),
        "rest: autocorrelation 1 h": float(memory[0]),
        "rest: autocorrelation 6 h": float(memory[1]),
        "rest: autocorrelation 24 h": float(memory[2]),
        "rest: excess kurtosis": float(kurtosis((left / sizes).ravel())),
    }
    return found | _likeness_figures(left, hours) | _variety_figures(hours)


def _likeness_figures(left: Array, hours: Traffic) -> Figures:
    correlation = np.atleast_2d(np.corrcoef(left.T))
    apart = pair_distances(hours.positions)
    bands = {"up to 300 m": (0.0, 0.3), "300 to 600 m": (0.3, 0.6), "0.8 to 1.5 km": (0.8, 1.5)}
    found = {}
    for name, (nearest, farthest) in bands.items():
        pairs = (apart > nearest) & (apart <= farthest)
        if pairs.any():
            found[f"rest: correlation {name}"] = float(correlation[pairs].mean())
    return found


def _variety_figures(hours: Traffic) -> Figures:
    """How differently the stations' workdays run: spread over stations of the logarithm of the mean day."""
    workday = day_kinds(hours) == "workday"
    of_day = local_hours(hours)
    days = [hours.load[workday & (of_day == hour)].mean(axis=0, dtype=np.float64) for hour in range(24)]
    busy = hours.load.mean(axis=0) > 0
    shape = np.log(np.maximum(np.stack(days)[:, busy], 1e-12))  # (24, N)
    shape -= shape.mean(axis=0)
    return {"variety of the workday": float(shape.std(axis=1).mean())}


def pair_distances(positions: Array) -> Array:
    """Kilometres between every two of `positions` (longitude, latitude), (N, N)."""
    places = kilometres(positions)
    apart: Array = np.linalg.norm(places[:, None] - places[None], axis=2)
    return apart


def kilometres(positions: Array) -> Array:
    """`positions` (longitude, latitude) on a plane, in kilometres, (N, 2); true near their middle."""
    shrunk = np.array([np.cos(np.radians(positions[:, 1].mean())), 1.0])
    plane: Array = positions * shrunk * _KM_PER_DEGREE
    return plane


def space_figures(traffic: Traffic) -> Figures:
    """How the stations' mean loads spread and how alike neighbours are; needs 20 stations."""
    mean = traffic.load.mean(axis=0, dtype=np.float64)
    if len(mean) < 20 or mean.max() <= 0:
        return {}
    ranked = np.sort(mean)[::-1]
    shares = ranked / ranked.sum()
    places = np.arange(1, len(mean) + 1)
    found = {
        "loads: median / mean": float(np.median(mean) / mean.mean()),
        "loads: largest / mean": float(ranked[0] / mean.mean()),
        "loads: share of the busiest 1 %": float(shares[: max(1, len(mean) // 100)].sum()),
        "loads: share of the busiest 10 %": float(shares[: len(mean) // 10].sum()),
        "loads: Gini": float(1 + 1 / len(mean) - 2 * (shares * places).sum() / len(mean)),
        "loads: spread of the logarithm": float(np.log(mean[mean > 0]).std()),
    }
    distances = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
    likeness = spatial_correlation(traffic, distances)
    return found | {
        f"loads: correlation at {distance:g} km": float(value)
        for distance, value in zip(distances, likeness, strict=True)
        if np.isfinite(value)
    }


_SAMPLED_STATIONS = 1500  # whose every pair is looked at: a million pairs tell enough
_BAND = 0.2  # pairs within 20 % of a distance count for it


def spatial_correlation(traffic: Traffic, distances: Sequence[float]) -> Array:
    """Correlation of the logarithm of mean loads that many kilometres apart; NaN where no pair is."""
    mean = traffic.load.mean(axis=0, dtype=np.float64)
    logarithm = np.log(np.maximum(mean, 1e-3 * mean.mean()))
    if logarithm.std() == 0:
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
        found.append(total / pairs if pairs else np.nan)
    return np.array(found)
