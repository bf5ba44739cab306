from itertools import product

import numpy as np
import pytest

from hetnet.network import Floats
from hetnet.sync.floor import bordered_floor, open_floor, simulated_floor
from hetnet.sync.settings import Border, SyncSettings
from hetnet.sync.walk import MOVES, Mobility, drawn_mobility, drawn_starts, walked

CHANCES = np.array([0.1, 0.3, 0.05, 0.15, 0.4])


def by_every_path(mobility: Mobility, start: Floats, ahead: int) -> float:
    """The variance of where one user is after every sequence of moves, each with its probability."""
    places, chances = [], []
    for path in product(range(5), repeat=ahead):
        place = list(start)
        for move in path:
            for axis in range(2):
                place[axis] = landed(place[axis] + MOVES[move, axis] * mobility.step, place[axis], mobility)
        places.append(place)
        chances.append(np.prod(mobility.probabilities[0, list(path)]))
    mean = np.array(chances) @ np.array(places)
    return float(np.array(chances) @ ((np.array(places) - mean) ** 2).sum(axis=1))


def landed(after: float, before: float, mobility: Mobility) -> float:
    half = mobility.side / 2
    if mobility.border == "open" or abs(after) <= half:
        return after
    return before if mobility.border == "stay" else np.sign(after) * 2 * half - after


def test_the_open_floor_is_k_times_the_variance_of_a_step() -> None:
    # 2 m to the right or nothing, evenly: mean 1, variance 1, so 1, 2, 3 after so many slots
    mobility = Mobility(np.array([[0.5, 0, 0, 0, 0.5]]), step=2.0)
    assert open_floor(mobility, 3)[:, 0] == pytest.approx([1, 2, 3])


@pytest.mark.parametrize("border", ["reflect", "stay", "open"])
@pytest.mark.parametrize("start", [(0.0, 0.0), (2.3, 1.9), (-2.5, 2.5), (2.4, -0.2)])
def test_the_floor_at_the_border_is_that_of_every_path(border: Border, start: tuple[float, float]) -> None:
    mobility = Mobility(CHANCES[None], step=1.0, side=5.0, border=border)
    floor = bordered_floor(mobility, np.array([[start]]), 4)
    for ahead in range(1, 5):
        assert floor[ahead - 1, 0] == pytest.approx(by_every_path(mobility, np.array(start), ahead))


def test_far_from_the_border_there_is_none() -> None:
    mobility = drawn_mobility(SyncSettings(seed=3, step=1.0))
    starts = np.random.default_rng(1).uniform(-20, 20, (5, 10, 2))
    np.testing.assert_allclose(bordered_floor(mobility, starts, 25), open_floor(mobility, 25))


def test_the_floor_of_several_starts_is_their_mean() -> None:
    mobility = Mobility(np.stack([CHANCES, CHANCES[::-1]]), side=5.0)
    starts = np.random.default_rng(2).uniform(-2.5, 2.5, (3, 2, 2))
    alone = [bordered_floor(mobility, each[None], 6) for each in starts]
    np.testing.assert_allclose(bordered_floor(mobility, starts, 6), np.mean(alone, axis=0))


@pytest.mark.parametrize("border", ["reflect", "stay", "open"])
def test_walks_vary_as_the_floor_says(border: Border) -> None:
    settings = SyncSettings(seed=5, step=1.0, side=12.0, border=border)
    mobility = drawn_mobility(settings)
    rng = np.random.default_rng(3)
    start = drawn_starts(settings, 1, rng)
    simulated = simulated_floor(mobility, np.repeat(start, 20_000, axis=0), rng, 12)
    exact = bordered_floor(mobility, start, 12)
    np.testing.assert_allclose(simulated, exact, rtol=0.06)


def test_no_told_place_errs_less_than_the_mean_of_walks() -> None:
    mobility = Mobility(CHANCES[None], side=8.0)
    starts = np.repeat(np.array([[[3.0, 3.5]]]), 20_000, axis=0)
    ends = walked(mobility, starts, np.random.default_rng(4), 7)[:, -1, 0]
    floor = bordered_floor(mobility, starts[:1], 6)[-1, 0]
    for told in (ends[0], starts[0, 0], np.zeros(2)):
        assert ((ends - told) ** 2).sum(axis=1).mean() > floor
