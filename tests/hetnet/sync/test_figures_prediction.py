import numpy as np
import pytest

from hetnet.network import Floats
from hetnet.sync.figures_prediction import (
    DISPLACEMENT,
    DRIFT,
    FLOOR,
    HOLD,
    LITERAL,
    PAPER,
    SCALED,
    SHOWN,
    STEP,
    TRUE_PASTS,
    errors_ahead,
    held_out,
    lines,
    origins,
    prediction_values,
    told_ahead,
    trajectories,
)
from hetnet.sync.predictors import Drift, Hold
from hetnet.sync.settings import SyncSettings
from hetnet.sync.walk import Mobility, drawn_mobility

RIGHT = Mobility(np.array([[0.5, 0, 0, 0, 0.5]]))  # expected half a metre to the right


def squares() -> Floats:
    """One user at 0, 1, 4, 9, 16 on the one axis and 0 on the other, (1, 5, 1, 2)."""
    return np.array([[[[slot**2, 0.0]] for slot in range(5)]])


def test_every_slot_with_enough_before_and_after_it_is_an_origin() -> None:
    past, later = origins(squares(), 2, 2)
    assert past[:, :, 0, 0].tolist() == [[0, 1], [1, 4]]
    assert later[:, :, 0, 0].tolist() == [[4, 9], [9, 16]]


def test_a_twin_left_alone_goes_on_from_what_it_told() -> None:
    told = told_ahead(Drift(), squares()[:, :2], RIGHT, 3)
    assert told[0, :, 0].tolist() == [[1.5, 0], [2, 0], [2.5, 0]]


def test_errors_are_squared_distances() -> None:
    past, later = origins(squares(), 2, 2)
    # held at 1 and at 4: 3² and 5² one slot later, 8² and 12² two slots later
    errors = errors_ahead(Hold(), past, later, RIGHT)
    assert errors[:, 0].tolist() == [(9 + 25) / 2, (64 + 144) / 2]


def test_users_stand_in_the_order_of_how_random_they_walk() -> None:
    mobility = drawn_mobility(SyncSettings(seed=2))
    found = lines(mobility)
    assert list(found) == [f"user {place} of 10" for place in range(1, 11)]
    assert list(mobility.variances[list(found.values())]) == sorted(mobility.variances)
    assert PAPER.keys() <= found.keys()


def test_held_out_walks_are_the_same_every_time() -> None:
    settings = SyncSettings(seed=2)
    mobility = drawn_mobility(settings)
    one, same = (held_out(settings, mobility, 3) for _ in range(2))
    assert one.shape == (3, 30, 10, 2)
    assert np.array_equal(one, same)


@pytest.mark.long
def test_figure_2_has_every_predictor_between_the_floor_and_the_literal_net() -> None:
    values = {(part, line, column): value for part, line, column, value in prediction_values(1)}
    once, later, step = dict.fromkeys(part for part, _, _ in values)
    for line in (*lines(drawn_mobility(SyncSettings(seed=1))), "all users"):
        floor, literal = values[once, line, FLOOR], values[once, line, LITERAL]
        for column in (DISPLACEMENT, TRUE_PASTS, SCALED, DRIFT, HOLD):
            assert 0.9 * floor < values[once, line, column] < literal
    assert values[once, "all users", DISPLACEMENT] < 1.03 * values[once, "all users", FLOOR]
    for slots in map(str, SHOWN[1:]):
        order = [values[later, slots, column] for column in (FLOOR, DISPLACEMENT, TRUE_PASTS, HOLD, LITERAL)]
        assert 0.9 * order[0] < order[1] < order[2] < order[3] < order[4]
    for line, error in PAPER.items():
        assert values[once, line, FLOOR] * (values[step, line, "step"] / STEP) ** 2 == pytest.approx(
            error, rel=0.1
        )


@pytest.mark.long
def test_the_trajectories_are_of_three_users_from_the_least_random_on() -> None:
    tracks = trajectories(1)
    assert [track.line for track in tracks] == list(PAPER)
    assert [track.floor for track in tracks] == sorted(track.floor for track in tracks)
    for track in tracks:
        assert track.walked.shape == (30, 2)
        assert track.one_ahead.shape == track.alone.shape == (25, 2)
        np.testing.assert_allclose(track.one_ahead[0], track.alone[0], atol=1e-4)  # in float32
        assert track.error < 1.2 * track.floor + 0.01
