"""What happens at single sites: bursts, outages, match days, and sites that shed load for good.

The 25 Milan squares show all but the matches: loads that jump two- or threefold for an hour, a site
silent for a day, and a square that lost half its load overnight while its neighbour gained as much.

Axes: T steps of ten minutes, S sites, E events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from data.city.space import Sites

BURSTS_A_DAY = 0.06  # per site
OUTAGES_A_DAY = 0.012
HANDOVERS_A_DAY = 0.002


@dataclass(frozen=True)
class Event:
    """`site` carries (1 + gain) times its load from `start` for `steps`; soft events swell and fade."""

    site: int
    start: int  # step since the city began
    steps: int
    gain: float
    soft: bool


def day_events(first_step: int, steps: int, sites: int, rng: np.random.Generator) -> list[Event]:
    """The bursts and outages that begin on a day of `steps` at any of `sites`."""
    bursts = int(rng.poisson(BURSTS_A_DAY * sites))
    hours = 1.5 * np.exp(0.8 * rng.standard_normal(bursts))
    sizes = np.minimum(0.8 * rng.pareto(1.6, bursts), 2.5)  # of the logarithm; heavy-tailed
    swells = np.expm1(np.where(rng.random(bursts) < 0.4, -sizes, sizes))  # and two in five are lulls
    outages = int(rng.poisson(OUTAGES_A_DAY * sites))
    silent_hours = np.clip(5 * np.exp(rng.standard_normal(outages)), 0.4, 36)
    losses = rng.uniform(-0.9, -0.65, outages)
    where = rng.integers(sites, size=bursts + outages)
    begins = first_step + rng.integers(steps, size=bursts + outages)
    lasts = np.ceil(6 * np.append(hours, silent_hours)).astype(int)
    gains = np.append(swells, losses)
    columns = (
        where.tolist(),
        begins.tolist(),
        lasts.tolist(),
        gains.tolist(),
        np.arange(len(where)) < bursts,
    )
    return [Event(*event) for event in zip(*columns, strict=True)]


_VENUE_RINGS_KM = ((0.8, 1.5), (4.5, 7.0))  # one stadium within reach of small cities, one further out


def venue_sites(sites: Sites, rng: np.random.Generator) -> list[int]:
    """The sites that carry a stadium, one in each ring around the centre."""
    found = []
    for nearest, farthest in _VENUE_RINGS_KM:
        radius, angle = rng.uniform(nearest, farthest), rng.uniform(0, 2 * np.pi)
        place = radius * np.array([np.cos(angle), np.sin(angle)])
        found.append(int(np.hypot(*(sites.places - place).T).argmin()))
    return found


def match_events(day: date, evening: int, venues: Sequence[int], rng: np.random.Generator) -> list[Event]:
    """A match at each venue on some evenings: two weekend days in five, three other evenings in twenty.

    `evening` is the step at which the gates open; four hours later the place is empty.
    """
    chance = 0.4 if day.weekday() >= 5 else 0.15
    found = []
    for site in venues:
        plays, gain = rng.random() < chance, rng.uniform(3.0, 8.0)
        if plays:
            found.append(Event(site, evening, 4 * 6, gain, True))
    return found


def handed_over(shift: NDArray[np.float32], sites: Sites, rng: np.random.Generator) -> NDArray[np.float32]:
    """The factor on each site's load, (S,), after today's handovers: a site sheds load to its nearest."""
    after = shift.copy()
    for site in np.flatnonzero(rng.random(len(shift)) < HANDOVERS_A_DAY):
        heir, part = sites.heir[site], rng.uniform(0.2, 0.6)
        if heir == site:
            continue
        moved = part * after[site] * np.exp(sites.level[site] - sites.level[heir])
        after[site] *= 1 - part
        after[heir] += min(moved, 1.0)  # a small heir at most gains its usual load once more
    return after


def event_factors(events: Sequence[Event], first_step: int, steps: int, sites: int) -> NDArray[np.float32]:
    """What the events multiply each site's load with over a day, (T, S)."""
    factors = np.ones((steps, sites), dtype=np.float32)
    for event in events:
        begin, end = max(event.start, first_step), min(event.start + event.steps, first_step + steps)
        inside = np.arange(begin, end)
        height = np.sin(np.pi * (inside - event.start + 0.5) / event.steps) if event.soft else 1.0
        factors[inside - first_step, event.site] *= 1 + event.gain * height
    return factors
