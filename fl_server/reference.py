"""The exact reference for linear twins: a ridge regression from sums that the stations exchange.

It equals the ridge on the pooled windows of all stations, which no iteration of a federated learner can beat
with a linear forecaster, and it takes one exchange.
"""

import numpy as np

from data.errors import InputError
from data.messages import EvaluateOrder, Moments, MomentsAnswer, MomentsOrder
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.run import Plan
from fl_server.scoring import MOST_STEPS, evaluated
from forecasting.metrics import Tally, empty_tally
from forecasting.moments import chosen_ridge, summed

MOST_SUM = 1e18  # of squares of z-scored values, over all steps that a series may have
MOST_WEIGHT = 1e9


def federated_ridge(fleet: Fleet, plan: Plan) -> Tally:
    """The errors on the whole stream of a ridge fitted on the history of all stations.

    The last quarter of the history chooses its strength, as that of the pooled ridge.
    """
    timeline = plan.timeline
    begun = timeline.first_step + max(1, (timeline.train_steps - timeline.first_step) * 3 // 4)
    early = _moments(fleet, plan, timeline.first_step, begun)
    late = _moments(fleet, plan, begun, timeline.train_steps)
    weights = chosen_ridge(early, late)
    if not (np.abs(weights) <= MOST_WEIGHT).all():
        raise InputError("the sums that stations sent make no ridge regression: its weights have no bound")
    order = EvaluateOrder(
        plan.stations, weights.astype(np.float32), timeline.train_steps, timeline.steps, linear=True
    )
    return evaluated(fleet, empty_tally(len(plan.stations)), [order], plan.place)


def _moments(fleet: Fleet, plan: Plan, first: int, until: int) -> Moments:
    """The sums of all stations that sent good ones, in the order of stations; the first of each counts."""
    found: dict[StationId, Moments] = {}
    for answer in fleet.ask([MomentsOrder(plan.stations, first, until)]):
        if isinstance(answer, MomentsAnswer) and _sound(answer.moments, plan.network.layout.features + 1):
            found.setdefault(answer.station, answer.moments)
    parts = [found[station] for station in plan.stations if station in found]
    if not parts:
        raise InputError("no station sent the sums for a ridge regression")
    return summed(parts)


def _sound(moments: Moments, size: int) -> bool:
    """Whether these are sums over `size` columns that z-scored values can have."""
    if moments.gram.shape != (size, size) or moments.moment.shape != (size,):
        return False
    sums = (moments.gram, moments.moment, moments.squares)
    return 0 <= moments.count <= MOST_STEPS and all(bool((np.abs(each) <= MOST_SUM).all()) for each in sums)
