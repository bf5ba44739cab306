"""Filling gaps with what was known before them, so that no forecast ever sees its future.

A gap takes the value of a week before at the same time of the clock, else of a day before, else the last
value before the gap. Axes: T time, N stations.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.clock import steps_at_earlier_clock
from data.errors import InputError
from data.traffic import Traffic


def filled(traffic: Traffic, where: str, *, longest_gap: float) -> Traffic:
    """`traffic` with every NaN filled, and `gaps` saying where.

    A gap longer than `longest_gap` minutes, or one that nothing stands before, is refused.
    """
    missing = np.isnan(traffic.load)
    if not missing.any():
        return traffic
    _refuse_long_gaps(traffic, missing, where, longest_gap)
    load = traffic.load.copy()
    clock = traffic.local_times
    week, day = (steps_at_earlier_clock(clock, days * 1440, traffic.step_minutes) for days in (7, 1))
    for step in np.flatnonzero(missing.any(axis=1)):
        for source in (week[step], day[step], step - 1):
            gaps = np.isnan(load[step])
            if source >= 0:
                load[step, gaps] = load[source, gaps]
    return replace(traffic, load=load, gaps=missing)


def _refuse_long_gaps(traffic: Traffic, missing: NDArray[np.bool_], where: str, longest_gap: float) -> None:
    clock = traffic.local_times
    for column, station in enumerate(traffic.stations):
        edges = np.diff(np.concatenate([[0], missing[:, column].astype(np.int8), [0]]))
        begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        if len(begins) == 0:
            continue
        worst = int(np.argmax(ends - begins))
        minutes = int(ends[worst] - begins[worst]) * traffic.step_minutes
        if minutes > longest_gap:
            raise InputError(
                f"{where}: station {station}: no value for {minutes} min from {clock[begins[worst]]} on, "
                f"expected gaps of at most {longest_gap:g} min (--max-gap-hours)"
            )
        if begins[0] == 0:
            raise InputError(
                f"{where}: station {station}: no value at {clock[0]}, the first time: "
                f"nothing stands before this gap to fill it with"
            )
