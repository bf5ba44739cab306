"""Powers for a weighted sum of rates: the weighted minimum mean-square error method (WMMSE; Shi et al. 2011).

Axes: N users, M stations. Maximising rates is as hard as finding the least mean-square errors of receivers
whose weights follow the errors; going round receivers, weights and senders never lowers the sum of rates.
"""

import numpy as np

from data.errors import InputError
from hetnet.network import NOBODY, Floats
from hetnet.power import Cells, equal_power, per_station, totals

HALVINGS = 60  # of the interval in which a station's price of power lies


def rate_power(cells: Cells, weights: Floats, rounds: int = 100, tolerance: float = 1e-4) -> Floats:
    """Powers at a local maximum of the weighted sum of rates, by WMMSE (Shi et al. 2011); (N,) W.

    Stops when a round moves no station's power by more than `tolerance` of its limit.
    """
    if weights.shape != cells.serving.shape or not (np.isfinite(weights) & (weights >= 0)).all():
        raise InputError(f"power: found weights {weights.shape}, expected {cells.serving.shape} of 0 or more")
    amplitude = np.sqrt(equal_power(cells))  # (N,)
    for _ in range(rounds):
        better = _round(cells, weights, amplitude)
        moved = np.abs(totals(cells, better**2) - totals(cells, amplitude**2))
        amplitude = better
        if (moved <= tolerance * cells.limits).all():
            break
    return amplitude**2


def _round(cells: Cells, weights: Floats, amplitude: Floats) -> Floats:
    """One round of WMMSE: the receivers' factors and weights, then the amplitudes that suit them."""
    own, disturbing = np.sqrt(cells.own), cells.disturbing
    heard = disturbing @ totals(cells, amplitude**2) + cells.noise
    itself = 0.0 if cells.interference == "own-cell" else 1.0  # whether the own signal is to be added
    factor = own * amplitude / (heard + itself * (own * amplitude) ** 2)
    error = np.maximum(1 - factor * own * amplitude, np.finfo(float).eps)
    pull = weights / error * factor * own  # (N,)
    push = weights / error * factor**2  # (N,)
    harm = push @ disturbing  # (M,) what a W of each station costs the users of others
    rest = np.where(cells.serving != NOBODY, harm[cells.serving], 0.0) + itself * push * own**2
    return _within_limits(cells, pull, rest)


def _within_limits(cells: Cells, pull: Floats, rest: Floats) -> Floats:
    """Amplitudes pull / (rest + price), each station's price of power the least that keeps its limit."""
    room = np.maximum(cells.limits - cells.already, 0.0)
    high = np.sqrt(per_station(cells, pull**2) / np.maximum(room, np.finfo(float).tiny))
    low = np.zeros_like(high)
    high = np.where(per_station(cells, _amplitude(cells, pull, rest, low) ** 2) <= room, 0.0, high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = per_station(cells, _amplitude(cells, pull, rest, middle) ** 2) <= room
        low, high = np.where(fits, low, middle), np.where(fits, middle, high)
    return np.where(room[cells.serving] > 0, _amplitude(cells, pull, rest, high), 0.0)


def _amplitude(cells: Cells, pull: Floats, rest: Floats, price: Floats) -> Floats:
    """The amplitudes at these prices, (N,); infinite where nothing holds them back."""
    amplitude = np.zeros_like(pull)
    sending = (cells.serving != NOBODY) & (pull > 0)
    with np.errstate(divide="ignore"):
        amplitude[sending] = pull[sending] / (rest + price[cells.serving])[sending]
    return amplitude
