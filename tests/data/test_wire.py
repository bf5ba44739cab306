"""Packets: what goes in comes out, and nothing else is taken for one."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from data.coding import coded, coding_named
from data.errors import InputError
from data.messages import (
    Answer,
    ClusterReport,
    ClusterRound,
    ClusterScores,
    ClusterStep,
    CodedUpdate,
    Crossing,
    DescribeOrder,
    Errors,
    EvaluateOrder,
    Failure,
    IntroduceOrder,
    Introduction,
    KeepOrder,
    Kept,
    MomentsOrder,
    Order,
    RefreshOrder,
    RoundOrder,
    ScoreOrder,
    StepOrder,
    Summed,
    TrainOrder,
    Update,
)
from data.plain import plain
from data.traffic import StationId
from data.wire import (
    KEY,
    carried,
    content_of,
    packed_answers,
    packed_orders,
    unpacked_answers,
    unpacked_orders,
)

ONE, TWO = StationId("one"), StationId("zwei")
WEIGHTS = np.array([0.1, -3.5, np.float32(1e-30)], np.float32)
CHANGE = coded(np.linspace(-1, 1, 40, dtype=np.float32), coding_named("top-k=0.1+int8"))
ORDERS: list[Order] = [
    IntroduceOrder(),
    DescribeOrder((ONE,), None),
    DescribeOrder((ONE, TWO), 12),
    TrainOrder((TWO,), WEIGHTS, "settling", 3, 9, 700, "window"),
    EvaluateOrder((ONE,), WEIGHTS, 1, 2, personal=True),
    MomentsOrder((ONE,), 0, 5),
    RoundOrder((ONE,), 3, 4, "settling", 1, 2, upwards=False, version=7),
    RoundOrder((ONE,), 3, 4, "vertical", 1, 2, upwards=True, version=7, weights=WEIGHTS),
    StepOrder((ONE,), 8, 9, 2, 7),
    RefreshOrder((ONE,), 9, 0, 8, WEIGHTS),
    ScoreOrder((ONE,), 9, "horizontal", 8),
    KeepOrder((ONE,), 9),
    TrainOrder(
        (ONE,), WEIGHTS[:0], "vertical", 0, 1, 9, "nothing", Crossing("int8", "hierarchical", "ab", CHANGE)
    ),
]
ANSWERS: list[Answer] = [
    Update(ONE, WEIGHTS, 12, 0.25),
    Update(TWO, np.array([np.nan, np.inf, 0], np.float32), 1, 0.5),
    Summed((ONE, TWO), np.arange(6.0).reshape(2, 3), (3, 4), (0.5, 0.25)),
    Errors(ONE, 3, 0.1, 0.2, 0.3, 0.4),
    Failure(TWO, "lost its power"),
    Introduction(ONE, 9.1, 45.4, "internet", 60, None, 0, "ab"),
    ClusterRound(ONE, 12, 0.5, 2, 3, (Failure(TWO, "lost its power"),), (TWO,), WEIGHTS),
    ClusterReport(ONE, WEIGHTS, 3, 12, 700, 1.5, "zwei"),
    ClusterStep(ONE, 2, 1, 4, 0.5, 9, (), ()),
    ClusterScores(ONE, np.ones((5, 2)), np.zeros((5, 2)), 3, 700),
    Kept(ONE),
    CodedUpdate(ONE, CHANGE, 12, 0.25),
]


def bits(message: object) -> object:
    """All of a message, arrays as their bytes."""
    arrays: dict[str, np.ndarray] = {}
    value = json.dumps(plain(message, arrays))
    return type(message), value, {name: (each.dtype, each.tobytes()) for name, each in arrays.items()}


def test_orders_and_answers_come_out_as_they_went_in() -> None:
    given = unpacked_orders(packed_orders({"any": [1, None]}, ORDERS))
    assert given.setup == {"any": [1, None]}
    assert [bits(each) for each in given.orders] == [bits(each) for each in ORDERS]
    back = unpacked_answers(packed_answers(ANSWERS, "only part"))
    assert back.refusal == "only part"
    assert [bits(each) for each in back.answers] == [bits(each) for each in ANSWERS]


def test_a_message_of_flower_carries_a_packet_in_one_value() -> None:
    assert content_of(carried(b"some bytes")) == b"some bytes"
    record = carried(b"x")
    assert len(record.config_records[KEY]) == 1
    del record.config_records[KEY]["packet"]
    with pytest.raises(InputError, match="without a packet"):
        content_of(record)


def test_orders_are_no_answers() -> None:
    with pytest.raises(InputError, match="of another kind"):
        unpacked_answers(packed_orders({}, ORDERS))
    with pytest.raises(InputError, match="of another kind"):
        unpacked_orders(packed_answers(ANSWERS))


def test_a_packet_of_another_version_is_refused_with_both_versions() -> None:
    header = json.loads(json.loads(packed_answers([])[8:])["__metadata__"][KEY])
    other = save({}, {KEY: json.dumps(header | {"version": "99.0"})})
    with pytest.raises(InputError, match=r"a packet of vhtwin 99\.0, expected one of "):
        unpacked_answers(other)


@given(st.binary(max_size=300))
def test_bytes_of_another_origin_are_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="no packet of vhtwin"):
        unpacked_orders(content)


@given(st.data())
def test_a_cut_packet_is_refused(data: st.DataObject) -> None:
    whole = packed_answers(ANSWERS)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(InputError, match=r"no packet of vhtwin|damaged or cut short"):
        unpacked_answers(whole[:cut])


def test_a_series_cannot_be_packed() -> None:
    from tests.cities import wavy_traffic

    packet = packed_answers([wavy_traffic()])  # type: ignore[list-item]  # what the types forbid
    with pytest.raises(InputError, match="of another kind"):
        unpacked_answers(packet)
