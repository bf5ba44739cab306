"""Filling gaps with what was known before them, so that no forecast ever sees its future.

A gap takes the value of a week before at the same time of the clock, else of a day before, else the last
value before the gap. Axes: T time, N stations.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.clock import steps_at_earlier_clock
from data.errors import InputError
from data.traffic import Traffic, of_columns


def filled(traffic: Traffic, where: str, *, longest_gap: float, leave_out: bool = False) -> Traffic:
    """`traffic` with every NaN filled, and `gaps` saying where.

    A gap longer than `longest_gap` minutes, or one that nothing stands before, is refused; or with
    `leave_out` its station is left out and named.
    """
    missing = np.isnan(traffic.load)
    if not missing.any():
        return traffic
    hopeless = _stations_with_long_gaps(traffic, missing, longest_gap)
    if not hopeless:
        return _filled(traffic, missing)
    if not leave_out or len(hopeless) == len(traffic.stations):
        raise InputError(f"{where}: {next(iter(hopeless.values()))}")
    kept = [column for column in range(len(traffic.stations)) if column not in hopeless]
    gappy = tuple(traffic.stations[column] for column in hopeless)
    return replace(_filled(of_columns(traffic, kept), missing[:, kept]), gappy=gappy)


def _filled(traffic: Traffic, missing: NDArray[np.bool_]) -> Traffic:
    if not missing.any():
        return traffic
    load = traffic.load.copy()
    clock = traffic.local_times
    week, day = (steps_at_earlier_clock(clock, days * 1440, traffic.step_minutes) for days in (7, 1))
    for step in np.flatnonzero(missing.any(axis=1)):
        for source in (week[step], day[step], step - 1):
            gaps = np.isnan(load[step])
            if source >= 0:
                load[step, gaps] = load[source, gaps]
    return replace(traffic, load=load, gaps=missing)


def _stations_with_long_gaps(
    traffic: Traffic, missing: NDArray[np.bool_], longest_gap: float
) -> dict[int, str]:
    """The columns with a gap that cannot be filled, and a sentence on each."""
    clock = traffic.local_times
    found = {}
    for column in np.flatnonzero(missing.any(axis=0)).tolist():
        edges = np.diff(np.concatenate([[0], missing[:, column].astype(np.int8), [0]]))
        begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        worst = int(np.argmax(ends - begins))
        minutes = int(ends[worst] - begins[worst]) * traffic.step_minutes
        if minutes > longest_gap:
            found[column] = (
                f"station {traffic.stations[column]}: no value for {minutes} min from {clock[begins[worst]]} "
                f"on, expected gaps of at most {longest_gap:g} min (--max-gap-hours), or --leave-out-gappy"
            )
        elif begins[0] == 0:
            found[column] = (
                f"station {traffic.stations[column]}: no value at {clock[0]}, the first time: nothing stands "
                f"before this gap to fill it with (--leave-out-gappy goes on without the station)"
            )
    return found
