"""What a station does with each order, against plain loops over its own windows."""

from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest

from bs_client.host import Host
from bs_client.station import answers
from data.errors import InputError
from data.messages import (
    PHASES,
    Answer,
    Errors,
    EvaluateOrder,
    Failure,
    MomentsAnswer,
    MomentsOrder,
    Phase,
    TrainOrder,
    Update,
)
from forecasting.personal import personal_heads
from forecasting.recipe import Personal
from forecasting.stations import Floats, full_samples, station_number, station_rngs
from tests.bs_client.stations import (
    CITY,
    FIRST,
    HISTORY,
    SGD,
    STEPS,
    bits,
    hosted,
    linear_weights,
    only,
    some_weights,
)
from tests.fleets import SMALL_RECIPE
from tests.forecasting.plain_loops import plain_module, plain_training


def plain_windows(station: int, first: int, last: int) -> tuple[Floats, Floats]:
    """Inputs and targets of the paper for the steps from `first` to `last`, one step after another."""
    past = CITY.load[:HISTORY, station].astype(np.float64)
    scaled = ((CITY.load[:, station] - past.mean()) / past.std()).astype(np.float32)
    rows = [[scaled[step - back] for back in (72, 48, 24, 3, 2, 1)] for step in range(first, last)]
    return np.array(rows, np.float32), scaled[first:last]


@pytest.mark.parametrize("phase", ["vertical", "settling", "horizontal"])
def test_a_training_order_is_a_plain_loop_over_the_stations_own_windows(phase: Phase) -> None:
    recipe = replace(
        SMALL_RECIPE, vertical=SGD, settling=replace(SGD, epochs=2), horizontal=replace(SGD, loss="huber")
    )
    home, settings, until = hosted(recipe), getattr(recipe, phase), HISTORY + 30
    order = TrainOrder((CITY.stations[2],), some_weights(home), phase, 6, 9, until)
    answer = only(answers(home, [order]))
    inputs, targets = plain_windows(2, FIRST, until)
    rng = station_rngs(recipe.seed, [station_number("s2")], PHASES.index(phase), 6)[0]
    weights, losses = plain_training(home.network, order.weights, inputs, targets, settings, rng)
    assert isinstance(answer, Update)
    np.testing.assert_allclose(answer.weights, weights, atol=1e-5)
    assert answer.loss == pytest.approx(losses[-1], abs=1e-5)
    assert answer.samples == len(targets) == until - FIRST


@pytest.mark.parametrize(("turns", "epochs"), [(4, 1), (3, 2)])
def test_the_learning_rate_falls_over_all_turns_of_a_phase(turns: int, epochs: int) -> None:
    """Epoch e of E has the rate lr (1 + cos πe/E) / 2, turns counted through; weights carried by hand."""
    cosine = replace(SGD, schedule="cosine", momentum=0.0, epochs=epochs)
    home = hosted(replace(SMALL_RECIPE, vertical=cosine))
    inputs, targets = plain_windows(0, FIRST, HISTORY)
    ours = plain = some_weights(home)
    for turn in range(turns):
        answer = only(answers(home, [TrainOrder(("s0",), ours, "vertical", turn, turns, HISTORY)]))  # type: ignore[arg-type]  # ids are texts
        assert isinstance(answer, Update)
        ours = answer.weights
        rng = station_rngs(1, [station_number("s0")], PHASES.index("vertical"), turn)[0]
        for epoch in range(turn * epochs, (turn + 1) * epochs):
            rate = 0.05 * (1 + np.cos(np.pi * epoch / (turns * epochs))) / 2
            once = replace(cosine, schedule="constant", learning_rate=float(rate), epochs=1)
            plain, _ = plain_training(home.network, plain, inputs, targets, once, rng)
    np.testing.assert_allclose(ours, plain, atol=1e-5)


def test_two_turns_and_two_phases_take_the_windows_in_other_orders() -> None:
    recipe = replace(SMALL_RECIPE, vertical=SGD, settling=SGD, horizontal=SGD)
    home = hosted(recipe)
    turns: list[tuple[Phase, int]] = [("vertical", 0), ("vertical", 1), ("settling", 0), ("horizontal", 0)]
    made = [
        only(answers(home, [TrainOrder(CITY.stations[:1], some_weights(home), phase, turn, 9, HISTORY)]))
        for phase, turn in turns
    ]
    assert len({bits(each)[1] for each in made}) == 4


