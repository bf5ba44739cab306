"""The error of a device's clock beside that of the control centre, and readings put to the centre's time.

(hierarchical-twin paper, eq. 24). A device's clock shows d = t + e(t) at the centre's time t, with e(t) =
skew · (t - at) + offset. The offset comes from stamps exchanged both ways. The skew needs stamps that the
centre makes when readings arrive: a device that samples by its own timer stamps its readings at even
distances however fast its clock runs. Readings arrive late by a delay that varies, never early, so the true
line lies under all of them: `sound` is the line under all arrivals that is closest to them (their lower
convex hull), `literal` the paper's, through the first and the last, which takes the delays of these two for
skew.

Axes: X exchanges, S readings. All times are seconds.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Variant = Literal["sound", "literal"]
SLOWEST, FASTEST = 0.5, 2.0  # seconds that a clock may show in a second: real ones miss by .001 at most


@dataclass(frozen=True)
class Clock:
    """How a device's clock errs: e(t) = skew · (t - at) + offset, t being the centre's time."""

    skew: float  # s a second
    offset: float  # s
    at: float  # the centre's time at which the offset was found

    def error(self, time: Floats) -> Floats:
        """What the clock shows too much at the centre's `time` (...)."""
        return self.skew * (time - self.at) + self.offset

    def shown(self, time: Floats) -> Floats:
        """What the clock shows at the centre's `time` (...)."""
        return time + self.error(time)

    def true_time(self, stamps: Floats) -> Floats:
        """The centre's time at which the clock showed `stamps` (...), the inverse of `shown`."""
        return (stamps + self.skew * self.at - self.offset) / (1 + self.skew)


def clock_of(exchanges: Floats, stamps: Floats, received: Floats | None, variant: Variant = "sound") -> Clock:
    """The clock of a device, from `exchanges` (X, 4), and of its readings the stamps and when each came (S,).

    An exchange is when the device sent (its clock), when the centre received and when it answered (the
    centre's), and when the device received (its clock).
    """
    offset, at = clock_offset(exchanges, variant)  # refuses an unknown variant
    if received is None:
        raise InputError(
            "clock: the readings have no receive stamps, expected one of the centre's for each: "
            "a device's own stamps cannot show its skew"
        )
    return Clock(clock_skew(stamps, received, variant), offset, at)


def clock_offset(exchanges: Floats, variant: Variant = "sound") -> tuple[float, float]:
    """The offset ½[(t1 - t2) + (t4 - t3)] and the centre's time it is of.

    `sound` takes the exchange with the shortest round trip, in which the least can be lopsided; `literal`
    averages.
    """
    check_variant(variant)
    stamps = _finite(np.asarray(exchanges, np.float64), "exchanges")
    if stamps.ndim != 2 or stamps.shape[1] != 4 or len(stamps) < 1:
        raise InputError(f"exchanges: expected at least one with four stamps (X, 4), got {stamps.shape}")
    sent, came, answered, returned = stamps.T
    under_way = (returned - sent) - (answered - came)
    chosen = np.array([np.argmin(under_way)]) if variant == "sound" else np.arange(len(stamps))
    offsets = ((sent - came) + (returned - answered)) / 2
    return float(offsets[chosen].mean()), float(((came + answered) / 2)[chosen].mean())


def clock_skew(stamps: Floats, received: Floats, variant: Variant = "sound") -> float:
    """By how much a clock runs fast, from its readings' `stamps` and when each was `received` (S,).

    Receive stamps that do not go on as the readings' stamps do are refused: of readings that were all sent
    together, or that came in the order opposite to theirs, no skew can be found.
    """
    check_variant(variant)
    device, centre = _pairs(stamps, received)
    begin, lateness = device[0], centre - device
    device = device - begin  # small numbers keep their digits
    if variant == "literal":
        slope = (lateness[-1] - lateness[0]) / device[-1]
    else:
        slope = _line_under(device, lateness)
    pace = float(1 + slope)  # the centre's seconds in one of the device's; lateness is -e(t) + delay
    if not 1 / FASTEST <= pace <= 1 / SLOWEST:
        raise InputError(
            f"clock: the receive stamps go on by {pace:.3g} s for each second that the device's stamps do, "
            f"expected {1 / FASTEST:g} to {1 / SLOWEST:g}"
        )
    return -float(slope) / pace


def check_variant(variant: str) -> None:
    """Refuse a way of finding clocks that there is not."""
    if variant not in get_args(Variant):
        raise InputError(
            f"clock: unknown variant {variant!r}, expected one of {', '.join(get_args(Variant))}"
        )


def lower_hull(x: Floats, y: Floats) -> Counts:
    """The points of the lower convex hull of points with rising `x` (S,), as indices from left to right."""
    hull: list[int] = []
    for point in range(len(x)):
        while len(hull) > 1 and _bends_down(x, y, (hull[-2], hull[-1], point)):
            hull.pop()
        hull.append(point)
    return np.array(hull, np.int64)


def _line_under(x: Floats, y: Floats) -> float:
    """The slope of the line under all points that is closest to them on the whole (a linear programme).

    It is the side of the hull that stands under the mean of x.
    """
    hull = lower_hull(x, y)
    side = int(np.clip(np.searchsorted(x[hull], x.mean()) - 1, 0, len(hull) - 2))
    left, right = hull[side], hull[side + 1]
    return float((y[right] - y[left]) / (x[right] - x[left]))


def _bends_down(x: Floats, y: Floats, points: tuple[int, int, int]) -> bool:
    first, middle, last = points
    rise = (y[middle] - y[first]) * (x[last] - x[first])
    return bool(rise >= (y[last] - y[first]) * (x[middle] - x[first]))


def _pairs(stamps: Floats, received: Floats) -> tuple[Floats, Floats]:
    """Stamps in their order with the times they came; of readings with one stamp the earliest arrival."""
    device, centre = np.asarray(stamps, np.float64), np.asarray(received, np.float64)
    if device.ndim != 1 or device.shape != centre.shape:
        raise InputError(
            f"clock: {device.shape} stamps and {centre.shape} receive stamps, expected one for each reading"
        )
    order = np.lexsort((_finite(centre, "receive stamps"), _finite(device, "stamps")))
    known, first = np.unique(device[order], return_index=True)
    if len(known) < 2:
        raise InputError(f"clock: {len(known)} different stamps, expected at least 2 to find a skew")
    if centre.min() == centre.max():
        raise InputError(
            f"clock: all {len(centre)} receive stamps are {centre[0]:g}, expected that they go on as the "
            "readings' stamps do"
        )
    return known, centre[order][first]


def _finite(values: Floats, name: str) -> Floats:
    if not np.isfinite(values).all():
        raise InputError(f"clock: {name} must be finite, got {values[~np.isfinite(values)][0]}")
    return values
