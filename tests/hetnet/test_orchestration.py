"""Orchestration: better stations and powers for those selected, within slots and limits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.association import named
from hetnet.channel import BOLTZMANN, mean_gain
from hetnet.network import METRICS, NOBODY, Network, in_range, served, sinr, transmitted
from hetnet.orchestration import (
    Method,
    Orchestrated,
    OrchestrationSettings,
    Selection,
    awards,
    everything,
    needed_rates,
    orchestrated,
    outcome,
)
from hetnet.queues import conditions
from hetnet.scene import SceneSettings, generator, made_scene, network_at
from hetnet.scene import equal_power as equal_parts

Floats = NDArray[np.float64]
WHY = (
    "out of range of the area's stations: ",
    "no free slot at any of the area's stations in range: ",
    "more needed than can be had beside the others: ",
)


def network(seed: int = 1, users: int = 60, **changes: int) -> Network:
    """A network of the paper's kind without fading, as it stands without twins."""
    wanted = {"macro": 3, "small": 6, "hotspots": 4, "macro_slots": 16, **changes}
    scene = made_scene(SceneSettings(users=users, half_width=300, seed=seed, **wanted))
    found = network_at(scene, scene.users.positions, generator(seed, 1))
    gain = mean_gain(scene.users.positions, scene.stations, scene.shadows, "sound")
    return replace(found, gain=gain)


def offered(users: int, seed: int = 1) -> Floats:
    return generator(seed, 2).gamma(2.0, 3e5, users)


def applied(before: Network, load: Floats, selection: Selection, chosen: OrchestrationSettings) -> Network:
    found = orchestrated(before, load, selection, chosen)
    return replace(before, serving=found.serving, sent=found.sent)


def some(users: int, stations: int, seed: int) -> Selection:
    """Some users and stations."""
    rng = np.random.default_rng(seed)
    return Selection(rng.random(users) < 0.4, rng.random(stations) < 0.7, np.ones((users, 5), bool))


@pytest.mark.parametrize("seed", range(1, 6))
def test_whoever_knows_the_network_serves_it_better_than_the_strongest_signal(seed: int) -> None:
    before, load = network(seed), offered(60, seed)
    after = applied(before, load, everything(60, 9), OrchestrationSettings())
    better, worse = outcome(after, load), outcome(before, load)
    assert better.award >= worse.award
    assert better.satisfied >= worse.satisfied


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from(["targets", "rates", "equal"]),
    st.sampled_from(["trimmed", "kept"]),
    st.integers(1, 2),
)
def test_slots_ranges_and_limits_are_kept_and_others_keep_their_station(
    seed: int, power: Method, others: str, rounds: int
) -> None:
    before, load = network(seed % 5 + 1), offered(60, seed)
    selection = some(60, 9, seed)
    chosen = OrchestrationSettings(power=power, others=others, rounds=rounds)  # type: ignore[arg-type]  # one of both
    after = applied(before, load, selection, chosen)
    assert (served(after) <= after.stations.slots).all()
    assert (transmitted(after) <= after.stations.power * (1 + 1e-9)).all()
    assert np.isfinite(after.sent).all()
    assert (after.serving[~selection.users] == before.serving[~selection.users]).all()
    rows = np.flatnonzero(selection.users & (after.serving != NOBODY) & (after.serving != before.serving))
    assert in_range(after.users, after.stations)[rows, after.serving[rows]].all()
    assert selection.stations[after.serving[rows]].all()
    if others == "kept":
        assert (after.sent[~selection.users] == before.sent[~selection.users]).all()


def test_all_users_satisfied_is_nothing_to_do() -> None:
    before, load = network(), offered(60)
    nobody = Selection(np.zeros(60, bool), np.ones(9, bool), np.zeros((60, 5), bool))
    found = orchestrated(before, load, nobody)
    assert found.explained() == "no user is selected: there is nothing to do"
    assert (found.serving == before.serving).all()
    assert (found.sent == before.sent).all()


def test_who_could_not_be_helped_is_counted_and_named() -> None:
    before, load = network(users=120, macro_slots=4), offered(120)
    found = orchestrated(before, load, everything(120, 9))
    alone = np.flatnonzero(found.serving == NOBODY)
    assert sorted([*found.out_of_range, *found.without_slot]) == alone.tolist()
    assert len(found.out_of_area) == 0
    assert found.explained().startswith("of 120 selected users ")
    assert "not selected" not in found.explained()
    assert len(found.without_slot) > 0
    assert f"no free slot at any station in range: {len(found.without_slot)} users" in found.explained()
    assert (found.sent[alone] == 0).all()


def test_everyone_without_a_station_is_told_once_with_what_is_true_of_it() -> None:
    """Selected users are told by the stations that they may be given, and the others apart."""
    before, load = network(users=120, macro_slots=6), offered(120)
    users = before.users
    near = (
        np.linalg.norm(users.positions[:, None] - before.stations.positions, axis=2) <= before.stations.reach
    )
    told: set[str] = set()
    for seed in range(6):
        selection = some(120, 9, seed)
        found = orchestrated(before, load, selection)
        alone = np.flatnonzero(found.serving == NOBODY)
        others = np.setdiff1d(alone, np.flatnonzero(selection.users))
        kinds = (found.out_of_range, found.out_of_area, found.without_slot)
        assert sorted([*np.concatenate(kinds), *others]) == alone.tolist()
        assert not near[found.out_of_range].any()
        assert near[found.out_of_area].any(axis=1).all()
        assert not near[found.out_of_area][:, selection.stations].any()
        assert near[found.without_slot][:, selection.stations].any(axis=1).all()
        sentences = found.explained()
        assert f"of {selection.users.sum()} selected users " in sentences
        assert f". Of users not selected without a station: {named(others)}" in sentences
        told.update(words for words in WHY if words in sentences)
    assert told == set(WHY)


