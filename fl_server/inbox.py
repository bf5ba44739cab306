"""Answers as they come in: what is wrong with them is found here, before anything is made of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.messages import Answer, Failure, Update
from data.traffic import StationId
from fl_server.aggregation.updates import Updates

LARGEST = 1e6  # a weight beyond it has diverged: those of a forecaster of z-scores are some units


@dataclass(frozen=True)
class Received:
    """The good updates by station, and what was wrong with all other answers, or that there was none."""

    updates: Mapping[StationId, Update]
    failures: tuple[Failure, ...]
    arrived: int  # how many answers carried weights, good or bad


def received(asked: Sequence[StationId], answers: Sequence[Answer], parameters: int) -> Received:
    """Sort out the answers of the stations that were `asked` to train `parameters` weights.

    The first answer of a station is the one that counts.
    """
    wanted, heard = set(asked), set[StationId]()
    updates: dict[StationId, Update] = {}
    failures = []
    for answer in answers:
        station = answer.station
        if station not in wanted:
            wrong = "was not asked"
        elif station in heard:
            wrong = "answered twice"
        else:
            wrong = defect(answer, parameters)
        heard.add(station)
        if wrong:
            failures.append(Failure(station, wrong))
        elif isinstance(answer, Update):
            updates[station] = answer
    failures += [Failure(each, "did not answer") for each in asked if each not in heard]
    arrived = sum(isinstance(answer, Update) for answer in answers)
    return Received(updates, tuple(failures), arrived)


def defect(answer: Answer, parameters: int) -> str:
    """What is wrong with an update of `parameters` weights, in words; nothing if it can be used."""
    if isinstance(answer, Failure):
        return answer.reason or "failed without a reason"
    if not isinstance(answer, Update):
        return f"sent {type(answer).__name__} in the place of an update"
    if not isinstance(answer.weights, np.ndarray) or answer.weights.dtype != np.float32:
        kind = getattr(answer.weights, "dtype", type(answer.weights).__name__)
        return f"sent weights of type {kind}, expected float32"
    if answer.weights.shape != (parameters,):
        return f"sent weights of shape {answer.weights.shape}, expected ({parameters},)"
    return _odd_numbers(answer) or _divergence(answer)


def _odd_numbers(update: Update) -> str:
    if type(update.samples) is not int or type(update.loss) is not float:
        return f"sent {update.samples!r} samples and a loss of {update.loss!r}, expected plain numbers"
    return f"trained on {update.samples} windows, expected at least 1" if update.samples < 1 else ""


def _divergence(update: Update) -> str:
    largest = np.abs(update.weights).max(initial=0)
    if not np.isfinite(largest):
        return "sent weights that are not finite"
    if largest > LARGEST:
        return f"sent weights beyond {LARGEST:g}: its training diverged"
    return "" if np.isfinite(update.loss) else "sent a loss that is not finite"


def stacked(updates: Sequence[Update], layers: tuple[int, ...]) -> Updates:
    """Several updates as one stack."""
    return Updates(
        np.stack([update.weights for update in updates]),
        np.array([update.samples for update in updates], np.int64),
        layers,
    )


def counted(failures: Sequence[Failure], before: Mapping[str, int]) -> dict[str, int]:
    """How often each reason came, these failures and those `before` together."""
    return dict(Counter(before) + Counter(failure.reason for failure in failures))
