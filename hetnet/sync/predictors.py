"""What the twin takes its users' next positions to be while nothing of them is sent to it.

The GRU is the paper's, (6) to (10): no biases, the reset gate before U, from a hidden state of zero anew at
every slot. It is computed here in float32; `gru.py` trains it.

Axes: E copies of the world, M states that a predictor reads, K of them as the net reads them, U users,
H hidden units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from data.artefacts import JSON, read_artefact, write_artefact
from data.errors import InputError
from hetnet.network import Floats
from hetnet.sync.walk import Mobility, expected_next

Singles = NDArray[np.float32]
Form = Literal["displacement", "literal", "scaled"]
FORMS: tuple[Form, ...] = get_args(Form)
KIND = "GRU of a twin's users"
COPIES_AT_ONCE = 256  # what the gates of more copies hold falls out of a core's cache


class Predictor(Protocol):
    """From the last `memory` states of the twin (E, M, U, 2) to the next one (E, U, 2)."""

    @property
    def memory(self) -> int:
        """How many states of the twin it reads: M."""

    def __call__(self, past: Floats, mobility: Mobility) -> Floats: ...


@dataclass(frozen=True)
class Hold:
    """Users stay where the twin has them."""

    memory: int = 1

    def __call__(self, past: Floats, mobility: Mobility) -> Floats:  # noqa: ARG002  # as the protocol has it
        last: Floats = past[:, -1].copy()
        return last


@dataclass(frozen=True)
class Drift:
    """Users are where they are expected one slot later: no predictor of one slot errs less."""

    memory: int = 1

    def __call__(self, past: Floats, mobility: Mobility) -> Floats:
        return expected_next(mobility, past[:, -1])


@dataclass(frozen=True)
class Gru:
    """The matrices of a GRU over all users at once."""

    reset_in: Singles  # W^r (H, 2U)
    reset_back: Singles  # U^r (H, H)
    candidate_in: Singles  # W^h~ (H, 2U)
    candidate_back: Singles  # U^h~ (H, H)
    update_in: Singles  # W^z (H, 2U)
    update_back: Singles  # U^z (H, H)
    out: Singles  # W^o (2U, H)

    def __post_init__(self) -> None:
        wide, hidden = self.out.shape
        for name, matrix in vars(self).items():
            wanted = {"out": (wide, hidden)}.get(name, (hidden, wide if name.endswith("_in") else hidden))
            if matrix.shape != wanted:
                raise InputError(f"GRU: {name} is of the shape {matrix.shape}, expected {wanted}")


class Stacked(NamedTuple):
    """The matrices as they are multiplied with rows: gates and candidate side by side, gates halved.

    σ(x) = (1 + tanh(x / 2)) / 2 makes one function of gates and candidate, and halving is exact.
    """

    reads: Singles  # (2U, 3H) update, reset, candidate
    gates_back: Singles  # (H, 2H) update, reset
    candidate_back: Singles  # (H, H)
    out: Singles  # (H, 2U)


@dataclass(frozen=True)
class GruPredictor:
    """A trained GRU that predicts the twin's next state from its last `memory` ones.

    By the form "displacement" it reads and predicts how far users move in a slot, by "literal" where they
    are, as printed, by "scaled" the same in a unit of half the side. `unit` is what it counts in.
    Displacements know nothing of the area: what they lead to is kept within it. Without biases, a past in
    which nobody moved leads nowhere.
    """

    gru: Gru
    form: Form
    memory: int
    unit: float

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InputError(f"GRU: unknown form {self.form!r}, expected {' or '.join(FORMS)}")
        if self.memory < least_memory(self.form):
            least = least_memory(self.form)
            raise InputError(f"GRU: a {self.form} one reads {self.memory} states, expected {least} or more")

    def __call__(self, past: Floats, mobility: Mobility) -> Floats:
        if past.shape[1] < self.memory or 2 * past.shape[2] != len(self.gru.out):
            raise InputError(
                f"a past of {past.shape[1]} states of {past.shape[2]} users, expected {self.memory} of "
                f"{len(self.gru.out) // 2}"
            )
        seen = net_inputs(past[:, -self.memory :], self.form, self.unit)  # (E, K, 2U)
        parts = [seen[first : first + COPIES_AT_ONCE] for first in range(0, len(seen), COPIES_AT_ONCE)]
        told = np.concatenate([hidden_state(self.stacked, part) @ self.stacked.out for part in parts])
        predicted = told.reshape(past[:, -1].shape).astype(np.float64) * self.unit
        return predicted if self.form != "displacement" else within(mobility, past[:, -1] + predicted)

    @cached_property
    def stacked(self) -> Stacked:
        """Its matrices, ready to be multiplied with."""
        return stacked(self.gru)


def within(mobility: Mobility, positions: Floats) -> Floats:
    """The positions, those outside an area that users cannot leave put on its border."""
    half = mobility.side / 2
    return positions if mobility.border == "open" else np.clip(positions, -half, half)


def least_memory(form: Form) -> int:
    """How many states a GRU of this form must read: a displacement takes two."""
    return 2 if form == "displacement" else 1


def unit_of(form: Form, step: float, side: float) -> float:
    """What a GRU of this form counts in: the length of a step, half the side, or 1 as printed."""
    return {"displacement": step or 1.0, "literal": 1.0, "scaled": side / 2}[form]


def net_inputs(past: Floats, form: Form, unit: float) -> Singles:
    """The past (E, M, U, 2) as the net reads it, (E, K, 2U)."""
    seen = np.diff(past, axis=1) if form == "displacement" else past
    scaled: Singles = (seen / unit).astype(np.float32)
    return scaled.reshape(*scaled.shape[:2], -1)


def stacked(gru: Gru) -> Stacked:
    """The matrices of a GRU, ready to be multiplied with."""
    half = np.float32(0.5)
    reads = np.concatenate([half * gru.update_in, half * gru.reset_in, gru.candidate_in])
    gates_back = np.concatenate([half * gru.update_back, half * gru.reset_back])
    each = (reads.T, gates_back.T, gru.candidate_back.T, gru.out.T)
    return Stacked(*(np.ascontiguousarray(matrix) for matrix in each))


def hidden_state(gru: Stacked, inputs: Singles) -> Singles:
    """The hidden state (E, H) after the inputs (E, K, 2U), by (6) to (9)."""
    units, half = len(gru.candidate_back), np.float32(0.5)
    read = np.ascontiguousarray(inputs.transpose(1, 0, 2)) @ gru.reads  # (K, E, 3H)
    hidden = np.zeros((len(inputs), units), np.float32)
    for place, each in enumerate(read):
        gates, candidate = each[:, : 2 * units], each[:, 2 * units :]
        if place:  # before, the hidden state is zero
            gates += hidden @ gru.gates_back
        np.tanh(gates, out=gates)
        gates += 1
        gates *= half  # (E, 2H): how much is kept (8), how much is read (6)
        if place:
            candidate += (hidden * gates[:, units:]) @ gru.candidate_back
        np.tanh(candidate, out=candidate)  # (7)
        hidden -= candidate
        hidden *= gates[:, :units]
        hidden += candidate  # (9)
    return hidden


def write_gru(path: Path, predictor: GruPredictor, made_by: Mapping[str, JSON] | None = None) -> None:
    """Store a trained GRU and what it was made by."""
    header = {"form": predictor.form, "memory": predictor.memory, "unit": predictor.unit}
    write_artefact(path, KIND, {**header, "made_by": made_by or {}}, vars(predictor.gru))


def read_gru(path: Path) -> GruPredictor:
    """The GRU stored at `path`."""
    header, arrays = read_artefact(path, KIND)
    return GruPredictor(Gru(**arrays), header["form"], header["memory"], header["unit"])


def gru_made_by(path: Path) -> JSON:
    """What the GRU stored at `path` was made by."""
    made_by: JSON = read_artefact(path, KIND)[0]["made_by"]
    return made_by
