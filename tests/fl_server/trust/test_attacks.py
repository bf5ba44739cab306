"""What attackers send, worked by hand on few numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from data.errors import InputError
from fl_server.cli.trust_options import attack_table
from fl_server.trust.adaptive import just_below
from fl_server.trust.attacks import Doubles, a_little, forged, min_max
from fl_server.trust.settings import AttackKind, AttackSettings, DefenceSettings

START = np.array([1.0, 1.0])
OWN = np.array([[2.0, 1.0], [1.0, 3.0]])  # two attackers, changes (1, 0) and (0, 2)
HONEST = np.array([[2.0, 2.0], [2.0, 0.0], [4.0, 2.0], [4.0, 0.0]])  # mean (3, 1), deviations (1, 1)


def sent(kind: AttackKind, strength: float = 0.0) -> Doubles:
    rngs = [np.random.default_rng(number) for number in range(2)]
    return forged(AttackSettings(kind=kind, strength=strength), START, OWN, HONEST, rngs)


def test_a_scaled_change_is_longer_and_a_flipped_one_points_the_other_way() -> None:
    assert sent("scaled", 4).tolist() == [[5, 1], [1, 9]]  # 1 + 4·1; 1 + 4·2
    assert sent("sign-flip", 4).tolist() == [[-3, 1], [1, -7]]


def test_noise_is_so_many_times_as_long_as_the_honest_change() -> None:
    lengths = np.linalg.norm(sent("random", 5) - START, axis=1)
    assert lengths.tolist() == pytest.approx([5, 10])
    assert not np.allclose(sent("random", 5)[0] - START, [5, 0])


def test_a_little_lies_some_standard_deviations_below_the_honest_mean() -> None:
    assert a_little(HONEST, 1.5).tolist() == [1.5, -0.5]  # 3 − 1.5·1, 1 − 1.5·1
    assert sent("a-little", 1.5).tolist() == [[1.5, -0.5]] * 2


def test_colluders_send_the_honest_mean_turned_round() -> None:
    assert sent("colluding", 2).tolist() == [[-3, 1]] * 2  # the mean change is (2, 0); 1 − 2·2


def test_min_max_is_as_far_from_the_farthest_honest_as_the_farthest_two_are_apart() -> None:
    # The farthest two, (2, 0) and (4, 2), are √8 apart. At (3 − s, 1 − s) the farthest honest is (4, 2),
    # √2·(1 + s) away: √8 at s = 1.
    assert min_max(HONEST).tolist() == pytest.approx([2, 0])
    assert min_max(HONEST, 3).tolist() == pytest.approx([0, -2])


def test_min_max_of_honest_that_agree_is_what_they_agree_on() -> None:
    assert min_max(np.ones((3, 2))).tolist() == [1, 1]


@given(arrays(np.float64, (5, 3), elements=some.floats(-100, 100)))
def test_min_max_hides_among_the_honest(honest: Doubles) -> None:
    made = min_max(honest)
    widest = np.linalg.norm(honest[:, None] - honest[None], axis=-1).max()
    assert np.linalg.norm(made - honest, axis=-1).max() <= widest * (1 + 1e-9) + 1e-9


def test_who_knows_the_defence_goes_as_far_against_the_change_as_it_lets_through() -> None:
    # Weights 2 − s err s more than the honest 2, of a start at 0 and a change of 2: s = .5 is let through.
    made = just_below(np.zeros(1), np.full(1, 2.0), lambda weights: 2 - float(weights[0]), 0.5)
    assert 1.5 <= made[0] <= 1.51


def test_who_cannot_hide_at_all_sends_what_the_honest_do() -> None:
    assert just_below(np.zeros(1), np.ones(1), lambda _: 9.0, 0.5).tolist() == [1]


def test_a_strength_of_0_is_the_usual_one() -> None:
    assert np.array_equal(sent("scaled"), sent("scaled", 10))


@pytest.mark.parametrize("share", [0, -0.1, 0.51, 1, float("nan")])
def test_a_majority_of_attackers_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="the share of attackers must lie in"):
        AttackSettings(kind="random", share=share)


@pytest.mark.parametrize("strength", [-1, float("inf"), float("nan")])
def test_a_strength_that_is_none_is_refused(strength: float) -> None:
    with pytest.raises(InputError, match="strength"):
        AttackSettings(kind="random", strength=strength)


def test_a_strength_of_an_attack_that_has_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"the attack replay has no strength, expected none, got 3.0"):
        AttackSettings(**attack_table("replay:.2:3"))
    assert AttackSettings(**attack_table("replay:.2")).share == 0.2


@pytest.mark.parametrize("text", ["sign-flip:.5:0", "sign-flip:.5:-0", "replay:.2:0"])
def test_a_strength_of_nothing_is_not_the_usual_one(text: str) -> None:
    with pytest.raises(InputError, match=f"--attack {text}: a strength of 0 attacks nothing"):
        attack_table(text)


def test_settings_of_a_defence_that_make_no_sense_are_refused() -> None:
    for wrong in (
        {"witnesses": 2},
        {"hours": 0},
        {"margin": 0},
        {"margin": 0.6, "gross": 0.5},
        {"memory": 1},
    ):
        with pytest.raises(InputError, match=next(iter(wrong))):
            DefenceSettings(**wrong)
