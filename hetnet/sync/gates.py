"""When a cluster's twin is worth sending up: the fixed threshold ψ, plain rules, and a learned policy.

Axes: F features, W units of a hidden layer.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.plain import plain, read_json, rebuilt

Rule = Literal["psi", "always", "never", "every", "error", "learned"]
RULES: tuple[Rule, ...] = ("psi", "always", "never")  # those that need no number
FEATURES = ("age", "distance", "error", "load")
FORMS = "psi, always, never, every:K, error:X, or a file that vhtwin sync gate wrote"
LONGEST = 3.0  # log10 of how many thresholds a distance counts at most

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Sighting:
    """What a cluster knows when it has made its twin anew.

    `age` days ago it last sent one up, and `distance` is ε to the G-NDT that it received then; `error` is the
    loss of the trainings behind the new twin, `error_then` that of the twin it sent. `load` is how busy its
    stations usually are at this hour, in deviations from their mean.
    """

    age: float
    distance: float
    error: float
    error_then: float
    load: float
    reports: int  # since the last that was sent, this one among them
    cluster: int  # its number in this run


@dataclass(frozen=True, kw_only=True)
class LearnedGate:
    """A small network from features to the advantage of sending: two layers, the first cut off at zero.

    `unit` is the distance that its training set against one sending.
    """

    hidden: Matrix = ()  # (F + 1, W), the last row of them added
    out: tuple[float, ...] = ()  # (W + 1,)
    unit: float = 0.0


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """By what a cluster decides whether to send its twin up.

    By "psi" where it lies farther than that from the last G-NDT the cluster saw; by "every" at each
    `every`-th report; by "error" where the loss of the trainings has grown `error` times since.
    """

    rule: Rule = "psi"
    every: int = 4
    error: float = 1.1
    learned: LearnedGate = LearnedGate()

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"a gate that opens at every {self.every}th report, expected 1 or more")
        if not 0 < self.error < np.inf:
            raise InputError(f"a gate by an error {self.error} times as large, expected a positive number")
        if self.rule == "learned":
            _refuse_odd_shapes(self.learned)


def _refuse_odd_shapes(learned: LearnedGate) -> None:
    widths = {len(row) for row in learned.hidden}
    if len(learned.hidden) != len(FEATURES) + 1 or widths != {len(learned.out) - 1}:
        raise InputError(
            f"a learned gate of {len(learned.hidden)} rows and {len(learned.out)} outputs, expected "
            f"{len(FEATURES) + 1} rows, each one shorter than the outputs"
        )
    numbers = [*learned.out, learned.unit, *(value for row in learned.hidden for value in row)]
    if not np.isfinite(numbers).all() or learned.unit <= 0:
        raise InputError("a learned gate with odd numbers, expected finite ones and a positive unit")


def features(seen: Sighting, unit: float) -> NDArray[np.float64]:
    """A sighting as a policy sees it, each feature of about one in size, (F,)."""
    grown = seen.error / seen.error_then if seen.error_then > 0 else 1.0
    far = math.log10(max(seen.distance / unit, 10.0**-LONGEST))
    return np.array([seen.age, min(far, LONGEST), np.clip(grown - 1, -1, 1), seen.load / 2])


def advantage(learned: LearnedGate, seen: Sighting) -> float:
    """How much better it is to send than not to, by the learned policy."""
    hidden, out = np.array(learned.hidden), np.array(learned.out)
    units = np.maximum(features(seen, learned.unit) @ hidden[:-1] + hidden[-1], 0)
    return float(units @ out[:-1] + out[-1])


def opens(gate: GateSettings, psi: float, seen: Sighting) -> bool:
    """Whether the cluster sends its twin up."""
    match gate.rule:
        case "always":
            return True
        case "never":
            return False
        case "every":
            return seen.reports >= gate.every
        case "error":
            return seen.error > gate.error * seen.error_then
        case "learned":
            return advantage(gate.learned, seen) > 0
    return seen.distance > psi


def gate_named(words: str) -> GateSettings:
    """The gate that --sync-policy names."""
    name, _, number = words.partition(":")
    for rule in RULES:
        if words == rule:
            return GateSettings(rule=rule)
    if name in ("every", "error"):
        return _counting_gate(name, number, words)
    if not Path(words).is_file():
        raise InputError(f"the policy {words!r}: is no file, expected {FORMS}")
    return read_gate(Path(words))


def _counting_gate(name: str, number: str, words: str) -> GateSettings:
    try:
        if name == "every":
            return GateSettings(rule="every", every=int(number))
        return GateSettings(rule="error", error=float(number))
    except ValueError:
        raise InputError(f"the policy {words!r}: expected a number after the colon, got {number!r}") from None


def gate_text(learned: LearnedGate) -> str:
    """A learned gate as a file holds it."""
    return json.dumps({"features": list(FEATURES), "gate": plain(learned, {})}, indent=1) + "\n"


def read_gate(file: Path) -> GateSettings:
    """The gate in a file."""
    try:
        held = read_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    except InputError as error:
        raise InputError(
            f"{file}: is no learned gate, expected what vhtwin sync gate writes: {error}"
        ) from error
    if not isinstance(held, dict) or held.get("features") != list(FEATURES):
        raise InputError(f"{file}: is no learned gate, expected JSON with the features {', '.join(FEATURES)}")
    try:
        return GateSettings(rule="learned", learned=rebuilt(LearnedGate, held.get("gate")))
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def learned_gate(weights: Sequence[NDArray[np.floating]], unit: float) -> LearnedGate:
    """The gate of a trained network: weights (F, W) and (W, 2), biases (W,) and (2,), in this order."""
    first, second, first_bias, second_bias = (np.asarray(each, np.float64) for each in weights)
    hidden = np.vstack([first, first_bias])
    out = np.append(second[:, 1] - second[:, 0], second_bias[1] - second_bias[0])
    return LearnedGate(
        hidden=tuple(tuple(row) for row in hidden.tolist()), out=tuple(out.tolist()), unit=unit
    )
