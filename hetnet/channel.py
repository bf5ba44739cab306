"""What is left of a signal on its way from each station to each user, and the noise that it meets.

Axes: N users, M base stations, W waves of a shadowing field.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from data.errors import InputError
from hetnet.network import Floats, Mask, Stations, Variant

Noise = Literal["band", "printed"]
BOLTZMANN = 1.380649e-23  # J/K
ROOM = 290.0  # K
PRINTED_DBM = -104.0  # kTB of 10 MHz; the paper's band has 20 MHz, hence -101
NEAREST = 1.0  # metres; the path-loss formulas mean nothing closer than that
SMALL_INTERCEPT = {"sound": 38.46, "literal": 8.46}
WAVES = 64


@dataclass(frozen=True, kw_only=True)
class ChannelSettings:
    """The radio environment of the paper's Section V; what it leaves open (shadowing) is ours.

    `path_loss`: `literal` is what is printed for small stations, 8.46 dB at a metre, 30 dB above any free
    space; `sound` is 3GPP's 38.46 (TR 36.814, table A.2.1.1.2-3). `noise`: `printed` is -104 dBm, `band` that
    of the bandwidth at 290 K; both are raised by the noise figure.
    """

    path_loss: Variant = "sound"
    noise: Noise = "band"
    noise_figure_db: float = 5.0
    bandwidth: float = 20e6  # Hz
    macro_shadowing_db: float = 8.0
    small_shadowing_db: float = 4.0
    macro_shadow_metres: float = 50.0  # over which shadowing is still alike (e-folding)
    small_shadow_metres: float = 10.0
    rayleigh: bool = True

    def __post_init__(self) -> None:
        for name, value, known in (
            ("path_loss", self.path_loss, get_args(Variant)),
            ("noise", self.noise, get_args(Noise)),
        ):
            if value not in known:
                raise InputError(f"{name}: unknown {value!r}, expected one of {', '.join(known)}")
        if not 0 < self.bandwidth < np.inf:
            raise InputError(f"bandwidth: found {self.bandwidth} Hz, expected a positive number")
        for name in ("noise_figure_db", "macro_shadowing_db", "small_shadowing_db"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name}: found {getattr(self, name)}, expected 0 dB or more")
        for name in ("macro_shadow_metres", "small_shadow_metres"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"{name}: found {getattr(self, name)}, expected a positive number of metres")


@dataclass(frozen=True)
class Shadows:
    """What stands in the way of each station's signal, as a field over the plane in dB.

    A sum of plane waves, so that any place can be asked for at any time and a user who comes back meets the
    same shadow.
    """

    waves: Floats  # (M, 2, W) radians a metre
    phases: Floats  # (M, W)
    spread: Floats  # (M,) dB


def watts(dbm: float | Floats) -> Floats:
    """A power in dBm as watts."""
    return np.asarray(10 ** ((np.asarray(dbm, float) - 30) / 10))


def noise_watts(settings: ChannelSettings) -> float:
    """The noise that a receiver meets, W, its own included."""
    dbm = PRINTED_DBM
    if settings.noise == "band":
        dbm = 10 * np.log10(BOLTZMANN * ROOM * settings.bandwidth) + 30
    return float(watts(dbm + settings.noise_figure_db))


def path_loss_db(metres: Floats, macro: Mask, variant: Variant = "sound") -> Floats:
    """Decibels lost over `metres` (N, M) from stations that are `macro` (M,) or small; (N, M)."""
    far = np.maximum(metres, NEAREST)
    logarithm = np.log10(far)
    return np.where(macro, 15.3 + 37.6 * logarithm, SMALL_INTERCEPT[variant] + 20 * logarithm + 0.7 * far)


def drawn_shadows(stations: Stations, settings: ChannelSettings, rng: np.random.Generator) -> Shadows:
    """The field of each station: normal in dB, correlation exp(-distance / length).

    The spectrum of that correlation is a two-dimensional Cauchy law, which a normal pair over the size of a
    normal number follows.
    """
    count = len(stations)
    length = np.where(stations.macro, settings.macro_shadow_metres, settings.small_shadow_metres)
    pairs = rng.standard_normal((count, 2, WAVES))
    waves = pairs / np.abs(rng.standard_normal((count, 1, WAVES))) / length[:, None, None]
    return Shadows(
        waves=waves,
        phases=rng.uniform(0, 2 * np.pi, (count, WAVES)),
        spread=np.where(stations.macro, settings.macro_shadowing_db, settings.small_shadowing_db),
    )


def shadowing_db(shadows: Shadows, positions: Floats) -> Floats:
    """Decibels by which shadows weaken (or, below 0, strengthen) each link to `positions` (N, 2); (N, M)."""
    found = np.empty((len(positions), len(shadows.spread)))
    for station, spread in enumerate(shadows.spread):  # one at a time: all angles at once would fill memory
        angles = positions @ shadows.waves[station] + shadows.phases[station]  # (N, W)
        found[:, station] = spread * np.sqrt(2 / WAVES) * np.cos(angles).sum(axis=1)
    return found


def mean_gain(positions: Floats, stations: Stations, shadows: Shadows, variant: Variant) -> Floats:
    """|h|² of each link to `positions` (N, 2) but for the fading that a moment brings; (N, M)."""
    apart = np.linalg.norm(positions[:, None] - stations.positions[None], axis=2)
    lost = path_loss_db(apart, stations.macro, variant) + shadowing_db(shadows, positions)
    gain: Floats = 10 ** (-lost / 10)
    return gain


def faded(gain: Floats, rng: np.random.Generator) -> Floats:
    """`gain` times Rayleigh fading: |h|² of a complex normal h, exponential of mean 1 on each link."""
    return gain * rng.exponential(size=gain.shape)
