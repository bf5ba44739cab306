import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.sync.predictors import (
    COPIES_AT_ONCE,
    Drift,
    Form,
    Gru,
    GruPredictor,
    Hold,
    Singles,
    gru_made_by,
    read_gru,
    unit_of,
    write_gru,
)
from hetnet.sync.walk import Mobility

USERS, HIDDEN, MEMORY = 3, 5, 4
STILL = Mobility(np.array([[1.0, 0, 0, 0, 0]] * USERS))


def some_gru(rng: np.random.Generator) -> Gru:
    wide = 2 * USERS
    shapes = {
        "reset_in": (HIDDEN, wide),
        "reset_back": (HIDDEN, HIDDEN),
        "candidate_in": (HIDDEN, wide),
        "candidate_back": (HIDDEN, HIDDEN),
        "update_in": (HIDDEN, wide),
        "update_back": (HIDDEN, HIDDEN),
        "out": (wide, HIDDEN),
    }
    return Gru(**{name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})


def some_predictor(form: Form, seed: int = 1) -> GruPredictor:
    return GruPredictor(some_gru(np.random.default_rng(seed)), form, MEMORY, unit_of(form, 2.0, 100.0))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def product(matrix: Singles, vector: list[float]) -> list[float]:
    return [sum(float(entry) * value for entry, value in zip(row, vector, strict=True)) for row in matrix]


def by_the_paper(gru: Gru, inputs: list[list[float]]) -> list[float]:
    """The output (10) after inputs of one copy, number by number as (6) to (9) have it."""
    hidden = [0.0] * HIDDEN
    for state in inputs:
        reset = [
            sigmoid(a + b)
            for a, b in zip(product(gru.reset_in, state), product(gru.reset_back, hidden), strict=True)
        ]
        kept = [value * gate for value, gate in zip(hidden, reset, strict=True)]
        candidate = [
            math.tanh(a + b)
            for a, b in zip(product(gru.candidate_in, state), product(gru.candidate_back, kept), strict=True)
        ]
        update = [
            sigmoid(a + b)
            for a, b in zip(product(gru.update_in, state), product(gru.update_back, hidden), strict=True)
        ]
        hidden = [
            (1 - gate) * new + gate * old for gate, new, old in zip(update, candidate, hidden, strict=True)
        ]
    return product(gru.out, hidden)


def test_the_literal_gru_computes_6_to_10_on_coordinates() -> None:
    predictor = some_predictor("literal")
    past = np.random.default_rng(2).normal(size=(2, MEMORY, USERS, 2))
    told = predictor(past, STILL)
    for copy in range(2):
        expected = by_the_paper(predictor.gru, past[copy].reshape(MEMORY, -1).tolist())
        np.testing.assert_allclose(told[copy].ravel(), expected, atol=1e-5)


def test_the_scaled_gru_counts_in_halves_of_the_side() -> None:
    predictor = some_predictor("scaled")
    past = np.random.default_rng(2).uniform(-50, 50, (1, MEMORY, USERS, 2))
    expected = by_the_paper(predictor.gru, (past[0] / 50).reshape(MEMORY, -1).tolist())
    np.testing.assert_allclose(predictor(past, STILL).ravel(), 50 * np.array(expected), atol=1e-3)


def test_the_gru_of_displacements_reads_steps_and_adds_one_to_the_last_state() -> None:
    predictor = some_predictor("displacement")
    past = np.random.default_rng(2).normal(size=(1, MEMORY, USERS, 2))
    steps = np.diff(past[0], axis=0).reshape(MEMORY - 1, -1) / 2
    expected = past[0, -1].ravel() + 2 * np.array(by_the_paper(predictor.gru, steps.tolist()))
    np.testing.assert_allclose(predictor(past, STILL).ravel(), expected, atol=1e-5)


OPEN = replace(STILL, border="open")


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_where_users_are_does_not_matter_to_displacements(right: float, forward: float) -> None:
    predictor = some_predictor("displacement")
    past = np.random.default_rng(3).normal(size=(1, MEMORY, USERS, 2))
    away = np.array([right, forward])
    np.testing.assert_allclose(predictor(past + away, OPEN), predictor(past, OPEN) + away, atol=1e-4)


def test_displacements_lead_to_the_border_and_not_beyond_it() -> None:
    predictor = some_predictor("displacement")
    past = np.random.default_rng(3).uniform(49, 50, size=(50, MEMORY, USERS, 2))
    beyond = predictor(past, OPEN)
    assert beyond.max() > 51
    assert np.array_equal(predictor(past, STILL), np.minimum(beyond, 50))


