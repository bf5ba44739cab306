"""The networks that forecast: their parameters, packed in one flat vector, and their initial weights.

A network is described here and computed elsewhere: by torch in `engine_torch.py`, by compiled kernels
in `engine_compiled.py`. Its parts stand in the order, the shapes and with the names of the torch modules
(`nn.Linear`, `nn.LSTM`, `nn.GRU`, `nn.Conv1d`) that compute the same, so that weights can be exchanged
with `torch.nn.utils.parameters_to_vector` and back.

Axes: P parameters, K stations, F features.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.inputs import Layout

Floats = NDArray[np.float32]
Name = Literal["linear", "mlp", "gru", "lstm", "two-branch-lstm", "tcn"]
NAMES: tuple[Name, ...] = get_args(Name)

DEFAULT_HIDDEN: dict[Name, tuple[int, ...]] = {
    "linear": (),
    "mlp": (64, 64),
    "gru": (64,),
    "lstm": (64,),
    "two-branch-lstm": (64, 64),
    "tcn": (32, 32, 32),
}
WIDEST = 100_000  # of a layer, and of inputs
MOST_PARAMETERS = 100_000_000
KERNEL = 3  # taps of each convolution of the TCN; block i is dilated by 2 ** i


@dataclass(frozen=True)
class Part:
    """One tensor of a network; its initial values are uniform in ± `bound`, as torch draws them."""

    name: str
    shape: tuple[int, ...]
    bound: float

    @property
    def size(self) -> int:
        """How many parameters this part holds."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Network:
    """A network over flat windows of `layout`; `hidden` holds the width of each hidden layer.

    The recurrent networks read the periodic and the recent values as one sequence, one value a step;
    `two-branch-lstm` reads the two with an LSTM each and sums their last states. The TCN convolves the
    same sequence. All of these join the extra features to the last state before a linear head.
    """

    name: Name
    layout: Layout
    hidden: tuple[int, ...]
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """The length P of the flat weight vector."""
        return sum(part.size for part in self.parts)

    @property
    def steps(self) -> int:
        """The length of the sequence that the recurrent and convolutional networks read."""
        return self.layout.periodic + self.layout.recent


def build_network(name: str, layout: Layout, hidden: tuple[int, ...] | None = None) -> Network:
    """The network called `name`, by default with the hidden layers of `DEFAULT_HIDDEN`."""
    if name not in NAMES:
        raise InputError(f"unknown network {name!r}, expected one of {', '.join(NAMES)}")
    known: Name = NAMES[NAMES.index(name)]
    widths = DEFAULT_HIDDEN[known] if hidden is None else hidden
    _check(known, layout, widths)
    network = Network(known, layout, widths, tuple(_parts(known, layout, widths)))
    if network.parameters > MOST_PARAMETERS:
        raise InputError(f"{name} would have {network.parameters:,} weights, more than {MOST_PARAMETERS:,}")
    return network


def initial_weights(network: Network, rng: np.random.Generator) -> Floats:
    """Fresh weights (P,), distributed as torch initialises the same layers."""
    bounds = np.concatenate([np.full(part.size, part.bound) for part in network.parts])
    weights: Floats = (rng.uniform(-1, 1, network.parameters) * bounds).astype(np.float32)
    return weights


def unpacked(network: Network, weights: Floats) -> dict[str, Floats]:
    """Views of each part in `weights` (..., P), each of shape (..., *part.shape)."""
    ends = np.cumsum([part.size for part in network.parts])[:-1]
    pieces = np.split(weights, ends, axis=-1)
    lead = weights.shape[:-1]
    return {
        part.name: piece.reshape(*lead, *part.shape)
        for part, piece in zip(network.parts, pieces, strict=True)
    }


def _check(name: Name, layout: Layout, hidden: tuple[int, ...]) -> None:
    if not all(1 <= width <= WIDEST for width in hidden):
        raise InputError(f"hidden widths must be at least 1 and at most {WIDEST:,}, got {hidden}")
    counts = (layout.periodic, layout.recent, layout.extra)
    if not all(0 <= count <= WIDEST for count in counts) or layout.features < 1:
        raise InputError(f"a network of {counts} inputs, expected 1 to {WIDEST:,}")
    if name == "linear" and hidden:
        raise InputError(f"a linear network has no hidden layers, got {hidden}")
    if name != "linear" and not hidden:
        raise InputError(f"{name} needs at least one hidden layer")
    if name not in ("linear", "mlp") and layout.periodic + layout.recent < 1:
        raise InputError(f"{name} needs a sequence: at least one recent or periodic value")
    if name == "two-branch-lstm" and min(layout.periodic, layout.recent) < 1:
        raise InputError(
            f"two-branch-lstm needs recent and periodic values, got {layout.recent} and {layout.periodic}"
        )


def _parts(name: Name, layout: Layout, hidden: tuple[int, ...]) -> Iterator[Part]:
    match name:
        case "linear" | "mlp":
            for index, (inputs, outputs) in enumerate(pairwise((layout.features, *hidden, 1))):
                yield from _linear(f"layers.{index}", inputs, outputs)
            return
        case "lstm":
            yield from _recurrent("recurrent", hidden, gates=4)
        case "gru":
            yield from _recurrent("recurrent", hidden, gates=3)
        case "two-branch-lstm":
            yield from _recurrent("recent", hidden, gates=4)
            yield from _recurrent("periodic", hidden, gates=4)
        case "tcn":
            yield from _convolutions(hidden)
    yield from _linear("head", hidden[-1] + layout.extra, 1)


def _linear(name: str, inputs: int, outputs: int) -> Iterator[Part]:
    bound = 1 / math.sqrt(inputs)
    yield Part(f"{name}.weight", (outputs, inputs), bound)
    yield Part(f"{name}.bias", (outputs,), bound)


def _recurrent(name: str, hidden: tuple[int, ...], gates: int) -> Iterator[Part]:
    for layer, (inputs, width) in enumerate(pairwise((1, *hidden))):
        bound = 1 / math.sqrt(width)
        yield Part(f"{name}.weight_ih_l{layer}", (gates * width, inputs), bound)
        yield Part(f"{name}.weight_hh_l{layer}", (gates * width, width), bound)
        yield Part(f"{name}.bias_ih_l{layer}", (gates * width,), bound)
        yield Part(f"{name}.bias_hh_l{layer}", (gates * width,), bound)


def _convolutions(channels: tuple[int, ...]) -> Iterator[Part]:
    """Blocks of two convolutions; where the width changes, a 1 × 1 convolution carries the residual."""
    for block, (inputs, outputs) in enumerate(pairwise((1, *channels))):
        yield from _convolution(f"blocks.{block}.first", inputs, outputs, KERNEL)
        yield from _convolution(f"blocks.{block}.second", outputs, outputs, KERNEL)
        if inputs != outputs:
            yield from _convolution(f"blocks.{block}.residual", inputs, outputs, 1)


def _convolution(name: str, inputs: int, outputs: int, taps: int) -> Iterator[Part]:
    bound = 1 / math.sqrt(inputs * taps)
    yield Part(f"{name}.weight", (outputs, inputs, taps), bound)
    yield Part(f"{name}.bias", (outputs,), bound)
