"""A network's forecasts and gradient for a block of samples, in compiled loops over a `Plan`.

Axes: B rows of a block, S samples, F features, T sequence steps, H padded hidden width.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.kernels_cells import gru_backward, gru_forward, lstm_backward, lstm_forward
from forecasting.kernels_compile import compiled, merged, summed
from forecasting.kernels_plan import BLOCK, Plan
from forecasting.kernels_products import Matrix, Vector, multiply, transpose

ZERO, ONE = np.float32(0), np.float32(1)


class Space(NamedTuple):
    """The memory of one thread."""

    weights: Vector
    gradient: Vector
    scratch: Vector
    transposed: Vector
    step_slopes: Vector  # (B, up to 2H) slopes of a step's state and input
    carried: Vector  # (B, H) slopes that pass a step without a product


@compiled
def matrix(values: Vector, begin: int, rows: int, columns: int) -> Matrix:
    """The (rows, columns) matrix that stands at `begin` of `values`."""
    return values[begin : begin + rows * columns].reshape(rows, columns)


@compiled
def cube(values: Vector, begin: int, depth: int, columns: int) -> NDArray[np.float32]:
    """The (depth, B, columns) array that stands at `begin` of `values`."""
    return values[begin : begin + depth * BLOCK * columns].reshape(depth, BLOCK, columns)


@compiled
def prepare(plan: Plan, space: Space) -> None:
    """Write the columns of ones that the biases meet; nothing else writes there."""
    for number in range(len(plan.dense)):
        layer = plan.dense[number]
        matrix(space.scratch, layer.values, BLOCK, layer.stride)[:, layer.inputs] = ONE
    for number in range(len(plan.recurrent)):
        recurrent = plan.recurrent[number]
        bias = recurrent.width + recurrent.inputs
        states = cube(space.scratch, recurrent.states, recurrent.steps + 1, recurrent.stride)
        states[:, :, bias : bias + 2] = ONE


@compiled
def load(plan: Plan, space: Space, inputs: Matrix, order: NDArray[np.int32], rows: int) -> None:
    """Copy the samples `order` of `inputs` (S, F) into the block; further rows up to `rows` become zero."""
    joined = plan.dense[0]
    values = matrix(space.scratch, joined.values, BLOCK, joined.stride)
    _load_columns(values[:rows, plan.state :], inputs[:, plan.first_extra :], order, plan.extra)
    for number in range(len(plan.recurrent)):
        layer = plan.recurrent[number]
        if layer.feature >= 0:
            states = cube(space.scratch, layer.states, layer.steps + 1, layer.stride)
            for step in range(layer.steps):
                _load_columns(states[step, :rows, layer.width :], inputs[:, layer.feature + step :], order, 1)


@compiled
def _load_columns(values: Matrix, inputs: Matrix, order: NDArray[np.int32], columns: int) -> None:
    for row in range(len(order)):
        sample = order[row]
        for column in range(columns):
            values[row, column] = inputs[sample, column]
    for row in range(len(order), len(values)):
        for column in range(columns):
            values[row, column] = ZERO


@merged
def forward(plan: Plan, space: Space, rows: int, forecasts: Vector) -> None:
    """The forecasts of the block's first `rows` rows."""
    if plan.state > 0:
        _forward_recurrent(plan, space, rows)
    last = len(plan.dense) - 1
    for number in range(last):
        layer, above = plan.dense[number], plan.dense[number + 1]
        values = matrix(space.scratch, layer.values, BLOCK, layer.stride)[:rows, : layer.inputs + 1]
        outputs = matrix(space.scratch, above.values, BLOCK, above.stride)[:rows]
        weights = matrix(space.weights, layer.weights, layer.rows, layer.outputs)
        multiply(values, weights, outputs[:, : layer.outputs], True)
        _rectify(outputs, layer.outputs)
    head = plan.dense[last]
    values = matrix(space.scratch, head.values, BLOCK, head.stride)[:rows]
    weights_row = space.weights[head.weights : head.weights + head.rows]
    _dot(values, weights_row, forecasts)


@merged
def backward(plan: Plan, space: Space, rows: int, slopes: Vector) -> None:
    """Add the block's gradient to `space.gradient`, given the slope of the loss for each forecast."""
    last = len(plan.dense) - 1
    _backward_head(plan, space, rows, slopes)
    for number in range(last - 1, -1, -1):
        layer, above = plan.dense[number], plan.dense[number + 1]
        values = matrix(space.scratch, layer.values, BLOCK, layer.stride)[:rows]
        outgoing = matrix(space.scratch, above.slopes, BLOCK, above.passed)[:rows]
        gradient = matrix(space.gradient, layer.weights, layer.rows, layer.outputs)
        multiply(values[:, : layer.rows].T, outgoing, gradient, False)
        if layer.passed > 0:
            weights = matrix(space.weights, layer.weights, layer.rows, layer.outputs)[: layer.passed]
            turned = matrix(space.transposed, 0, layer.outputs, layer.passed)
            transpose(weights, turned)
            incoming = matrix(space.scratch, layer.slopes, BLOCK, layer.passed)[:rows]
            multiply(outgoing, turned, incoming, True)
            if number > 0:
                _rectify_slopes(values, incoming)
    if plan.state > 0:
        _backward_recurrent(plan, space, rows)


