"""The exact reference for linear twins: a ridge regression from sums that the stations exchange.

It equals the ridge on the pooled windows of all stations, which no iteration of a federated learner can beat
with a linear forecaster, and it takes one exchange.
"""

import numpy as np

from data.errors import InputError
from data.messages import EvaluateOrder, Moments, MomentsAnswer, MomentsOrder
from fl_server.fleet import Fleet
from fl_server.run import Plan
from fl_server.scoring import evaluated
from forecasting.metrics import Tally, empty_tally
from forecasting.moments import chosen_ridge, summed


def federated_ridge(fleet: Fleet, plan: Plan) -> Tally:
    """The errors on the whole stream of a ridge fitted on the history of all stations.

    The last quarter of the history chooses its strength, as that of the pooled ridge.
    """
    timeline = plan.timeline
    begun = timeline.first_step + max(1, (timeline.train_steps - timeline.first_step) * 3 // 4)
    early = _moments(fleet, plan, timeline.first_step, begun)
    late = _moments(fleet, plan, begun, timeline.train_steps)
    weights = chosen_ridge(early, late).astype(np.float32)
    order = EvaluateOrder(plan.stations, weights, timeline.train_steps, timeline.steps, linear=True)
    return evaluated(fleet, empty_tally(len(plan.stations)), [order], plan.place)


def _moments(fleet: Fleet, plan: Plan, first: int, until: int) -> Moments:
    answers = fleet.ask([MomentsOrder(plan.stations, first, until)])
    parts = [each.moments for each in answers if isinstance(each, MomentsAnswer)]
    if not parts:
        raise InputError("no station sent the sums for a ridge regression")
    return summed(parts)
