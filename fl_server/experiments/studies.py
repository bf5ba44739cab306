"""Experiments on simulations, seed by seed: the figures of the papers on what twins are used for.

A study's rows are long: each has a part (a table), a line and a column of it, and a value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import polars as pl

from data.progress import Step, Work
from fl_server.experiments.cells import Row
from fl_server.experiments.claims import Claim, Interval, Verdict, interval, judged
from fl_server.experiments.ledger import keep_rows, kept_rows, made_with, study_header
from fl_server.processes import in_processes

Value = tuple[str, str, str, float]  # part, line, column, and the value there
SIMULATION = "simulation"


OfSeed = Callable[[int], list[Value]]
OfSeeds = Callable[[Sequence[int]], Mapping[int, list[Value]]]


@dataclass(frozen=True)
class Study:
    """A figure that one function makes for one seed; `parts` name its tables and what their lines are.

    `values` makes it for a seed, `together` for several at once where that is faster, `pieces` line by line,
    each for several seeds at once: what was stopped goes on at the first line that is not kept. `differs`
    says where it differs from the paper, in plain words. A `slow` one is left out when all are made quickly.
    """

    name: str
    title: str
    values: OfSeed
    parts: Mapping[str, str]
    draw: Callable[[Path, pl.DataFrame], None]
    claims: tuple[Claim, ...] = ()
    differs: str = ""
    digits: int = 3
    slow: bool = False
    together: OfSeeds | None = None
    pieces: Mapping[str, OfSeeds] = field(default_factory=dict)  # by a line that each makes
    order: tuple[str, ...] = ()  # of all lines, where pieces make more than one
    paper: Mapping[tuple[str, str], float] = field(default_factory=dict)  # by line and column


@dataclass(frozen=True)
class Studied:
    """A study's rows."""

    study: Study
    rows: pl.DataFrame


def studied(study: Study, folder: Path, seeds: int, processes: int) -> Work[Studied]:
    """Make what is not kept yet of a study: its seeds or, if it is made line by line, its lines."""
    file = folder / f"{study.name}.csv"
    rows = kept_rows(file)
    tasks = _tasks(study, rows, seeds, processes)
    parts, unit = max(len(study.pieces), 1) * seeds, "lines" if study.pieces else "seeds"
    done = parts - sum(len(group) for _, _, group in tasks)
    yield Step(study.name, done, parts, unit=unit)
    for made, minutes in in_processes(_of_seeds, tasks, processes):
        done += len(made)
        count = sum(map(len, made.values()))
        for seed, part, line, column, value in ((one, *each) for one in made for each in made[one]):
            key = f"{part}/{line}/{column}/{seed}"
            place = {"key": key, "part": part, "line": line, "column": column, "seed": seed}
            rows[key] = place | {"value": value, "minutes": minutes / count} | made_with()
        rows = _in_order(study, rows)
        keep_rows(file, study_header(study.title, rows), rows)
        yield Step(study.name, done, parts, f"seed {', '.join(map(str, made))}", unit)
    frame = pl.DataFrame(list(rows.values()), infer_schema_length=None)
    return Studied(study, frame.filter(pl.col("seed") <= seeds).sort("seed", maintain_order=True))


def _tasks(study: Study, rows: Mapping[str, Row], seeds: int, processes: int) -> "list[Asked]":
    """What is to be made: of each line the seeds that are not kept, or all lines of such seeds."""
    if study.pieces:
        kept = {(row["line"], row["seed"]) for row in rows.values()}
        missing = {
            line: [seed for seed in range(1, seeds + 1) if (line, seed) not in kept] for line in study.pieces
        }
        return [(None, study.pieces[line], group) for line, group in missing.items() if group]
    known = {row["seed"] for row in rows.values()}
    wanted = [seed for seed in range(1, seeds + 1) if seed not in known]
    values = study.values if study.together is None else None
    return [(values, study.together, group) for group in _groups(study, wanted, processes)]


def _in_order(study: Study, rows: dict[str, Row]) -> dict[str, Row]:
    """The rows in the order of a study's lines, in whatever order those were made."""
    places = {line: place for place, line in enumerate(study.order or study.pieces)}
    return dict(sorted(rows.items(), key=lambda each: places.get(each[1]["line"], 0)))


def _groups(study: Study, seeds: Sequence[int], processes: int) -> list[list[int]]:
    """Which seeds are made together: each by itself, or as many as there are for each process."""
    if study.together is None:
        return [[seed] for seed in seeds]
    return [group for first in range(processes) if (group := list(seeds[first::processes]))]


Asked = tuple[OfSeed | None, OfSeeds | None, list[int]]  # one of the two, and the seeds


def _of_seeds(asked: Asked) -> tuple[Mapping[int, list[Value]], float]:
    values, together, seeds = asked
    began = monotonic()
    made = together(seeds) if together else {seed: values(seed) for seed in seeds} if values else {}
    return made, (monotonic() - began) / 60


def verdicts(found: Studied) -> list[Verdict]:
    """What became of each claim."""
    return [judged(claim, SIMULATION, found.rows) for claim in found.study.claims]


def table(rows: pl.DataFrame, part: str) -> Iterator[tuple[str, Mapping[str, Interval]]]:
    """The lines of a part, each with the interval of every column."""
    mine = rows.filter(part=part)
    for line in mine["line"].unique(maintain_order=True):
        here = mine.filter(line=line)
        yield (
            line,
            {
                column: interval(here.filter(column=column)["value"].to_list())
                for column in here["column"].unique(maintain_order=True)
            },
        )


def lines(study: Study, rows: pl.DataFrame, part: str) -> tuple[list[str], list[list[str]]]:
    """A part as a table in words: its header, its lines."""
    found = dict(table(rows, part))
    columns = list(dict.fromkeys(column for each in found.values() for column in each))
    return [study.parts[part], *columns], [
        [line, *(_written(study, line, column, each.get(column)) for column in columns)]
        for line, each in found.items()
    ]


def _written(study: Study, line: str, column: str, found: Interval | None) -> str:
    if found is None:
        return ""
    digits, theirs = study.digits, study.paper.get((line, column))
    half = f" ± {found.half:,.{digits}f}" if found.seeds > 1 and round(found.half, digits) > 0 else ""
    return f"{found.mean:,.{digits}f}{half}" + (f" ({theirs:g})" if theirs is not None else "")


def value_of(rows: pl.DataFrame, line: str, column: str) -> dict[int, float]:
    """One figure by seed."""
    return dict(rows.filter(line=line, column=column).select("seed", "value").iter_rows())


def mean_of(rows: pl.DataFrame, several: Sequence[str], column: str) -> dict[int, float]:
    """The mean of a column over some lines, by seed."""
    found = (
        rows.filter(pl.col("line").is_in(several), column=column).group_by("seed").agg(pl.col("value").mean())
    )
    return dict(found.sort("seed").iter_rows())


def relative(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    """How much larger one figure is than another, by seed."""
    return {seed: one[seed] / other[seed] - 1 for seed in sorted(one.keys() & other.keys()) if other[seed]}