def test_with_a_memory_a_station_trains_on_its_latest_days_alone() -> None:
    recipe = replace(SMALL_RECIPE, horizontal=SGD, memory_days=1.5)
    home, until = hosted(recipe), HISTORY + 10
    answer = only(
        answers(home, [TrainOrder(CITY.stations[3:4], some_weights(home), "horizontal", 0, 9, until)])
    )
    inputs, targets = plain_windows(3, until - 36, until)
    rng = station_rngs(1, [station_number("s3")], PHASES.index("horizontal"), 0)[0]
    weights, _ = plain_training(home.network, some_weights(home), inputs, targets, SGD, rng)
    assert isinstance(answer, Update)
    np.testing.assert_allclose(answer.weights, weights, atol=1e-5)
    assert answer.samples == 36
    vertical = only(
        answers(home, [TrainOrder(CITY.stations[3:4], some_weights(home), "vertical", 0, 9, until)])
    )
    assert isinstance(vertical, Update)
    assert vertical.samples == until - FIRST


def test_personal_steps_are_a_plain_training_of_ones_own() -> None:
    recipe = replace(SMALL_RECIPE, personal="steps", personal_training=replace(SGD, epochs=3))
    home = hosted(recipe)
    answer = only(
        answers(home, [TrainOrder(CITY.stations[:1], some_weights(home), "personal", 0, 1, HISTORY)])
    )
    inputs, targets = plain_windows(0, FIRST, HISTORY)
    rng = station_rngs(1, [station_number("s0")], PHASES.index("personal"), 0)[0]
    weights, _ = plain_training(
        home.network, some_weights(home), inputs, targets, recipe.personal_training, rng
    )
    assert isinstance(answer, Update)
    np.testing.assert_allclose(answer.weights, weights, atol=1e-5)


def test_a_personal_head_is_fitted_on_the_stations_own_past() -> None:
    recipe = replace(SMALL_RECIPE, personal="head", head_strength=5.0)
    home = hosted(recipe)
    answer = only(
        answers(home, [TrainOrder(CITY.stations[:1], some_weights(home), "personal", 0, 1, HISTORY)])
    )
    inputs, targets = plain_windows(0, FIRST, HISTORY)
    samples = full_samples(inputs[None], targets[None])
    expected = personal_heads(home.network, some_weights(home)[None], samples, 5.0)[0]
    assert isinstance(answer, Update)
    np.testing.assert_allclose(answer.weights, expected, atol=1e-5)


@pytest.mark.parametrize("personal", ["none", "head", "steps"])
def test_an_evaluation_sums_the_errors_of_a_torch_module(personal: Personal) -> None:
    recipe = replace(SMALL_RECIPE, personal=personal, personal_training=SGD)
    home = hosted(recipe)
    weights, first, last, named = some_weights(home), HISTORY + 5, HISTORY + 45, CITY.stations[1:2]
    adapt = personal != "none"
    answer = only(answers(home, [EvaluateOrder(named, weights, first, last, personal=adapt)]))
    if adapt:  # what the station makes of the weights before `first` is tested above
        own = only(answers(home, [TrainOrder(named, weights, "personal", 0, 1, first)]))
        assert isinstance(own, Update)
        weights = own.weights
    inputs, targets = plain_windows(1, first, last)
    assert_errors(answer, torch_forecast(home, weights, inputs), targets)


def torch_forecast(home: Host, weights: Floats, inputs: Floats) -> Floats:
    import torch

    with torch.inference_mode():
        forecast: Floats = plain_module(home.network, weights)(torch.from_numpy(inputs)).numpy()
    return forecast


def assert_errors(answer: Answer, forecast: Floats, targets: Floats) -> None:
    scale = CITY.load[:HISTORY, 1].astype(np.float64).std()
    missed = forecast.astype(np.float64) - targets
    assert isinstance(answer, Errors)
    assert answer.count == len(targets)
    assert answer.squared == pytest.approx((missed**2).sum(), rel=1e-5)
    assert answer.absolute == pytest.approx(np.abs(missed).sum(), rel=1e-5)
    assert answer.raw_absolute == pytest.approx(np.abs(missed).sum() * scale, rel=1e-5)
    assert answer.spread == (np.ptp(targets) if len(targets) >= 24 else 0)  # less than a day is not told


