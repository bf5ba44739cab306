"""What a station reveals: shapes without amounts; and how these attributes drift."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from clustering.drift import DriftSettings, drawn_backhaul, drifting
from clustering.relation import Attributes
from clustering.signatures import SignatureSettings, signatures, similarity
from data.errors import InputError
from data.traffic import chosen_stations
from tests.cities import wavy_traffic

EVERY_PAIR = np.array([[0, 1], [0, 2], [1, 2]])


def test_a_signature_is_the_standardised_mean_day_and_week() -> None:
    traffic = wavy_traffic(days=14)  # from a Monday midnight on
    found = signatures(traffic, SignatureSettings())
    week = traffic.load[:, 0].astype(float).reshape(2, 168).mean(axis=0)
    assert found.week[0] == pytest.approx((week - week.mean()) / week.std(), rel=1e-6)
    day = traffic.load[:, 0].astype(float).reshape(14, 24).mean(axis=0)
    assert found.day[0] == pytest.approx((day - day.mean()) / day.std(), rel=1e-6)


def test_neither_amounts_nor_their_spread_are_revealed() -> None:
    traffic = wavy_traffic()
    grown = replace(traffic, load=(7 * traffic.load + 100).astype(np.float32))
    one, other = (signatures(each, SignatureSettings()) for each in (traffic, grown))
    assert one.week == pytest.approx(other.week, abs=1e-4)
    assert one.day == pytest.approx(other.day, abs=1e-4)


def test_hours_of_the_week_that_never_came_are_those_of_the_mean_day() -> None:
    found = signatures(wavy_traffic(days=2), SignatureSettings())  # a Monday and a Tuesday
    sunday, wednesday = found.week[:, 6 * 24 :], found.week[:, 2 * 24 : 3 * 24]
    assert sunday == pytest.approx(wednesday)
    assert sunday[0] == pytest.approx(found.day[0] * sunday[0].std() + sunday[0].mean(), abs=1e-6)


def test_less_than_a_day_of_training_is_refused() -> None:
    traffic = wavy_traffic(days=1)
    with pytest.raises(InputError, match="do not show every hour of a day"):
        signatures(replace(traffic, load=traffic.load[:23]), SignatureSettings())


def test_a_constant_series_is_like_nobody() -> None:
    traffic = wavy_traffic()
    load = traffic.load.copy()
    load[:, 1] = 5
    found = signatures(replace(traffic, load=load), SignatureSettings())
    alike = similarity(found, EVERY_PAIR)
    assert alike[[0, 2]].tolist() == [0, 0]
    assert alike[1] > 0.9


def test_similarity_is_the_mean_of_two_correlations() -> None:
    found = signatures(wavy_traffic(seed=3), SignatureSettings())
    both = (np.asarray(np.corrcoef(found.day)) + np.asarray(np.corrcoef(found.week))) / 2
    expected = [both[one, other] for one, other in EVERY_PAIR]
    assert similarity(found, EVERY_PAIR) == pytest.approx(expected)


def test_the_noise_of_a_station_depends_on_its_id_and_the_seed_only() -> None:
    traffic = wavy_traffic()
    settings = SignatureSettings(noise=0.5, seed=4)
    forth = signatures(traffic, settings)
    back = signatures(chosen_stations(traffic, traffic.stations[::-1]), settings)
    assert (forth.week == back.week[::-1]).all()
    assert (forth.week != signatures(traffic, replace(settings, seed=5)).week).all()
    assert (forth.week != signatures(traffic, SignatureSettings()).week).all()
    with pytest.raises(InputError, match="noise"):
        SignatureSettings(noise=-1)


def attributes() -> Attributes:
    traffic = wavy_traffic(stations=200, days=7)
    capacity = drawn_backhaul(200, np.random.default_rng(1))
    return Attributes(traffic.positions, signatures(traffic, SignatureSettings()), capacity)


def test_a_drift_starts_where_things_are_and_is_repeated_by_its_seed() -> None:
    first = attributes()
    runs = [list(islice(drifting(first, DriftSettings(), np.random.default_rng(2)), 4)) for _ in range(2)]
    assert runs[0][0] is first
    for one, again in zip(*runs, strict=True):
        assert one.backhaul is not None
        assert again.backhaul is not None
        assert np.array_equal(one.backhaul, again.backhaul)
        assert np.array_equal(one.signatures.week, again.signatures.week)
    assert first.backhaul is not None
    assert runs[0][1].backhaul is not None
    assert (runs[0][1].backhaul != first.backhaul).all()
    assert (runs[0][1].signatures.day != first.signatures.day).all()


def test_a_drift_settles_at_its_spread_however_long_it_runs() -> None:
    # An autoregression with memory m and news of deviation s·√(1 - m²) has the deviation s.
    first, settings = attributes(), DriftSettings(backhaul=0.3, memory=0.8)
    late = next(islice(drifting(first, settings, np.random.default_rng(3)), 60, None))
    assert first.backhaul is not None
    assert late.backhaul is not None
    assert np.log(late.backhaul / first.backhaul).std() == pytest.approx(0.3, rel=0.15)


def test_without_drift_nothing_moves() -> None:
    first = attributes()
    still = DriftSettings(backhaul=0, traffic=0)
    assert next(islice(drifting(first, still, np.random.default_rng(1)), 5, None)) is first
    with pytest.raises(InputError, match="memory"):
        DriftSettings(memory=1.5)
    with pytest.raises(InputError, match="drift must not be negative"):
        DriftSettings(traffic=-1)
