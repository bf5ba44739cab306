"""The studies of twin synchronisation: their claims read the rows that they make, and pictures are drawn."""

from pathlib import Path

import polars as pl
import pytest

from fl_server.experiments.gates import GATES, UNITS
from fl_server.experiments.studies import Value
from fl_server.experiments.synchronisation import FIGURE_3, SEARCH, SETTINGS
from hetnet.sync.figures_learning import BOUND, DQN, DRAWN, PAPER_DQN, PAPER_SAC, RULES, SAC

POLICIES = (*RULES, SAC, SAC + DRAWN, DQN, PAPER_SAC, PAPER_SAC + DRAWN, PAPER_DQN, BOUND)


def rows_of(values: dict[int, list[Value]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"seed": seed, "part": part, "line": line, "column": column, "value": value}
            for seed, several in values.items()
            for part, line, column, value in several
        ]
    )


def contest_rows() -> pl.DataFrame:
    """Three seeds in which policy number n earns 100 + n; SAC is 5 % above DQN as printed."""
    values: dict[int, list[Value]] = {}
    for seed in (1, 2, 3):
        earned = {name: 100.0 + number + seed for number, name in enumerate(POLICIES)}
        earned |= {PAPER_SAC + DRAWN: 105.0, PAPER_DQN: 100.0}
        returns: list[Value] = [("returns", name, "return", value) for name, value in earned.items()]
        curves: list[Value] = [
            ("curve", name, epoch, value)
            for name in (SAC, DQN, PAPER_SAC + DRAWN, PAPER_DQN)
            for epoch, value in (("0", 50.0), ("10", 100.0))
        ]
        values[seed] = [*returns, *curves]
    return rows_of(values)


def test_the_claims_on_learning_are_held_against_what_was_earned() -> None:
    found = {claim.about: claim.effect(contest_rows()) for claim in FIGURE_3.claims}
    assert found["SAC earns more than DQN, as printed"] == pytest.approx({1: 0.05, 2: 0.05, 3: 0.05})
    assert found["rewards rise while SAC learns, as printed"] == pytest.approx({1: 1.0, 2: 1.0, 3: 1.0})
    best = 100 + len(RULES) - 1 + 1  # what the last of the rules earns with seed 1
    assert found["(ours) SAC earns more than the best simple rule"][1] == pytest.approx((best + 1) / best - 1)


def test_a_learned_gate_is_held_against_the_best_threshold() -> None:
    costs: list[Value] = [
        ("costs", f"{unit:g}", column, cost)
        for unit in UNITS
        for column, cost in (("learned", 0.9), ("the best psi", 1.0))
    ]
    for claim in GATES.claims:
        assert claim.effect(rows_of({1: costs})) == pytest.approx({1: -0.1})


def test_pictures_are_drawn(tmp_path: Path) -> None:
    sensitivity: list[Value] = [
        ("sensitivity", line, column, 1.0)
        for line in ("default", "step 1")
        for column in (SAC, DQN, "sees the future", "never")
    ]
    gains: list[Value] = [("gain", "a world", epoch, 0.1) for epoch in ("0", "10")]
    several = {1: [*sensitivity, *gains], 2: [*sensitivity, *gains]}
    for study, rows in ((FIGURE_3, contest_rows()), (SETTINGS, rows_of(several)), (SEARCH, rows_of(several))):
        study.draw(tmp_path / f"{study.name}.png", rows)
        assert (tmp_path / f"{study.name}.png").stat().st_size > 10_000
