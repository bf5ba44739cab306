"""Each network's forward pass in torch, for K stations at once.

Every product is a batched one, so that station k meets its own weights only.
Axes: K stations, S samples, F features, H hidden width, T sequence steps, C channels,
A activations that the head sees.
"""

from collections.abc import Callable, Mapping
from io import BytesIO

import torch
from torch import Tensor
from torch.nn.functional import pad

from forecasting.networks import Floats, Name, Network

Parts = Mapping[str, Tensor]


def forward(network: Network, weights: Tensor, inputs: Tensor) -> Tensor:
    """The forecasts (K, S) of the networks with `weights` (K, P) for `inputs` (K, S, F)."""
    parts = _parts(network, weights)
    head = network.parts[-1].name.removesuffix(".bias")
    return _dense(parts, head, _BODY[network.name](network, parts, inputs))[:, :, 0]


def body(network: Network, weights: Tensor, inputs: Tensor) -> Tensor:
    """What the linear heads of the networks see of `inputs` (K, S, F), (K, S, A)."""
    return _BODY[network.name](network, _parts(network, weights), inputs)


def checkpoint(parts: Mapping[str, Floats], words: Mapping[str, str]) -> bytes:
    """A file for `torch.load`: the parts as a `state_dict`, and `words` beside it."""
    content = BytesIO()
    tensors = {name: torch.tensor(part) for name, part in parts.items()}
    torch.save({"state_dict": tensors, **words}, content)
    return content.getvalue()


def _parts(network: Network, weights: Tensor) -> Parts:
    pieces = weights.split([part.size for part in network.parts], dim=1)
    return {
        part.name: piece.reshape(-1, *part.shape) for part, piece in zip(network.parts, pieces, strict=True)
    }


def _dense(parts: Parts, name: str, inputs: Tensor) -> Tensor:
    """x Wᵀ + b of each station, (K, S, in) → (K, S, out)."""
    return torch.baddbmm(parts[f"{name}.bias"][:, None], inputs, parts[f"{name}.weight"].transpose(1, 2))


def _perceptron(network: Network, parts: Parts, inputs: Tensor) -> Tensor:
    for layer in range(len(network.hidden)):
        inputs = _dense(parts, f"layers.{layer}", inputs).relu()
    return inputs


def _one_sequence(network: Network, parts: Parts, inputs: Tensor) -> Tensor:
    state = _last_state(network, parts, "recurrent", inputs[:, :, : network.steps])
    return _with_extra(network, state, inputs)


def _two_branches(network: Network, parts: Parts, inputs: Tensor) -> Tensor:
    periodic, recent = (
        inputs[:, :, : network.layout.periodic],
        inputs[:, :, network.layout.periodic : network.steps],
    )
    state = _last_state(network, parts, "recent", recent) + _last_state(network, parts, "periodic", periodic)
    return _with_extra(network, state, inputs)


def _with_extra(network: Network, state: Tensor, inputs: Tensor) -> Tensor:
    """The last state (K, S, H) and the extra features."""
    return torch.cat([state, inputs[:, :, network.steps :]], dim=2)


def _last_state(network: Network, parts: Parts, name: str, values: Tensor) -> Tensor:
    """The last hidden state (K, S, H) of a stack of LSTM or GRU layers over `values` (K, S, T)."""
    layer_of = _gru_layer if network.name == "gru" else _lstm_layer
    sequence = [values[:, :, step, None] for step in range(values.shape[2])]  # T × (K, S, 1)
    for layer in range(len(network.hidden)):
        sequence = layer_of(parts, name, layer, sequence)
    return sequence[-1]


def _lstm_layer(parts: Parts, name: str, layer: int, sequence: list[Tensor]) -> list[Tensor]:
    """The hidden states of one LSTM layer; gates in torch's order: input, forget, cell, output."""
    of_input, of_state, bias_input, bias_state = _recurrent_parts(parts, name, layer)
    bias = (bias_input + bias_state)[:, None]  # (K, 1, 4H)
    width = of_state.shape[1]
    hidden = sequence[0].new_zeros(*sequence[0].shape[:2], width)  # (K, S, H)
    cell, states = hidden, []
    for step in sequence:
        gates = torch.baddbmm(torch.baddbmm(bias, step, of_input), hidden, of_state)
        enter, forget, candidate, leave = gates.split(width, dim=2)
        cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        states.append(hidden)
    return states


def _gru_layer(parts: Parts, name: str, layer: int, sequence: list[Tensor]) -> list[Tensor]:
    """The hidden states of one GRU layer; gates in torch's order: reset, update, new."""
    of_input, of_state, bias_input, bias_state = _recurrent_parts(parts, name, layer)
    width = of_state.shape[1]
    hidden = sequence[0].new_zeros(*sequence[0].shape[:2], width)  # (K, S, H)
    states = []
    for step in sequence:
        entering = torch.baddbmm(bias_input[:, None], step, of_input)
        staying = torch.baddbmm(bias_state[:, None], hidden, of_state)
        reset_update = (entering[:, :, : 2 * width] + staying[:, :, : 2 * width]).sigmoid()
        reset, update = reset_update.split(width, dim=2)
        new = (entering[:, :, 2 * width :] + reset * staying[:, :, 2 * width :]).tanh()
        hidden = (1 - update) * new + update * hidden
        states.append(hidden)
    return states


def _recurrent_parts(parts: Parts, name: str, layer: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Input weights (K, in, G), state weights (K, H, G) and the two biases (K, G) of one layer of G gates."""
    return (
        parts[f"{name}.weight_ih_l{layer}"].transpose(1, 2),
        parts[f"{name}.weight_hh_l{layer}"].transpose(1, 2),
        parts[f"{name}.bias_ih_l{layer}"],
        parts[f"{name}.bias_hh_l{layer}"],
    )


def _tcn(network: Network, parts: Parts, inputs: Tensor) -> Tensor:
    signal = inputs[:, :, : network.steps, None]  # (K, S, T, C)
    for block in range(len(network.hidden)):
        name, dilation = f"blocks.{block}", 2**block
        inner = _causal(parts, f"{name}.first", signal, dilation).relu()
        inner = _causal(parts, f"{name}.second", inner, dilation).relu()
        carried = (
            _causal(parts, f"{name}.residual", signal, 1) if f"{name}.residual.weight" in parts else signal
        )
        signal = (inner + carried).relu()
    return _with_extra(network, signal[:, :, -1], inputs)


def _causal(parts: Parts, name: str, signal: Tensor, dilation: int) -> Tensor:
    """A causal convolution over T as one product: each step beside its past taps, (K, S·T, C·taps)."""
    weight = parts[f"{name}.weight"]  # (K, out, C, taps)
    stations, outputs, channels, taps = weight.shape
    samples, steps = signal.shape[1:3]
    padded = pad(signal, (0, 0, (taps - 1) * dilation, 0))
    shifted = [padded[:, :, tap * dilation : tap * dilation + steps] for tap in range(taps)]
    columns = torch.stack(shifted, dim=4).reshape(stations, samples * steps, channels * taps)
    flat = weight.reshape(stations, outputs, channels * taps).transpose(1, 2)
    convolved = torch.baddbmm(parts[f"{name}.bias"][:, None], columns, flat)
    return convolved.reshape(stations, samples, steps, outputs)


_BODY: dict[Name, Callable[[Network, Parts, Tensor], Tensor]] = {
    "linear": _perceptron,
    "mlp": _perceptron,
    "gru": _one_sequence,
    "lstm": _one_sequence,
    "two-branch-lstm": _two_branches,
    "tcn": _tcn,
}
