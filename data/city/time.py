"""How the load of the synthetic city's sites moves, ten minutes at a time.

    load = level x rhythm of its land uses x exp(noise) x what happens there

Axes: T steps of ten minutes, S sites, U land uses, C channels, P noise processes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.city.space import Sites

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Habit:
    """How one channel is used. Noise sizes are standard deviations of the logarithm of a site's load."""

    name: str
    units: float  # load of a site of level 0 in ten minutes at rhythm 1
    sharpness: float  # power of the rhythm: calls sleep at night, phones' data do not
    own: float  # noise of a couple of hours that the other channels do not share
    jitter: float  # noise that lasts one step
    grain: float  # load of one indivisible event: its shot noise falls with load


HABITS = (
    Habit(name="internet", units=32.0, sharpness=1.0, own=0.10, jitter=0.11, grain=0.10),
    Habit(name="sms", units=1.2, sharpness=1.5, own=0.15, jitter=0.15, grain=0.12),
    Habit(name="call", units=1.2, sharpness=2.2, own=0.12, jitter=0.12, grain=0.10),
)
SHARED_HOURS = (36.0, 1.2)  # how long the two noises last that all channels share
SHARED_SIZES = (0.145, 0.115)
OWN_HOURS = 0.7
DISTRICT_SHARE = np.float32(0.15)  # of the variance of these noises, common to a district's sites
PROCESSES = len(SHARED_HOURS) + len(HABITS)


def first_noise(sites: Sites, rng: np.random.Generator) -> Array:
    """Where the noise processes stand when the city begins, (P, S): anywhere in their stationary range."""
    return rng.standard_normal((PROCESSES, len(sites.level)), dtype=np.float32)


def day_noise(before: Array, steps: int, sites: Sites, rng: np.random.Generator) -> Array:
    """The noise processes over a day of `steps`, (T, P, S), each of variance 1; `before` is (P, S)."""
    hours = np.array([*SHARED_HOURS, *[OWN_HOURS] * len(HABITS)], dtype=np.float32)
    kept = np.exp(-1 / (6 * hours))[:, None]  # (P, 1)
    noise = rng.standard_normal((steps, *before.shape), dtype=np.float32)
    noise *= np.sqrt((1 - DISTRICT_SHARE) * (1 - kept**2))
    moods = rng.standard_normal((steps, PROCESSES, sites.district.max() + 1), dtype=np.float32)
    noise += (np.sqrt(DISTRICT_SHARE * (1 - kept**2)) * moods)[:, :, sites.district]
    for step in range(steps):
        before = noise[step] = noise[step] + kept * before
    return noise


def site_load(habit: Habit, sites: Sites, rhythm: Array, noise: Array, rng: np.random.Generator) -> Array:
    """One channel's load of every site over a day, (T, S), before events.

    `rhythm` is (T, U), `noise` (T, P, S).
    """
    activity = rhythm @ sites.uses.T.astype(np.float32)  # (T, S)
    level = (habit.units * np.exp(sites.level)).astype(np.float32)
    expected = level * activity**habit.sharpness
    jitter = np.sqrt(habit.jitter**2 + habit.grain / expected)
    logarithm = SHARED_SIZES[0] * noise[:, 0] + SHARED_SIZES[1] * noise[:, 1]
    logarithm += habit.own * noise[:, len(SHARED_HOURS) + HABITS.index(habit)]
    logarithm *= sites.unrest.astype(np.float32)
    logarithm += jitter * rng.standard_normal(expected.shape, dtype=np.float32)
    return expected * np.exp(logarithm)