def test_copies_told_together_are_told_as_alone() -> None:
    predictor = some_predictor("displacement")
    past = np.random.default_rng(4).normal(size=(COPIES_AT_ONCE + 3, MEMORY, USERS, 2))
    together = predictor(past, STILL)
    for copy in (0, COPIES_AT_ONCE - 1, COPIES_AT_ONCE, COPIES_AT_ONCE + 2):
        np.testing.assert_allclose(predictor(past[copy : copy + 1], STILL)[0], together[copy], atol=1e-5)


def test_states_before_the_memory_are_not_read() -> None:
    predictor = some_predictor("literal")
    past = np.random.default_rng(5).normal(size=(2, MEMORY + 3, USERS, 2))
    assert np.array_equal(predictor(past, STILL), predictor(past[:, 3:], STILL))


def test_the_past_is_left_as_it_was() -> None:
    past = np.random.default_rng(6).normal(size=(2, MEMORY, USERS, 2))
    before = past.copy()
    for predictor in (Hold(), Drift(), some_predictor("literal"), some_predictor("displacement")):
        predictor(past, STILL)
        assert np.array_equal(past, before)


def test_hold_tells_the_last_state() -> None:
    past = np.arange(2.0 * MEMORY * USERS * 2).reshape(2, MEMORY, USERS, 2)
    assert np.array_equal(Hold()(past, STILL), past[:, -1])


def test_drift_tells_the_expected_step() -> None:
    # to the right with .5, to the left with .1, forward with .2: 2 m times (.4, .2)
    mobility = Mobility(np.array([[0.2, 0.2, 0, 0.1, 0.5]]), step=2.0)
    told = Drift()(np.array([[[[9.0, 9.0]], [[1.0, -3.0]]]]), mobility)
    np.testing.assert_allclose(told, [[[1.8, -2.6]]])


def test_drift_knows_the_border() -> None:
    # half a metre from the border with steps of one: going right (.6) ends where it began
    mobility = Mobility(np.array([[0.4, 0, 0, 0, 0.6]]))
    np.testing.assert_allclose(Drift()(np.array([[[[49.5, 0.0]]]]), mobility), [[[49.5, 0.0]]])


def test_a_stored_gru_is_read_back(tmp_path: Path) -> None:
    predictor = some_predictor("displacement")
    write_gru(tmp_path / "gru.safetensors", predictor, {"seed": 3})
    found = read_gru(tmp_path / "gru.safetensors")
    past = np.random.default_rng(7).normal(size=(2, MEMORY, USERS, 2))
    assert np.array_equal(found(past, STILL), predictor(past, STILL))
    assert (found.form, found.memory, found.unit) == ("displacement", MEMORY, 2.0)
    assert gru_made_by(tmp_path / "gru.safetensors") == {"seed": 3}


def test_a_past_of_other_users_is_refused() -> None:
    with pytest.raises(InputError, match="a past of 4 states of 2 users, expected 4 of 3"):
        some_predictor("literal")(np.zeros((1, MEMORY, 2, 2)), STILL)


def test_a_past_that_is_too_short_is_refused() -> None:
    with pytest.raises(InputError, match="a past of 3 states of 3 users, expected 4 of 3"):
        some_predictor("literal")(np.zeros((1, 3, USERS, 2)), STILL)


def test_matrices_that_do_not_fit_are_refused() -> None:
    gru = some_gru(np.random.default_rng(1))
    with pytest.raises(InputError, match=r"update_in is of the shape \(6, 5\), expected \(5, 6\)"):
        replace(gru, update_in=gru.update_in.T)


def test_displacements_take_two_states() -> None:
    with pytest.raises(InputError, match="reads 1 states, expected 2 or more"):
        GruPredictor(some_gru(np.random.default_rng(1)), "displacement", 1, 1.0)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(InputError, match="unknown form 'polar', expected displacement or literal or scaled"):
        GruPredictor(some_gru(np.random.default_rng(1)), "polar", 5, 1.0)  # type: ignore[arg-type]  # on purpose


def test_the_unit_is_a_step_the_printed_one_or_half_the_side() -> None:
    assert [unit_of(form, 2.0, 100.0) for form in ("displacement", "literal", "scaled")] == [2.0, 1.0, 50.0]
    assert unit_of("displacement", 0.0, 100.0) == 1.0  # users that never move
