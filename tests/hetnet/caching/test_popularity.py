"""What is popular when. Axes: E spells, G groups, N contents."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from data.errors import InputError
from hetnet.caching.popularity import (
    HOUR,
    Popularity,
    PopularitySettings,
    contents_of_ranks,
    drawn_popularity,
    group_shares,
    with_bursts,
    zipf_shares,
)

CALM = PopularitySettings(memory_hours=np.inf, bursts_per_day=0, shifts_per_week=0)


def popularity(settings: PopularitySettings, hours: float = 168, seed: int = 0) -> Popularity:
    return drawn_popularity(settings, 40, hours, np.random.default_rng(seed))


def scores_of(ranked: np.ndarray) -> np.ndarray:
    """The place of each content in a ranking, (N,)."""
    return np.argsort(ranked)


def kept(one: np.ndarray, other: np.ndarray) -> float:
    """How two rankings correlate."""
    return float(stats.spearmanr(scores_of(one), scores_of(other)).statistic)


def test_shares_fall_as_zipf_says() -> None:
    # 1, 1/2, 1/3 sum to 11/6
    assert zipf_shares(3, 1.0) == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    assert zipf_shares(4, 0.0) == pytest.approx([0.25] * 4)


def test_every_group_ranks_every_content_once_in_every_spell() -> None:
    ranked = popularity(PopularitySettings(contents=50)).ranked
    assert (np.sort(ranked, axis=2) == np.arange(50)).all()


def test_ranks_of_a_calm_world_never_change() -> None:
    calm = popularity(CALM)
    assert calm.begins.tolist() == [0.0]
    assert len(calm.shifts) == len(calm.burst_begins) == 0


@pytest.mark.parametrize("taste", [0.0, 0.3, 1.0])
def test_groups_differ_by_as_much_as_their_taste(taste: float) -> None:
    ranked = popularity(replace(CALM, taste=taste, contents=5000, groups=2)).ranked[0]
    assert kept(ranked[0], ranked[1]) == pytest.approx(1 - taste, abs=0.04)


def test_ranks_correlate_by_1_over_e_after_their_memory() -> None:
    drifting = popularity(replace(CALM, memory_hours=24, contents=5000, groups=1), hours=73).ranked[:, 0]
    assert kept(drifting[0], drifting[24]) == pytest.approx(np.exp(-1), abs=0.04)
    assert kept(drifting[24], drifting[72]) == pytest.approx(np.exp(-2), abs=0.04)


def test_a_rare_event_shifts_a_share_of_the_ranks_at_once() -> None:
    world = popularity(replace(CALM, shifts_per_week=3, shift_share=0.4, contents=5000, groups=1))
    assert len(world.shifts) > 0
    assert world.begins.tolist() == [0.0, *world.shifts]
    before, after = world.ranked[0, 0], world.ranked[1, 0]
    assert kept(before, after) == pytest.approx(0.6, abs=0.04)  # the scores of six in ten are kept


def test_shifts_fall_between_the_hours_of_a_drift() -> None:
    world = popularity(replace(CALM, memory_hours=24, shifts_per_week=14), hours=48)
    assert set(np.arange(48) * HOUR) | set(world.shifts) == set(world.begins)


def test_requests_of_a_group_follow_its_ranks() -> None:
    world = popularity(replace(CALM, contents=20, groups=2))
    clients = np.full(100_000, int(np.argmax(world.groups == 1)))
    chances = np.random.default_rng(1).random(100_000)
    asked = contents_of_ranks(world, np.zeros(100_000), clients, chances)
    counts = np.bincount(asked, minlength=20)
    assert stats.chisquare(counts, group_shares(world, 0.0)[1] * 100_000).pvalue > 0.001


def test_chances_at_the_ends_are_the_first_and_the_last_rank() -> None:
    world = popularity(replace(CALM, contents=7, groups=1))
    asked = contents_of_ranks(world, np.zeros(2), np.zeros(2, np.int64), np.array([0.0, 1 - 1e-16]))
    assert asked.tolist() == world.ranked[0, 0, [0, 6]].tolist()


def test_a_burst_takes_its_share_and_dies_away() -> None:
    world = replace(
        popularity(CALM, hours=1),
        burst_begins=np.array([1000.0]),
        burst_contents=np.array([7]),
        burst_share=0.5,
        burst_seconds=2000.0,
    )
    rng = np.random.default_rng(2)
    times = rng.permutation(np.linspace(0, 20_000, 200_001))
    asked = with_bursts(world, times, np.full(len(times), -1), rng) == 7
    assert not asked[times < 1000].any()
    for begin in (1000, 3000, 7000):
        during = (times >= begin) & (times < begin + 200)
        expected = 0.5 * np.exp(-(begin + 100 - 1000) / 2000)
        assert asked[during].mean() == pytest.approx(expected, abs=0.035)
    assert not asked[times > 11_000].any()


def test_as_many_events_come_as_are_set() -> None:
    worlds = [popularity(replace(CALM, bursts_per_day=2, shifts_per_week=3), seed=seed) for seed in range(40)]
    assert np.mean([len(world.burst_begins) for world in worlds]) == pytest.approx(14, abs=2.5)
    assert np.mean([len(world.shifts) for world in worlds]) == pytest.approx(3, abs=1.2)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"contents": 0}, "contents is 0, expected 1 or more"),
        ({"exponent": -1.0}, "exponent is -1.0, expected 0 or more"),
        ({"exponent": np.nan}, "exponent is nan, expected 0 or more"),
        ({"taste": 1.1}, "taste is 1.1, expected a share of 0 to 1"),
        ({"burst_hours": 0.0}, "burst_hours is 0.0, expected a positive number"),
        ({"memory_hours": 0.0}, "memory_hours is 0.0, expected a positive number, or inf"),
    ],
)
def test_a_popularity_that_cannot_be_is_refused(wrong: dict[str, float], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        PopularitySettings(**wrong)  # type: ignore[arg-type]  # of one kind each


def test_ranks_that_would_not_fit_in_memory_are_refused() -> None:
    with pytest.raises(InputError, match="expected 100,000,000 ranks at most"):
        PopularitySettings(contents=1_000_000).refuse_too_long(168)
