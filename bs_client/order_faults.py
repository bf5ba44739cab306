"""What is wrong with an order, in words: a station follows none that its series or its network do not fit."""

from collections.abc import Sequence

import numpy as np

from bs_client.host import Host
from data.errors import InputError
from data.messages import (
    DescribeOrder,
    EvaluateOrder,
    IntroduceOrder,
    KeepOrder,
    KeysOrder,
    MomentsOrder,
    Order,
    SharesOrder,
    SpentOrder,
    TrainOrder,
    UnmaskOrder,
    Weights,
)
from forecasting.networks import build_network

FEWEST_HOURS = 24  # that a station can describe
MOST_TURNS = 2**31


def refuse_faults(host: Host, orders: Sequence[Order]) -> None:
    """Refuse orders of which one cannot be followed."""
    for order in orders:
        wrong = fault(host, order)
        if wrong:
            raise InputError(f"an order that cannot be followed: {type(order).__name__} {wrong}")


def fault(host: Host, order: Order) -> str:
    """Why the stations of `host` cannot follow an order; nothing if they can."""
    match order:
        case IntroduceOrder() | KeepOrder() | KeysOrder() | SharesOrder() | UnmaskOrder() | SpentOrder():
            return ""
        case DescribeOrder():
            return "" if order.until is None else _bad_past(host, order.until)
        case TrainOrder():
            changed = order.crossing is not None and order.crossing.change is not None  # of sound weights
            return (not changed and _bad_weights(host, order.weights, linear=False)) or _bad_turn(host, order)
        case EvaluateOrder():
            bad = _bad_span(host, order.first, order.last)
            return bad or _bad_weights(host, order.weights, linear=order.linear)
        case MomentsOrder():
            return _bad_span(host, order.first, order.until)
    return "is one for cluster heads"


def _steps(host: Host) -> int:
    return len(host.task.load)


def _bad_past(host: Host, until: int) -> str:
    enough = until * host.task.traffic.step_minutes >= FEWEST_HOURS * 60
    return "" if enough and until <= _steps(host) else f"asks for the past of step {until}"


def _bad_weights(host: Host, weights: Weights, *, linear: bool) -> str:
    network = build_network("linear", host.task.windows.layout) if linear else host.network
    wanted = (network.parameters,)
    if weights.dtype != np.float32:
        return f"has weights of {weights.dtype}, expected float32"
    if weights.shape != wanted:
        return f"has weights of shape {weights.shape}, expected {wanted}"
    return "" if np.isfinite(weights).all() else "has weights that are not finite"


def _bad_turn(host: Host, order: TrainOrder) -> str:
    if not 0 <= order.turn < MOST_TURNS or not 0 < order.turns < MOST_TURNS:
        return f"is turn {order.turn} of {order.turns}"
    return _bad_span(host, 0, order.until)


def _bad_span(host: Host, first: int, last: int) -> str:
    steps = _steps(host)
    return "" if 0 <= first <= last <= steps else f"is about steps {first} to {last}, of {steps}"
