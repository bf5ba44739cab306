"""Faults that are put into series by a seed, to see who finds them: what, where, from when to when.

What a station loses is partly taken over by its neighbours, whose loads rise by it.

Axes: T steps, N stations, E neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.traffic import StationId
from hetnet.operations.alerts import Kind
from hetnet.operations.deviations import Array, Whole

Times = NDArray[np.datetime64]
Values = NDArray[np.floating]
FaultKind = Literal["outage", "degradation", "level-shift", "drift", "flash-crowd", "frozen", "missing"]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
HOURS: dict[FaultKind, tuple[float, float]] = {  # how long each lasts; what lasts to the end has no upper end
    "outage": (3, 12),
    "degradation": (12, 36),
    "level-shift": (96, np.inf),
    "drift": (144, np.inf),
    "flash-crowd": (2, 6),
    "frozen": (6, 24),
    "missing": (2, 12),
}
SIZES: dict[FaultKind, tuple[float, float]] = {  # load at its worst as a share of what it would be
    "outage": (0.0, 0.05),
    "degradation": (0.4, 0.65),
    "level-shift": (0.45, 0.65),  # or, as often, one over this
    "drift": (0.5, 0.7),  # on its last day; or one over this
    "flash-crowd": (2.5, 5.0),
    "frozen": (1.0, 1.0),
    "missing": (1.0, 1.0),
}
ANSWERS: dict[FaultKind, tuple[Kind, ...]] = {  # the alerts that say what it is
    "outage": ("outage",),
    "degradation": ("degradation",),
    "level-shift": ("level-shift",),
    "drift": ("drift", "level-shift"),
    "flash-crowd": ("surge",),
    "frozen": ("frozen",),
    "missing": ("missing",),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`end` is the first step after it; `disturbed` are the neighbours that take over what is lost."""

    kind: FaultKind
    station: StationId
    start: np.datetime64
    end: np.datetime64
    size: float
    disturbed: tuple[StationId, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FaultSettings:
    """`each` faults of every kind, no two of them at one station or at its disturbed neighbours.

    `handed` is the share of a lost load that the `heirs` nearest neighbours take over.
    """

    kinds: tuple[FaultKind, ...] = FAULT_KINDS
    each: int = 2
    handed: float = 0.5
    heirs: int = 3

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in FAULT_KINDS:
                raise InputError(f"unknown fault {kind!r}, expected one of {', '.join(FAULT_KINDS)}")
        if not self.kinds or self.each < 1:
            raise InputError("expected at least one kind of fault, and at least one fault of each")
        if not 0 <= self.handed <= 1 or self.heirs < 1:
            raise InputError(f"handed must lie in [0, 1] and heirs be at least 1, got {self.handed:g}, "
                             f"{self.heirs}")  # fmt: skip


def drawn_faults(
    clock: Times,
    stations: Sequence[StationId],
    near: Whole,
    settings: FaultSettings,
    rng: np.random.Generator,
) -> list[Fault]:
    """Faults within the steps of `clock`, at stations drawn at random, in the order of their starts."""
    wanted = settings.each * len(settings.kinds)
    places = _apart(near, wanted, rng)
    if len(places) < wanted:
        raise InputError(
            f"{len(stations)} stations hold {len(places)} faults that do not touch, expected {wanted}: ask "
            f"for fewer (--each, --kinds)"
        )
    kinds = [kind for kind in settings.kinds for _ in range(settings.each)]
    found = []
    for kind, place in zip(kinds, places, strict=True):
        start, end = _span(kind, clock, rng)
        size = _size(kind, rng)
        hands_over = settings.handed > 0 and size < 1
        heirs = near[place, : settings.heirs].tolist() if hands_over else []
        disturbed = tuple(stations[each] for each in heirs)
        fault = Fault(
            kind=kind, station=stations[place], start=start, end=end, size=size, disturbed=disturbed
        )
        found.append(fault)
    return sorted(found, key=lambda fault: (fault.start, fault.station))


def _apart(near: Whole, wanted: int, rng: np.random.Generator) -> list[int]:
    """Stations in random order, as many as are wanted, none the nearest of another while there are such."""
    order = rng.permutation(len(near)).tolist()
    taken: set[int] = set()
    found: list[int] = []
    for station in order:
        if station not in taken and len(found) < wanted:
            found.append(station)
            taken |= {station, *near[station, :1].tolist()}
    return found


def _span(kind: FaultKind, clock: Times, rng: np.random.Generator) -> tuple[np.datetime64, np.datetime64]:
    """When it begins and is over; what lasts to the end of the clock begins on its first day."""
    step = int((clock[1] - clock[0]).astype("timedelta64[m]").astype(np.int64))
    low, high = (hours * 60 / step for hours in HOURS[kind])  # in steps
    close = clock[-1] + np.timedelta64(step, "m")
    if np.isinf(high):
        latest = min(max(0, len(clock) - int(low)), 1440 // step)
        return clock[rng.integers(latest + 1)], close
    steps = min(len(clock), max(1, round(rng.uniform(low, high))))
    begin = int(rng.integers(len(clock) - steps + 1))
    return clock[begin], close if begin + steps == len(clock) else clock[begin + steps]


def _size(kind: FaultKind, rng: np.random.Generator) -> float:
    """How large it is; levels and drifts go up as often as down."""
    size = float(rng.uniform(*SIZES[kind]))
    return 1 / size if kind in ("level-shift", "drift") and rng.random() < 0.5 else size


def with_faults(
    load: Values,
    clock: Times,
    stations: Sequence[StationId],
    faults: Sequence[Fault],
    handed: float,
) -> Array:
    """The load (T, N) as it would have been recorded with the faults; NaN where nothing is recorded."""
    changed = np.array(load, dtype=np.float64)
    column_of = {station: column for column, station in enumerate(stations)}
    order = sorted(faults, key=lambda fault: fault.kind in ("frozen", "missing"))
    for fault in order:  # what a counter does comes after what the station carries
        steps = np.flatnonzero((clock >= fault.start) & (clock < fault.end))
        if not len(steps):
            continue
        column = column_of[fault.station]
        if fault.kind == "missing":
            changed[steps, column] = np.nan
        elif fault.kind == "frozen":
            changed[steps, column] = changed[max(steps[0] - 1, 0), column]
        else:
            before = changed[steps, column].copy()
            changed[steps, column] = before * _factor(fault, len(steps))
            lost = np.maximum(before - changed[steps, column], 0.0)
            for heir in fault.disturbed:
                changed[steps, column_of[heir]] += handed * lost / len(fault.disturbed)
    return changed


def _factor(fault: Fault, steps: int) -> Array:
    """What the load is multiplied by at each step of the fault."""
    place = (np.arange(steps) + 0.5) / steps
    if fault.kind == "drift":
        return np.asarray(fault.size**place)
    if fault.kind == "flash-crowd":
        return np.asarray(1 + (fault.size - 1) * np.sin(np.pi * place) ** 0.5)
    return np.full(steps, fault.size)
