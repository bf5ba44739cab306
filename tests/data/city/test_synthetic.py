"""The synthetic city: the same from the same seed, whole in every part, and as real as its page says."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.city.events import Event, event_factors, match_events
from data.city.holidays import day_kind, easter, is_long_break, is_public_holiday
from data.city.rhythms import day_rhythm
from data.city.space import LAND_USES, grid_place, random_field, scattered_place
from data.city.synthetic import CitySettings, city_days, city_place, gates_open, synthetic_traffic, write_city
from data.city.time import HABITS, PROCESSES, day_noise, first_noise
from data.errors import InputError
from data.progress import finished
from data.sets.tables import ReadSettings, read_set
from data.traffic import CHANNELS, hourly
from tests.data.city import calibration

SMALL = CitySettings(stations=9, days=2)


@settings(max_examples=8, deadline=None)
@given(
    stations=st.integers(1, 120),
    days=st.integers(1, 3),
    seed=st.integers(0, 2**40),
    layout=st.sampled_from(["grid", "scattered"]),
)
def test_every_city_is_finite_positive_and_of_the_asked_size(
    stations: int, days: int, seed: int, layout: str
) -> None:
    city = synthetic_traffic(CitySettings(stations=stations, days=days, seed=seed, layout=layout))
    assert city.load.shape == (24 * days, stations)
    assert np.isfinite(city.load).all()
    assert (city.load > 0).all()


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        finished(write_city(SMALL, tmp_path / folder))
    files = sorted(
        path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()
    )
    assert len(files) == 4  # two days, stations.csv, about.json
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_another_seed_gives_another_city() -> None:
    assert not np.array_equal(synthetic_traffic(SMALL).load, synthetic_traffic(replace(SMALL, seed=8)).load)


def test_a_short_city_is_the_beginning_of_a_long_one() -> None:
    short, long = synthetic_traffic(SMALL), synthetic_traffic(replace(SMALL, days=4))
    assert np.array_equal(long.load[: len(short.load)], short.load)


def test_a_small_grid_is_the_middle_of_a_large_one() -> None:
    small, large = synthetic_traffic(SMALL), synthetic_traffic(replace(SMALL, stations=50))
    columns = [large.stations.index(station) for station in small.stations]
    assert np.array_equal(large.load[:, columns], small.load)
    assert np.array_equal(large.positions[columns], small.positions)


@pytest.mark.parametrize("channel", CHANNELS)
def test_hours_are_sums_of_ten_minute_readings(channel: str) -> None:
    fine = hourly(synthetic_traffic(replace(SMALL, step_minutes=10), channel))
    coarse = synthetic_traffic(SMALL, channel)
    assert fine.start == coarse.start
    np.testing.assert_allclose(fine.load, coarse.load, rtol=1e-5)


def test_days_are_local_and_the_clock_change_gives_25_hours() -> None:
    autumn = CitySettings(stations=1, days=2, start=date(2013, 10, 26))
    days = list(city_days(autumn, city_place(autumn)))
    assert [len(day.times) for day in days] == [24, 25]  # summer time ended on 27 October 2013
    assert days[0].times[0] == np.datetime64("2013-10-25T22:00")  # midnight in Rome, two hours before UTC's
    assert days[1].times[-1] == np.datetime64("2013-10-27T22:00")
    spring = replace(autumn, days=1, start=date(2014, 3, 30))
    assert [len(day.times) for day in city_days(spring, city_place(spring))] == [23]


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    finished(write_city(replace(SMALL, layout="scattered"), tmp_path / "city"))
    for channel in CHANNELS:
        read = read_set(tmp_path / "city", ReadSettings(channel=channel))
        made = synthetic_traffic(replace(SMALL, layout="scattered"), channel)
        assert np.array_equal(read.load, made.load)
        assert (read.stations, read.start, read.timezone) == (made.stations, made.start, made.timezone)
        np.testing.assert_allclose(read.positions, made.positions, atol=1e-6)


def test_one_station_is_the_square_at_the_centre_and_all_are_the_milan_grid() -> None:
    assert city_place(CitySettings(stations=4)).squares.tolist() == [4950, 4951, 5050, 5051]
    assert city_place(CitySettings(stations=10_000)).squares.tolist() == list(range(1, 10_001))


def test_sites_crowd_downtown() -> None:
    places = scattered_place(2000, np.random.default_rng(1)).places
    within, beyond = (
        (np.hypot(*places.T) < 3).sum() / 9,
        (np.hypot(*places.T) > 9).sum() / (13.25**2 * 4 / np.pi - 81),
    )
    assert within > 2 * beyond  # sites per area


def test_every_station_shows_all_of_its_coverage_and_every_site_all_of_its_uses() -> None:
    place = grid_place(300, np.random.default_rng(2))
    np.testing.assert_allclose(place.shares.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(place.sites.uses.sum(axis=1), 1)
    assert place.sites.uses.shape[1] == len(LAND_USES)
    assert (place.sites.heir != np.arange(len(place.sites.heir))).all()


def test_a_random_field_forgets_exponentially_with_distance() -> None:
    rng = np.random.default_rng(3)
    places = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    values = np.array([random_field(places, 2.0, rng) for _ in range(4000)])  # (draws, 3)
    expected = np.exp(-np.array([1.0, 3.0, np.sqrt(10)]) / 2)
    found = np.corrcoef(values.T)[[0, 0, 1], [1, 2, 2]]
    np.testing.assert_allclose(found, expected, atol=0.06)  # four standard errors of a correlation
    np.testing.assert_allclose(values.var(axis=0), 1, atol=0.1)


def test_noise_goes_on_over_midnight_and_keeps_its_variance() -> None:
    sites = scattered_place(3000, np.random.default_rng(4)).sites
    rng = np.random.default_rng(5)
    before = first_noise(sites, rng)
    after = day_noise(before, 144, sites, rng)
    assert after.shape == (144, PROCESSES, 3000)
    slowest = np.corrcoef(before[0], after[0, 0])[0, 1]
    assert slowest > 0.95
    np.testing.assert_allclose(after[-1].std(axis=1), 1, atol=0.15)


def test_louder_sites_are_relatively_calmer() -> None:
    city = synthetic_traffic(CitySettings(stations=1500, days=1, step_minutes=10, layout="scattered"), "sms")
    change = np.diff(np.log(city.load), axis=0).std(axis=0)
    order = np.argsort(city.load.mean(axis=0))
    assert change[order[:300]].mean() > 1.2 * change[order[-300:]].mean()


def test_an_outage_and_a_burst_multiply_the_load_they_meet() -> None:
    outage, burst = Event(0, 140, 10, -0.75, False), Event(1, 150, 1, 2.0, True)
    factors = event_factors([outage, burst], 144, 144, 2)
    assert factors[:6, 0].tolist() == [0.25] * 6  # steps 144 to 149 of 140 to 149
    assert factors[6:, 0].tolist() == [1.0] * 138
    assert factors[6, 1] == pytest.approx(1 + 2 * np.sin(np.pi / 2))


def test_matches_begin_in_the_evening_and_more_often_at_weekends() -> None:
    rng = np.random.default_rng(6)
    saturday, monday = date(2013, 11, 2), date(2013, 11, 4)
    plays = {day: [match_events(day, 114, [3], rng) for _ in range(500)] for day in (saturday, monday)}
    assert all(
        event.start == 114 and event.site == 3
        for days in plays.values()
        for events in days
        for event in events
    )
    assert sum(map(len, plays[saturday])) > 1.8 * sum(map(len, plays[monday]))


@pytest.mark.parametrize(
    ("day", "evening"),
    [
        (date(2013, 10, 26), 19 * 6),
        (date(2013, 10, 27), 20 * 6),  # an hour was shown twice before
        (date(2014, 3, 30), 18 * 6),  # an hour was skipped before
    ],
)
def test_gates_open_at_seven_by_the_clock_also_on_a_day_of_23_or_25_hours(day: date, evening: int) -> None:
    settings = CitySettings(days=1, start=day)
    assert (
        gates_open(next(city_days(replace(settings, step_minutes=10), city_place(settings))).times) == evening
    )


def test_business_rests_on_sunday_and_saturday_night_lasts_into_sunday() -> None:
    three_at_night, noon = np.array([60]), np.array([12 * 60])
    business, leisure = LAND_USES.index("business"), LAND_USES.index("leisure")
    saturday, sunday, monday = date(2013, 11, 9), date(2013, 11, 10), date(2013, 11, 11)
    assert day_rhythm(sunday, noon)[0, business] < 0.6 * day_rhythm(monday, noon)[0, business]
    assert day_rhythm(sunday, three_at_night)[0, leisure] > day_rhythm(monday, three_at_night)[0, leisure]
    assert day_rhythm(saturday, noon)[0, leisure] > day_rhythm(monday, noon)[0, leisure]


def test_people_leave_the_city_over_christmas() -> None:
    city = synthetic_traffic(CitySettings(stations=50, days=14, start=date(2013, 12, 12)))
    daily = city.load.reshape(14, 24, 50).sum(axis=(1, 2))
    assert daily[[12, 13]].mean() < 0.8 * daily[[4, 5]].mean()  # 24, 25 December and 16, 17


def test_calls_sleep_at_night_more_than_data() -> None:
    ratios = {}
    for channel in CHANNELS:
        load = synthetic_traffic(CitySettings(stations=50, days=7, start=date(2013, 11, 4)), channel).load
        city = load.reshape(7, 24, 50).mean(axis=(0, 2))
        ratios[channel] = city[4] / city[18]
    assert ratios["call"] < ratios["sms"] < ratios["internet"]


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (2013, date(2013, 3, 31)),
        (2014, date(2014, 4, 20)),
        (2000, date(2000, 4, 23)),
        (2038, date(2038, 4, 25)),
    ],
)
def test_easter_falls_on_its_known_dates(year: int, day: date) -> None:
    assert easter(year) == day


def test_italian_days_are_told_apart() -> None:
    kinds = {
        date(2013, 11, 1): "holiday",  # All Saints, a Friday
        date(2013, 11, 2): "saturday",
        date(2013, 11, 3): "sunday",
        date(2013, 11, 4): "workday",
        date(2014, 4, 21): "holiday",  # Easter Monday
    }
    assert {day: day_kind(day) for day in kinds} == kinds
    assert not is_public_holiday(date(2013, 11, 3))
    assert is_long_break(date(2013, 12, 30))
    assert not is_long_break(date(2014, 1, 7))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stations": 0}, "stations must be 1 to 10,000, got 0"),
        ({"stations": 10_001}, "stations must be 1 to 10,000, got 10001"),
        ({"days": 0}, "days must be 1 to 3,660, got 0"),
        ({"seed": -1}, "seed must be zero or more, got -1"),
        ({"step_minutes": 15}, "step_minutes must be 10 or 60, got 15"),
        ({"layout": "ring"}, "layout must be grid or scattered, got ring"),
        ({"latitude": 91.0}, "latitude must be between -80 and 80, got 91.0"),
        ({"longitude": float("nan")}, "longitude must be between -180 and 180, got nan"),
    ],
)
def test_bad_settings_are_refused_with_what_was_expected(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        replace(SMALL, **change)  # type: ignore[arg-type]  # a wrong type is part of what is tested


def test_an_unknown_channel_is_refused() -> None:
    with pytest.raises(InputError, match="channel must be internet or sms or call, got fax"):
        synthetic_traffic(SMALL, "fax")


def test_all_channels_are_made() -> None:
    assert tuple(habit.name for habit in HABITS) == CHANNELS


def test_the_page_shows_the_rows() -> None:
    assert calibration.PAGE.read_text() == calibration.page(calibration.read_rows())


def test_the_synthetic_column_is_what_the_seed_gives() -> None:
    found = calibration.synthetic_figures(calibration.SEED)
    for row in calibration.read_rows():
        assert found[row.figure] == pytest.approx(row.synthetic, rel=0.01, abs=0.002), row.figure


@pytest.mark.long
def test_the_ranges_are_what_the_seeds_give() -> None:
    cities = [calibration.synthetic_figures(seed) for seed in calibration.SEEDS]
    for row in calibration.read_rows():
        found = [city[row.figure] for city in cities]
        assert (min(found), max(found)) == pytest.approx((row.lowest, row.highest), rel=0.01, abs=0.002), (
            row.figure
        )


@pytest.mark.skipif(not calibration.REAL.is_dir(), reason="the real sets are not beside the repository")
def test_the_real_column_is_what_the_real_sets_give() -> None:
    found = calibration.joined(calibration.real_squares(), calibration.real_frames())
    rows = calibration.read_rows()
    assert list(found) == [row.figure for row in rows]
    for row in rows:
        assert found[row.figure] == pytest.approx(row.real, rel=0.001, abs=0.0002), row.figure


def test_the_city_is_about_as_hard_to_predict_as_the_real_one() -> None:
    rows = {row.figure: row for row in calibration.read_rows()}
    for name in ("error: last value", "error: same hour yesterday", "error: linear, past hours"):
        assert 0.6 * rows[name].real < rows[name].synthetic < 1.6 * rows[name].real
    fine, coarse = rows["error: linear, past readings"], rows["error: linear, past hours"]
    assert fine.synthetic < coarse.synthetic  # the last hour's readings tell more, as in reality