def test_linear_weights_are_scored_as_such_whatever_the_network() -> None:
    answer = only(
        answers(hosted(), [EvaluateOrder(CITY.stations[1:2], linear_weights(), HISTORY, STEPS, linear=True)])
    )
    inputs, targets = plain_windows(1, HISTORY, STEPS)
    assert_errors(answer, inputs @ linear_weights()[:-1] + linear_weights()[-1], targets)


def test_filled_gaps_are_not_scored() -> None:
    gaps = np.zeros(CITY.load.shape, bool)
    gaps[HISTORY + 3 : HISTORY + 7, 1] = True
    home = hosted(traffic=replace(CITY, gaps=gaps))
    order = EvaluateOrder(CITY.stations[:2], some_weights(home), HISTORY, HISTORY + 24)
    counts = [answer.count for answer in answers(home, [order]) if isinstance(answer, Errors)]
    assert counts == [24, 20]


def test_moments_are_sums_over_the_wanted_windows() -> None:
    answer = only(answers(hosted(), [MomentsOrder(CITY.stations[2:3], FIRST + 5, HISTORY)]))
    inputs, targets = plain_windows(2, FIRST + 5, HISTORY)
    columns = np.column_stack([inputs, np.ones(len(inputs))]).astype(np.float64)
    assert isinstance(answer, MomentsAnswer)
    found = answer.moments
    np.testing.assert_allclose(found.gram, sum(np.outer(row, row) for row in columns), rtol=1e-6)
    np.testing.assert_allclose(
        found.moment, sum(row * y for row, y in zip(columns, targets, strict=True)), rtol=1e-4, atol=1e-5
    )
    assert found.squares == pytest.approx(float((targets.astype(np.float64) ** 2).sum()), rel=1e-6)
    assert found.count == HISTORY - FIRST - 5


def test_steps_without_a_window_are_left_out_of_what_is_asked_for() -> None:
    """No step before FIRST has its whole past; counting from the end instead would score other steps."""
    home = hosted()
    for order in (
        EvaluateOrder(CITY.stations[:1], some_weights(home), 0, FIRST + 9),
        MomentsOrder(CITY.stations[:1], 0, FIRST + 9),
    ):
        answer = only(answers(home, [order]))
        assert isinstance(answer, Errors | MomentsAnswer)
        assert (answer.count if isinstance(answer, Errors) else answer.moments.count) == 9


@pytest.mark.parametrize("personal", [False, True])
def test_no_steps_make_sums_of_nothing(personal: bool) -> None:
    home = hosted()
    order = EvaluateOrder(CITY.stations[:2], some_weights(home), HISTORY, HISTORY, personal=personal)
    for answer in answers(home, [order]):
        assert astuple(answer)[1:] == (0, 0.0, 0.0, 0.0, 0.0)


def test_a_station_without_a_window_says_so() -> None:
    home = hosted()
    for until in (FIRST, FIRST - 20):
        answer = only(
            answers(home, [TrainOrder(CITY.stations[:1], some_weights(home), "vertical", 0, 1, until)])
        )
        assert answer == Failure(CITY.stations[0], "has no window to train on yet")


def test_a_training_that_diverges_is_told_and_its_weights_are_kept_back() -> None:
    wild = replace(SGD, learning_rate=1e6, epochs=3)
    home = hosted(replace(SMALL_RECIPE, vertical=wild))
    answer = only(
        answers(home, [TrainOrder(CITY.stations[:1], some_weights(home), "vertical", 0, 1, HISTORY)])
    )
    assert answer == Failure(CITY.stations[0], "diverged in its training; lower the learning rate")


def test_an_unknown_phase_is_refused() -> None:
    home = hosted()
    phase: Any = "diagonal"
    with pytest.raises(
        InputError, match=r"^unknown phase 'diagonal' in an order, expected one of vertical, settling"
    ):
        answers(home, [TrainOrder(CITY.stations, some_weights(home), phase, 0, 1, HISTORY)])
