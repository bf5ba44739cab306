"""The network in parts that have little to do with each other: traffic between users and stations, cut.

(hierarchical-twin paper, equations (14) to (18)). Axes: N users, M base stations, T time, P periods,
C segments.

The graph has a node for each user and each station, and links between the two kinds only. The smoothest
eigenvectors of its normalised Laplacian are then the largest singular vectors of the (N, M) table, found
from a table of (M, M): Dhillon, Co-clustering documents and words (2001).
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data.errors import InputError
from hetnet.network import NOBODY, Counts, Floats, Mask, Network, Variant, in_range, link_rates
from hetnet.regression import next_values

TRIALS = 10


@dataclass(frozen=True, kw_only=True)
class SegmentSettings:
    """`lags` periods back of a link's traffic foretell the next. `segments` is found (eigengap) where 0.

    `unused` is what a link weighs that could carry traffic but does not, beside the busiest one with 1; 0 is
    equation (18) as printed, where a user that never moves ties nothing together and each station becomes a
    segment of its own. The eigengap looks between `fewest` and `most`, and never below the number of parts
    that nothing connects.
    """

    lags: int = 3
    segments: int = 0
    fewest: int = 2
    most: int = 10
    unused: float = 0.05
    seed: int = 1

    def __post_init__(self) -> None:
        if self.lags < 1 or self.segments < 0:
            raise InputError(f"segments: {self.lags} lags, {self.segments} segments; expected at least 1, 0")
        if not 1 <= self.fewest <= self.most:
            raise InputError(f"segments: from {self.fewest} to {self.most}, expected 1 <= fewest <= most")
        if not 0 <= self.unused <= 1:
            raise InputError(f"the weight of unused links must lie in [0, 1], got {self.unused}")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}")


@dataclass(frozen=True)
class Segments:
    """The segment of each user and station, numbered by their first station."""

    of_users: Counts  # (N,)
    of_stations: Counts  # (M,)
    eigenvalues: Floats  # of the normalised Laplacian, rising: as many as stations that have links
    cut: float  # (16): over all segments, the weight of links that leave over that of all links of its nodes
    lone_users: Mask  # (N,) without any link: they are with the nearest station
    lone_stations: Mask  # (M,)

    @property
    def count(self) -> int:
        """How many segments there are."""
        return int(max(self.of_users.max(initial=-1), self.of_stations.max(initial=-1))) + 1


def link_traffic(serving: Counts, rates: Floats, stations: int, periods: int = 1) -> Floats:
    """What each link carried a slot, on average over each of `periods`: bit/s, (P, N, M) (equation 14).

    `serving` (T, N) is the station of each user, -1 for none, and `rates` (T, N) what it got of it. Slots
    that do not fill a period are left out, the oldest ones.
    """
    _check_serving(serving, rates, stations)
    if not 1 <= periods <= len(serving):
        raise InputError(f"traffic: {periods} periods of {len(serving)} slots, expected 1 to {len(serving)}")
    users, slots = serving.shape[1], len(serving) // periods
    serving, rates = serving[-periods * slots :], rates[-periods * slots :]
    slot, user = np.nonzero(serving != NOBODY)
    place = (slot // slots * users + user) * stations + serving[slot, user]
    total = np.bincount(place, rates[slot, user], minlength=periods * users * stations)
    return total.reshape(periods, users, stations) / slots


def station_capacities(network: Network) -> Floats:
    """What each station can carry, (M,) bit/s: a user in its reach alone with it, on average.

    Stations all send at full power. One that nobody is near carries what it can to the user that hears it
    best; one without slots or power carries nothing.
    """
    if len(network.users) == 0:
        return np.zeros(len(network.stations))
    power = network.stations.power
    alone = link_rates(
        network.gain, np.broadcast_to(power, network.gain.shape), power, network.noise, network.bandwidth
    )  # (N, M)
    near = in_range(network.users, network.stations)
    mean = (alone * near).sum(axis=0) / np.maximum(near.sum(axis=0), 1)
    found: Floats = np.where(near.any(axis=0), mean, alone.max(axis=0))
    return np.where(network.stations.slots > 0, found, 0.0)


def is_loaded(
    traffic: Floats, capacity: Floats, threshold: float, slots: int = 1, variant: Variant = "sound"
) -> Mask:
    """Which stations are loaded, (M,): those whose mean `traffic` a slot is a share of `capacity` or more.

    Both are (M,), in bit/s. `literal` compares the traffic of all `slots` together with the capacity of one,
    as (15) is printed. A station without capacity is loaded.
    """
    if variant not in get_args(Variant):
        raise InputError(f"load: unknown variant {variant!r}, expected sound or literal")
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold of loads must lie above 0 and be at most 1, got {threshold}")
    compared = traffic * slots if variant == "literal" else traffic
    return ~(compared < threshold * capacity)


def expected_traffic(traffic: Floats, lags: int) -> Floats:
    """What each link will carry in the next period, (N, M), by an autoregression of its own (equation 18).

    `traffic` is (P, N, M). Links with too few periods for `lags` are expected to carry their mean.
    """
    periods, users, stations = traffic.shape
    series = traffic.reshape(periods, -1).T  # (N * M, P)
    used = np.flatnonzero(series.any(axis=1))
    expected = np.zeros(len(series))
    if periods >= 3 * lags:
        expected[used] = next_values(np.ascontiguousarray(series[used]), lags)
    else:
        expected[used] = series[used].mean(axis=1)
    return expected.reshape(users, stations)


def adjacency(expected: Floats, available: Mask, unused: float = 0.0) -> Floats:
    """The weight of each link in [0, 1], (N, M): its `expected` traffic beside the busiest link's.

    (Equation 18.) A link that is not `available` has none; one that is has at least `unused`.
    """
    busiest = np.where(available, expected, 0.0).max(initial=0.0)
    busy = expected / busiest if busiest > 0 else np.zeros(expected.shape)
    return np.where(available, unused + (1 - unused) * busy, 0.0)


def segments(
    weights: Floats, users_at: Floats, stations_at: Floats, settings: SegmentSettings | None = None
) -> Segments:
    """The segments of users and stations at these places (N, 2) and (M, 2), linked by `weights` (N, M).

    Those without any link join the nearest station that has one. Without any link there is one segment.
    """
    settings = settings or SegmentSettings()
    _check_weights(weights, users_at, stations_at)
    users, stations = np.flatnonzero(weights.any(axis=1)), np.flatnonzero(weights.any(axis=0))
    of_users, of_stations = np.zeros(len(users_at), np.int64), np.zeros(len(stations_at), np.int64)
    values = np.zeros(0)
    if len(stations):
        linked = weights[np.ix_(users, stations)]
        values, vectors = _smoothest(linked)
        count = _count(values, _parts(linked), settings)
        labels = _joined(_clustered(vectors[:, :count], settings.seed), linked)
        of_users = labels[len(users) :][_nearest(users_at, stations_at[stations])]
        of_stations = labels[len(users) :][_nearest(stations_at, stations_at[stations])]
        of_users[users] = labels[: len(users)]
    numbers = _numbers(np.concatenate([of_stations, of_users]))
    of_stations, of_users = numbers[: len(stations_at)], numbers[len(stations_at) :]
    return Segments(
        of_users,
        of_stations,
        values,
        normalised_cut(weights, of_users, of_stations),
        np.asarray(~weights.any(axis=1)),
        np.asarray(~weights.any(axis=0)),
    )


def normalised_cut(weights: Floats, of_users: Counts, of_stations: Counts) -> float:
    """Over all segments, the weight of links that leave over the weight at its nodes (equation 16)."""
    count = int(max(of_users.max(initial=-1), of_stations.max(initial=-1))) + 1
    at_users = np.bincount(of_users, weights.sum(axis=1), minlength=count)
    at_stations = np.bincount(of_stations, weights.sum(axis=0), minlength=count)
    inside = weights * (of_users[:, None] == of_stations)
    within = np.bincount(of_users, inside.sum(axis=1), minlength=count)
    whole = at_users + at_stations
    leaving = np.maximum(whole - 2 * within, 0.0)
    return float((leaving / np.where(whole > 0, whole, 1.0)).sum())


def _smoothest(linked: Floats) -> tuple[Floats, Floats]:
    """The smallest eigenvalues of the normalised Laplacian, rising (M,), and their vectors (N + M, M)."""
    of_users, of_stations = linked.sum(axis=1), linked.sum(axis=0)
    scaled = linked / np.sqrt(of_users)[:, None] / np.sqrt(of_stations)
    squares, right = eigh(scaled.T @ scaled)
    singular = np.sqrt(np.clip(squares[::-1], 0.0, 1.0))
    right = right[:, ::-1]
    left = scaled @ right / np.where(singular > 0, singular, 1.0)
    return 1 - singular, np.concatenate([left, right])


def _parts(linked: Floats) -> int:
    """How many parts of the graph have no link between them."""
    users, stations = np.nonzero(linked)
    nodes = sum(linked.shape)
    graph = coo_array((np.ones(len(users)), (users, stations + linked.shape[0])), shape=(nodes, nodes))
    return int(connected_components(graph, directed=False)[0])


def _count(values: Floats, parts: int, settings: SegmentSettings) -> int:
    """How many segments: as many as asked for, or those before the widest gap between eigenvalues."""
    if settings.segments:
        return min(settings.segments, len(values))
    fewest = min(max(settings.fewest, parts), len(values))
    most = min(max(settings.most, parts), len(values) - 1)
    if most <= fewest:
        return fewest
    gaps = np.diff(values)  # of k segments at place k - 1
    return fewest + int(gaps[fewest - 1 : most].argmax())


def _clustered(vectors: Floats, seed: int) -> Counts:
    """The cluster of each node by its place in the smoothest vectors (N + M, C), scaled to length 1."""
    from sklearn.cluster import KMeans

    count = vectors.shape[1]
    if count == 1:
        return np.zeros(len(vectors), np.int64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    places = vectors / np.where(length > 0, length, 1.0)
    count = min(count, len(np.unique(places.round(9), axis=0)))
    means = KMeans(count, n_init=TRIALS, random_state=seed).fit(places)
    labels: Counts = means.labels_.astype(np.int64)
    return labels


def _joined(labels: Counts, linked: Floats) -> Counts:
    """The same clusters, but none of users or stations alone: such nodes follow their heaviest link."""
    users = linked.shape[0]
    of_users, of_stations = labels[:users].copy(), labels[users:].copy()
    alone = ~np.isin(of_users, of_stations)
    of_users[alone] = of_stations[linked.argmax(axis=1)][alone]
    alone = ~np.isin(of_stations, of_users)
    of_stations[alone] = of_users[linked.argmax(axis=0)][alone]
    return np.concatenate([of_users, of_stations])


def _nearest(places: Floats, stations_at: Floats) -> Counts:
    """The nearest station to each of `places`."""
    apart = np.linalg.norm(places[:, None] - stations_at[None], axis=2)
    nearest: Counts = apart.argmin(axis=1)
    return nearest


def _numbers(labels: Counts) -> Counts:
    """The same labels as numbers 0, 1, … in the order of their first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.reshape(-1)]


def _check_serving(serving: Counts, rates: Floats, stations: int) -> None:
    if serving.ndim != 2 or serving.shape != rates.shape:
        raise InputError(
            f"traffic: found associations {serving.shape} and rates {rates.shape}, expected (time, users)"
        )
    if serving.size and not (serving.min() >= NOBODY and serving.max() < stations):
        raise InputError(f"traffic: found a station beyond the {stations} there are, expected -1 or one")
    if not (np.isfinite(rates).all() and (rates >= 0).all()):
        raise InputError("traffic: found rates that are negative or not finite, expected neither")


def _check_weights(weights: Floats, users_at: Floats, stations_at: Floats) -> None:
    if weights.shape != (len(users_at), len(stations_at)):
        raise InputError(
            f"segments: found weights {weights.shape}, expected ({len(users_at)}, {len(stations_at)})"
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError("segments: found weights that are negative or not finite, expected neither")
