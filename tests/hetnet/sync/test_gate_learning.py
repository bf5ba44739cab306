from dataclasses import replace

import pytest

from hetnet.sync.gate_learning import GateLearner, GateLearningSettings, Move
from hetnet.sync.gates import GateSettings, LearnedGate, Sighting, opens
from tests.hetnet.sync.test_gates import SEEN


def test_sending_costs_one_and_holding_back_by_the_distance() -> None:
    assert Move(SEEN, True).cost(1e-6) == 1
    assert Move(SEEN, False).cost(1e-6) == pytest.approx(2)
    assert Move(SEEN, False).cost(1e-6, 1.5) == 1.5


def test_a_learner_sends_what_has_drifted_far_and_keeps_what_has_not() -> None:
    """Distances grow by .2 units a report from the last sending: to send costs 1, to wait the distance."""
    learner = GateLearner(GateLearningSettings(unit=1e-6, updates=60, seed=3))
    for _ in range(30):
        distance, age, reports = 0.0, 0.0, 0
        for _ in range(60):
            distance, age, reports = distance + 2e-7, age + 0.25, reports + 1
            seen = Sighting(age, distance, 0.2, 0.2, 0.0, reports, 0)
            if learner.decide(seen):
                distance, age, reports = 0.0, 0.0, 0
        learner.learn()
    gate = GateSettings(rule="learned", learned=learner.learned())
    calm = replace(SEEN, error=0.2, load=0.0)
    assert not opens(gate, 1.0, replace(calm, distance=2e-7, age=0.25, reports=1))
    assert opens(gate, 1.0, replace(calm, distance=2e-6, age=2.5, reports=10))


def test_learning_is_the_same_for_the_same_seed() -> None:
    def once() -> LearnedGate:
        learner = GateLearner(GateLearningSettings(updates=5, seed=4))
        for step in range(20):
            learner.decide(replace(SEEN, distance=step * 1e-7))
        learner.learn()
        return learner.learned()

    assert once() == once()
