"""Hosted stations and orders for tests."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from bs_client.host import Host, host
from clustering.signatures import SignatureSettings
from data.messages import (
    PHASES,
    Answer,
    DescribeOrder,
    EvaluateOrder,
    Moments,
    MomentsAnswer,
    MomentsOrder,
    Order,
    Single,
    Summed,
    TrainOrder,
)
from data.traffic import StationId, Traffic
from forecasting.networks import initial_weights
from forecasting.recipe import Recipe
from forecasting.settings import TrainingSettings
from forecasting.stations import Floats
from tests.cities import wavy_traffic
from tests.fleets import SMALL_RECIPE

SGD = TrainingSettings(learning_rate=0.05, batch_size=32, momentum=0.9, engine="compiled")
CITY = wavy_traffic(stations=5, days=14)
HISTORY, STEPS, FIRST = 7 * 24, 14 * 24, 72  # the paper's inputs look three days back


def hosted(recipe: Recipe = SMALL_RECIPE, traffic: Traffic = CITY) -> Host:
    return host(traffic, recipe, SignatureSettings())


def some_weights(of: Host, seed: int = 3) -> Floats:
    return initial_weights(of.network, np.random.default_rng(seed))


def every_order(stations: Sequence[StationId], weights: Floats) -> list[Order]:
    """An order of each kind; none looks at what happens from step HISTORY + 48 on."""
    named, now = tuple(stations), HISTORY + 24
    return [
        DescribeOrder(named, now),
        *(TrainOrder(named, weights, phase, 0, 4, now) for phase in PHASES),
        EvaluateOrder(named, weights, now, now + 24),
        EvaluateOrder(named, weights, now, now + 24, personal=True),
        EvaluateOrder(named, linear_weights(), now, now + 24, linear=True),
        MomentsOrder(named, FIRST, now),
    ]


def linear_weights() -> Floats:
    return np.linspace(-0.3, 0.4, 7, dtype=np.float32)  # six inputs of the paper and an intercept


def bits(answer: Answer) -> list[tuple[str, object]]:
    """All that an answer holds, arrays as their bytes."""
    if isinstance(answer, MomentsAnswer):
        return [("station", answer.station), *_bits(answer.moments)]
    return _bits(answer)


def _bits(held: Answer | Moments) -> list[tuple[str, object]]:
    values = ((field.name, getattr(held, field.name)) for field in fields(held))
    return [(name, each.tobytes() if isinstance(each, np.ndarray) else each) for name, each in values]


def only(given: Sequence[Answer]) -> Answer:
    assert len(given) == 1
    return given[0]


def single(given: Sequence[Answer]) -> list[Single]:
    """Answers of one station each."""
    alone = [answer for answer in given if not isinstance(answer, Summed)]
    assert len(alone) == len(given)
    return alone
