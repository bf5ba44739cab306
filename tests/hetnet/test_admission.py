"""As many users as possible are admitted: held against trying all subsets, by eigenvalues and sums."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from hetnet.admission import SEARCHED, Asking, most_admitted
from hetnet.network import Interference
from hetnet.power import Cells, sinr_of, target_power, totals
from tests.hetnet.radio import NOISE, cells, targets

Floats = NDArray[np.float64]


def anywhere(seed: int, users: int, stations: int, interference: Interference = "sound") -> Cells:
    """Users at any station, however badly they hear it."""
    rng = np.random.default_rng(seed)
    gain = 10 ** rng.uniform(-11, -7, (users, stations))
    serving, limits = rng.integers(0, stations, users), rng.choice([0.05, 10.0], stations)
    return Cells(gain, serving, limits, np.zeros(stations), NOISE, interference)


def wanted_anywhere(seed: int, users: int) -> Floats:
    return np.exp(np.random.default_rng(seed + 1).uniform(np.log(0.3), np.log(30), users))


def can_be_met(case: Cells, wanted: Floats, users: tuple[int, ...]) -> bool:
    """Whether these users can have their targets together: by the spectral radius over users, and by sums."""
    chosen = np.array(users, np.int64)
    if not len(chosen):
        return True
    own = case.gain[chosen, case.serving[chosen]]
    heard = case.gain[np.ix_(chosen, case.serving[chosen])]  # of user i from the station of user j
    same = case.serving[chosen][:, None] == case.serving[chosen]
    if case.interference == "sound":
        heard = np.where(same, 0.0, heard)
    if case.interference == "own-cell":
        heard = np.where(np.eye(len(chosen), dtype=bool), 0.0, heard)
    asks = (wanted[chosen] / own)[:, None] * heard
    if np.abs(np.linalg.eigvals(asks)).max() >= 1:
        return False
    sent = np.linalg.solve(np.eye(len(chosen)) - asks, wanted[chosen] / own * case.noise)
    sums = np.bincount(case.serving[chosen], sent, minlength=len(case.limits))
    return bool((sums <= case.limits * (1 + 1e-9)).all())


def most_by_trying_all(case: Cells, wanted: Floats) -> int:
    there = np.flatnonzero(case.serving != -1).tolist()
    return next(
        size for size in range(len(there), -1, -1)
        if any(can_be_met(case, wanted, users) for users in combinations(there, size))
    )  # fmt: skip


def admitted(case: Cells, wanted: Floats) -> int:
    """How many have their whole target, once it is made sure that they do."""
    found = target_power(case, wanted, lesser=())
    met = found.share == 1
    assert sinr_of(case, found.sent)[met] == pytest.approx(wanted[met], rel=1e-6)
    assert (totals(case, found.sent) <= case.limits * (1 + 1e-9)).all()
    return int(met.sum())


@pytest.mark.parametrize("interference", ["sound", "own-cell"])
def test_of_few_users_as_many_are_admitted_as_in_any_subset(interference: Interference) -> None:
    for seed in range(60):
        case, wanted = anywhere(seed, 7, 3, interference), wanted_anywhere(seed, 7)
        assert admitted(case, wanted) == most_by_trying_all(case, wanted), seed


def test_of_users_near_their_stations_as_many_are_admitted_as_in_any_subset() -> None:
    for seed in range(25):
        case, wanted = cells(seed, 10, 3), targets(seed, 10, 8.0)
        assert admitted(case, wanted) == most_by_trying_all(case, wanted), seed


def test_the_cheapest_user_gives_way_to_two_others() -> None:
    """User 1 alone costs the least, and leaves room for nobody."""
    gain = np.array([[1e-10, 1e-9], [1e-8, 1e-8], [1e-8, 1e-7]])
    case = Cells(gain, np.array([1, 0, 1]), np.array([10.0, 0.05]), np.zeros(2), NOISE)
    found = target_power(case, np.array([1.0, 30.0, 3.0]), lesser=())
    assert found.share.tolist() == [1, 0, 1]
    assert found.unmet.tolist() == [1]


def test_the_others_get_a_share_beside_the_most() -> None:
    for seed in range(20):
        case, wanted = anywhere(seed, 7, 3), wanted_anywhere(seed, 7)
        with_shares, without = target_power(case, wanted), target_power(case, wanted, lesser=())
        assert ((with_shares.share == 1) == (without.share == 1)).all()
        assert (totals(case, with_shares.sent) <= case.limits * (1 + 1e-9)).all()


def asking(case: Cells, wanted: Floats) -> Asking:
    """All users of `case` who have a station (all but the last)."""
    costs = wanted[:-1] / case.own[:-1]
    return Asking(
        costs[:, None] * case.disturbing[:-1],
        costs * case.noise,
        case.serving[:-1],
        case.already,
        case.limits,
    )


def first_come(case: Cells, wanted: Floats) -> NDArray[np.int64]:
    taken: tuple[int, ...] = ()
    for user in range(len(wanted) - 1):
        if can_be_met(case, wanted, (*taken, user)):
            taken = (*taken, user)
    return np.array(taken, np.int64)


def test_of_more_users_hardly_any_are_missed() -> None:
    """Beside a search that may look at ten times as many sets; and by exchanges alone."""
    searched, exchanged = [], []
    for seed in range(12):
        case, wanted = cells(seed, 27, 5), targets(seed, 27, 8.0)
        asked, first = asking(case, wanted), first_come(case, wanted)
        most, found, alone = (len(most_admitted(asked, first, looks)) for looks in (100_000, 10_000, 0))
        searched.append(most - found)
        exchanged.append(most - alone)
        assert alone >= len(first)
        assert admitted(case, wanted) == found
    assert searched == [0] * 12
    assert 0 < np.mean(exchanged) <= 1.5


def test_many_users_are_admitted_as_well_as_the_cheapest_first_would_be() -> None:
    case, wanted = cells(1, 121, 12), targets(1, 121, 3.0)
    assert SEARCHED < admitted(case, wanted) < 120


def test_those_who_are_found_stay_where_no_more_can_be_admitted() -> None:
    one = np.zeros((2, 1))
    asked = Asking(one, np.array([0.6, 0.5]), np.zeros(2, np.int64), np.zeros(1), np.ones(1))
    assert most_admitted(asked, np.array([0])).tolist() == [0]


def test_what_is_too_much_for_a_number_is_not_admitted() -> None:
    rows = np.array([[0.0, 1e300], [1e300, 0.0], [0.0, 0.0]])
    asked = Asking(rows, np.array([1e308, 0.1, 0.2]), np.array([0, 1, 0]), np.ones(2), np.full(2, 2.0))
    assert most_admitted(asked, np.array([2])).tolist() == [2]
