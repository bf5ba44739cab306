"""Studies: rows by seed, kept and gone on with; what is claimed of them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from data.progress import Step, finished
from fl_server.cli.reproduce import STUDIES
from fl_server.experiments.claims import Claim
from fl_server.experiments.hierarchical import HIERARCHICAL, figure_4
from fl_server.experiments.studies import (
    OfSeeds,
    Study,
    Value,
    lines,
    mean_of,
    relative,
    studied,
    value_of,
    verdicts,
)
from fl_server.experiments.tables import study_markdown


def some_values(seed: int) -> list[Value]:
    return [
        ("errors", "one", "a", 1.0 * seed),
        ("errors", "two", "a", 2.0 * seed),
        ("errors", "two", "b", 5.0),
    ]


def never(seed: int) -> list[Value]:
    raise AssertionError(f"seed {seed} was made again")


def drawn(path: Path, rows: pl.DataFrame) -> None:
    path.write_text(str(len(rows)))


STUDY = Study(
    "some",
    "Some figure",
    some_values,
    {"errors": "method"},
    drawn,
    (
        Claim(
            "two is larger",
            lambda rows: relative(value_of(rows, "two", "a"), value_of(rows, "one", "a")),
            1,
            1.0,
        ),
    ),
    "They differ.",
    paper={("one", "a"): 1.5},
)


@pytest.mark.parametrize("processes", [1, 2])
def test_seeds_are_kept_and_not_made_again(tmp_path: Path, processes: int) -> None:
    first = finished(studied(STUDY, tmp_path, 2, processes))
    assert first.rows.height == 6
    more = studied(STUDY, tmp_path, 4, processes)
    assert next(more) == Step("some", 2, 4, unit="seeds")
    assert finished(more).rows.height == 12
    again = Study("some", "Some figure", never, {"errors": "method"}, drawn)
    assert finished(studied(again, tmp_path, 3, 1)).rows["seed"].unique().to_list() == [1, 2, 3]


def a_line(line: str, seeds: Sequence[int]) -> dict[int, list[Value]]:
    return {seed: [("errors", line, "a", 1.0 * seed)] for seed in seeds}


def stopped(seeds: Sequence[int]) -> dict[int, list[Value]]:
    raise KeyboardInterrupt


def by_lines(**pieces: OfSeeds) -> Study:
    return Study("some", "Some figure", never, {"errors": "setting"}, drawn, pieces=pieces)


def test_a_study_that_is_made_line_by_line_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    one, two = partial(a_line, "one"), partial(a_line, "two")
    with pytest.raises(KeyboardInterrupt):
        finished(studied(by_lines(one=one, two=stopped), tmp_path, 2, 1))
    more = studied(by_lines(one=stopped, two=two), tmp_path, 2, 1)
    assert next(more) == Step("some", 2, 4, unit="lines")
    assert finished(more).rows.height == 4


def test_lines_stand_in_their_order_and_take_more_seeds_later(tmp_path: Path) -> None:
    one, two = partial(a_line, "one"), partial(a_line, "two")
    finished(studied(by_lines(two=two), tmp_path, 1, 1))
    found = finished(studied(by_lines(one=one, two=two), tmp_path, 3, 2))
    header, table = lines(found.study, found.rows, "errors")
    assert (header, [line[0] for line in table]) == (["setting", "a"], ["one", "two"])
    assert found.rows["seed"].to_list() == [1, 1, 2, 2, 3, 3]


def test_a_part_is_a_table_of_means_with_intervals(tmp_path: Path) -> None:
    found = finished(studied(STUDY, tmp_path, 3, 1))
    header, table = lines(STUDY, found.rows, "errors")
    assert header == ["method", "a", "b"]
    assert table == [["one", "2.000 ± 2.484 (1.5)", ""], ["two", "4.000 ± 4.968", "5.000"]]
    assert mean_of(found.rows, ["one", "two"], "a") == {1: 1.5, 2: 3.0, 3: 4.5}
    (verdict,) = verdicts(found)
    assert (verdict.word, verdict.why) == ("holds", "in size too")
    page = study_markdown(found)
    assert "| two | 4.000 ± 4.968 | 5.000 |" in page
    assert page.endswith("They differ.\n")


def test_studies_have_names_of_their_own_and_a_line_for_every_claim() -> None:
    assert len({each.name for each in STUDIES}) == len(STUDIES)
    made = figure_4(1)
    rows = pl.DataFrame(made, schema=["part", "line", "column", "value"], orient="row").with_columns(
        seed=pl.lit(1)
    )
    for claim in HIERARCHICAL[0].claims:
        assert claim.effect(rows).keys() == {1}, claim.about
