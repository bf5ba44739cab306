"""One epoch of mini-batch training of some stations, and their forecasts, in one compiled call each.

A station is finished before the next one begins: its weights, gradient and activations stay in the cache
of the core that works on it, and nothing of another station can reach its result.
Axes: K stations, S samples, F features, P parameters, Q packed weights, B rows of a block.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.kernels_compile import compiled, merged, summed
from forecasting.kernels_layers import Space, backward, forward, load, prepare
from forecasting.kernels_plan import BLOCK, LINE, Plan
from forecasting.kernels_products import ROWS, Matrix, Vector

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
CLIP_EPSILON = np.float32(1e-6)  # as in torch's clip_grad_norm_
SGD, MOMENTUM, ADAM = 0, 1, 2

Orders = NDArray[np.int32]  # sample numbers


class Rule(NamedTuple):
    """The settings of an update, as numbers; what is not used is 0."""

    kind: int  # SGD, MOMENTUM or ADAM
    batch: int
    rate: np.float32
    momentum: np.float32
    faster: float  # Adam's β₁ and β₂, in double for the bias corrections
    slower: float
    epsilon: np.float32
    decay: np.float32  # L2 term in the gradient
    shrink: np.float32  # decoupled weight decay
    proximal: np.float32
    clip: np.float32
    huber: np.float32  # where the loss becomes linear; 0 for squared errors


class Moving(NamedTuple):
    """What an epoch changes in place; a moment that the rule does not use has the shape (K, 0)."""

    weights: Matrix  # (K, P)
    first: Matrix  # (K, P)
    second: Matrix  # (K, P)
    steps: NDArray[np.int64]  # (K,)
    start: Matrix  # (K, P) what the proximal term pulls towards; not changed, not read without that term


class Data(NamedTuple):
    """The samples of some stations, and the order in which each takes its first `counts` of them."""

    inputs: NDArray[np.float32]  # (K, S, F)
    targets: Matrix  # (K, S)
    orders: Orders  # (K, S)
    counts: NDArray[np.int64]  # (K,)


class Packed(NamedTuple):
    """The moving vectors (Q,) of one station; an empty one is not used."""

    first: Vector
    second: Vector
    start: Vector


@merged
def train_stations(plan: Plan, rule: Rule, moving: Moving, data: Data) -> Vector:
    """Train each station once, in place, on its first count of samples in its order; the mean losses (K,).

    An optimizer whose moments have no room in `moving` begins at zero and is forgotten.
    """
    losses = np.zeros(len(data.counts), np.float32)
    space = _new_space(plan)
    remembers = moving.first.shape[1] > 0
    packed = Packed(
        aligned(plan.packed if rule.kind != SGD else 0),
        aligned(plan.packed if rule.kind == ADAM else 0),
        aligned(plan.packed if rule.proximal > ZERO else 0),
    )
    for station in range(len(data.counts)):
        pack(plan, moving.weights[station], space.weights)
        if remembers:
            _recall(plan, moving, station, packed)
        else:
            packed.first[:] = ZERO
            packed.second[:] = ZERO
        if rule.proximal > ZERO:
            pack(plan, moving.start[station], packed.start)
        order = data.orders[station, : data.counts[station]]
        total = 0.0
        for begin in range(0, len(order), rule.batch):
            batch = order[begin : begin + rule.batch]
            total += _gradient(plan, rule, space, data.inputs[station], data.targets[station], batch)
            moving.steps[station] += 1
            _update(rule, space, packed, moving.steps[station])
        losses[station] = total / max(len(order), 1)
        unpack(plan, space.weights, moving.weights[station])
        if remembers:
            _remember(plan, packed, moving, station)
    return losses


@compiled
def _recall(plan: Plan, moving: Moving, station: int, packed: Packed) -> None:
    pack(plan, moving.first[station], packed.first)
    pack(plan, moving.second[station], packed.second)


@compiled
def _remember(plan: Plan, packed: Packed, moving: Moving, station: int) -> None:
    unpack(plan, packed.first, moving.first[station])
    unpack(plan, packed.second, moving.second[station])


@merged
def forecast_stations(plan: Plan, weights: Matrix, inputs: NDArray[np.float32], result: Matrix) -> None:
    """Write each station's forecasts (K, S)."""
    space = _new_space(plan)
    forecasts = np.zeros(BLOCK, np.float32)
    for station in range(len(weights)):
        pack(plan, weights[station], space.weights)
        for begin in range(0, result.shape[1], BLOCK):
            end = min(begin + BLOCK, result.shape[1])
            rows = -(-(end - begin) // ROWS) * ROWS
            load(plan, space, inputs[station], np.arange(begin, end, dtype=np.int32), rows)
            forward(plan, space, rows, forecasts)
            result[station, begin:end] = forecasts[: end - begin]


@compiled
def _new_space(plan: Plan) -> Space:
    space = Space(
        weights=aligned(plan.packed),
        gradient=aligned(plan.packed),
        scratch=aligned(plan.scratch),
        transposed=aligned(plan.transposed),
        step_slopes=aligned(BLOCK * plan.step),
        carried=aligned(BLOCK * plan.step),
    )
    prepare(plan, space)
    return space


@compiled
def aligned(size: int) -> Vector:
    """Zeros that begin on a cache line: a vector that straddles two lines costs two loads."""
    raw = np.zeros(size + LINE, np.float32)
    skip = -(raw.ctypes.data // 4) % LINE
    return raw[skip : skip + size]


@compiled
def pack(plan: Plan, parameters: Vector, packed: Vector) -> None:
    """Spread `parameters` (P,) to their places, with zeros between them."""
    packed[:] = ZERO
    for number in range(len(parameters)):
        packed[plan.places[number]] = parameters[number]


@compiled
def unpack(plan: Plan, packed: Vector, parameters: Vector) -> None:
    """The inverse of `pack`."""
    for number in range(len(parameters)):
        parameters[number] = packed[plan.places[number]]


@merged
def _gradient(plan: Plan, rule: Rule, space: Space, inputs: Matrix, targets: Vector, batch: Orders) -> float:
    """Put the gradient of the batch's mean loss into `space`, a block at a time; the sum of the losses."""
    forecasts, slopes = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    space.gradient[:] = ZERO
    share = ONE / np.float32(len(batch))
    total = 0.0
    for begin in range(0, len(batch), BLOCK):
        block = batch[begin : begin + BLOCK]
        rows = -(-len(block) // ROWS) * ROWS
        load(plan, space, inputs, block, rows)
        forward(plan, space, rows, forecasts)
        slopes[:] = ZERO
        for row in range(len(block)):
            error = forecasts[row] - targets[block[row]]
            total += float(_loss(error, rule.huber))
            slopes[row] = _slope(error, rule.huber) * share
        backward(plan, space, rows, slopes)
    return total


@compiled
def _loss(error: np.float32, huber: np.float32) -> np.float32:
    if huber == ZERO:
        return error * error
    size = abs(error)
    return HALF * error * error if size < huber else huber * (size - HALF * huber)


@compiled
def _slope(error: np.float32, huber: np.float32) -> np.float32:
    if huber == ZERO:
        return TWO * error
    if abs(error) > huber:
        return huber if error > ZERO else -huber
    return error


@compiled
def _update(rule: Rule, space: Space, packed: Packed, step: int) -> None:
    """One step of the optimizer, with the formulas of `torch.optim`."""
    weights, gradient = space.weights, space.gradient
    if rule.proximal > ZERO:
        _pull(gradient, weights, packed.start, rule.proximal)
    if rule.clip > ZERO:
        _shrink(gradient, min(rule.clip / (_norm(gradient) + CLIP_EPSILON), ONE))
    if rule.shrink > ZERO:
        _shrink(weights, ONE - rule.rate * rule.shrink)
    if rule.decay > ZERO:
        _pull(gradient, weights, np.zeros(0, np.float32), rule.decay)
    if rule.kind == SGD:
        _descend(weights, gradient, rule.rate)
    elif rule.kind == MOMENTUM:
        _gather(packed.first, gradient, rule.momentum)
        _descend(weights, packed.first, rule.rate)
    else:
        _adapt(rule, weights, gradient, packed, step)


@compiled
def _adapt(rule: Rule, weights: Vector, gradient: Vector, packed: Packed, step: int) -> None:
    """Adam; both moments begin at 0, which the two corrections make up for."""
    first, second = packed.first, packed.second
    rate = np.float32(float(rule.rate) / (1.0 - rule.faster**step))
    upright = np.float32(1.0 / np.sqrt(1.0 - rule.slower**step))
    faster, slower = np.float32(1.0 - rule.faster), np.float32(rule.slower)
    fresh = np.float32(1.0 - rule.slower)
    for number in range(len(weights)):
        slope = gradient[number]
        first[number] += faster * (slope - first[number])
        second[number] = slower * second[number] + fresh * (slope * slope)
        weights[number] -= rate * (first[number] / (np.sqrt(second[number]) * upright + rule.epsilon))


@compiled
def _descend(weights: Vector, direction: Vector, rate: np.float32) -> None:
    for number in range(len(weights)):
        weights[number] -= rate * direction[number]


@compiled
def _gather(first: Vector, gradient: Vector, momentum: np.float32) -> None:
    for number in range(len(first)):
        first[number] = momentum * first[number] + gradient[number]


@compiled
def _pull(gradient: Vector, weights: Vector, start: Vector, strength: np.float32) -> None:
    """Add the slope of (strength / 2)‖weights - start‖²; an empty `start` stands for 0."""
    if len(start) == 0:
        for number in range(len(gradient)):
            gradient[number] += strength * weights[number]
    else:
        for number in range(len(gradient)):
            gradient[number] += strength * (weights[number] - start[number])


@compiled
def _shrink(values: Vector, factor: np.float32) -> None:
    for number in range(len(values)):
        values[number] *= factor


@summed
def _norm(values: Vector) -> np.float32:
    total = ZERO
    for number in range(len(values)):
        total += values[number] * values[number]
    norm: np.float32 = np.sqrt(total)
    return norm
