"""Strategies by name and by dotted path, and what is refused in which words."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from fl_server.aggregation.strategies import NAMES, chosen_strategy, result_of, title_of
from fl_server.aggregation.updates import Floats, State, Strategy, Updates
from tests.fl_server.aggregation.cases import drawn_case, updates_of

TWIN = np.array([1, 2], dtype=np.float32)
UPDATES = updates_of([[3, 4], [5, 6]])

OWN = """
import numpy as np

NUMBER = 3

def halfway(current, updates, state, *, share: float = 0.5, extra=1, label: str = "x"):
    return current + share * extra * (updates.weights.mean(axis=0) - current), state

def demanding(current, updates, state, *, radius):
    return current * radius, state

def two(current, updates):
    return current, {}

class Counting:
    def __init__(self, start: int = 0, step: "float" = 1.0):
        if start < 0:
            raise ValueError("start below 0")
        self.start, self.step = start, step

    def __call__(self, current, updates, state):
        count = state.get("count", np.array(self.start)) + 1
        return current + np.float32(self.step * count), {"count": count}

class Mute:
    pass
"""

TYPED = """
from __future__ import annotations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fl_server.aggregation.updates import Floats

def plus(current: Floats, updates, state, *, whole: int = 1, part: float = 0, other: Floats = None):
    return current + whole + part, state
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module of the user's, which stands in the current folder."""
    (tmp_path / "own_rules.py").write_text(OWN)
    (tmp_path / "typed_rules.py").write_text(TYPED)
    (tmp_path / "broken_rules.py").write_text("import no_such_library\n")
    (tmp_path / "faulty_rules.py").write_text("import math\nmath.nothing\n")
    monkeypatch.chdir(tmp_path)
    yield "own_rules"
    for name in ("own_rules", "typed_rules", "broken_rules", "faulty_rules"):
        sys.modules.pop(name, None)


def refusal(spec: str) -> str:
    """The sentence with which `spec` is refused."""
    with pytest.raises(InputError) as caught:
        chosen_strategy(spec)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_chooses_a_strategy_of_that_title(name: str) -> None:
    assert title_of(chosen_strategy(name)) == name


def test_settings_are_read_with_spaces_around() -> None:
    spaced = chosen_strategy(" multi-krum: faulty = 2 , kept = 3 ")
    assert spaced == chosen_strategy("multi-krum:faulty=2,kept=3")


def test_a_function_of_the_user_s_gets_its_settings(own: str) -> None:
    weights, _ = result_of(chosen_strategy(f"{own}.halfway:share=0.25,extra=2"), TWIN, UPDATES, {})
    np.testing.assert_array_equal(weights, [2.5, 3.5])  # halfway from (1, 2) to (4, 5)


def test_a_class_of_the_user_s_remembers_between_calls(own: str) -> None:
    strategy = chosen_strategy(f"{own}.Counting:start=4,step=2")
    first, state = result_of(strategy, TWIN, UPDATES, {})
    second, _ = result_of(strategy, first, UPDATES, state)
    np.testing.assert_array_equal(first, [11, 12])  # 2·5 more
    np.testing.assert_array_equal(second, [23, 24])  # 2·6 more


def test_annotations_for_type_checkers_only_do_not_hinder(own: str) -> None:
    weights, _ = result_of(chosen_strategy("typed_rules.plus:whole=2,part=0.5"), TWIN, UPDATES, {})
    np.testing.assert_array_equal(weights, [3.5, 4.5])
    assert refusal("typed_rules.plus:whole=0.5").endswith("whole = '0.5', expected a whole number")
    assert "is no number" in refusal("typed_rules.plus:other=1")


def test_the_path_of_imports_is_as_before(own: str) -> None:
    before = list(sys.path)
    chosen_strategy(f"{own}.halfway")
    refusal(f"{own}.nothing")
    assert sys.path == before


