"""Settings and states survive being stored; what does not fit is refused with a sentence that names it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.errors import InputError
from data.messages import Timeline
from data.plain import Arrays, plain, rebuilt
from data.traffic import StationId
from fl_server.run import planned
from fl_server.running import State, first_state, states
from fl_server.settings import HorizontalSettings, SegmentSettings, TwinSettings, VerticalSettings
from forecasting.settings import TrainingSettings
from tests.cities import wavy_traffic
from tests.fleets import SMALL_RECIPE, small_fleet

NEW_YEAR, FIRST = np.datetime64("2024-01-01T00:00"), StationId("s0")


@dataclass(frozen=True)
class Leaf:
    share: float = 0.5
    count: int = 1
    named: str = "a"
    on: bool = False
    since: np.datetime64 = NEW_YEAR
    how: Literal["fast", "slow"] = "fast"

    def __post_init__(self) -> None:
        if self.count < 0:
            raise InputError(f"count must not be negative, got {self.count}")


@dataclass(frozen=True)
class Branch:
    leaf: Leaf
    station: StationId = FIRST
    widths: tuple[int, ...] = ()
    pair: tuple[float, str] = (0.0, "")
    maybe: Leaf | None = None
    values: NDArray[np.float64] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    memory: tuple[Mapping[str, NDArray[Any]], ...] = ()  # Any: of every type that numpy stores


def stored_and_read(kind: type[Any], value: object) -> Any:  # Any: whatever is tried
    """`value` after its plain values went through JSON."""
    arrays: Arrays = {}
    return rebuilt(kind, json.loads(json.dumps(plain(value, arrays))), arrays)


def assert_same(one: object, other: object) -> None:
    """Same plain values, and arrays with the same bits, types and shapes."""
    first, second = Arrays(), Arrays()
    assert plain(one, first) == plain(other, second)
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.dtype == second[name].dtype
        assert array.shape == second[name].shape
        assert array.tobytes() == second[name].tobytes()


finite = st.floats(allow_nan=False, allow_infinity=False)
moments = st.integers(0, 2**31).map(lambda minutes: np.datetime64(minutes, "m"))
leaves = st.builds(
    Leaf, finite, st.integers(0), st.text(), st.booleans(), moments, st.sampled_from(["fast", "slow"])
)
some_arrays: st.SearchStrategy[NDArray[Any]] = st.lists(st.integers(-9, 9), max_size=4).flatmap(
    lambda values: st.sampled_from([np.float32, np.float64, np.int64, np.bool_]).map(
        lambda kind: np.array(values, kind)
    )
)
branches = st.builds(
    Branch,
    leaf=leaves,
    station=st.text().map(StationId),
    widths=st.lists(st.integers()).map(tuple),
    pair=st.tuples(finite, st.text()),
    maybe=st.none() | leaves,
    values=st.none() | some_arrays,
    counts=st.dictionaries(st.text(), st.integers(0)),
    memory=st.lists(st.dictionaries(st.text(), some_arrays, max_size=2), max_size=3).map(tuple),
)


@given(branches)
def test_what_was_stored_is_read_back(branch: Branch) -> None:
    again = stored_and_read(Branch, branch)
    assert_same(again, branch)
    assert isinstance(again.memory, tuple)
    assert isinstance(again.leaf.since, np.datetime64)


def test_all_settings_of_a_run_are_read_back_equal() -> None:
    unusual = TwinSettings(
        recipe=replace(SMALL_RECIPE, vertical=TrainingSettings(betas=(0.8, 0.99), epochs=3)),
        segment=SegmentSettings(degree=3),
        vertical=VerticalSettings(participation=0.4),
        horizontal=HorizontalSettings(distance="squared"),
        single_level=False,
    )
    for settings in (TwinSettings(), unusual):
        assert stored_and_read(TwinSettings, settings) == settings


def test_a_run_in_the_middle_of_its_stream_is_read_back_bit_by_bit() -> None:
    traffic = wavy_traffic(stations=4, days=12)
    settings = TwinSettings(
        recipe=SMALL_RECIPE,
        vertical=VerticalSettings(epochs=1, settling=0.0),
        horizontal=HorizontalSettings(epochs=40, new_values=2),
    )
    fleet = small_fleet(traffic=traffic)
    plan = planned(fleet, settings)
    for state in states(fleet, plan, first_state(plan)):
        run = state.hierarchical
        if run.stream is not None and run.stream.open and run.stream.waiting:
            break
    assert state.hierarchical.stream is not None
    assert state.hierarchical.stream.waiting
    assert_same(stored_and_read(State, state), state)


def test_a_field_that_is_missing_keeps_its_default() -> None:
    assert rebuilt(Branch, {"leaf": {"count": 4}}) == Branch(Leaf(count=4))


def test_whole_numbers_stand_for_numbers_with_a_point() -> None:
    share = rebuilt(Leaf, {"share": 2}).share
    assert (share, type(share)) == (2.0, float)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"leaf": {"share": "half"}}, "leaf.share: expected a number, got 'half'"),
        ({"leaf": {"share": True}}, "leaf.share: expected a number, got True"),
        ({"leaf": {"share": float("nan")}}, "leaf.share: expected a number, got nan"),
        ({"leaf": {"share": float("inf")}}, "leaf.share: expected a number, got inf"),
        ({"leaf": {"share": 10**400}}, "leaf.share: expected a number, got 1000"),
        ({"leaf": {"share": None}}, "leaf.share: expected a number, got None"),
        ({"leaf": {"count": 1.5}}, "leaf.count: expected a whole number, got 1.5"),
        ({"leaf": {"count": True}}, "leaf.count: expected a whole number, got True"),
        ({"leaf": {"named": 3}}, "leaf.named: expected a text, got 3"),
        ({"leaf": {"on": 1}}, "leaf.on: expected true or false, got 1"),
        ({"leaf": {"how": "slwo"}}, "leaf.how: unknown 'slwo', expected one of fast, slow"),
        ({"leaf": {"since": "lately"}}, "leaf.since: expected a time, got 'lately'"),
        ({"leaf": {"since": 7}}, "leaf.since: expected a time, got 7"),
        ({"leaf": {"count": -1}}, "leaf: count must not be negative, got -1"),
        ({"leaf": 3}, "leaf: expected a table of names and values, got 3"),
        ({"leaf": {"shaer": 1}}, "unknown setting 'leaf.shaer'; did you mean leaf.share?"),
        (
            {"leaf": {"zzz": 1}},
            "unknown setting 'leaf.zzz'; expected one of share, count, named, on, since, how",
        ),
        ({"laef": {}}, "unknown setting 'laef'; did you mean leaf?"),
        ({"leaf": {}, "widths": 3}, "widths: expected a list, got 3"),
        ({"leaf": {}, "widths": "64"}, "widths: expected a list, got '64'"),
        ({"leaf": {}, "widths": [8, 0.5]}, "widths.1: expected a whole number, got 0.5"),
        ({"leaf": {}, "pair": [1.0]}, "pair: expected 2 values, got 1"),
        ({"leaf": {}, "station": 4}, "station: expected a text, got 4"),
        ({"leaf": {}, "maybe": {"count": "x"}}, "maybe.count: expected a whole number, got 'x'"),
        ({"leaf": {}, "counts": {"a": "b"}}, "counts.a: expected a whole number, got 'b'"),
        ({"leaf": {}, "counts": [1]}, "counts: expected a table of names and values, got"),
        ({"leaf": {}, "values": [1.0]}, "values: its array is missing"),
        ({"leaf": {}, "values": "values"}, "values: its array is missing"),
        ({"leaf": {}, "memory": [{"a": "memory.0.a"}]}, "memory.0.a: its array is missing"),
        ([1], "the settings: expected a table of names and values, got [1]"),
        ({}, "the settings: leaf missing"),
        ({"leaf": {}, "maybe": [1]}, "maybe: expected a table of names and values, got [1]"),
    ],
)
def test_what_does_not_fit_is_refused(value: object, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        rebuilt(Branch, value)
    assert str(refusal.value).startswith(sentence)


def test_a_missing_field_further_down_is_named_with_its_path() -> None:
    with pytest.raises(InputError, match=r"^timeline: step_minutes, first_step missing$"):

        @dataclass(frozen=True)
        class Holder:
            timeline: Timeline

        rebuilt(Holder, {"timeline": {"start": "2024-01-01", "train_steps": 3, "steps": 9}})


def test_what_cannot_be_stored_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^values\.1: set cannot be stored$"):
        plain({"values": [1, {2}]}, {})
