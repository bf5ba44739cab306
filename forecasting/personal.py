"""Personal heads: each station's own last layer on the body that it shares with others.

Every network ends in a linear head, so the best head for a station's samples is found in one step. It is
drawn towards the shared head, the more the fewer samples there are to speak against that.

Axes: K stations, S samples, F features, P parameters, A activations that the head sees.
"""

import numpy as np

from data.errors import InputError
from data.messages import Moments
from forecasting.moments import Values, station_moments
from forecasting.networks import Floats, Network, unpacked
from forecasting.stations import Samples


def personal_heads(network: Network, weights: Floats, samples: Samples, strength: float) -> Floats:
    """`weights` (K, P) with each station's head replaced by its personal one; the bodies stay.

    The personal head minimises Σ (y - forecast)² + strength · ‖head - shared head‖² over the station's
    samples, the bias being part of the head. A station without samples keeps the shared head.
    """
    if not 0 <= strength < np.inf:
        raise InputError(f"the strength of personal heads must be at least 0 and finite, got {strength}")
    personal = weights.copy()
    size = sum(part.size for part in network.parts[-2:])  # A + 1: the head's weights, then its bias
    for station, count in enumerate(samples.counts):  # one at a time: the activations of all need gigabytes
        seen = activations(network, weights[station], samples.inputs[station, :count])  # (S, A)
        shared = weights[station, -size:].astype(np.float64)
        missed = samples.targets[station, :count] - (seen @ shared[:-1] + shared[-1])  # (S,)
        personal[station, -size:] = shared + _correction(station_moments(seen, missed), strength)
    return personal


def activations(network: Network, weights: Floats, inputs: Floats) -> Floats:
    """What the head of one network, `weights` (P,), sees of `inputs` (S, F), (S, A)."""
    if network.name in ("linear", "mlp"):  # computed here, since loading torch takes seconds
        parts = unpacked(network, weights)
        for layer in range(len(network.hidden)):
            dense = inputs @ parts[f"layers.{layer}.weight"].T + parts[f"layers.{layer}.bias"]
            inputs = np.maximum(dense, 0)
        return inputs
    from forecasting.engine_torch import head_inputs

    seen: Floats = head_inputs(network, weights[None], inputs[None])[0]
    return seen


def _correction(missed: Moments, strength: float) -> Values:
    """What to add to the shared head, (A + 1,), given the moments of what it misses."""
    if strength == 0:  # of all best heads the one nearest the shared: units that never fire stay as they are
        return np.linalg.lstsq(missed.gram, missed.moment)[0].astype(np.float64)
    penalty = strength * np.eye(len(missed.moment))
    return np.linalg.solve(missed.gram + penalty, missed.moment).astype(np.float64)
