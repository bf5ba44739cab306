"""Faults that are put in, and how they are judged."""

import numpy as np
import pytest

from data.errors import InputError
from data.traffic import StationId
from hetnet.operations.alerts import Alert, Kind, Suspect
from hetnet.operations.faults import FAULT_KINDS, Fault, FaultSettings, drawn_faults, with_faults
from hetnet.operations.judging import added, judged, share_interval
from tests.hetnet.operations.worlds import followed_world

CALM = followed_world(stations=40)
CLOCK = CALM.clock[CALM.first :]
HOUR = np.timedelta64(60, "m")


def drawn(seed: int = 0, **settings: object) -> list[Fault]:
    how = FaultSettings(**{"each": 2} | settings)  # type: ignore[arg-type]  # of several types
    return drawn_faults(CLOCK, CALM.stations, CALM.near, how, np.random.default_rng(seed))


def fault(
    kind: str, *, hours: tuple[int, int] = (10, 16), size: float = 0.5, heirs: tuple[int, ...] = ()
) -> Fault:
    return Fault(
        kind=kind,  # type: ignore[arg-type]  # one of its words
        station=StationId("s3"),
        start=CLOCK[hours[0]],
        end=CLOCK[hours[1]],
        size=size,
        disturbed=tuple(CALM.stations[each] for each in heirs),
    )


def put_in(*faults: Fault, handed: float = 0.5) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    load = np.full((len(CLOCK), 40), 100.0) + np.arange(len(CLOCK), dtype=float)[:, None]
    return np.asarray(with_faults(load, CLOCK, CALM.stations, faults, handed))


def alert(kind: Kind, station: str, hour: int, *, explained: bool = False, first: str = "") -> Alert:
    return Alert(
        id=f"{kind}{station}{hour}", kind=kind, stations=(StationId(station),), joined=(CLOCK[hour],),
        start=CLOCK[hour], raised=CLOCK[hour], end=None, severity="major", expected=1.0, seen=0.0,
        surprise=1.0, neighbours_explain=explained, suspects=(Suspect(StationId(first or station), 1.0),),
    )  # fmt: skip


def test_a_seed_draws_the_same_faults_and_another_does_not() -> None:
    assert drawn(seed=1) == drawn(seed=1)
    assert drawn(seed=1) != drawn(seed=2)


def test_so_many_of_each_kind_lie_within_the_clock_at_stations_of_their_own() -> None:
    faults = drawn(each=2)
    assert sorted(each.kind for each in faults) == sorted(FAULT_KINDS * 2)
    assert len({each.station for each in faults}) == 14
    assert all(CLOCK[0] <= each.start < each.end <= CLOCK[-1] + HOUR for each in faults)
    assert all(each.disturbed for each in faults if each.kind in ("outage", "degradation"))


def test_more_faults_than_stations_can_hold_are_refused() -> None:
    with pytest.raises(InputError, match="expected 140"):
        drawn(each=20)
    with pytest.raises(InputError, match="unknown fault 'fire'"):
        drawn(kinds=("fire",))


def test_what_is_lost_is_handed_to_the_neighbours_and_nowhere_else() -> None:
    clean, load = put_in(), put_in(fault("degradation", heirs=(2, 4)))
    np.testing.assert_allclose(load[10:16, 3], 0.5 * clean[10:16, 3])
    for heir in (2, 4):
        np.testing.assert_allclose(load[10:16, heir] - clean[10:16, heir], 0.125 * clean[10:16, 3])
    load[10:16, 2:5] = clean[10:16, 2:5]
    assert np.array_equal(load, clean)


def test_a_frozen_counter_repeats_and_a_missing_one_says_nothing() -> None:
    assert set(put_in(fault("frozen"))[9:16, 3]) == {109.0}
    missing = put_in(fault("missing"))
    assert np.isnan(missing[10:16, 3]).all()
    assert np.isnan(missing).sum() == 6


def test_a_drift_is_small_at_first_and_a_crowd_comes_and_goes() -> None:
    clean = put_in()
    drift = put_in(fault("drift", size=0.5))[10:16, 3] / clean[10:16, 3]
    np.testing.assert_allclose(drift, 0.5 ** ((np.arange(6) + 0.5) / 6))
    crowd = put_in(fault("flash-crowd", size=3.0))[10:16, 3] / clean[10:16, 3]
    assert crowd.argmax() in (2, 3)
    assert crowd[[0, -1]] == pytest.approx(1 + 2 * np.sin(np.pi / 12) ** 0.5)


def test_a_judgement_worked_by_hand() -> None:
    """Of two outages one is found by its third sample; of two wrong alerts one is excused, one stands."""
    faults = [fault("outage"), Fault(**{**vars(fault("outage")), "station": StationId("s9")})]
    alerts = [
        alert("outage", "s3", 12, first="s2"),
        alert("outage", "s20", 12),
        alert("outage", "s21", 12),
        alert("outage", "s22", 12, explained=True),
        alert("surge", "s23", 12),
    ]
    outage, either = judged(alerts, faults, HOUR, lambda each: each.stations == ("s20",))
    assert (outage.faults, outage.found, outage.within, outage.wrong, outage.excused) == (2, 1, 0, 1, 1)
    assert (outage.recall, outage.precision, outage.delay) == (0.5, 0.5, 3)
    assert outage.strict_precision == pytest.approx(1 / 3)
    assert (outage.localised(1), outage.localised(3)) == (0, 0)
    assert (either.kind, either.wrong) == ("any", 2)


def test_alerts_at_disturbed_neighbours_are_not_wrong_and_find_nothing() -> None:
    found = judged([alert("surge", "s4", 12)], [fault("flash-crowd", heirs=(4,))], HOUR)[0]
    assert (found.found, found.wrong) == (0, 0)


def test_alerts_before_and_long_after_a_fault_are_wrong() -> None:
    found = judged([alert("outage", "s3", 9), alert("outage", "s3", 18)], [fault("outage")], HOUR)[0]
    assert (found.found, found.wrong) == (0, 2)


def test_judgements_add_up() -> None:
    one = judged([alert("outage", "s3", 10)], [fault("outage")], HOUR)[0]
    both = added([one, one])
    assert (both.faults, both.found, both.delays, both.recall) == (2, 2, (1, 1), 1)


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    assert share_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert share_interval(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)
