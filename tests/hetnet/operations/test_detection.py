"""Alerts on worlds made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from data.errors import InputError
from hetnet.operations.alerts import Alert, alert_row, as_known
from hetnet.operations.detection import WatchSettings, detected
from hetnet.operations.deviations import Followed
from hetnet.operations.drift import DriftSettings, is_jump
from tests.hetnet.operations.worlds import changed, followed_world

CALM = followed_world()
USUAL = WatchSettings()


def found(world: Followed) -> list[Alert]:
    return detected(world, USUAL)[0]


def only(world: Followed) -> Alert:
    (alert,) = found(world)
    return alert


def test_calm_days_raise_nothing() -> None:
    several, report = detected(CALM, USUAL)
    assert several == []
    assert not report.retrain
    assert report.drifting == ()


def test_an_outage_is_raised_by_its_first_step_and_ends_after_it() -> None:
    alert = only(changed(CALM, 4, slice(30, 36), 0.0))
    at = CALM.clock[CALM.first :]
    assert (alert.kind, alert.stations, alert.severity) == ("outage", ("s4",), "critical")
    assert (alert.start, alert.raised) == (at[30], at[30])
    assert alert.end in at[37:39]  # calm for two steps
    assert alert.seen == 0
    assert alert.expected == pytest.approx(CALM.usual[CALM.first + 30, 4], rel=0.05)
    assert alert.suspects[0].station == "s4"
    assert not alert.neighbours_explain


def test_an_outage_of_a_week_and_more_is_open_to_the_end() -> None:
    world = followed_world(days=28, watched=14)
    alert = only(changed(world, 4, slice(10, 14 * 24), 0.0))
    assert (alert.kind, alert.stations, alert.end) == ("outage", ("s4",), None)


def test_a_network_that_carries_nothing_is_one_outage() -> None:
    world = followed_world(days=28, watched=14)
    for station in range(len(world.stations)):
        world = changed(world, station, slice(10, 14 * 24), 0.0)
    several = found(world)
    assert {alert.kind for alert in several} == {"outage"}
    assert sum(len(alert.stations) for alert in several) == len(world.stations)
    assert all(alert.end is None for alert in several)


def test_a_station_that_does_not_go_along_with_a_fall_around_it_is_no_surge() -> None:
    world = CALM
    for station in (0, 1, 2, 3, 5, 6, 7, 8):
        world = changed(world, station, slice(30, 60), 0.3)
    assert not any(alert.kind == "surge" and alert.seen < alert.expected for alert in found(world))


def test_a_degradation_is_raised_within_three_hours() -> None:
    alert = only(changed(CALM, 2, slice(40, 60), 0.5))
    assert (alert.kind, alert.stations) == ("degradation", ("s2",))
    assert alert.raised <= CALM.clock[CALM.first + 42]
    assert alert.severity in ("major", "minor")


def test_a_surge_is_raised_by_its_first_step() -> None:
    alert = only(changed(CALM, 7, slice(50, 54), 3.0))
    assert (alert.kind, alert.raised) == ("surge", CALM.clock[CALM.first + 50])


def test_what_lasts_for_a_day_is_a_level_shift_as_well() -> None:
    kinds = [alert.kind for alert in found(changed(CALM, 3, slice(20, 168), 0.5))]
    assert kinds[:2] == ["degradation", "level-shift"]


def test_a_counter_that_stands_still_is_frozen() -> None:
    seen = CALM.seen.copy()
    seen[CALM.first + 31 : CALM.first + 40, 5] = seen[CALM.first + 30, 5]
    kinds = {alert.kind: alert for alert in found(replace(CALM, seen=seen))}
    assert kinds["frozen"].stations == ("s5",)
    assert kinds["frozen"].raised == CALM.clock[CALM.first + 32]
    assert kinds["frozen"].start == CALM.clock[CALM.first + 30]


def test_missing_values_are_said_to_be_missing_and_nothing_else() -> None:
    measured = CALM.measured.copy()
    measured[CALM.first + 12 : CALM.first + 15, 1] = False
    alert = only(replace(CALM, measured=measured))
    assert (alert.kind, alert.stations, alert.seen) == ("missing", ("s1",), 0)
    assert (alert.start, alert.end) == (CALM.clock[CALM.first + 12], CALM.clock[CALM.first + 15])


def test_values_that_are_missing_everywhere_are_no_stations_fault() -> None:
    measured = CALM.measured.copy()
    measured[CALM.first + 12] = False
    assert all(alert.neighbours_explain for alert in found(replace(CALM, measured=measured)))


def test_what_happens_everywhere_is_explained_by_the_neighbours() -> None:
    seen = CALM.seen.copy()
    seen[CALM.first + 60 : CALM.first + 70] *= 3
    several = found(replace(CALM, seen=seen))
    assert several
    assert all(alert.neighbours_explain for alert in several)
    assert {station for alert in several for station in alert.stations} == set(CALM.stations)


def test_a_slow_move_away_is_a_drift_and_a_jump_is_none() -> None:
    slow = np.exp(-0.07 * np.arange(168) / 24)
    several, report = detected(changed(CALM, 6, slice(0, 168), slow), USUAL)
    assert "drift" in {alert.kind for alert in several if alert.stations == ("s6",)}
    assert report.drifting == ("s6",)
    _, report = detected(changed(CALM, 6, slice(0, 168), 0.5), USUAL)
    assert report.drifting == ()


HIDDEN = followed_world(seed=2)  # its noise hides a shift of this size from the walk over the steps


def test_a_jump_that_noise_hides_for_a_day_is_a_level_shift_and_no_drift() -> None:
    several, report = detected(changed(HIDDEN, 3, slice(12, 168), 0.65), USUAL)
    at = HIDDEN.clock[HIDDEN.first :]
    (alert,) = several
    assert (alert.kind, alert.stations) == ("level-shift", ("s3",))
    assert (alert.start, alert.raised, alert.end) == (at[0], at[71], None)
    assert report.drifting == ()


def test_a_jump_that_noise_hides_is_over_with_the_first_day_that_is_as_expected() -> None:
    alert, *_ = found(changed(HIDDEN, 3, slice(12, 96), 0.65))  # the way back is told as well
    assert (alert.kind, alert.end) == ("level-shift", HIDDEN.clock[HIDDEN.first + 119])


@given(
    some.integers(1, 8),
    some.floats(0.03, 0.3),
    some.sampled_from([-1.0, 1.0]),
)
def test_what_moves_day_by_day_is_no_jump(days: int, a_day: float, side: float) -> None:
    assert not is_jump(side * a_day * np.arange(days, dtype=np.float64), DriftSettings())
    assert is_jump(side * np.append(a_day, np.full(days, 0.41)), DriftSettings())
    assert not is_jump(side * np.append(a_day, np.full(days, 0.39)), DriftSettings())


@pytest.mark.parametrize("seed", range(3))
def test_one_crowd_is_one_alert(seed: int) -> None:
    """When it is over, the mean over its hours and some after it must not raise it again."""
    calm = followed_world(seed=seed)
    for begin in (20, 37, 50, 66, 80):
        for hours in (2, 4, 6):
            for factor in (2.5, 5.0):
                several = found(changed(calm, 3, slice(begin, begin + hours), factor))
                assert [alert.kind for alert in several] == ["surge"], (begin, hours, factor)


def test_a_second_crowd_is_a_second_alert() -> None:
    world = changed(changed(CALM, 3, slice(80, 82), 3.0), 3, slice(86, 92), 3.0)
    assert [alert.start for alert in found(world)] == [CALM.clock[CALM.first + step] for step in (80, 86)]


def test_what_is_worse_for_a_while_and_bad_before_and_after_is_not_told_anew() -> None:
    """A degradation that becomes an outage and is one again: two alerts, and none more from its start."""
    world = changed(changed(CALM, 2, slice(40, 60), 0.5), 2, slice(48, 52), 0.05)
    several = found(world)
    assert [alert.kind for alert in several[:2]] == ["degradation", "outage"]
    assert all(alert.start >= CALM.clock[CALM.first + 52] for alert in several[2:])


def test_errors_that_grow_everywhere_call_for_training_again() -> None:
    ahead = CALM.ahead.copy()
    ahead[CALM.first :] *= np.exp(0.3 * np.random.default_rng(1).standard_normal(ahead[CALM.first :].shape))
    _, report = detected(replace(CALM, ahead=ahead), USUAL)
    assert report.retrain
    assert "the typical error has grown" in report.why


@settings(max_examples=15)
@given(cut=some.integers(1, 160), factor=some.floats(0.0, 5.0), seed=some.integers(0, 99))
@example(cut=63, factor=1.0, seed=39)  # a neighbour would join an alert that was over
def test_alerts_that_were_raised_do_not_depend_on_what_comes_later(
    cut: int, factor: float, seed: int
) -> None:
    """Whatever is seen after a step, all that was known by then stays as it was."""
    world = changed(changed(HIDDEN, 1, slice(20, 26), 0.0), 6, slice(90, 130), 0.6)
    world = changed(changed(world, 3, slice(12, 110), 0.65), 8, slice(60, 62), 3.0)
    rng = np.random.default_rng(seed)
    later = slice(world.first + cut + 1, None)
    seen, ahead, measured = world.seen.copy(), world.ahead.copy(), world.measured.copy()
    seen[later] *= factor * rng.uniform(0, 2, seen[later].shape)
    ahead[later] *= rng.uniform(0, 2, ahead[later].shape)
    measured[later] &= rng.random(measured[later].shape) < 0.9
    other = replace(world, seen=seen, ahead=ahead, measured=measured)
    until = world.clock[world.first + cut]
    assert as_known(found(world), until) == as_known(found(other), until)


def test_an_alert_that_is_over_is_joined_by_nobody() -> None:
    """Two neighbours lose their load within six hours, the second when all was well again at the first."""
    near = int(CALM.near[4][0])
    world = changed(changed(CALM, 4, slice(40, 41), 0.0), near, slice(44, 46), 0.0)
    one, other = found(world)
    assert (one.stations, other.stations) == ((CALM.stations[4],), (CALM.stations[near],))
    assert one.end is not None
    assert one.end < other.raised


def test_ids_stay_the_same_when_more_has_come() -> None:
    world = changed(CALM, 4, slice(30, 36), 0.0)
    shorter = replace(
        world,
        clock=world.clock[:-48],
        **{name: getattr(world, name)[:-48] for name in ("seen", "usual", "ahead", "measured")},
    )
    assert [alert.id for alert in found(shorter)] == [alert.id for alert in found(world)]


def test_an_alert_is_json() -> None:
    row = alert_row(only(changed(CALM, 4, slice(160, 168), 0.0)))
    assert row["end"] is None
    assert row["kind"] == "outage"
    assert row["stations"] == ["s4"]


def test_too_few_calm_days_are_refused() -> None:
    with pytest.raises(InputError, match="at least 3"):
        found(replace(CALM, first=48))
