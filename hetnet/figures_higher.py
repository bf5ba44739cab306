"""What the panels d to f of the paper's Fig. 4 claim, in numbers: segments, dense places, target areas.

Axes: N users, M base stations.
"""

import numpy as np

from hetnet.higher import HigherSettings, HigherTwin, expected_links
from hetnet.network import NOBODY, Counts, Floats, Mask, served
from hetnet.segments import adjacency
from hetnet.situation import Situation

NEAR_METRES = 100.0  # between the reach of a small station, 50 m, and that of a macro one, 300 m


def area_figures(now: Situation, found: HigherTwin) -> dict[str, float]:
    """Each figure under its name; one that there is nobody or nothing for is left out."""
    every = segment_figures(now, found) | dense_figures(now, found) | target_figures(found)
    return {name: float(value) for name, value in every.items() if np.isfinite(value)}


def segment_figures(now: Situation, found: HigherTwin) -> dict[str, float]:
    """How much of the expected traffic crosses segments (d), and would, were these drawn at random."""
    expected = adjacency(expected_links(now.network, now.history, HigherSettings()), now.reachable)
    of_users, of_stations = found.segments.of_users, found.segments.of_stations
    mixed = np.outer(expected.sum(axis=1), expected.sum(axis=0))
    return {
        "traffic across segments, share": crossing(expected, of_users, of_stations),
        "the same at random": crossing(mixed, of_users, of_stations),
    }


def crossing(weights: Floats, of_users: Counts, of_stations: Counts) -> float:
    """The share of the weight of links (N, M) between users and stations of different segments."""
    across = of_users[:, None] != of_stations
    return _share(weights[across].sum(), weights.sum())


def dense_figures(now: Situation, found: HigherTwin) -> dict[str, float]:
    """How users fare where there are many (e), and whether the load of stations follows their users."""
    dense = in_the_denser_half(now.network.users.positions)
    has = now.network.serving != NOBODY
    use = now.use[now.network.serving]  # (N,) of nobody's station where there is none
    users = served(now.network)
    loaded, few = found.supply.loaded, users <= users.mean()
    return {
        "unsatisfied in the denser half of users, share": _mean(~now.satisfied, dense),
        "unsatisfied in the sparser half, share": _mean(~now.satisfied, ~dense),
        "use of stations of the denser half": _mean(use, dense & has),
        "use of stations of the sparser half": _mean(use, ~dense & has),
        "correlation of stations' use with their users": _correlation(now.use, users),
        "loaded stations with no more users than the mean, share": _mean(few, loaded),
    }


def in_the_denser_half(positions: Floats) -> Mask:
    """Which users (N, 2) have more others within NEAR_METRES than the median user has, (N,)."""
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    near = (apart <= NEAR_METRES).sum(axis=1)
    denser: Mask = near > np.median(near)
    return denser


def target_figures(found: HigherTwin) -> dict[str, float]:
    """Who and what belongs to target areas (f)."""
    lacking, areas, loaded = found.gain > 0, found.areas, found.supply.loaded
    inside = areas.selected | areas.companions
    cost = np.where(found.valued.levels.selected, found.valued.cost, 0.0).sum(axis=1)
    worth = found.gain / np.where(cost > 0, cost, np.nan)  # (N,)
    return {
        "satisfied users in target areas, share": _mean(inside, ~lacking),
        "other users in target areas, share": _mean(inside, lacking),
        "loaded stations in target areas, share": _mean(areas.stations, loaded),
        "other stations in target areas, share": _mean(areas.stations, ~loaded),
        "lack over cost of users modelled": _mean(worth, areas.selected),
        "lack over cost of users left out": _mean(worth, lacking & ~areas.selected),
    }


def _mean(values: Floats | Mask, of: Mask) -> float:
    """The mean over some; nan over none."""
    those = values[of]
    those = those[np.isfinite(those)]
    return float(those.mean()) if len(those) else np.nan


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else np.nan


def _correlation(one: Floats, other: Counts) -> float:
    """Pearson's; nan where one is the same everywhere."""
    constant = one.std() == 0 or other.std() == 0
    return np.nan if constant else float(np.corrcoef(one, other)[0, 1])
