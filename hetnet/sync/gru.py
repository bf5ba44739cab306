"""How the twin's GRU is trained: on walks of the users, to minimise (11).

(11) names S', the states of the twin, as what the net reads: true positions where the twin was refreshed and
its own predictions elsewhere. So each epoch first lives through the walks with the net as it is, refreshing
the twin now and then, and learns from what it read there.

Axes: J trajectories, T slots, B samples of a mini-batch, M states that the net reads, K of them as the net
reads them, U users, H hidden units.
"""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.errors import InputError
from data.plain import plain
from data.progress import Step, Work
from hetnet.network import Floats, Mask
from hetnet.sync.predictors import (
    FORMS,
    Form,
    Gru,
    GruPredictor,
    Predictor,
    Singles,
    gru_made_by,
    net_inputs,
    read_gru,
    unit_of,
    write_gru,
)
from hetnet.sync.settings import MOST_HIDDEN, SyncSettings, refuse_too_many
from hetnet.sync.walk import Mobility, drawn_starts, walked

Descent = Literal["adam", "sgd"]
Matrices = dict[str, Tensor]
OF_THE_WALKS = ("users", "side", "slots", "memory", "step", "stay", "bias", "border", "starts", "seed")


@dataclass(frozen=True, kw_only=True)
class GruSettings:
    """A GRU over all users and its training on so many trajectories.

    `refreshed` is the share of slots at which the twin is refreshed while it learns; with 1 the net reads
    nothing but true positions, and meets its own predictions first when it is used. `optimizer` "sgd" is
    (12) in the net's unit, with the α = .05 of Table I if that is meant; "adam" errs less after 4 epochs than
    that after 20. With `falling` the learning rate falls to 0 by half a cosine, where the paper has it
    constant.
    """

    form: Form = "displacement"
    hidden: int = 128
    trajectories: int = 2000
    refreshed: float = 0.3
    epochs: int = 4
    batch_size: int = 256
    optimizer: Descent = "adam"
    learning_rate: float = 0.006
    falling: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("hidden", "trajectories", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"GRU: {name} is {getattr(self, name)}, expected 1 or more")
        if self.hidden > MOST_HIDDEN:
            raise InputError(f"GRU: hidden is {self.hidden:,}, expected {MOST_HIDDEN:,} at most")
        if not 0 <= self.refreshed <= 1:
            raise InputError(f"GRU: refreshed is {self.refreshed}, expected 0 to 1")
        if not 0 < self.learning_rate < math.inf or self.seed < 0:
            raise InputError(f"GRU: expected a positive learning rate and a seed from 0, got {self}")
        if self.form not in FORMS:
            raise InputError(f"GRU: unknown form {self.form!r}, expected {' or '.join(FORMS)}")
        if self.optimizer not in get_args(Descent):
            raise InputError(f"GRU: unknown optimizer {self.optimizer!r}, expected adam or sgd")


def predictor_of(settings: SyncSettings, mobility: Mobility, gru: GruSettings) -> Work[Predictor | None]:
    """The predictor that copies of this world need: a GRU, which is trained, or none, what is compiled."""
    if settings.foresight != "gru":
        return None
    return (yield from trained_gru(settings, mobility, gru))


def kept_gru(path: Path, settings: SyncSettings, mobility: Mobility, gru: GruSettings) -> Work[GruPredictor]:
    """The GRU at `path` if these settings made it; else it is trained and stored there."""
    world = {name: plain(getattr(settings, name), {}) for name in OF_THE_WALKS}
    made_by = {"world": world, "gru": plain(gru, {})}
    if path.exists() and gru_made_by(path) == made_by:
        return read_gru(path)
    predictor = yield from trained_gru(settings, mobility, gru)
    write_gru(path, predictor, made_by)
    return predictor


