"""The rows of Fig. 3: learners and rules on the same trajectories."""

from dataclasses import replace

import numpy as np
import pytest

from data.progress import Steps, finished
from hetnet.sync.figures_learning import (
    ALWAYS,
    BOUND,
    DQN,
    NEVER,
    PAPER_SAC,
    RULES,
    SAC,
    ContestSettings,
    Entry,
    _arenas,
    contest,
    contest_values,
    learners,
)
from hetnet.sync.gru import GruSettings
from hetnet.sync.settings import SyncSettings

SEEDS = (1, 2)
WORLD = SyncSettings(users=4, blocks=3, slots=8, step=5.0, foresight="drift")


def _quick(epochs: int = 6) -> dict[str, Entry]:
    """All learners, short of breath."""
    return {
        name: replace(
            entry,
            learning=replace(
                entry.learning, epochs=epochs, copies=4, warmup=2, batch=16, judged=5, judged_every=3
            ),
        )
        for name, entry in learners().items()
    }


QUICK = ContestSettings(world=WORLD, learners=_quick(), tuning=10, judged=20)


def test_all_policies_are_judged_on_the_same_worlds_and_none_beats_who_sees_the_future() -> None:
    found = finished(contest(QUICK, SEEDS))
    assert {*RULES, *learners(), "SAC, drawn", f"{PAPER_SAC}, drawn"} == set(found.earned)
    for several in found.earned.values():
        for earned, bound in zip(several, found.bound, strict=True):
            assert earned.returns.mean() <= bound + 1e-9
            assert len(earned.returns) == 20
    assert (found.earned[NEVER][0].refreshes == 0).all()
    assert found.best_rule() in RULES


def test_seeds_have_worlds_of_their_own() -> None:
    found = finished(contest(replace(QUICK, learners={}), SEEDS))
    assert found.means(NEVER)[0] != found.means(NEVER)[1]


def test_the_rows_tell_curves_returns_and_chosen_constants_of_every_seed() -> None:
    steps = Steps(contest(QUICK, SEEDS))
    stages = list(dict.fromkeys(step.stage for step in steps))
    assert stages == [*learners(), "judge"]
    first, second = contest_values(steps.result, WORLD.weight)
    rows = {(part, line, column): value for part, line, column, value in first}
    assert len(rows) == len(first) == len(second)
    assert [key[2] for key in rows if key[:2] == ("curve", SAC)] == ["0", "3", "6"]
    assert rows["returns", ALWAYS, "refreshes"] == pytest.approx(8)
    assert ("constants", "every k slots", "chosen") in rows
    for line in (SAC, DQN, NEVER):
        parts = {column: rows["returns", line, column] for column in ("return", "rate", "error")}
        assert parts["return"] == pytest.approx(parts["rate"] - parts["error"])
        assert parts["return"] <= rows["returns", BOUND, "return"]


def test_a_learner_is_the_same_in_a_contest_of_its_own() -> None:
    arenas = finished(_arenas(QUICK, SEEDS))
    whole = finished(contest(QUICK, SEEDS))
    alone = finished(contest(replace(QUICK, learners={DQN: _quick()[DQN]}), SEEDS, arenas))
    for name in (DQN, NEVER):
        np.testing.assert_array_equal(alone.means(name), whole.means(name))


def test_a_contest_is_the_same_from_the_same_seeds() -> None:
    first, second = (contest_values(finished(contest(QUICK, (3,))), WORLD.weight) for _ in range(2))
    assert first == second


def test_with_a_gru_every_seeds_twin_is_trained_first() -> None:
    gru = GruSettings(hidden=8, trajectories=20, epochs=1)
    world = replace(WORLD, foresight="gru")
    settings = ContestSettings(world=world, gru=gru, learners={SAC: _quick()[SAC]}, tuning=5, judged=5)
    steps = Steps(contest(settings, (1,)))
    assert "GRU" in [step.stage for step in steps]
    assert np.isfinite(steps.result.means(SAC)).all()


@pytest.mark.long
def test_sac_earns_no_less_than_the_best_rule_when_it_sees_what_the_station_knows() -> None:
    world = SyncSettings(step=4.0, foresight="drift")
    settings = ContestSettings(world=world, learners={SAC: learners()[SAC]})
    found = finished(contest(settings, (1, 2, 3)))
    assert (found.means(SAC) - found.means(found.best_rule())).mean() > -0.05
    assert found.means(SAC).mean() > found.means("error pays the price back").mean()
