from dataclasses import replace
from functools import cache

import antropy
import numpy as np
import pytest

from data.errors import InputError
from hetnet.attributes import History, HistorySettings, load_met, made_history, satisfaction_history
from hetnet.demand import city_loads, crowds, hotspot_demand
from hetnet.network import ATTRIBUTES, Floats, Mask
from hetnet.scene import Scene, SceneSettings, made_scene

THROUGHPUT, DELAY, LOAD, LOSS, MOBILITY = range(len(ATTRIBUTES))


@cache
def a_month() -> tuple[Scene, Floats, History]:
    """A small scene, its demand and four weeks of it."""
    settings = SceneSettings(users=60, macro=2, small=6, hotspots=4, half_width=300)
    demand = hotspot_demand(city_loads(4, 28, seed=1), 4)
    scene = made_scene(settings, crowds=crowds(demand))
    return scene, demand, made_history(scene, demand)


def season(series: Floats, hours: int = 24) -> Floats:
    """The share of each series' variance that its mean day explains, (...); `series` is (..., T)."""
    whole = series[..., : series.shape[-1] // hours * hours].reshape(*series.shape[:-1], -1, hours)
    explained: Floats = whole.mean(axis=-2).var(axis=-1) / np.maximum(whole.var(axis=(-2, -1)), 1e-300)
    return explained


def served_all_along(history: History) -> Mask:
    """Which users have a station in every hour, (N,)."""
    return np.asarray((history.serving >= 0).all(axis=0))


def test_every_user_has_all_attributes_for_every_hour() -> None:
    scene, demand, history = a_month()
    assert history.attributes.shape == (60, 5, 672)
    assert history.conditions.shape == (60, 3, 672)
    assert history.serving.shape == history.offered.shape == history.rates.shape == (672, 60)
    assert history.use.shape == (672, len(scene.stations))
    for values in (history.attributes, history.conditions, history.rates, history.use):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    assert history.use.max() <= 1
    assert history.attributes[:, LOSS].max() <= 1
    assert len(demand) == 672


def test_the_same_seed_makes_the_same_history_and_another_makes_another() -> None:
    scene, demand, history = a_month()
    np.testing.assert_array_equal(made_history(scene, demand).attributes, history.attributes)
    other = made_history(scene, demand, HistorySettings(seed=2))
    assert not np.array_equal(other.attributes, history.attributes)


def test_throughput_and_loss_have_a_daily_season_and_load_has_little() -> None:
    _, _, history = a_month()
    typical = np.median(season(history.attributes[served_all_along(history)]), axis=0)
    assert typical[THROUGHPUT] > 0.4
    assert typical[DELAY] > 1.5 * typical[LOAD]
    assert typical[LOSS] > 1.5 * typical[LOAD]


def test_load_and_mobility_are_harder_to_foretell_than_the_rest() -> None:
    _, _, history = a_month()
    users = np.flatnonzero(served_all_along(history))[:20]
    entropy = [
        np.median([antropy.sample_entropy(history.attributes[user, which]) for user in users])
        for which in range(5)
    ]
    assert max(entropy[THROUGHPUT], entropy[DELAY], entropy[LOSS]) < min(entropy[LOAD], entropy[MOBILITY])


def test_load_tells_of_quality_and_mobility_hardly_does() -> None:
    _, _, history = a_month()
    users = np.flatnonzero(served_all_along(history))
    tells = np.array(
        [
            [
                abs(np.corrcoef(history.conditions[user, 0], history.attributes[user, which])[0, 1])
                for user in users
            ]
            for which in (LOAD, MOBILITY)
        ]
    ).mean(axis=1)
    assert tells[0] > 2 * tells[1]


def test_busier_stations_serve_their_users_worse() -> None:
    scene, demand, history = a_month()
    fuller = made_history(scene, demand, HistorySettings(busy=0.9))
    assert fuller.rates.mean() < history.rates.mean()
    before, after = (
        (satisfaction_history(each, scene.users) >= 1).all(axis=1).mean() for each in (history, fuller)
    )
    assert after < before


def test_a_user_out_of_range_has_nothing_and_stays_finite() -> None:
    settings = SceneSettings(users=30, macro=0, small=2, hotspots=2, crowded=0.0)
    demand = hotspot_demand(city_loads(2, 7, seed=1), 2)
    history = made_history(made_scene(settings), demand)
    never = (history.serving < 0).all(axis=0)
    assert never.any()
    assert not history.attributes[never, THROUGHPUT].any()
    assert np.isfinite(history.attributes).all()


def test_where_there_is_no_service_nothing_is_measured_and_no_measure_is_beyond_the_worst() -> None:
    settings = SceneSettings(users=60, macro=1, small=4, hotspots=2)
    history = made_history(made_scene(settings), hotspot_demand(city_loads(2, 14, seed=1), 2))
    delay, loss = history.attributes[:, DELAY].T, history.attributes[:, LOSS].T  # (T, N)
    nobody = history.serving < 0
    assert nobody.any()
    assert (delay[nobody] == 10).all()
    assert (loss[nobody] == 1).all()
    assert delay.max() <= 10
    assert loss.max() <= 1
    served = served_all_along(history)
    errors = history.attributes[served, DELAY] / history.conditions[served, 1]
    assert np.log(errors).std() == pytest.approx(0.02, rel=0.1)


def test_a_history_that_fills_the_memory_is_refused_before_it_is_made() -> None:
    scene = made_scene(SceneSettings(users=20_000, macro=1, small=4, hotspots=1))
    with pytest.raises(InputError, match=r"history of 2,001 hours of 20,000 users .* at most 2,000 hours"):
        made_history(scene, np.ones((2001, 1)))


def test_a_network_without_slots_serves_nobody() -> None:
    settings = SceneSettings(users=10, macro=1, small=1, hotspots=1, macro_slots=0, small_slots=0)
    history = made_history(made_scene(settings), np.ones((24, 1)))
    assert (history.serving == -1).all()
    assert np.isfinite(history.attributes).all()


def test_load_is_what_the_users_of_a_station_ask_together() -> None:
    serving = np.array([[0, 0, 1, -1, -1]])
    offered = np.array([[1.0, 2.0, 4.0, 8.0, 16.0]])
    np.testing.assert_allclose(load_met(serving, offered, 2), [[3, 3, 4, 8, 16]])


def test_a_history_may_begin_at_any_hour_of_the_week() -> None:
    scene, demand, history = a_month()
    later = made_history(scene, demand[24:], HistorySettings(first_hour=24))
    np.testing.assert_array_equal(later.serving, history.serving[24:])


def test_a_demand_of_other_hotspots_is_refused() -> None:
    scene, demand, _ = a_month()
    for bad in (demand[:, :2], demand[:0], -demand, np.full_like(demand, np.nan)):
        with pytest.raises(InputError, match="demand"):
            made_history(scene, bad)


@pytest.mark.parametrize(
    "changes",
    [
        {"days": 0},
        {"days": 99999999},
        {"busy": 1.0},
        {"sessions_an_hour": 0.0},
        {"surge": -1.0},
        {"adaptive": 0.0},
        {"first_hour": -1},
    ],
)
def test_settings_that_make_no_history_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        replace(HistorySettings(), **changes)  # type: ignore[arg-type] # bad on purpose
