"""What leaves a station under a privacy budget: clipped, noised, and charged before it is sent.

Axes: K stations, P parameters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bs_client.budget import content_of
from bs_client.host import Host
from clustering.signatures import DAY, WEEK, standardised
from data.messages import PHASES, TrainOrder
from data.traffic import StationId
from forecasting.private import clipped, noised

Floats = NDArray[np.float32]
Array = NDArray[np.float64]
SIGNATURE = float(np.sqrt(DAY + WEEK))  # the 2-norm of a mean day and a mean week of deviation 1: no more


def private_weights(
    host: Host, stations: Sequence[StationId], weights: Floats, order: TrainOrder
) -> dict[StationId, Floats]:
    """The weights (P,) that each station may send of those (K, P) that it has come to."""
    settings, base = host.recipe.privacy, order.weights.astype(np.float64)
    changes = {
        station: clipped(made.astype(np.float64) - base, settings.clip)
        for station, made in zip(stations, weights, strict=True)
    }
    moment = (PHASES.index(order.phase), order.turn, order.until)
    keys = host.budget.charged(
        {
            station: content_of("change", moment, (order.weights.tobytes(), change.tobytes()))
            for station, change in changes.items()
        }
    )
    return {
        station: (base + noised(changes[station], settings.clip, settings.multiplier, key)).astype(np.float32)
        for station, key in keys.items()
    }


def private_signatures(
    host: Host, profiles: dict[StationId, Array], until: int
) -> dict[StationId, tuple[Array, Array]]:
    """The mean day and week that each station may tell, of its own in one vector (192,)."""
    settings = host.recipe.privacy
    bounded = {station: clipped(each, SIGNATURE) for station, each in profiles.items()}
    keys = host.budget.charged(
        {station: content_of("signature", (until,), (each.tobytes(),)) for station, each in bounded.items()}
    )
    found = {}
    for station, key in keys.items():
        made = noised(bounded[station], SIGNATURE, settings.multiplier, key)
        day, week = (standardised(part[None])[0] for part in (made[:DAY], made[DAY:]))
        found[station] = day, week
    return found
