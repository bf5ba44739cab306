"""What a step is usually like: the mean of the same time of the clock on earlier days of the same kind.

Axes: T time, D days, S steps of a day, N stations, W wanted steps, O offsets, M origins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.calendar import is_weekend

Floats = NDArray[np.float32]
Times = NDArray[np.datetime64]


def profile_columns(load: Floats, clock: Times, first: int, offsets: Sequence[int]) -> Floats:
    """For each step from `first` on the usual load at each of `offsets` steps from it, (W, N, O).

    `load` is (T, N); `clock` is the wall clock of its regular steps and of as many more as the largest
    offset asks for. The usual load of a step is the mean at the same time of the clock over all earlier
    days that are of its kind, working day or weekend; of the days of the other kind as long as there is
    none. It sees nothing of its own day, so that an offset below a day ahead does not see the step itself.
    """
    seen = _seen(load, clock)
    usual = seen.mean(seen.day, seen.slot, seen.day).astype(np.float32)  # (T + beyond, N)
    steps = np.arange(first, len(load))
    return np.stack([usual[steps + offset] for offset in offsets], axis=2)


def profiles_seen_from(load: Floats, clock: Times, origins: Sequence[int], offsets: Sequence[int]) -> Floats:
    """The usual load at each of `offsets` steps from each of `origins`, known from before it, (M, O, N).

    It is what `profile_columns` says of `load` cut off at each origin. `clock` goes on as far as the largest
    offset from the last of them.
    """
    load = load[: len(clock)]
    seen, usual = _seen(load, clock), np.empty((len(origins), len(offsets), load.shape[1]), np.float32)
    for row, origin in enumerate(origins):
        steps = origin + np.asarray(offsets)
        now = seen if _shown_once(seen, origin) else _seen(load[:origin], clock)
        day, slot, today = now.day[steps], now.slot[steps], now.day[origin]
        come = now.shown[today, slot] < origin  # of today's steps; one that is not shown adds nothing
        usual[row] = now.mean(np.minimum(day, today + come), slot, day)
    return usual


def _shown_once(seen: "_Seen", origin: int) -> bool:
    """Whether the clock shows no time of the day of `origin` twice."""
    that_day = seen.slot[seen.day == seen.day[origin]]
    return len(np.unique(that_day)) == len(that_day)


@dataclass(frozen=True)
class _Seen:
    """Sums of loads over the days before each day, of working days and of weekends, and their numbers."""

    day: NDArray[np.int64]  # of each time of the clock
    slot: NDArray[np.int64]  # where it stands in its day
    shown: NDArray[np.int64]  # (D, S) the step at which a day shows a time
    weekend: NDArray[np.bool_]  # (D,)
    sums: NDArray[np.float64]  # (2, D + 1, S, N)
    counts: NDArray[np.int64]  # (2, D + 1, S)

    def mean(
        self, before: NDArray[np.int64], slot: NDArray[np.int64], day: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The mean over the days before `before` at `slot`, of the kind of `day`, (…, N); 0 of no day."""
        working, weekends = self.counts[:, before, slot]
        kind = np.where(self.weekend[day], weekends > 0, working == 0).astype(np.int64)
        counts = np.where(kind == 1, weekends, working)
        means: NDArray[np.float64] = self.sums[kind, before, slot] / np.maximum(counts, 1)[:, None]
        return means


def _seen(load: Floats, clock: Times) -> _Seen:
    """What `load` tells at the times of `clock`, which may go on beyond it."""
    step_minutes = int((clock[1] - clock[0]).astype("timedelta64[m]").astype(np.int64))
    days = clock.astype("datetime64[D]")
    day = (days - days[0]).astype(np.int64)
    slot = (clock - days).astype("timedelta64[m]").astype(np.int64) // step_minutes
    by_day = np.zeros((int(day.max()) + 1, int(slot.max()) + 1, load.shape[1]))  # (D, S, N)
    shown = np.full(by_day.shape[:2], -1)
    by_day[day[: len(load)], slot[: len(load)]] = load  # of an hour shown twice the second showing
    shown[day[: len(load)], slot[: len(load)]] = np.arange(len(load))
    weekend = is_weekend(days[0] + np.arange(len(by_day)))
    sums = np.zeros((2, len(by_day) + 1, *by_day.shape[1:]))
    counts = np.zeros(sums.shape[:3], np.int64)
    for kind, of_kind in enumerate((~weekend, weekend)):
        chosen = (shown >= 0) & of_kind[:, None]
        np.cumsum(by_day * chosen[:, :, None], axis=0, out=sums[kind, 1:])
        np.cumsum(chosen, axis=0, out=counts[kind, 1:])
    return _Seen(day, slot, shown, weekend, sums, counts)
