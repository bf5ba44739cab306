"""Where a network's numbers stand in the compiled engine: padded weight matrices and scratch arrays.

Every network here is the same machine: branches of recurrent layers (none, one or two) whose last states
are summed; the state and the extra features are joined; dense layers with ReLU follow; a linear head ends
it. Each layer's inputs carry a column of ones, so that its biases are rows of its weight matrix and one
product each computes the outputs, the gradient of weights and biases, and the slopes of the inputs.

A GRU is an LSTM of other curves: its four column blocks are reset, update, and the new state's part from
the inputs and from the state; the two blocks of weights that do not exist stay zero.

Axes: B rows of a block, T sequence steps, H padded hidden width, D input columns with their ones,
P parameters.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.kernels_products import COLUMNS, ROWS
from forecasting.networks import Network, Part

BLOCK = 64  # samples computed at once: the states of all steps then stay in a core's second-level cache
LINE = 16  # float32 numbers in a cache line: rows begin on one

Table = Any  # an array of records, for whose fields numpy has no types


def _fields(names: str) -> np.dtype[np.void]:
    return np.dtype([(name, np.int64) for name in names.split()])


# weights (rows, outputs): for the inputs, then the biases. values (B, stride): inputs and ones.
# slopes (B, passed): of those inputs that somebody below wants to know.
DENSE = _fields("weights rows inputs outputs stride values slopes passed")

# weights (rows, 4H): for the state, the inputs, the two biases. `inputs` is 1 value of the sequence that
# begins at `feature`, or the width of the layer below (`feature` -1). `top`: last of its branch.
# states (T + 1, B, stride): state before the step, input, ones. gates (T, 4, B, H): gates, later
# their slopes. cells (T + 1, B, H) and bent, their tanh (T, B, H): of an LSTM. slopes (T, B, H): from above.
# `passed`: how many columns of state and input have slopes that somebody below wants to know.
RECURRENT = _fields(
    "weights rows inputs width stride steps feature top gru states gates cells bent slopes passed"
)


class Plan(NamedTuple):
    """Where everything of a network stands; `state` is 0 and `recurrent` empty without a sequence."""

    recurrent: Table  # of RECURRENT, each branch from the lowest layer up
    dense: Table  # of DENSE; the last one is the head, whose weights are one row
    places: NDArray[np.int64]  # (P,) where each parameter stands in the packed weights
    packed: int  # length of the packed weights
    scratch: int  # length of the scratch vector
    transposed: int  # length of the largest transposed weight matrix
    step: int  # columns of the largest step's slopes
    state: int  # H of the last states
    first_extra: int  # the first feature that the dense layers read
    extra: int  # how many they read


class _Room:
    """Hands out places in a flat vector, each beginning on a cache line."""

    def __init__(self) -> None:
        self.taken = 0

    def take(self, size: int) -> int:
        begin = self.taken
        self.taken += padded(size, LINE)
        return begin


def padded(size: int, multiple: int) -> int:
    """`size` rounded up."""
    return -(-size // multiple) * multiple


def build_plan(network: Network) -> Plan:
    """The plan of a linear, MLP, GRU, LSTM or two-branch network."""
    weights, scratch = _Room(), _Room()
    layers = _recurrent_layers(network, weights, scratch)
    state = layers[-1]["width"] if layers else 0
    first_extra = network.steps if layers else 0
    extra = network.layout.features - first_extra
    hidden = () if layers else network.hidden
    dense = _dense_layers(state, state + extra, (*hidden, 1), weights, scratch)
    return Plan(
        recurrent=_table(RECURRENT, layers),
        dense=_table(DENSE, dense),
        places=np.concatenate([_places(network, part, layers, dense) for part in network.parts]),
        packed=weights.taken,
        scratch=scratch.taken,
        transposed=max(
            [layer["passed"] * layer["outputs"] for layer in dense]
            + [layer["passed"] * 4 * layer["width"] for layer in layers]
        ),
        step=max([layer["passed"] for layer in layers], default=0),
        state=state,
        first_extra=first_extra,
        extra=extra,
    )


def _dense_layers(
    state: int, inputs: int, widths: tuple[int, ...], weights: _Room, scratch: _Room
) -> list[dict[str, int]]:
    """The hidden layers and the head; the first one passes slopes to the state alone."""
    layers: list[dict[str, int]] = []
    for width in widths:
        outputs = padded(width, COLUMNS) if len(layers) < len(widths) - 1 else width
        layers.append(_dense_layer(state if not layers else inputs, inputs, outputs, weights, scratch))
        inputs = outputs
    return layers


def _dense_layer(passed: int, inputs: int, outputs: int, weights: _Room, scratch: _Room) -> dict[str, int]:
    stride = padded(inputs + 1, LINE)
    rows = stride if outputs == 1 else padded(inputs + 1, ROWS)
    return {
        "weights": weights.take(rows * outputs),
        "rows": rows,
        "inputs": inputs,
        "outputs": outputs,
        "stride": stride,
        "values": scratch.take(BLOCK * stride),
        "slopes": scratch.take(BLOCK * passed),
        "passed": passed,
    }


def _recurrent_layers(network: Network, weights: _Room, scratch: _Room) -> list[dict[str, int]]:
    periodic, recent = network.layout.periodic, network.layout.recent
    sequences = {
        "lstm": [(0, periodic + recent)],
        "gru": [(0, periodic + recent)],
        "two-branch-lstm": [(periodic, recent), (0, periodic)],  # in the order of the network's parts
    }
    layers = []
    for feature, steps in sequences.get(network.name, []):
        for number, width in enumerate(network.hidden):
            below = padded(network.hidden[number - 1], COLUMNS) if number else 1
            layer = _recurrent_layer(below, padded(width, COLUMNS), steps, weights, scratch)
            layer["feature"] = -1 if number else feature
            layer["top"] = int(number == len(network.hidden) - 1)
            layer["gru"] = int(network.name == "gru")
            layers.append(layer)
    return layers


def _recurrent_layer(inputs: int, width: int, steps: int, weights: _Room, scratch: _Room) -> dict[str, int]:
    columns = width + inputs + 2
    rows, stride = padded(columns, ROWS), padded(columns, LINE)
    return {
        "weights": weights.take(rows * 4 * width),
        "rows": rows,
        "inputs": inputs,
        "width": width,
        "stride": stride,
        "steps": steps,
        "states": scratch.take((steps + 1) * BLOCK * stride),
        "gates": scratch.take(steps * BLOCK * 4 * width),
        "cells": scratch.take((steps + 1) * BLOCK * width),
        "bent": scratch.take(steps * BLOCK * width),
        "slopes": scratch.take(steps * BLOCK * width),
        "passed": width if inputs == 1 else width + inputs,
    }


def _table(kind: np.dtype[np.void], layers: list[dict[str, int]]) -> Table:
    names = kind.names or ()
    return np.array([tuple(layer[name] for name in names) for layer in layers], kind)


def _places(
    network: Network, part: Part, layers: list[dict[str, int]], dense: list[dict[str, int]]
) -> NDArray[np.int64]:
    """Where each number of `part` (flat) stands in the packed weights."""
    owner, kind = part.name.rsplit(".", 1)
    if owner in ("recurrent", "recent", "periodic"):
        number = int(kind[-1]) + (len(network.hidden) if owner == "periodic" else 0)
        return _recurrent_places(layers[number], part, kind[:-3])
    layer = dense[int(owner.removeprefix("layers."))] if owner.startswith("layers.") else dense[0]
    outputs = np.arange(part.shape[0])
    if kind == "bias":
        return layer["weights"] + layer["inputs"] * layer["outputs"] + outputs
    inputs = np.arange(part.shape[1])
    if layers:  # the head reads the padded state, then the extra features
        inputs = np.where(
            inputs < network.hidden[-1], inputs, inputs - network.hidden[-1] + layers[-1]["width"]
        )
    return (layer["weights"] + inputs[None, :] * layer["outputs"] + outputs[:, None]).ravel()


def _recurrent_places(layer: dict[str, int], part: Part, kind: str) -> NDArray[np.int64]:
    """torch stacks the gates by their real width; here each gate is padded and a GRU's new state is split."""
    width, inputs = layer["width"], layer["inputs"]
    first_row = {"weight_hh": 0, "weight_ih": width, "bias_ih": width + inputs, "bias_hh": width + inputs + 1}
    gates = 3 if layer["gru"] else 4
    gate, unit = np.divmod(np.arange(part.shape[0]), part.shape[0] // gates)
    if layer["gru"] and kind.endswith("hh"):
        gate = np.where(gate == 2, 3, gate)
    columns = gate * width + unit
    rows = first_row[kind] + np.arange(part.shape[1] if kind.startswith("weight") else 1)
    places: NDArray[np.int64] = layer["weights"] + rows[None, :] * 4 * width + columns[:, None]
    return places.ravel()
