"""Runs that lie on the disk: where they are, how far they have come, and the twins that they ended with."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl

from data.errors import InputError
from data.store import MARK
from data.traffic import StationId
from fl_server.run_folder import RECORD, SUMMARY, TWINS, kept_state, read_record, read_summary, way_on
from fl_server.settings import TwinSettings
from forecasting.twin import Twin, load_twin

SUFFIX = ".twin"


@dataclass(frozen=True)
class Reached:
    """How far a run has come that is not finished; `turn` turns of the stage are done."""

    stage: str
    turn: int
    words: str


def run_folders(paths: Sequence[Path]) -> list[Path]:
    """The folders of the runs at `paths`, each of which is a run or holds some at any depth."""
    return [folder for path in paths for folder in _at(path)]


def _at(path: Path) -> list[Path]:
    if not path.is_dir():
        raise InputError(f"{path}: no such folder, expected a run of vhtwin twin or a folder that holds some")
    if (path / RECORD).exists():
        return [path]
    found = [record.parent for record in sorted(path.rglob(RECORD)) if (record.parent / MARK).exists()]
    whole = [folder for folder in found if not _is_hidden(folder.relative_to(path))]
    if not whole:
        raise InputError(f"{path}: holds no run; vhtwin twin DIR makes one")
    return whole


def _is_hidden(path: Path) -> bool:
    """Whether it lies in a hidden folder, such as one that is still being written."""
    return any(part.startswith(".") for part in path.parts)


def is_finished(folder: Path) -> bool:
    """Whether the run in `folder` has written its summary, which comes last."""
    return (folder / SUMMARY).exists()


def reached(folder: Path) -> Reached:
    """How far the unfinished run in `folder` has come, by the state that it kept last."""
    settings = read_record(folder).settings
    state = kept_state(folder)
    if state is None:
        return Reached("vertical", 0, "nothing kept yet")
    runs = [run for run in (state.hierarchical, state.single_level) if run is not None]
    run = next((run for run in runs if run.stage != "done"), None)
    if run is None:
        return Reached("done", 0, "twinned, results not written yet")
    single = run.system == "single-level"
    words = _words(run.stage, run.turn, settings, single=single)
    return Reached(run.stage, run.turn, f"{words}, without clusters" if single else words)


def _words(stage: str, turn: int, settings: TwinSettings, *, single: bool) -> str:
    if stage == "vertical":
        return f"V-twinning, round {turn} of {settings.vertical.epochs}"
    if single:
        return f"H-twinning, epoch {turn} of {settings.horizontal.epochs}"
    return f"H-twinning, step {turn}"


def twin_files(folder: Path) -> list[Path]:
    """The files of the twins in the run `folder`: the network's, those of clusters, those of stations."""
    return sorted((folder / TWINS).glob(f"[!.]*{SUFFIX}"), key=_order)


def _order(file: Path) -> tuple[int, list[str | int]]:
    """Clusters and stations by their numbers where they have some."""
    tier = 2 if file.stem.startswith("local-") else int(file.stem.startswith("cluster-"))
    return tier, [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", file.stem)]


def twins_of(folder: Path) -> Iterator[tuple[Path, Twin | InputError]]:
    """Each twin of the run `folder` with its file, or why it cannot be had."""
    for file in twin_files(folder):
        try:
            yield file, stored_twin(file)
        except InputError as refusal:
            yield file, refusal


def stored_twin(file: Path) -> Twin:
    """The twin in a file, which must be the one that the file is named after."""
    twin = load_twin(file)
    if file.name != twin_file(twin.scope, twin.name):
        raise InputError(f"{file}: holds the twin {twin.name}, expected the one that the file is named after")
    return twin


def twin_file(scope: str, name: str) -> str:
    """The name of a twin's file; a station's id may hold anything."""
    safe = quote(name, safe="")
    return f"{scope}-{safe}.twin" if scope == "local" else f"{safe}.twin"


def found_file(folder: Path, name: str, candidates: Sequence[str]) -> Path:
    """The file of the twin called `name`: the first of the `candidates` that is there."""
    read_record(folder)
    files = {file.name: file for file in twin_files(folder)}
    for candidate in candidates:
        if candidate in files:
            return files[candidate]
    if not is_finished(folder):
        raise InputError(f"{folder}: this run is not finished; {way_on(folder)} goes on with it")
    known = [Path(each).stem.removeprefix("local-") for each in files]
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; vhtwin twins list {folder} names those it has"
    raise InputError(f"{folder}: has no twin {name!r}{hint}")


def data_end(summary: Mapping[str, Any]) -> np.datetime64:
    """When the data of a finished run end: after the last step of its stream."""
    return np.datetime64(summary["data_end"], "m")


def stations_of_clusters(named: Sequence[str], runs: Path) -> list[StationId]:
    """The stations of clusters of finished runs below `runs`, each named as RUN:NUMBER."""
    return [station for each in named for station in _stations_of_cluster(each, runs)]


def _stations_of_cluster(named: str, runs: Path) -> list[StationId]:
    run, _, number = named.rpartition(":")
    if not run or not number.isdecimal():
        raise InputError(f"{named}: expected a run and the number of one of its clusters, as in runs/one:2")
    folder = runs / run
    read_summary(folder)
    table = pl.read_csv(folder / "stations.csv", schema_overrides={"station": pl.String})
    found = table.filter(pl.col("cluster") == int(number))["station"].to_list()
    if not found:
        clusters = table["cluster"].unique().sort().to_list()
        raise InputError(f"{folder}: has no cluster {number}, expected one of {clusters}")
    return [StationId(each) for each in found]
