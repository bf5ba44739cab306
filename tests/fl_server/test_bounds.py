"""What options may be: refused by their names, with the exit code of bad input."""

import argparse
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from fl_server.cli.bounds import PART, POSITIVE, SHARE, Bound, at_least, between, one_of, refuse_outside
from fl_server.cli.main import main


def is_refused(bound: Bound, value: object) -> bool:
    try:
        refuse_outside(argparse.Namespace(some_name=value), {"some_name": bound})
    except InputError as error:
        return str(error).startswith("--some-name ") and str(error).endswith(f": expected {bound.expected}")
    return False


@given(st.floats())
def test_what_lies_outside_is_refused(value: float) -> None:
    assert is_refused(SHARE, value) == (not 0 < value < 1)
    assert is_refused(PART, value) == (not 0 <= value <= 1)
    assert is_refused(POSITIVE, value) == (not value > 0 or math.isinf(value))
    assert is_refused(at_least(3), value) == (not value >= 3)
    assert is_refused(between(1, 336), value) == (not 1 <= value <= 336)


def test_each_of_several_is_held_to_the_bound_and_what_was_not_given_to_none() -> None:
    assert is_refused(one_of(("a", "b")), ["a", "c"])
    assert not is_refused(one_of(("a", "b")), ["a", "b"])
    assert not is_refused(POSITIVE, None)


def test_words_that_are_no_number_are_of_the_command_line_and_numbers_outside_are_input(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["maintain", "RUN", "--crews", "two"])
    assert end.value.code == 2
    assert "argument --crews" in capsys.readouterr().err
    assert main(["maintain", "RUN", "--crews", "0"]) == 3
    assert capsys.readouterr().err == "vhtwin: --crews 0: expected at least 1\n"
