"""A station follows no order that its series or its network do not fit, and says why."""

from typing import Any

import numpy as np
import pytest

from bs_client.host import Host, host
from bs_client.order_faults import fault
from clustering.signatures import SignatureSettings
from data.messages import (
    DescribeOrder,
    EvaluateOrder,
    IntroduceOrder,
    MomentsOrder,
    Order,
    RoundOrder,
    TrainOrder,
    Weights,
)
from data.traffic import StationId
from tests.cities import wavy_traffic
from tests.fleets import SMALL_RECIPE

ALL = (StationId("s0"),)


@pytest.fixture(scope="module")
def of_three_weeks() -> Host:
    return host(wavy_traffic(), SMALL_RECIPE, SignatureSettings())


def weights(number: int) -> Weights:
    return np.zeros(number, np.float32)


SIZE = 6 * 6 + 6 + 6 + 1  # six inputs, six units
WIDE: Any = np.zeros(SIZE)  # Any: what a packet may hold, whatever the order declares


@pytest.mark.parametrize(
    "order",
    [
        IntroduceOrder(),
        DescribeOrder(ALL),
        DescribeOrder(ALL, 24),
        TrainOrder(ALL, weights(SIZE), "vertical", 0, 1, 336),
        EvaluateOrder(ALL, weights(SIZE), 336, 504),
        EvaluateOrder(ALL, weights(7), 336, 504, linear=True),
        MomentsOrder(ALL, 72, 336),
    ],
    ids=lambda order: type(order).__name__,
)
def test_an_order_that_fits_is_followed(of_three_weeks: Host, order: Order) -> None:
    assert fault(of_three_weeks, order) == ""


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (DescribeOrder(ALL, 23), "asks for the past of step 23"),
        (DescribeOrder(ALL, 505), "asks for the past of step 505"),
        (TrainOrder(ALL, weights(3), "vertical", 0, 1, 336), "has weights of shape (3,), expected (49,)"),
        (TrainOrder(ALL, WIDE, "vertical", 0, 1, 336), "has weights of float64"),
        (TrainOrder(ALL, weights(SIZE) + np.nan, "vertical", 0, 1, 336), "has weights that are not finite"),
        (TrainOrder(ALL, weights(SIZE), "vertical", -1, 1, 336), "is turn -1 of 1"),
        (TrainOrder(ALL, weights(SIZE), "vertical", 0, 1, 505), "is about steps 0 to 505, of 504"),
        (EvaluateOrder(ALL, weights(SIZE), 336, 504, linear=True), "expected (7,)"),
        (EvaluateOrder(ALL, weights(SIZE), 504, 336), "is about steps 504 to 336, of 504"),
        (MomentsOrder(ALL, -1, 336), "is about steps -1 to 336, of 504"),
        (RoundOrder(ALL, 0, 0, "vertical", 0, 1, True, 0), "is one for cluster heads"),
    ],
)
def test_an_order_that_does_not_fit_is_told_why(of_three_weeks: Host, order: Order, why: str) -> None:
    assert why in fault(of_three_weeks, order)
