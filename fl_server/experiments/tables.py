"""The tables of experiments in words: the paper's figures beside ours, and the verdicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from fl_server.experiments.catalogue import Experiment, Variant
from fl_server.experiments.claims import Interval, Verdict, interval, judged
from fl_server.experiments.studies import Studied, lines
from fl_server.experiments.studies import verdicts as study_verdicts


@dataclass(frozen=True)
class Column:
    """A figure of the rows: its name for a reader, the digits it has, and whether it is told as a ratio.

    A ratio is that to the first label, since seconds and counts are another machine's and another stream's.
    """

    name: str
    title: str
    digits: int = 4
    ratio: bool = False


ERRORS = (
    Column("v_mse", "V MSE"),
    Column("h_mse", "H MSE"),
    Column("v_cluster_mse", "V C-NDT MSE"),
    Column("h_cluster_mse", "H C-NDT MSE"),
    Column("single_v_mse", "single V MSE"),
    Column("single_h_mse", "single H MSE"),
    Column("v_mae", "V MAE"),
    Column("h_mae", "H MAE"),
    Column("single_v_mae", "single V MAE"),
    Column("v_nrmse", "V NRMSE"),
    Column("h_nrmse", "H NRMSE"),
    Column("single_v_nrmse", "single V NRMSE"),
)
COSTS = (
    Column("mapping_seconds", "mapping, CPU s", 2),
    Column("mapping_seconds", "mapping, ratio", 2, ratio=True),
    Column("updates", "updates", 0),
    Column("updates", "updates, ratio", 2, ratio=True),
    Column("h_backhaul_bytes_up", "bytes up", 0),
    Column("h_backhaul_bytes_down", "bytes down", 0),
    Column("v_clusters", "clusters V", 1),
    Column("h_clusters", "clusters H", 1),
    Column("largest_share", "largest cluster, share", 2),
)


@dataclass(frozen=True)
class Entry:
    """One figure of a table: the paper's, where it has it, and ours over the seeds."""

    paper: float | None
    ours: Interval | None


def sources_of(rows: pl.DataFrame) -> list[str]:
    """The sources that rows are of, in their order."""
    return rows["source"].unique(maintain_order=True).to_list()


def entries(experiment: Experiment, rows: pl.DataFrame, column: Column) -> list[Entry]:
    """A figure for every label, from the rows of one source."""
    first = next((each for each in experiment.variants if not rows.filter(label=each.label).is_empty()), None)
    return [_entry(each, first, rows, column) for each in experiment.variants]


def _entry(variant: Variant, first: Variant | None, rows: pl.DataFrame, column: Column) -> Entry:
    theirs = variant.paper.get(column.name)
    mine = _by_seed(rows, variant, column.name)
    if column.ratio and first is not None:
        base = first.paper.get(column.name)
        theirs = theirs / base if theirs is not None and base else None
        bases = _by_seed(rows, first, column.name)
        mine = {seed: value / bases[seed] for seed, value in mine.items() if bases.get(seed)}
    return Entry(theirs, interval(list(mine.values())) if mine else None)


def _by_seed(rows: pl.DataFrame, variant: Variant, name: str) -> dict[int, float]:
    if name not in rows.columns:
        return {}
    found = rows.filter(label=variant.label).select("seed", pl.col(name).cast(float)).drop_nulls()
    return dict(found.iter_rows())


def written(entry: Entry, digits: int) -> str:
    """An entry in words: ours with its interval, the paper's behind it."""
    ours = "" if entry.ours is None else f"{entry.ours.mean:,.{digits}f}"
    if entry.ours is not None and entry.ours.seeds > 1 and round(entry.ours.half, digits) > 0:
        ours += f" ± {entry.ours.half:,.{digits}f}"
    return ours + (f" ({_theirs(entry.paper)})" if entry.paper is not None else "")


def _theirs(value: float) -> str:
    """A figure of the paper's: three digits behind the point below 1, as it prints them, two of ratios."""
    if value < 1:
        return f"{value:.3f}"
    return f"{value:,.0f}" if value == round(value) and value != 1 else f"{value:.2f}"


def table(experiment: Experiment, rows: pl.DataFrame, columns: Sequence[Column]) -> Iterator[list[str]]:
    """The lines of the table of one source: a line for every figure that it has, a column for every label."""
    for column in columns:
        found = entries(experiment, rows, column)
        if any(each.ours is not None for each in found):
            yield [column.title, *(written(each, column.digits) for each in found)]


def verdicts(experiment: Experiment, rows: pl.DataFrame) -> list[Verdict]:
    """What became of each claim on each source."""
    return [
        judged(claim, source, rows.filter(source=source))
        for claim in experiment.claims
        for source in sources_of(rows)
    ]


def verdict_line(verdict: Verdict) -> list[str]:
    """A verdict as a line of a table: the claim, the paper's size, ours on which source, the word and why."""
    claim, found = verdict.claim, verdict.found
    theirs = "" if claim.paper is None else f"{claim.paper:+.1%}"
    ours = "" if found is None else f"{found.mean:+.1%}" + (f" ± {found.half:.1%}" if found.seeds > 1 else "")
    return [claim.about, verdict.source, theirs, ours, verdict.word, verdict.why]


VERDICT_HEADER = ("claim of the paper", "on", "paper", "ours", "verdict", "why")


def claim_lines(experiment: Experiment, rows: pl.DataFrame, sources: Sequence[str]) -> list[list[str]]:
    """A line for each claim: where, its sentence, the paper's size, and what was found on some sources."""
    found = {(each.claim.about, each.source): each for each in verdicts(experiment, rows)}
    return [
        [
            experiment.name,
            claim.about,
            "" if claim.paper is None else f"{claim.paper:+.1%}",
            *(_short(found.get((claim.about, source))) for source in sources),
        ]
        for claim in experiment.claims
    ]


def _short(verdict: Verdict | None) -> str:
    if verdict is None or verdict.found is None:
        return ""
    return f"{verdict.found.mean:+.1%} ± {verdict.found.half:.1%}: {verdict.word}"


def markdown(experiment: Experiment, rows: pl.DataFrame) -> str:
    """Tables and verdicts of an experiment as Markdown."""
    parts = [f"### {experiment.title}\n"]
    for source in sources_of(rows):
        mine = rows.filter(source=source)
        header = [f"{source}, by {experiment.varies}", *experiment.labels]
        parts.append(markdown_table(header, list(table(experiment, mine, ERRORS + COSTS))))
    if experiment.claims:
        parts.append(
            markdown_table(VERDICT_HEADER, [verdict_line(each) for each in verdicts(experiment, rows)])
        )
    return "\n".join(parts)


def study_markdown(found: Studied) -> str:
    """Tables, verdicts and differences of a study as Markdown."""
    study = found.study
    parts = [f"### {study.title}\n"]
    parts += [markdown_table(*lines(study, found.rows, part)) for part in study.parts]
    if study.claims:
        parts.append(markdown_table(VERDICT_HEADER, [verdict_line(each) for each in study_verdicts(found)]))
    return "\n".join([*parts, f"{study.differs}\n"] if study.differs else parts)


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = "|---|" + "--:|" * (len(header) - 1)
    return (
        "\n".join(
            ["| " + " | ".join(header) + " |", rule, *("| " + " | ".join(each) + " |" for each in lines)]
        )
        + "\n"
    )
