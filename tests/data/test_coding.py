"""Codings: what is written is nearly what is read, in as many bytes as are told; the rest is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.coding import BLOCK, Coding, coded, coding_named, decoded
from data.errors import InputError

SPECS = ("float16", "int8", "top-k=0.1", "top-k=0.3+int8", "float16+top-k=0.02", "top-k=1")
CHANGES = arrays(np.float32, st.integers(1, 700), elements=st.floats(-1e6, 1e6, width=32))


def drawn(parameters: int = 1000, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1e-3, parameters).astype(np.float32)


@pytest.mark.parametrize("spec", SPECS)
def test_a_change_comes_out_as_near_as_its_numbers_allow(spec: str) -> None:
    change, coding = drawn(), coding_named(spec)
    back = decoded(coded(change, coding), len(change))
    sent = np.flatnonzero(back)
    step = {"float32": 0, "float16": 2**-10, "int8": 0.5 / 127}[coding.number]
    assert np.abs(back - change)[sent].max() <= step * np.abs(change).max() * 1.001
    assert len(sent) <= max(1, round(coding.share * len(change)))


def test_the_largest_go_first_and_of_equal_ones_the_first() -> None:
    change = np.array([1, -3, 3, 0.5, 3], np.float32)
    assert decoded(coded(change, Coding(0.4)), 5).tolist() == [0, -3, 3, 0, 0]


def test_int8_rounds_at_random_to_what_is_right_on_average() -> None:
    change, rng = drawn(BLOCK), np.random.default_rng(5)
    mean = np.mean([decoded(coded(change, Coding(number="int8"), rng), BLOCK) for _ in range(4000)], axis=0)
    step = np.abs(change).max() / 127
    assert np.abs(mean - change).max() < 5 * step / 2 / np.sqrt(4000)
    plain = decoded(coded(change, Coding(number="int8")), BLOCK)
    assert np.abs(plain - change).max() > np.abs(mean - change).max()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("float16", 2 * 1000 + 4 * 4),
        ("int8", 1000 + 4 * 4),
        ("top-k=0.02+int8", 20 + 4 + 25),  # ten bits for each of twenty places
        ("top-k=0.3", 1200 + 2 * 4 + 125),  # a bit for every parameter is shorter than ten for each of 300
    ],
)
def test_a_change_takes_the_bytes_that_were_counted_by_hand(spec: str, expected: int) -> None:
    assert coded(drawn(), coding_named(spec)).nbytes == expected


@given(CHANGES, st.sampled_from(SPECS))
def test_any_finite_change_is_written_and_read(change: np.ndarray, spec: str) -> None:
    back = decoded(coded(change, coding_named(spec), np.random.default_rng(1)), len(change))
    assert back.dtype == np.float32
    assert np.abs(back - change).max() <= np.abs(change).max() * 1.001


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("zip", "'zip' is no coding, expected float16, int8, top-k=SHARE"),
        ("int8+int8", "'int8' stands there twice"),
        ("top-k=0", "top-k of 0, expected the share"),
        ("top-k=1.5", "above 0 and at most 1"),
        ("top-k=many", "top-k of many"),
        ("top-k", "top-k of nothing"),
        ("top-k=nan", "top-k of nan"),
    ],
)
def test_what_is_no_coding_is_refused_in_words(spec: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        coding_named(spec)


def test_a_change_of_other_weights_is_refused() -> None:
    for spec in SPECS:
        with pytest.raises(InputError, match="a change"):
            decoded(coded(drawn(), coding_named(spec)), 2000)


@given(st.data())
def test_whatever_is_sent_in_the_place_of_a_change_is_refused_or_read(data: st.DataObject) -> None:
    good = coded(drawn(300), coding_named(data.draw(st.sampled_from(SPECS))))
    bad = replace(
        good,
        values=data.draw(
            st.sampled_from([good.values, good.values[:-1], good.values[None], good.values * 0])
        ),
        units=data.draw(st.sampled_from([good.units, good.units[:-1], good.units * np.float32(np.inf)])),
        places=data.draw(arrays(np.uint8, st.integers(0, 60))),
        listed=data.draw(st.booleans()),
    )
    try:
        found = decoded(bad, 300)
    except InputError:
        return
    assert found.shape == (300,)
    assert np.isfinite(found).all()
