"""The heterogeneous network at one instant: who is where, who serves whom, and how well that goes.

(hierarchical-twin paper, Section II). Axes: N users, M base stations, Q QoS metrics.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]
Variant = Literal["sound", "literal"]
Interference = Literal["sound", "literal", "own-cell"]

METRICS = ("throughput", "delay", "loss")
ATTRIBUTES = ("throughput", "delay", "load", "loss", "mobility")
AT_MOST = np.array([False, True, True])  # (Q,) of METRICS: those that must not exceed what is required
NOBODY = -1  # the station of a user that none serves
MOST_SATISFIED = 10.0  # a metric better than that counts no more: a loss of 0 would be infinitely good


@dataclass(frozen=True)
class Stations:
    """M base stations."""

    positions: Floats  # (M, 2) metres
    macro: Mask  # (M,) else small
    power: Floats  # (M,) W, the most it can send in all
    reach: Floats  # (M,) metres within which it serves
    slots: Counts  # (M,) users it can serve at once (K_j)

    def __post_init__(self) -> None:
        _check_points("stations", self.positions)
        stations = len(self.positions)
        for name, values in (("macro", self.macro), ("power", self.power), ("reach", self.reach)):
            _check_shape(f"stations' {name}", values, (stations,))
        _check_shape("stations' slots", self.slots, (stations,))
        _check_least("stations' power", self.power, 0)
        _check_least("stations' reach", self.reach, 0)
        _check_least("stations' slots", self.slots, 0)

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Users:
    """N users."""

    positions: Floats  # (N, 2) metres
    service: Counts  # (N,) which service
    required: Floats  # (N, Q) what its metrics must be: bit/s at least, s at most, share lost at most
    weights: Floats  # (N, Q) how much each metric counts, sums to 1

    def __post_init__(self) -> None:
        _check_points("users", self.positions)
        users = len(self.positions)
        _check_shape("users' service", self.service, (users,))
        _check_shape("users' required", self.required, (users, len(METRICS)))
        _check_shape("users' weights", self.weights, (users, len(METRICS)))
        _check_least("users' weights", self.weights, 0)
        if not (np.isfinite(self.required).all() and (self.required > 0).all()):
            raise InputError("users' required: found values that are not positive, expected all positive")
        if not np.allclose(self.weights.sum(axis=1), 1):
            raise InputError("users' weights: found rows that do not sum to 1, expected that each does")

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Network:
    """Stations and users at one instant, the channel between them, and who sends what to whom."""

    stations: Stations
    users: Users
    gain: Floats  # (N, M) |h|^2: path loss, shadowing and fading
    serving: Counts  # (N,) the station of each user, -1 for none
    sent: Floats  # (N,) W that its station sends to each user; 0 without one
    bandwidth: float  # Hz
    noise: float  # W

    def __post_init__(self) -> None:
        users, stations = len(self.users), len(self.stations)
        _check_shape("gain", self.gain, (users, stations))
        _check_shape("serving", self.serving, (users,))
        _check_shape("sent", self.sent, (users,))
        _check_least("gain", self.gain, 0)
        _check_least("sent", self.sent, 0)
        if users and not (self.serving.min() >= NOBODY and self.serving.max() < stations):
            raise InputError(f"serving: found a station beyond the {stations} there are, expected -1 or one")
        if (self.sent[self.serving == NOBODY] > 0).any():
            raise InputError("sent: found power to users that no station serves, expected 0 there")
        if not (0 < self.bandwidth < np.inf and 0 < self.noise < np.inf):
            raise InputError(
                f"bandwidth {self.bandwidth} Hz and noise {self.noise} W: expected both to be positive"
            )


def distances(users: Users, stations: Stations) -> Floats:
    """Metres between each user and each station, (N, M)."""
    apart: Floats = np.linalg.norm(users.positions[:, None] - stations.positions[None], axis=2)
    return apart


def within_reach(users: Users, stations: Stations) -> Mask:
    """Within whose reach each user is, whether or not the station has slots; (N, M)."""
    return np.asarray(distances(users, stations) <= stations.reach)


def in_range(users: Users, stations: Stations) -> Mask:
    """Which stations may serve each user: those with slots, and within whose reach it is; (N, M)."""
    return within_reach(users, stations) & (stations.slots > 0)


def served(network: Network) -> Counts:
    """How many users each station serves, (M,)."""
    chosen = network.serving[network.serving != NOBODY]
    return np.bincount(chosen, minlength=len(network.stations))


def transmitted(network: Network) -> Floats:
    """What each station sends to all its users together, (M,) W: P_l of equation (1)."""
    to = network.serving != NOBODY
    total = np.bincount(network.serving[to], network.sent[to], minlength=len(network.stations))
    return total.astype(np.float64)  # without users bincount counts


def link_sinr(gain: Floats, sent: Floats, total: Floats, noise: float) -> Floats:
    """The signal-to-interference-and-noise ratio on every link were it to carry `sent` (N, M) W; (N, M).

    `total` (M,) W is what each station sends in all; on link i-j those of all stations but j disturb.
    """
    everything = gain @ total  # (N,)
    others = np.maximum(everything[:, None] - gain * total, 0.0)  # rounding may fall below 0
    return sent * gain / (others + noise)


def link_rates(gain: Floats, sent: Floats, total: Floats, noise: float, bandwidth: float) -> Floats:
    """Bit/s on every link were it to carry `sent` (N, M) W while stations send `total` (M,) W; (N, M)."""
    rates: Floats = bandwidth * np.log2(1 + link_sinr(gain, sent, total, noise))
    return rates


def interference(network: Network, variant: Interference = "sound") -> Floats:
    """W that disturb each user's link, (N,); of a user without a station, those of all stations.

    `sound`: all that the other stations send, to whomever. `literal`: p_il as printed in (1), the power that
    station l sends to this very user, which is 0 but for its own station: nobody ever disturbs anybody.
    `own-cell`: also what its station sends to others, which (1) leaves out: it gives each user of a station
    the whole band as if it were alone there.
    """
    _refuse_unknown("interference", variant, get_args(Interference))
    if variant == "literal":
        return np.zeros(len(network.users))
    heard = network.gain * transmitted(network)  # (N, M)
    rows = np.flatnonzero(network.serving != NOBODY)
    own = network.serving[rows]
    heard[rows, own] = 0.0
    disturbing: Floats = heard.sum(axis=1)
    if variant == "own-cell":
        beside = np.maximum(transmitted(network)[own] - network.sent[rows], 0.0)
        disturbing[rows] += network.gain[rows, own] * beside
    return disturbing


def sinr(network: Network, variant: Interference = "sound") -> Floats:
    """Each user's signal-to-interference-and-noise ratio, (N,); 0 without a station."""
    rows = np.arange(len(network.users))
    signal = network.sent * network.gain[rows, network.serving]  # sent is 0 where serving is -1
    return signal / (interference(network, variant) + network.noise)


