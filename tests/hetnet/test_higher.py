"""The higher-layer twin on whole networks. Axes: N users, M stations, K attributes, Q metrics, T time."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from data.errors import InputError
from data.words import counted
from hetnet.areas import AreaSettings
from hetnet.attributes import HistorySettings
from hetnet.causality import BenefitSettings
from hetnet.higher import HigherSettings, HigherTwin, higher_twin, report
from hetnet.network import ATTRIBUTES, Stations
from hetnet.scene import SceneSettings
from hetnet.segments import SegmentSettings
from hetnet.situation import Situation, made_situation


@cache
def situation(seed: int = 1) -> Situation:
    """60 users for three weeks."""
    return made_situation(
        SceneSettings(users=60, macro=3, small=6, seed=seed), HistorySettings(days=21, seed=seed)
    )


def looked_at(now: Situation, settings: HigherSettings | None = None) -> HigherTwin:
    return higher_twin(now.network, now.history, now.satisfaction, settings)


def test_every_unsatisfied_user_is_selected_or_named_with_a_reason() -> None:
    now = situation()
    areas = looked_at(now).areas
    kinds = np.stack([areas.selected, areas.too_dear, areas.no_room, areas.out_of_range])
    assert kinds.sum(axis=0).tolist() == (~now.satisfied).astype(int).tolist()
    assert areas.selected.any()


def test_the_same_network_looks_the_same_twice() -> None:
    first, second = looked_at(situation()), looked_at(situation())
    assert np.array_equal(first.modelled, second.modelled)
    assert np.array_equal(first.segments.of_users, second.segments.of_users)


def test_load_and_mobility_cost_more_than_throughput_delay_and_loss() -> None:
    cost = dict(zip(ATTRIBUTES, looked_at(situation()).valued.cost.mean(axis=0), strict=True))
    dear = min(cost["load"], cost["mobility"])
    assert dear > max(cost["throughput"], cost["delay"], cost["loss"])


def test_mobility_brings_least() -> None:
    benefit = looked_at(situation()).valued.benefits.values.mean(axis=0)
    assert benefit.argmin() == ATTRIBUTES.index("mobility")


def test_a_look_costs_less_than_modelling_everything() -> None:
    twin = looked_at(situation())
    assert 0 < twin.cost_here + twin.cost_below < twin.cost_of_everything
    assert not (twin.modelled & (twin.valued.levels.level == 3)).any()
    assert not twin.modelled[~twin.areas.selected].any()


def test_the_budget_is_kept() -> None:
    twin = looked_at(situation(), HigherSettings(area=AreaSettings(budget=0.05)))
    everyone = np.where(twin.valued.levels.selected, twin.valued.cost, 0.0).sum()
    assert twin.cost_below <= 0.05 * everyone * (1 + 1e-9)
    assert twin.areas.too_dear.any()


def test_traffic_as_it_is_printed_loads_every_station_that_somebody_uses() -> None:
    printed = looked_at(situation(), HigherSettings(traffic="literal", load="literal")).supply
    sound = looked_at(situation()).supply
    assert printed.loaded.sum() > sound.loaded.sum()
    assert printed.loaded[printed.traffic > 0].all()


def test_links_that_carry_nothing_hold_segments_together() -> None:
    printed = looked_at(situation(), HigherSettings(segment=SegmentSettings(unused=0.0))).segments
    assert looked_at(situation()).segments.count < printed.count


def test_the_report_says_what_was_found() -> None:
    twin = looked_at(situation())
    text = " ".join(report(twin))
    assert f"To be modelled in detail: {counted(int(twin.areas.selected.sum()), 'user')}" in text
    assert f"falls into {counted(twin.segments.count, 'segment')}" in text
    assert "nan" not in text


def test_one_of_anything_is_told_as_one() -> None:
    now = situation()
    satisfied = np.full(now.satisfaction.shape, 2.0)
    satisfied[3] = 0.5
    twin = higher_twin(now.network, now.history, satisfied)
    loaded = np.arange(len(now.network.stations)) == 0
    told = report(replace(twin, supply=replace(twin.supply, loaded=loaded)))[0]
    assert told.startswith("Of 60 users 1 lacks something; of 9 stations 1 is loaded; the network falls into")


def test_users_who_are_never_served_have_attributes_that_do_not_change_and_are_not_modelled() -> None:
    now = made_situation(SceneSettings(users=60, macro=1, small=6, seed=1), HistorySettings(days=21, seed=1))
    twin = looked_at(now)
    never = (now.history.serving < 0).all(axis=0)
    assert never.sum() > 5
    found = [ATTRIBUTES.index(name) for name in ("throughput", "delay", "loss")]
    assert twin.valued.entropies.constant.reshape(60, -1)[never][:, found].all()
    assert (twin.valued.cost[never][:, found] == 0).all()
    assert (twin.valued.levels.level[never][:, found] == 3).all()


def test_with_all_users_satisfied_there_is_nothing_to_do() -> None:
    now = situation()
    twin = higher_twin(now.network, now.history, np.full(now.satisfaction.shape, 2.0))
    assert report(twin)[-1] == "All users are satisfied: there is nothing to do."
    assert not twin.modelled.any()
    assert not twin.areas.stations.any()


def test_users_whom_no_station_reaches_and_dead_stations_are_named() -> None:
    now = situation()
    stations = now.network.stations
    dead = Stations(
        stations.positions, stations.macro, stations.power, stations.reach, np.zeros_like(stations.slots)
    )
    found = higher_twin(replace(now.network, stations=dead), now.history, now.satisfaction)
    text = " ".join(report(found))
    assert not found.areas.selected.any()
    assert found.supply.loaded.all()
    assert "9 stations without capacity." in text
    assert "60 users without a station with slots in range" in text
    assert "without what they need, but no station with slots reaches them" in text


def test_constant_attributes_cost_and_bring_nothing() -> None:
    now = situation()
    attributes = now.history.attributes.copy()
    attributes[:, 2] = 5.0
    found = higher_twin(now.network, replace(now.history, attributes=attributes), now.satisfaction)
    assert (found.valued.cost[:, 2] == 0).all()
    assert (found.valued.benefits.values[:, 2] == 0).all()
    assert (found.valued.levels.level[:, 2] == 3).all()
    assert np.isfinite(found.valued.benefits.values).all()
    assert "without any change" in " ".join(report(found))


def test_every_printed_reading_gives_a_result_without_gaps() -> None:
    settings = HigherSettings(
        traffic="literal",
        demand="literal",
        load="literal",
        benefit=BenefitSettings(rule="text", objectives="literal"),
        segment=SegmentSettings(unused=0.0),
        area=AreaSettings(rule="literal", capacity="literal"),
    )
    twin = looked_at(situation(2), settings)
    assert np.isfinite(twin.areas.ties).all()
    assert np.isfinite(twin.valued.levels.cost).all()
    assert np.isfinite(twin.segments.cut)


def test_a_history_of_another_network_is_refused() -> None:
    now = situation()
    with pytest.raises(InputError, match="found satisfaction of the shape"):
        higher_twin(now.network, now.history, now.satisfaction[1:])
    short = replace(now.history, serving=now.history.serving[1:])
    with pytest.raises(InputError, match="found serving of the shape"):
        higher_twin(now.network, short, now.satisfaction)


def test_a_history_shorter_than_two_seasons_is_refused() -> None:
    now = situation()
    history = now.history
    short = replace(
        history,
        attributes=history.attributes[..., :40],
        conditions=history.conditions[..., :40],
        offered=history.offered[:40],
        serving=history.serving[:40],
        rates=history.rates[:40],
        use=history.use[:40],
    )
    with pytest.raises(InputError, match="two seasons of 24"):
        higher_twin(now.network, short, now.satisfaction)