@compiled
def _backward_head(plan: Plan, space: Space, rows: int, slopes: Vector) -> None:
    last = len(plan.dense) - 1
    head = plan.dense[last]
    values = matrix(space.scratch, head.values, BLOCK, head.stride)[:rows]
    incoming = matrix(space.scratch, head.slopes, BLOCK, head.passed)[:rows]
    weights = space.weights[head.weights : head.weights + head.rows]
    gradient = space.gradient[head.weights : head.weights + head.rows]
    floor = ZERO if last > 0 else -np.float32(np.inf)  # behind ReLU, nothing passes where it gave 0
    _add_scaled(gradient, slopes, values)
    _scale(incoming, slopes, weights, values, floor)


@merged
def _forward_recurrent(plan: Plan, space: Space, rows: int) -> None:
    """Run every branch and leave the sum of the last states among the inputs of the first dense layer."""
    joined = plan.dense[0]
    sums = matrix(space.scratch, joined.values, BLOCK, joined.stride)[:rows]
    sums[:, : plan.state] = ZERO
    for number in range(len(plan.recurrent)):
        layer = plan.recurrent[number]
        states = cube(space.scratch, layer.states, layer.steps + 1, layer.stride)
        for step in range(layer.steps):
            _forward_step(plan, number, space, step, rows)
        if layer.top == 1:
            _add(sums, states[layer.steps], layer.width)
        else:
            above = plan.recurrent[number + 1]
            upper = cube(space.scratch, above.states, above.steps + 1, above.stride)
            for step in range(layer.steps):
                _copy(upper[step, :rows], above.width, states[step + 1], 0, layer.width)


@compiled
def gates_of(plan: Plan, number: int, space: Space, step: int) -> NDArray[np.float32]:
    """The gates (4, B, H) of one step, later their slopes."""
    layer = plan.recurrent[number]
    size = 4 * BLOCK * layer.width
    return cube(space.scratch, layer.gates + step * size, 4, layer.width)


@compiled
def _forward_step(plan: Plan, number: int, space: Space, step: int, rows: int) -> None:
    """The products of all gates, then the cell; the first step has no state to multiply."""
    layer = plan.recurrent[number]
    past, columns = layer.width if step == 0 else 0, layer.width + layer.inputs + 2
    states = cube(space.scratch, layer.states, layer.steps + 1, layer.stride)
    gates = gates_of(plan, number, space, step)
    weights = matrix(space.weights, layer.weights, layer.rows, 4 * layer.width)[past:columns]
    for gate in range(4):
        part = weights[:, gate * layer.width : (gate + 1) * layer.width]
        multiply(states[step, :rows, past:columns], part, gates[gate, :rows], True)
    if layer.gru == 1:
        gru_forward(gates, states[step], states[step + 1], rows)
        return
    cells = cube(space.scratch, layer.cells, layer.steps + 1, layer.width)
    bent = cube(space.scratch, layer.bent, layer.steps, layer.width)
    lstm_forward(gates, cells[step], cells[step + 1], bent[step], states[step + 1], rows)


@merged
def _backward_recurrent(plan: Plan, space: Space, rows: int) -> None:
    """Back through every branch, each from its highest layer and its last step."""
    joined = plan.dense[0]
    arriving = matrix(space.scratch, joined.slopes, BLOCK, joined.passed)
    for number in range(len(plan.recurrent) - 1, -1, -1):
        layer = plan.recurrent[number]
        if layer.top == 1:
            slopes = cube(space.scratch, layer.slopes, layer.steps, layer.width)
            slopes[: layer.steps - 1, :rows] = ZERO
            _copy(slopes[layer.steps - 1, :rows], 0, arriving, 0, layer.width)
        weights = matrix(space.weights, layer.weights, layer.rows, 4 * layer.width)
        turned = matrix(space.transposed, 0, 4 * layer.width, layer.passed)
        transpose(weights[: layer.passed], turned)
        space.step_slopes[:] = ZERO
        space.carried[:] = ZERO
        for step in range(layer.steps - 1, -1, -1):
            _backward_step(plan, number, space, step, rows)
        if layer.gru == 1:
            _clear_absent(plan, number, space)


