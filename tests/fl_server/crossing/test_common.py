"""Twins that cross in fewer bytes between clusters and network: what each side has, and what it costs."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.coding import Coding, coding_named
from data.errors import InputError
from fl_server.crossing.common import Common, begun_common, gone_down, gone_up
from fl_server.crossing.settings import CrossingSettings
from fl_server.run_folder import keep
from fl_server.running import State
from fl_server.settings import SegmentSettings, TwinSettings
from fl_server.tree import regrouped, seedling
from fl_server.trust.settings import DefenceSettings
from forecasting.stations import Floats
from tests.fl_server.crossing.test_coded import SPARSE, begun, end_of, resumed
from tests.fl_server.crossing.test_masked import SECURE
from tests.fl_server.crossing.test_wired import wired
from tests.fl_server.test_lifecycle import SETTINGS, all_states, twins, usual

EIGHT, LARGEST = coding_named("int8"), coding_named("top-k=0.1")
ABOVE = replace(SETTINGS, crossing=CrossingSettings(clusters="int8"))
ALL = replace(SETTINGS, crossing=replace(SPARSE, clusters="top-k=0.3+int8"))
P = 600


@cache
def states_of(settings: TwinSettings) -> tuple[State, ...]:
    return tuple(all_states(settings))


def weights(seed: int, scale: float = 1.0) -> Floats:
    return (scale * np.random.default_rng(seed).normal(size=P)).astype(np.float32)


def test_both_sides_have_what_was_read() -> None:
    """A change of at most .5 in steps of .5 / 127: the network is off by half a step at most."""
    twin = (weights(1) + np.random.default_rng(2).uniform(-0.5, 0.5, P)).astype(np.float32)
    common, (size,) = gone_up(begun_common(weights(1)), [0], twin[None], EIGHT)
    assert size == P + 4 * 3  # a byte each, and a unit for each 256
    assert 0 < np.abs(common.twins[0] - twin).max() <= 0.5 / 127 / 2 * 1.001
    assert common.tops.tobytes() == begun_common(weights(1)).tops.tobytes()


@given(st.sampled_from([EIGHT, LARGEST, coding_named("float16"), coding_named("top-k=0.2+int8")]))
def test_nothing_drifts_and_what_was_left_out_comes_later(coding: Coding) -> None:
    """A twin that stands still is there in the end, however far off it was."""
    common, top = begun_common(weights(1)), weights(2)
    for _ in range(20):
        common, _ = gone_down(common, [0], top, coding)
    np.testing.assert_allclose(common.tops[0], top, atol=1e-6)


def test_what_is_new_crosses_whole_and_only_once() -> None:
    new = np.ones(1, np.bool_)
    common = replace(begun_common(weights(1)), new_above=new, new_below=new)
    common, (first,) = gone_up(common, [0], weights(2)[None], EIGHT)
    assert (first, common.twins.tobytes()) == (4 * P, weights(2).tobytes())
    assert (common.new_above.tolist(), common.new_below.tolist()) == ([False], [True])
    assert gone_up(common, [0], weights(3)[None], EIGHT)[1][0] < 2 * P


def test_a_cluster_of_stations_from_several_begins_anew_and_others_bring_what_they_had() -> None:
    tree = replace(seedling(5, weights(0)), common=begun_common(weights(0)))
    tree = regrouped(tree, np.array([0, 0, 1, 1, 1]))
    assert tree.common is not None
    assert not tree.common.new_above.any()  # the first weights follow from the seed: everybody has them
    common, _ = gone_up(tree.common, [1], weights(1)[None], EIGHT)
    tree = replace(tree, common=common)
    split = regrouped(tree, np.array([0, 0, 1, 1, 2])).common
    mixed = regrouped(tree, np.array([0, 0, 0, 1, 1])).common
    assert split is not None
    assert mixed is not None
    assert split.new_above.tolist() == split.new_below.tolist() == [False, False, False]
    assert split.twins[1].tobytes() == split.twins[2].tobytes() == common.twins[1].tobytes()
    assert mixed.new_above.tolist() == mixed.new_below.tolist() == [True, False]
    again = replace(tree, common=mixed, cluster_of=np.array([0, 0, 0, 1, 1]))
    moved = regrouped(again, np.array([0, 0, 1, 2, 2])).common
    assert moved is not None
    assert moved.new_above.tolist() == [True, True, False]  # whoever had nothing brings nothing


def commons(settings: TwinSettings) -> Iterator[tuple[State, Common]]:
    for state in states_of(settings):
        if state.hierarchical.tree.common is not None:
            yield state, state.hierarchical.tree.common


def test_stations_start_from_what_their_cluster_has_received() -> None:
    for state, common in commons(ABOVE):
        tree, stream = state.hierarchical.tree, state.hierarchical.stream
        if state.hierarchical.stage == "vertical" and 0 < state.hierarchical.turn <= 3:
            assert tree.starts.tobytes() == common.tops.tobytes()
            assert tree.starts.tobytes() != np.tile(tree.top, (len(tree.starts), 1)).tobytes()
        if stream is not None and not common.new_below.any():
            assert stream.seen.tobytes() == common.tops.tobytes()


def test_the_network_makes_its_twin_of_what_came_up() -> None:
    """The mean over clusters, all of which are new in the first round."""
    tree = states_of(ABOVE)[1].hierarchical.tree
    assert tree.common is not None
    np.testing.assert_allclose(tree.top, tree.common.twins.mean(axis=0, dtype=np.float64), atol=1e-7)
    off = np.abs(tree.clusters - tree.common.twins).max()
    assert 1e-5 < off < 0.01


def test_bytes_are_those_that_cross_and_messages_stay_as_many() -> None:
    """A round of C clusters: C changes up and as many down, a byte for each weight and a unit for 256."""
    plain, coded = (all_[1].hierarchical for all_ in (usual(), states_of(ABOVE)))
    before, now = (each.vertical.exchange for each in (plain, coded))
    clusters, parameters = coded.tree.clusters.shape
    assert now.station_cluster == before.station_cluster
    size = parameters + 4 * -(-parameters // 256)
    assert (now.cluster_network.bytes_up, now.cluster_network.bytes_down) == (clusters * size,) * 2
    assert now.cluster_network.messages == before.cluster_network.messages == 2 * clusters


def test_the_run_without_clusters_is_as_ever() -> None:
    ended = states_of(ABOVE)[-1].single_level
    plain = usual()[-1].single_level
    assert ended is not None
    assert plain is not None
    assert twins(ended) == twins(plain)
    assert twins(states_of(ABOVE)[-1].hierarchical) != twins(usual()[-1].hierarchical)


def test_the_gate_holds_the_twin_of_the_cluster_against_what_that_has_received() -> None:
    """Whatever is left out of a message, the gate asks how far the cluster itself has gone away."""
    coarse = replace(SETTINGS, crossing=CrossingSettings(clusters="top-k=0.01+int8"), single_level=False)
    stream = all_states(coarse)[-1].hierarchical.stream
    assert stream is not None
    assert stream.sent > 0
    assert stream.spared > 0


@pytest.mark.parametrize("stop", [2, 4, 9, 30, 45])
def test_from_every_state_that_was_kept_the_rest_is_the_same(tmp_path: Path, stop: int) -> None:
    settings = replace(ABOVE, single_level=False)
    folder = begun(tmp_path, settings)
    keep(folder, all_states(settings)[stop])
    assert end_of(resumed(folder, settings)) == end_of(all_states(settings)[-1])


def test_all_tiers_in_fewer_bytes_are_the_same_over_the_wire() -> None:
    settings = replace(ALL, single_level=False)
    assert end_of(all_states(settings, fleet=wired(settings))[-1]) == end_of(all_states(settings)[-1])


def test_sums_alone_make_the_same_twins_above_which_twins_are_coded() -> None:
    crossing = CrossingSettings(clusters="int8")
    plain = replace(SECURE, crossing=crossing, single_level=False)
    secure = replace(plain, crossing=replace(crossing, secure_sum=True))
    assert end_of(all_states(secure)[-1]) == end_of(all_states(plain)[-1])


def test_witnesses_try_what_came_up_and_a_cluster_that_is_dropped_has_what_it_received() -> None:
    settings = replace(
        ABOVE, defence=DefenceSettings(kind="pairing", margin=1e-9, gross=1e-9), single_level=False
    )
    dropped = [
        run
        for run in (state.hierarchical for state in all_states(settings))
        if run.stream is not None and run.tree.trust is not None and run.tree.trust.clusters.dropped.any()
    ]
    assert dropped
    tree = dropped[-1].tree
    assert tree.common is not None
    assert np.isfinite(tree.common.twins).all()


def test_heads_of_their_own_send_twins_as_they_are() -> None:
    how = replace(SETTINGS.segment.how, method="heads")
    with pytest.raises(InputError, match="heads on machines of their own"):
        TwinSettings(segment=SegmentSettings(how=how), crossing=ABOVE.crossing)


def test_no_setting_is_taken_that_is_no_coding() -> None:
    with pytest.raises(InputError, match="is no coding"):
        CrossingSettings(clusters="gzip")
