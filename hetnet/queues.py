"""What a link's rate and the traffic offered to it mean for its user: throughput, delay and loss.

Each user's packets wait in a queue of its own with a bounded buffer, M/M/1/K. Axes: N users, M base stations,
Q QoS metrics.
"""

from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from hetnet.network import NOBODY, Floats, Interference, Network, rates


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """How packets wait. A packet that is not through after `most_delay` is of no use to anyone."""

    packet_bits: float = 100_000.0  # what an application sends at once: a picture of a video, part of a page
    buffer: int = 20  # packets, the one in service included
    base_delay: float = 0.008  # s, of the way through radio and core when nobody waits
    most_delay: float = 10.0  # s

    def __post_init__(self) -> None:
        if not 0 < self.packet_bits < np.inf:
            raise InputError(f"packet_bits: found {self.packet_bits}, expected a positive number")
        if self.buffer < 1:
            raise InputError(f"buffer: found {self.buffer} packets, expected at least 1")
        if not 0 <= self.base_delay < self.most_delay < np.inf:
            raise InputError(
                f"base_delay {self.base_delay} s, most_delay {self.most_delay} s: expected 0 <= base < most"
            )


def waiting(use: Floats, buffer: int) -> tuple[Floats, Floats]:
    """Of a queue M/M/1/K the mean number of packets in it, and the share of packets lost; each as `use`.

    `use` is arrivals over service, of any size; `buffer` is K. The chance of n packets goes as use^n; above 1
    the queue is counted from its full end, as powers of 1 / use, so that nothing grows beyond bounds.
    """
    turned = use > 1
    ratio = np.where(turned, 1 / np.maximum(use, 1.0), use)
    chances, slope = (
        np.ones_like(ratio),
        np.zeros_like(ratio),
    )  # the sum of ratio^n and its derivative (Horner)
    for _ in range(buffer):
        slope = slope * ratio + chances
        chances = chances * ratio + 1
    mean = ratio * slope / chances
    return np.where(turned, buffer - mean, mean), np.where(turned, 1.0, ratio**buffer) / chances


def conditions(rate: Floats, offered: Floats, settings: QueueSettings | None = None) -> Floats:
    """Throughput (bit/s), delay (s) and loss (share) of links of `rate` with `offered` bit/s; (..., Q).

    Throughput is what the link can carry (equation 3). A link that carries nothing loses all and delays for
    the longest.
    """
    settings = settings or QueueSettings()
    for name, values in (("rates", rate), ("offered traffic", offered)):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise InputError(f"{name}: found values that are negative or not finite, expected neither")
    dead = rate < settings.packet_bits / settings.most_delay
    service = np.where(dead, settings.packet_bits, rate) / settings.packet_bits  # packets a second
    arrivals = offered / settings.packet_bits
    inside, lost = waiting(arrivals / service, settings.buffer)
    through = arrivals * (1 - lost)
    spent = np.where(through > 0, inside / np.maximum(through, 1e-300), 1 / service)  # Little
    delay = np.minimum(settings.base_delay + np.maximum(spent, 1 / service), settings.most_delay)
    return np.stack(
        [rate, np.where(dead, settings.most_delay, delay), np.where(dead, 1.0, np.clip(lost, 0, 1))], axis=-1
    )


def network_conditions(
    network: Network,
    offered: Floats,
    settings: QueueSettings | None = None,
    interference: Interference = "sound",
) -> Floats:
    """Each user's throughput, delay and loss in `network` when it asks for `offered` (N,) bit/s; (N, Q)."""
    return conditions(rates(network, interference), offered, settings)


def slot_use(network: Network, offered: Floats, interference: Interference = "sound") -> Floats:
    """The share of its slots' time that each station is busy, (M,); 0 of one without slots."""
    rate = rates(network, interference)
    use = np.where(offered >= rate, 1.0, offered / np.maximum(rate, 1e-300))
    to = network.serving != NOBODY
    busy = np.bincount(network.serving[to], use[to], minlength=len(network.stations))
    share: Floats = busy / np.maximum(network.stations.slots, 1)
    return share
