"""A finished run's own stations once more, where its set is at hand, and how twins fare there.

Axes: N stations, S steps of the stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.messages import EvaluateOrder
from data.sets.tables import read_set
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.local import local_fleet
from fl_server.run import Plan, planned
from fl_server.run_folder import FEDERATION, read_record
from fl_server.scoring import evaluated
from forecasting.intervals import IntervalSettings, adaptive_intervals, coverage
from forecasting.metrics import Tally, empty_tally
from forecasting.networks import Floats


@dataclass(frozen=True)
class AtHand:
    """The stations of a run, and its plan."""

    fleet: Fleet
    plan: Plan

    @property
    def private(self) -> bool:
        """Whether stations keep their histories to themselves."""
        return self.plan.settings.recipe.privacy.on

    def errors(self, weights: Floats) -> Tally:
        """The sums of errors of weights at every station over the stream."""
        timeline = self.plan.timeline
        order = EvaluateOrder(self.fleet.stations, weights, timeline.train_steps, timeline.steps)
        return self._sums([order])

    def earlier_errors(self, weights: Floats) -> Tally:
        """The same over the last days before the stream, as many as it has."""
        begin, end = self.plan.timeline.train_steps, self.plan.timeline.steps
        order = EvaluateOrder(self.fleet.stations, weights, max(0, 2 * begin - end), begin)
        return self._sums([order])

    def coverage(self, twins: Sequence[tuple[Sequence[StationId], Floats]], wanted: float) -> float:
        """The share of truths in the second half of the stream inside intervals made of earlier errors.

        Each of the `twins` forecasts for stations of its own.
        """
        steps = range(self.plan.timeline.train_steps, self.plan.timeline.steps)
        sums = [
            self._sums([EvaluateOrder(tuple(named), each, step, step + 1) for named, each in twins])
            for step in steps
        ]
        errors = np.sqrt(np.array([each.squared for each in sums])).T  # (N, S): a step has one error
        there: NDArray[np.bool_] = np.array([each.count for each in sums]).T > 0
        half = errors.shape[1] // 2
        truth = errors[:, half:]
        made = adaptive_intervals(
            np.zeros_like(truth), truth, errors[:, :half], IntervalSettings(coverage=wanted)
        )
        return coverage(made, truth, there[:, half:])

    def _sums(self, orders: Sequence[EvaluateOrder]) -> Tally:
        return evaluated(self.fleet, empty_tally(len(self.plan.stations)), orders, self.plan.place)


def at_hand(folder: Path) -> AtHand:
    """The stations of the run in `folder`.

    Who has their set reads the stream in it, whether or not they told errors of that in the run.
    """
    record = read_record(folder)
    if record.set == FEDERATION:
        raise InputError(f"{folder}: its stations are elsewhere, expected a run of a set at hand")
    privacy = replace(record.settings.recipe.privacy, errors="told")
    settings = replace(record.settings, recipe=replace(record.settings.recipe, privacy=privacy))
    fleet = local_fleet(
        read_set(Path(record.set), record.reading), settings.station_recipe, settings.segment.signature
    )
    return AtHand(fleet, planned(fleet, settings))
