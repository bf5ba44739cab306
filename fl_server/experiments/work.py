"""Making the runs of an experiment, over processes, and keeping each as soon as it is there."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from data.errors import InputError
from data.progress import Step, Work
from fl_server.experiments.catalogue import Experiment, Missing, cells
from fl_server.experiments.cells import Cell, Row, measured
from fl_server.experiments.ledger import header, keep_rows, kept_rows, made_with
from fl_server.experiments.sources import Source
from fl_server.processes import in_processes


@dataclass(frozen=True)
class Made:
    """An experiment's rows, and what could not be made."""

    experiment: Experiment
    rows: pl.DataFrame
    missing: tuple[Missing, ...]


@dataclass(frozen=True)
class Workshop:
    """Where rows are kept, on what and how often each run is made, and by how many processes."""

    folder: Path
    sources: tuple[Source, ...]
    seeds: int
    processes: int
    quick: bool = False

    def file(self, experiment: Experiment) -> Path:
        """Where the rows of an experiment are kept."""
        return self.folder / f"{experiment.name}.csv"


def made(experiment: Experiment, workshop: Workshop) -> Work[Made]:
    """Make the runs of an experiment that are not kept yet."""
    wanted: list[Cell] = []
    missing: list[Missing] = []
    for source in workshop.sources:
        some, lacking = cells(experiment, source, workshop.seeds, quick=workshop.quick)
        wanted += some
        missing += lacking
    wanted.sort(key=lambda cell: cell.seed)  # what is stopped has whole tables of some seeds
    file = workshop.file(experiment)
    rows = kept_rows(file)
    known = _known(workshop.folder)
    for cell in wanted:
        if cell.key not in rows and cell.key in known:
            rows[cell.key] = known[cell.key] | {"label": cell.label}
    open_ = [cell for cell in wanted if cell.key not in rows]
    done = len(wanted) - len(open_)
    yield Step(experiment.name, done, len(wanted), unit="runs")
    changes = {each.label: each.changes for each in experiment.variants}
    for cell, found in in_processes(_row_or_refusal, open_, workshop.processes):
        done += 1
        if isinstance(found, str):
            missing.append(Missing(cell.source.name, cell.label, found))
        else:
            rows[cell.key] = found | made_with()
            keep_rows(file, header(experiment.title, changes, rows), rows)
        yield Step(
            experiment.name, done, len(wanted), f"{cell.source.name}, {cell.label}, seed {cell.seed}", "runs"
        )
    if rows:
        keep_rows(file, header(experiment.title, changes, rows), rows)
    mine = [rows[cell.key] for cell in wanted if cell.key in rows]
    if not mine:
        raise InputError(f"{experiment.name}: no row can be made: {missing[0].source}: {missing[0].why}")
    frame = pl.DataFrame(mine, infer_schema_length=None)
    return Made(experiment, frame, tuple(dict.fromkeys(missing)))


def _known(folder: Path) -> dict[str, Row]:
    """The rows of all experiments: the same run may stand in several tables."""
    return {key: row for file in sorted(folder.glob("*.csv")) for key, row in kept_rows(file).items()}


def _row_or_refusal(cell: Cell) -> tuple[Cell, Row | str]:
    try:
        return cell, measured(cell)
    except InputError as refusal:
        return cell, str(refusal)