def test_unknown_names_suggest_the_nearest() -> None:
    assert refusal("weighted_mean") == (
        "unknown strategy 'weighted_mean', expected one of mean, weighted-mean, median, trimmed-mean, krum, "
        "multi-krum, geometric-median, momentum, fedadam, fedyogi, fedatt, fedda, fedprox, the dotted path "
        "of a function or class, or flower:CLASS; did you mean weighted-mean?"
    )


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("xyzzy", "or flower:CLASS$"),
        ("", "^unknown strategy '', "),
        ("mean:share=1", "^mean has no settings, got share$"),
        (
            "fedadam:beta=0.5",
            r"^fedadam has no setting 'beta', expected one of rate, beta1, beta2, tau; did you mean beta2\?$",
        ),
        ("trimmed-mean:share=lots", "^trimmed-mean: share = 'lots', expected a number$"),
        ("krum:faulty=1.5", "^krum: faulty = '1.5', expected a whole number$"),
        ("multi-krum:kept=2.5", "^multi-krum: kept = '2.5', expected a whole number$"),
        ("momentum:rate=nan", "^momentum: rate = 'nan', expected a finite number$"),
        ("momentum:rate=inf", "^momentum: rate = 'inf', expected a finite number$"),
        ("krum:", "^'krum:': found '', expected setting=value after the colon$"),
        ("krum:faulty", "^'krum:faulty': found 'faulty', expected setting=value after the colon$"),
        ("krum:faulty=", "^'krum:faulty=': found 'faulty=', expected setting=value after the colon$"),
        ("krum:faulty=1,", "found '', expected setting=value after the colon$"),
        ("krum:faulty=1,faulty=2", "^'krum:faulty=1,faulty=2': the setting faulty stands there twice$"),
        ("no_such_module.rule", "^no_such_module.rule cannot be imported: ModuleNotFoundError: No module"),
        (".rule", "^.rule cannot be imported: ValueError: "),
        (
            "broken_rules.rule",
            "^broken_rules.rule cannot be imported: ModuleNotFoundError: No module named",
        ),
        ("faulty_rules.rule", "^faulty_rules.rule cannot be imported: AttributeError: module 'math' has no"),
        ("builtins.max", "^builtins.max: Python cannot tell its arguments$"),
        ("own_rules.nothing", "^the module own_rules has no 'nothing'$"),
        ("own_rules.NUMBER", "^own_rules.NUMBER is a value of type int, expected a function or a class$"),
        ("own_rules.two", r"^own_rules.two cannot be called with \(current, updates, state\): too many"),
        (
            "own_rules.Mute",
            "^own_rules.Mute makes objects that cannot be called, expected a __call__ method$",
        ),
        (
            "own_rules.demanding",
            "^own_rules.demanding needs its setting radius, as in own_rules.demanding:radius=…$",
        ),
        ("own_rules.halfway:label=3", "this setting is no number, and only numbers can be given here$"),
        ("own_rules.halfway:extra=1.5", "^own_rules.halfway: extra = '1.5', expected a whole number$"),
        ("own_rules.Counting:step=x", "^own_rules.Counting: step = 'x', expected a number$"),
        ("own_rules.Counting:start=-1", "^own_rules.Counting could not be made: ValueError: start below 0$"),
        ("builtins.dict.fromkeys", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_used_is_refused(own: str, spec: str, sentence: str) -> None:
    assert re.search(sentence, refusal(spec))


def returning(*returned: object) -> Strategy:
    """A strategy that returns this, whatever it is."""

    def careless(current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        return returned  # type: ignore[return-value]  # what result_of is there for

    return careless


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ((TWIN,), r"returned a value of type tuple, expected \(weights, state\)$"),
        (([1.0, 2.0], {}), r"returned a value of type list as weights, expected floats of shape \(2,\)$"),
        (
            (TWIN[:1], {}),
            r"returned an array of shape \(1,\) and type float32 as weights, expected floats of sh",
        ),
        (
            (np.array([1, 2]), {}),
            r"returned an array of shape \(2,\) and type int64 as weights, expected floats",
        ),
        ((TWIN * np.nan, {}), "returned 2 weights of 2 that are not finite numbers$"),
        ((np.array([1e300, 1]), {}), "returned 1 weights of 2 that are not finite numbers$"),
        ((TWIN, None), "returned a value of type NoneType as state, expected a mapping of arrays$"),
        (
            (TWIN, {"count": 3}),
            "returned a value of type int as state 'count', expected numbers in an array$",
        ),
        ((TWIN, {3: TWIN}), "returned a state called 3, expected a word$"),
        (
            (TWIN, {"a": np.array(["x"])}),
            r"returned an array of shape \(1,\) and type <U1 as state 'a', expected",
        ),
    ],
)
def test_careless_results_are_refused_by_name(returned: tuple[object, ...], sentence: str) -> None:
    with pytest.raises(InputError, match=r"^the strategy .*returning\.<locals>\.careless " + sentence):
        result_of(returning(*returned), TWIN, UPDATES, {})


def test_a_strategy_that_raises_is_named() -> None:
    def failing(current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        raise ZeroDivisionError("no samples")

    with pytest.raises(InputError, match=r"failing failed: ZeroDivisionError: no samples$"):
        result_of(failing, TWIN, UPDATES, {})


def test_a_strategy_cannot_change_what_it_is_shown() -> None:
    def greedy(current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        state["sum"][:] = 0
        return current, state

    total = np.ones(2)
    with pytest.raises(InputError, match=r"greedy failed: ValueError: assignment destination is read-only$"):
        result_of(greedy, TWIN, UPDATES, {"sum": total})
    np.testing.assert_array_equal(total, [1, 1])


def test_a_strategy_that_returns_its_inputs_shares_no_memory_with_them() -> None:
    def keeping(current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        return current, {"last": updates.weights}

    weights, state = result_of(keeping, TWIN, UPDATES, {})
    assert not np.shares_memory(weights, TWIN)
    assert not np.shares_memory(state["last"], UPDATES.weights)
    weights[:] = 0  # and can be written to


def test_diverging_weights_are_refused() -> None:
    case = drawn_case(1)
    with pytest.raises(
        InputError, match=r"^the strategy momentum returned 8 weights of 8 that are not finite"
    ):
        result_of(chosen_strategy("momentum:rate=1e60"), case.current, case.updates, {})
