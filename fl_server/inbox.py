"""Answers as they come in: what is wrong with them is found here, before anything is made of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.exact_sums import LARGEST
from data.messages import Answer, Failure, Summed, Update
from data.traffic import StationId
from fl_server.aggregation.updates import Updates

MOST_WINDOWS = 10**9  # of one station: no series is as long


@dataclass(frozen=True)
class Received:
    """The good updates by station, sums of others, and what was wrong with the rest."""

    updates: Mapping[StationId, Update]
    sums: tuple[Summed, ...]
    failures: tuple[Failure, ...]
    arrived: int  # how many stations' weights came, good or bad

    @property
    def losses(self) -> dict[StationId, float]:
        """The loss of each station whose weights can be used, by itself or in a sum."""
        alone = {station: update.loss for station, update in self.updates.items()}
        return alone | {
            station: loss
            for each in self.sums
            for station, loss in zip(each.stations, each.losses, strict=True)
        }


def received(asked: Sequence[StationId], answers: Sequence[Answer], parameters: int) -> Received:
    """Sort out the answers of the stations that were `asked` to train `parameters` weights.

    The first answer of a station is the one that counts.
    """
    wanted, heard = set(asked), set[StationId]()
    updates: dict[StationId, Update] = {}
    sums, failures = [], []
    for answer in answers:
        stations = answer.stations if isinstance(answer, Summed) else (answer.station,)
        wrong = _misaddressed(stations, wanted, heard) or defect(answer, parameters)
        heard.update(stations)
        if wrong:
            failures += [Failure(station, wrong) for station in stations]
        elif isinstance(answer, Summed):
            sums.append(answer)
        elif isinstance(answer, Update):
            updates[answer.station] = answer
    failures += [Failure(each, "did not answer") for each in asked if each not in heard]
    arrived = sum(len(each.stations) for each in answers if isinstance(each, Summed))
    arrived += sum(isinstance(answer, Update) for answer in answers)
    return Received(updates, tuple(sums), tuple(failures), arrived)


def _misaddressed(stations: Sequence[StationId], wanted: set[StationId], heard: set[StationId]) -> str:
    if not wanted.issuperset(stations):
        return "was not asked"
    if len(set(stations)) < len(stations) or not heard.isdisjoint(stations):
        return "answered twice"
    return ""


def defect(answer: Answer, parameters: int) -> str:
    """What is wrong with an update of `parameters` weights, in words; nothing if it can be used."""
    if isinstance(answer, Failure):
        return answer.reason or "failed without a reason"
    if isinstance(answer, Summed):
        return _bad_sums(answer, parameters)
    if not isinstance(answer, Update):
        return f"sent {type(answer).__name__} in the place of an update"
    if not isinstance(answer.weights, np.ndarray) or answer.weights.dtype != np.float32:
        kind = getattr(answer.weights, "dtype", type(answer.weights).__name__)
        return f"sent weights of type {kind}, expected float32"
    if answer.weights.shape != (parameters,):
        return f"sent weights of shape {answer.weights.shape}, expected ({parameters},)"
    return _odd_numbers(answer) or _divergence(answer)


def _bad_sums(answer: Summed, parameters: int) -> str:
    sums = answer.sums
    if not isinstance(sums, np.ndarray) or sums.dtype != np.float64 or sums.shape != (2, parameters):
        return f"is in a sum of odd shape or type, expected float64 of shape (2, {parameters})"
    alike = len(answer.stations) == len(answer.samples) == len(answer.losses)
    if not alike or not all(1 <= each <= MOST_WINDOWS for each in answer.samples):
        return "is in a sum without the samples and the loss of each of its stations"
    if not np.isfinite(sums).all() or not np.isfinite(answer.losses).all():
        return "is in a sum that is not finite"
    return ""


def _odd_numbers(update: Update) -> str:
    if type(update.samples) is not int or type(update.loss) is not float:
        return f"sent {update.samples!r} samples and a loss of {update.loss!r}, expected plain numbers"
    if not 1 <= update.samples <= MOST_WINDOWS:
        return f"trained on {update.samples} windows, expected 1 to {MOST_WINDOWS:,}"
    return ""


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