@compiled
def _backward_step(plan: Plan, number: int, space: Space, step: int, rows: int) -> None:
    """The cell's slopes, then the products: slopes of state and input, and the gradient."""
    layer = plan.recurrent[number]
    _backward_cells(plan, number, space, step, rows)
    gates = gates_of(plan, number, space, step)
    values = cube(space.scratch, layer.states, layer.steps + 1, layer.stride)[step, :rows, : layer.rows]
    step_slopes = matrix(space.step_slopes, 0, BLOCK, layer.passed)[:rows]
    turned = matrix(space.transposed, 0, 4 * layer.width, layer.passed)
    gradient = matrix(space.gradient, layer.weights, layer.rows, 4 * layer.width)
    past = layer.width if step == 0 else 0  # the state before the first step is a constant
    for gate in range(4):
        begin, end = gate * layer.width, (gate + 1) * layer.width
        if past < layer.passed:
            multiply(gates[gate, :rows], turned[begin:end, past:], step_slopes[:, past:], gate == 0)
        multiply(values.T, gates[gate, :rows], gradient[:, begin:end], False)
    if layer.passed > layer.width:
        below = plan.recurrent[number - 1]
        lower = cube(space.scratch, below.slopes, below.steps, below.width)
        _copy(lower[step, :rows], 0, step_slopes, layer.width, below.width)


@compiled
def _backward_cells(plan: Plan, number: int, space: Space, step: int, rows: int) -> None:
    layer = plan.recurrent[number]
    gates = gates_of(plan, number, space, step)
    slopes = cube(space.scratch, layer.slopes, layer.steps, layer.width)[step, :rows]
    carried = matrix(space.carried, 0, BLOCK, layer.width)
    _add(slopes, matrix(space.step_slopes, 0, BLOCK, layer.passed), layer.width)
    if layer.gru == 1:
        states = cube(space.scratch, layer.states, layer.steps + 1, layer.stride)
        gru_backward(gates, states[step], slopes, carried, rows)
        return
    cells = cube(space.scratch, layer.cells, layer.steps + 1, layer.width)
    bent = cube(space.scratch, layer.bent, layer.steps, layer.width)
    lstm_backward(gates, cells[step], bent[step], slopes, carried, rows)


@compiled
def _clear_absent(plan: Plan, number: int, space: Space) -> None:
    """A GRU's new state has no weights from the state in its input part, nor the other way round."""
    layer = plan.recurrent[number]
    gradient = matrix(space.gradient, layer.weights, layer.rows, 4 * layer.width)
    inputs_end = layer.width + layer.inputs + 1
    gradient[: layer.width, 2 * layer.width : 3 * layer.width] = ZERO
    gradient[inputs_end, 2 * layer.width : 3 * layer.width] = ZERO
    gradient[layer.width : inputs_end, 3 * layer.width :] = ZERO


@summed
def _dot(values: Matrix, weights: Vector, results: Vector) -> None:
    for row in range(len(values)):
        total = ZERO
        for column in range(len(weights)):
            total += values[row, column] * weights[column]
        results[row] = total


@compiled
def _add_scaled(result: Vector, factors: Vector, values: Matrix) -> None:
    for row in range(len(values)):
        for column in range(len(result)):
            result[column] += factors[row] * values[row, column]


@compiled
def _scale(result: Matrix, factors: Vector, weights: Vector, values: Matrix, floor: np.float32) -> None:
    """Each row of `result` is that row's factor times the weights, where the row's value is above `floor`."""
    for row in range(len(result)):
        for column in range(result.shape[1]):
            slope = factors[row] * weights[column]
            result[row, column] = slope if values[row, column] > floor else ZERO


@compiled
def _add(result: Matrix, values: Matrix, columns: int) -> None:
    for row in range(len(result)):
        for column in range(columns):
            result[row, column] += values[row, column]


@compiled
def _copy(result: Matrix, into: int, values: Matrix, from_column: int, columns: int) -> None:
    for row in range(len(result)):
        for column in range(columns):
            result[row, into + column] = values[row, from_column + column]


@compiled
def _rectify(values: Matrix, columns: int) -> None:
    """ReLU in place; NaN stays NaN."""
    for row in range(len(values)):
        for column in range(columns):
            value = values[row, column]
            values[row, column] = ZERO if value < ZERO else value


@compiled
def _rectify_slopes(values: Matrix, slopes: Matrix) -> None:
    """No slope where ReLU gave 0."""
    for row in range(len(slopes)):
        for column in range(slopes.shape[1]):
            slope = slopes[row, column]
            slopes[row, column] = slope if values[row, column] > ZERO else ZERO