def trained_gru(settings: SyncSettings, mobility: Mobility, gru: GruSettings) -> Work[GruPredictor]:
    """A GRU trained on the walks of these users; one step an epoch."""
    if settings.slots <= settings.memory:
        raise InputError(
            f"GRU: trajectories of {settings.slots} slots, expected more than the {settings.memory} it reads"
        )
    refuse_too_many(settings, gru.trajectories, "trajectories")
    rng = np.random.default_rng(np.random.SeedSequence(gru.seed, spawn_key=(settings.seed,)))
    starts = drawn_starts(settings, gru.trajectories, rng)
    tracks = walked(mobility, starts, rng, settings.slots)  # (J, T, U, 2)
    matrices = _fresh(settings, gru, rng)
    batches = math.ceil(gru.trajectories * (settings.slots - settings.memory) / gru.batch_size)
    optimizer, schedule = _optimizer(matrices, gru, gru.epochs * batches)
    for epoch in range(gru.epochs):
        refreshed = rng.random(tracks.shape[:2]) < gru.refreshed
        read, wanted = samples(_predictor(matrices, settings, gru), tracks, refreshed, mobility)
        losses = []
        for batch in np.array_split(rng.permutation(len(read)), batches):
            loss = _loss(matrices, torch.from_numpy(read[batch]), torch.from_numpy(wanted[batch]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        yield Step("GRU", epoch + 1, gru.epochs, f"loss {np.mean(losses):.4g}", "epochs")
    return _predictor(matrices, settings, gru)


def samples(
    predictor: GruPredictor, tracks: Floats, refreshed: Mask, mobility: Mobility
) -> tuple[Singles, Singles]:
    """What a twin reads along tracks (J, T, U, 2) when `refreshed` (J, T), and what it should tell from it.

    It knows the first M states. What it should tell is where its last state would be had it moved as the
    users did, which has the mean of (11) and less noise. Both as the net has them: (J (T - M), K, 2U) and
    (J (T - M), 2U).
    """
    memory, slots = predictor.memory, tracks.shape[1]
    twin, begins = tracks.copy(), range(slots - memory)
    for begin in begins:
        told, now = predictor(twin[:, begin : begin + memory], mobility), begin + memory
        twin[:, now] = np.where(refreshed[:, now, None, None], tracks[:, now], told)
    reads = [net_inputs(twin[:, begin : begin + memory], predictor.form, predictor.unit) for begin in begins]
    wanted = np.diff(tracks[:, memory - 1 :], axis=1)  # (J, T - M, U, 2)
    if predictor.form != "displacement":
        wanted = wanted + twin[:, memory - 1 : -1]
    read, scaled = np.stack(reads, axis=1), (wanted / predictor.unit).astype(np.float32)
    return read.reshape(-1, *read.shape[2:]), scaled.reshape(len(read) * len(begins), -1)


def _fresh(settings: SyncSettings, gru: GruSettings, rng: np.random.Generator) -> Matrices:
    """Matrices of values as torch draws them for a GRU, even within ± 1 / √H."""
    wide = 2 * settings.users
    matrices = {}
    for each in fields(Gru):
        rows = wide if each.name == "out" else gru.hidden
        columns = wide if each.name.endswith("_in") else gru.hidden
        drawn = (rng.uniform(-1, 1, (rows, columns)) / math.sqrt(gru.hidden)).astype(np.float32)
        matrices[each.name] = torch.from_numpy(drawn).requires_grad_()
    return matrices


def _predictor(matrices: Matrices, settings: SyncSettings, gru: GruSettings) -> GruPredictor:
    copied = {name: each.detach().numpy().copy() for name, each in matrices.items()}
    unit = unit_of(gru.form, settings.step, settings.side)
    return GruPredictor(Gru(**copied), gru.form, settings.memory, unit)


def _optimizer(matrices: Matrices, gru: GruSettings, steps: int) -> tuple[Optimizer, LRScheduler]:
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[gru.optimizer]
    optimizer = kind(list(matrices.values()), lr=gru.learning_rate)

    def part(step: int) -> float:
        return (1 + math.cos(math.pi * step / steps)) / 2 if gru.falling else 1.0

    return optimizer, LambdaLR(optimizer, part)


def _loss(matrices: Matrices, read: Tensor, wanted: Tensor) -> Tensor:
    """(11), in the net's unit, of the mean sample of a mini-batch."""
    told = hidden_state(matrices, read) @ matrices["out"].T  # (B, 2U)
    return ((told - wanted) ** 2).sum(dim=1).mean() / wanted.shape[1]


def hidden_state(matrices: Matrices, inputs: Tensor) -> Tensor:
    """The hidden state (B, H) after the inputs (B, K, 2U), by (6) to (9)."""
    reads = torch.cat([matrices[f"{name}_in"] for name in ("update", "reset", "candidate")])  # (3H, 2U)
    gates_back = torch.cat([matrices["update_back"], matrices["reset_back"]])  # (2H, H)
    hidden = inputs.new_zeros(len(inputs), len(reads) // 3)
    for each in (inputs @ reads.T).unbind(dim=1):  # (B, 3H)
        gates, candidate = each.split([2 * hidden.shape[1], hidden.shape[1]], dim=1)
        update, reset = torch.sigmoid(gates + hidden @ gates_back.T).chunk(2, dim=1)
        candidate = torch.tanh(candidate + (hidden * reset) @ matrices["candidate_back"].T)
        hidden = candidate + update * (hidden - candidate)
    return hidden