def rates(network: Network, variant: Interference = "sound") -> Floats:
    """Bit/s that each user's link carries, (N,); 0 without a station (equations 1 and 3)."""
    carried: Floats = network.bandwidth * np.log2(1 + sinr(network, variant))
    return carried


def satisfaction(conditions: Floats, required: Floats, variant: Variant = "sound") -> Floats:
    """How far each metric is as required, (..., Q): 1 or more is satisfied (equation 2), at most 10.

    `conditions` and `required` are (..., Q), of METRICS. `sound` inverts the ratio for delay and loss, of
    which less is better; `literal` is condition / requirement for all three, as printed.
    """
    _refuse_unknown("satisfaction", variant, get_args(Variant))
    if not (np.isfinite(conditions).all() and (conditions >= 0).all()):
        raise InputError("conditions: found values that are negative or not finite, expected neither")
    ratio = conditions / required
    if variant == "literal":
        return np.minimum(ratio, MOST_SATISFIED)
    inverse = 1 / np.maximum(ratio, 1 / MOST_SATISFIED)
    return np.where(AT_MOST, inverse, np.minimum(ratio, MOST_SATISFIED))


def weighted_satisfaction(satisfied: Floats, users: Users) -> Floats:
    """The award of serving each user as it is served, (N,): its metrics' satisfaction, weighted."""
    award: Floats = (satisfied * users.weights).sum(axis=1)
    return award


def is_satisfied(satisfied: Floats, users: Users) -> Mask:
    """Which users have all metrics that count for them as required, (N,)."""
    satisfied_in_all: Mask = ((satisfied >= 1) | (users.weights == 0)).all(axis=1)
    return satisfied_in_all


def _check_points(what: str, points: Floats) -> None:
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"positions of {what}: found the shape {points.shape}, expected (number, 2)")
    if not np.isfinite(points).all():
        raise InputError(f"positions of {what}: found some that are not finite, expected metres")


def _check_shape(what: str, values: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise InputError(f"{what}: found the shape {values.shape}, expected {shape}")


def _check_least(what: str, values: Floats | Counts, least: float) -> None:
    if not (np.isfinite(values).all() and (values >= least).all()):
        raise InputError(f"{what}: found values that are not finite or below {least}, expected neither")


def _refuse_unknown(what: str, found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        raise InputError(f"{what}: unknown variant {found!r}, expected one of {', '.join(known)}")
