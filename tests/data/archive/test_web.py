"""How patient a download is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.archive.web import FetchSettings, backoff_seconds


def test_pauses_double_up_to_the_longest() -> None:
    settings = FetchSettings(first_delay_seconds=1, longest_delay_seconds=5)
    assert [backoff_seconds(n, settings, 1.0) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 5, 5]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_is_between_half_and_all_of_its_doubled_length(failures: int, luck: float) -> None:
    settings = FetchSettings(first_delay_seconds=0.5, longest_delay_seconds=30)
    assert (
        backoff_seconds(failures, settings, 1.0) / 2
        <= backoff_seconds(failures, settings, luck)
        <= backoff_seconds(failures, settings, 1.0)
        <= 30
    )


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="attempts"):
        FetchSettings(attempts=0)
    with pytest.raises(ValueError, match="0 <= first <= longest"):
        FetchSettings(first_delay_seconds=9, longest_delay_seconds=1)
    with pytest.raises(ValueError, match="timeout_seconds"):
        FetchSettings(timeout_seconds=0)
