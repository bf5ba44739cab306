"""Verdicts on claims, from effects whose truth is known."""

import numpy as np
import polars as pl
import pytest

from fl_server.experiments.claims import Claim, Effects, along, interval, judged, spread, within

ROWS = pl.DataFrame(
    {
        "label": ["a", "b"] * 3,
        "seed": [1, 1, 2, 2, 3, 3],
        "v": [1.0, 1.1, 1.0, 1.2, 2.0, 2.2],
        "w": [2.0, 2.2, 1.0, 1.2, 1.0, 1.1],
    }
)


def claim(effects: Effects, direction: int, paper: float | None = None) -> Claim:
    assert direction in (-1, 0, 1)
    return Claim("a claim", lambda _: effects, direction, paper)  # type: ignore[arg-type]


def verdict(values: list[float], direction: int, paper: float | None = None) -> tuple[str, str]:
    found = judged(claim(dict(enumerate(values)), direction, paper), "city", ROWS)
    return found.word, found.why


@pytest.mark.parametrize(
    ("values", "direction", "paper", "expected"),
    [
        ([0.014, 0.015, 0.017], 1, 0.015, ("holds", "in size too")),
        ([0.10, 0.11, 0.12], 1, 0.015, ("holds in direction only", "larger than in the paper")),
        ([-0.1, -0.11, -0.12], -1, -0.438, ("holds in direction only", "smaller than in the paper")),
        ([-0.1, -0.11, -0.12], -1, None, ("holds", "the paper tells no size")),
        ([-0.1, -0.11, -0.12], 1, 0.015, ("does not hold", "it is the other way round")),
        ([-0.01, 0.01, 0.0], 1, 0.5, ("does not hold", "no difference of such a size")),
        ([0.0, 0.0, 0.0], -1, None, ("does not hold", "no difference at all")),
        ([-0.4, 0.4, 0.3], 1, 0.1, ("cannot be judged", "the interval holds both directions")),
        ([0.01, 0.011, 0.012], 0, None, ("holds", "differs by less than 10%")),
        ([0.2, 0.21, 0.22], 0, None, ("does not hold", "differs by more than 10%")),
        ([0.01, 0.2, 0.0], 0, None, ("cannot be judged", "the interval holds 10%")),
        ([0.5, 0.5], 1, 0.5, ("cannot be judged", "2 of at least 3 seeds")),
    ],
)
def test_a_verdict_follows_from_the_interval(
    values: list[float], direction: int, paper: float | None, expected: tuple[str, str]
) -> None:
    assert verdict(values, direction, paper) == expected


def test_a_claim_without_its_rows_cannot_be_judged() -> None:
    found = judged(claim({}, 1), "city", ROWS)
    assert (found.word, found.found) == ("cannot be judged", None)


def test_the_interval_is_students() -> None:
    found = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3
    assert found.half == pytest.approx(2.7764 * np.sqrt(2.5 / 5), rel=1e-4)  # t(.975, 4) of any table
    assert interval([2.0]).half == 0


def test_effects_are_shares_by_seed() -> None:
    assert within("v", "w")(ROWS) == pytest.approx({1: -0.5, 2: 0.0, 3: 1.0})
    assert along("v", "a", "b")(ROWS) == pytest.approx({1: 0.1, 2: 0.2, 3: 0.1})
    assert spread("v")(ROWS) == pytest.approx({1: 0.1 / 1.05, 2: 0.2 / 1.1, 3: 0.2 / 2.1})


def test_what_cannot_be_compared_has_no_effect() -> None:
    assert along("v", "a", "c")(ROWS) == {}
    assert spread("v")(ROWS.filter(label="a")) == {}
    nothing = ROWS.with_columns(v=pl.when(pl.col("label") == "a").then(0.0).otherwise(1.0))
    assert along("v", "a", "b")(nothing) == {}