def test_what_is_true_of_one_user_is_told_of_one_user() -> None:
    one = np.array([0])
    nobody = np.zeros(0, np.int64)
    serving = np.array([NOBODY, 0])
    found = Orchestrated(serving, np.array([0.0, 1.0]), one, nobody, one, nobody, np.array([1]), whole=False)
    assert found.explained() == (
        "of 1 selected user out of range of the area's stations: 1 user (0). "
        "Of users not selected at the area's stations with less than they need: 1 user (1)"
    )


def test_stations_without_slots_serve_nobody() -> None:
    before, load = network(macro_slots=0), offered(60)
    found = orchestrated(before, load, everything(60, 9))
    assert (found.serving[found.serving != NOBODY] >= 3).all()  # the first three are macro stations


def test_the_needed_rate_is_the_least_that_satisfies() -> None:
    required = np.array([[1e6, 0.05, 0.01], [2e6, 0.1, 0.02]])
    load = np.array([1.2e6, 1e5])
    needed = needed_rates(required, load)
    for factor, enough in ((1.001, True), (0.999, False)):
        found = conditions(factor * needed, load)
        fine = (found[:, 0] >= required[:, 0]) & (found[:, 1:] <= required[:, 1:]).all(axis=1)
        assert fine.tolist() == [enough, enough]


def test_a_requirement_that_no_rate_meets_needs_an_infinite_one() -> None:
    assert needed_rates(np.array([[1e6, 1e-9, 0.01]]), np.array([1e5])).tolist() == [np.inf]


def test_abundance_makes_up_for_want_only_in_the_literal_award() -> None:
    satisfied = np.array([[4.0, 0.0, 1.0]])
    weights = np.array([[0.5, 0.3, 0.2]])
    assert awards(satisfied, weights) == pytest.approx([0.7])
    assert awards(satisfied, weights, "literal") == pytest.approx([2.2])


def test_the_order_of_users_is_irrelevant() -> None:
    before, load = network(), offered(60)
    order = np.random.default_rng(1).permutation(60)
    users = before.users
    shuffled = replace(
        before,
        users=replace(
            users,
            positions=users.positions[order],
            service=users.service[order],
            required=users.required[order],
            weights=users.weights[order],
        ),
        gain=before.gain[order],
        serving=before.serving[order],
        sent=before.sent[order],
    )
    one = outcome(applied(before, load, everything(60, 9), OrchestrationSettings()), load)
    other = outcome(applied(shuffled, load[order], everything(60, 9), OrchestrationSettings()), load[order])
    assert one.award == pytest.approx(other.award)
    assert one.satisfied == other.satisfied


@pytest.mark.oracle
def test_serving_cell_and_sinr_are_those_of_sionna() -> None:
    """Of one user a station, all at full power: the case that its geometry metrics know."""
    import torch

    sionna = pytest.importorskip("sionna.sys")  # from sionna-no-rt
    before = network()
    stations, users = before.stations, before.users
    received = before.gain * stations.power
    loss = torch.tensor(40.0 - 10 * np.log10(received * 1e3))  # as if all sent 40 dBm
    strongest = received.argmax(axis=1)
    assert sionna.serving_indices(loss).tolist() == strongest.tolist()
    band = replace(before, noise=BOLTZMANN * 290 * before.bandwidth * 10**0.5)
    theirs = sionna.geometry_sinr_db(loss, 40.0, before.bandwidth, 5.0, precision="double").numpy()
    for user in range(len(users)):
        serving = np.full(len(users), NOBODY)
        sent = np.zeros(len(users))
        serving[user], sent[user] = strongest[user], stations.power[strongest[user]]
        others = np.setdiff1d(np.arange(len(users)), [user])[: len(stations) - 1]
        serving[others] = np.setdiff1d(np.arange(len(stations)), [strongest[user]])
        sent[others] = stations.power[serving[others]]
        ours = 10 * np.log10(sinr(replace(band, serving=serving, sent=sent))[user])
        assert ours == pytest.approx(
            theirs[user], abs=0.02
        )  # it takes -174 dBm a Hz for kT, which is -173.98


def test_what_cannot_be_orchestrated_is_refused() -> None:
    before = network()
    with pytest.raises(InputError, match="expected one for each"):
        orchestrated(before, offered(59), everything(60, 9))
    with pytest.raises(InputError, match="negative or not finite"):
        orchestrated(before, np.full(60, np.nan), everything(60, 9))
    for wrong in ({"power": "most"}, {"award": "much"}, {"rounds": 0}, {"margin_db": (-1.0,)}):
        with pytest.raises(InputError, match="expected"):
            OrchestrationSettings(**wrong)


def test_equal_parts_are_those_of_the_scene() -> None:
    before, load = network(), offered(60)
    after = applied(before, load, everything(60, 9), OrchestrationSettings(power="equal"))
    assert after.sent == pytest.approx(equal_parts(after.serving, after.stations))
    assert len(METRICS) == before.users.required.shape[1]
