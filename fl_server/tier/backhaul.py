"""The heads of a run as the server reaches them, and what is wrong with an answer.

Axes: C clusters, P parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite

import numpy as np

from data.exact_sums import LARGEST
from data.messages import (
    Answer,
    ClusterReport,
    ClusterRound,
    ClusterScores,
    ClusterStep,
    Failure,
    HeadOrder,
    Weights,
)
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.run import Mark, Plan, Run
from forecasting.metrics import Tally

SILENT = "is under a head that did not answer"
Marks = tuple[Mark, ...]
Answers = dict[int, Answer]  # by cluster


@dataclass(frozen=True)
class Heads:
    """The heads of a run: what is asked of them, and what is known of each."""

    fleet: Fleet
    plan: Plan
    run: Run

    @property
    def marks(self) -> Marks:
        """What is known of each head."""
        return self.run.heads or (Mark(),) * len(self.run.tree.clusters)

    @property
    def turn(self) -> int:
        """The number of the present turn, counted through both phases."""
        before = self.plan.settings.vertical.epochs if self.run.stage == "horizontal" else 0
        return before + self.run.turn + 1

    def name(self, cluster: int) -> tuple[StationId, ...]:
        """How the head of a cluster is called."""
        return (self.members(cluster)[0],)

    def members(self, cluster: int) -> list[StationId]:
        """The stations of a cluster."""
        return [self.plan.stations[place] for place in np.flatnonzero(self.run.tree.cluster_of == cluster)]

    def news(self, cluster: int) -> Weights | None:
        """The G-NDT, for a head that does not have it."""
        tree = self.run.tree
        return None if self.marks[cluster].told == tree.top_version else tree.top

    def asked(
        self, orders: Mapping[int, HeadOrder], kinds: tuple[type, ...]
    ) -> tuple[Answers, list[Failure]]:
        """What the heads answer to these orders that is of these kinds and whole; why others do not."""
        cluster_of = {order.stations[0]: cluster for cluster, order in orders.items()}
        answers: Answers = {}
        reasons = dict.fromkeys(orders, SILENT)
        for answer in self.fleet.ask(list(orders.values())):
            cluster = None if not hasattr(answer, "station") else cluster_of.get(answer.station)
            if cluster is None or cluster in answers:
                continue
            wrong = self.defect(answer, cluster, kinds)
            if wrong:
                reasons[cluster] = wrong
            else:
                answers[cluster] = answer
        silent = [cluster for cluster in orders if cluster not in answers]
        failures = [Failure(each, reasons[cluster]) for cluster in silent for each in self.members(cluster)]
        return answers, failures

    def defect(self, answer: Answer, cluster: int, kinds: tuple[type, ...]) -> str:
        """What is wrong with an answer, in words; nothing if it can be used."""
        if isinstance(answer, Failure):
            return f"is under a head that {answer.reason}"
        if not isinstance(answer, kinds):
            return f"is under a head that sent {type(answer).__name__}"
        reason = _bad_weights(getattr(answer, "weights", None), self.run.tree.top.shape)
        match answer:
            case ClusterScores():
                reason = reason or _bad_sums(answer, len(self.members(cluster)))
            case ClusterRound():
                reason = reason or _bad_numbers(answer.windows, answer.loss)
            case ClusterStep():
                reason = reason or _bad_numbers(answer.count, answer.squared)
            case ClusterReport():
                stranger = answer.answered and answer.answered not in self.members(cluster)
                reason = reason or (f"named {answer.answered}, a stranger" if stranger else "")
                reason = reason or _bad_numbers(answer.samples - 1, answer.when)
        return f"is under a head that {reason}" if reason else ""


def _bad_weights(weights: Weights | None, shape: tuple[int, ...]) -> str:
    if weights is None:
        return ""
    if weights.dtype != np.float32 or weights.shape != shape:
        return f"sent a twin of type and shape {weights.dtype} {weights.shape}, expected float32 {shape}"
    largest = np.abs(weights).max(initial=0)
    return "" if largest <= LARGEST else f"sent a twin that is not finite, or beyond {LARGEST:g}"


def _bad_numbers(count: int, number: float) -> str:
    return (
        ""
        if count >= 0 and isfinite(number)
        else f"sent counts and sums that make no sense: {count}, {number}"
    )


def _bad_sums(answer: ClusterScores, stations: int) -> str:
    shape = (len(fields(Tally)), stations)
    for sums in (answer.network, answer.cluster):
        if sums.shape != shape or not np.isfinite(sums).all():
            return f"sent errors of shape {sums.shape}, or not finite, expected {shape}"
    return ""
