"""A run on the disk: what it was asked for, how far it has come, and what came of it.

The folder is made whole, with the record of the run; from then on each file in it is replaced whole. Whoever
is stopped at any moment leaves the record and the last state that was kept, from which `resumed` goes on.
"""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic

from data.artefacts import read_artefact, write_artefact
from data.errors import InputError
from data.plain import Arrays, plain, read_json, rebuilt
from data.sets.tables import ReadSettings
from data.store import MARK, clear_partial, locked, whole_file, whole_folder
from fl_server.running import State
from fl_server.settings import TwinSettings

RECORD, STATE, SUMMARY, TWINS, MEMORY = "run.json", "state", "summary.json", "twins", "memory"
KIND = "state of a run"
FEDERATION = "federation"  # in the place of a set, where the stations have theirs on other machines
ESSENTIAL = ("v", "h", "clusters", "quality", "phases", "stream", "data_end", "by_cluster", "odd")
LONGEST_SHARE = 0.02  # of the time that keeping states may take


@dataclass(frozen=True)
class Record:
    """All that decides a run."""

    version: str
    set: str  # the folder of the set
    data: str  # the fingerprint of its traffic
    reading: ReadSettings
    settings: TwinSettings
    links: str = ""  # the fingerprint of the file of links, where the topology is one
    known_as: str = ""  # to cluster heads, who may have known another run of this name


def new_run(folder: Path, record: Record, *, overwrite: bool) -> None:
    """Make the folder of a run, with its record; one that another process is at work on is not replaced."""
    with (
        _at_work(folder) if folder.is_dir() else nullcontext(),
        whole_folder(folder, overwrite=overwrite) as partial,
    ):
        (partial / RECORD).write_text(_written(record))


def keep_record(folder: Path, record: Record) -> None:
    """Write the record of a run anew, if it is another one: its set was moved."""
    if record != read_record(folder):
        with whole_file(folder / RECORD) as partial:
            partial.write_text(_written(record))


def _written(record: Record) -> str:
    return json.dumps(plain(record, {}), indent=2) + "\n"


def read_record(folder: Path) -> Record:
    """What the run in `folder` was asked for."""
    file = folder / RECORD
    if not (folder / MARK).exists() or not file.exists():
        raise InputError(f"{folder}: is no run of vhtwin, expected a folder that vhtwin twin has made")
    try:
        return rebuilt(Record, read_json(file.read_text()))
    except (UnicodeDecodeError, InputError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the run in `folder`; refuse when another process holds it. Clears what a killed one left."""
    with _at_work(folder):
        clear_partial(folder)
        clear_partial(folder / TWINS)
        yield


def _at_work(folder: Path) -> AbstractContextManager[None]:
    return locked(folder, f"{folder}: another process is at work on this run; wait for it")


def kept(
    folder: Path,
    several: Iterator[State],
    seconds: float,
    before_that: Callable[[State], None] = lambda _: None,
) -> Iterator[State]:
    """The same states; one every so many seconds, and the last, is kept in the folder.

    The last is kept also when there is no next one because something went wrong. `before_that` others are to
    keep what belongs to the state, which is then sure to be theirs when the run goes on from it.
    """
    before, cost, last = monotonic(), 0.0, None
    try:
        for state in several:
            last = state
            if monotonic() - before >= max(seconds, cost / LONGEST_SHARE):
                began = monotonic()
                before_that(state)
                keep(folder, state)
                before, last = monotonic(), None
                cost = before - began
            yield state
    finally:
        if last is not None:
            before_that(last)
            keep(folder, last)


def keep(folder: Path, state: State) -> None:
    """Keep `state` as the one from which the run goes on."""
    arrays: Arrays = {}
    header = {"asked_for": _fingerprint(folder), "state": plain(state, arrays)}
    write_artefact(folder / STATE, KIND, header, arrays)


def _fingerprint(folder: Path) -> str:
    """The SHA-256 of all that decides the run; where its set lies may change."""
    record = read_json((folder / RECORD).read_text())
    if not isinstance(record, dict):
        raise InputError(f"{folder / RECORD}: holds {record!r}, expected what a run was asked for")
    return sha256(json.dumps({**record, "set": ""}, sort_keys=True).encode()).hexdigest()


def kept_state(folder: Path) -> State | None:
    """The state that was kept last, if any was."""
    if not (folder / STATE).exists():
        return None
    header, arrays = read_artefact(folder / STATE, KIND)
    if header.get("asked_for") != _fingerprint(folder):
        raise InputError(f"{folder / RECORD}: has changed since the run began; make a new run with it")
    try:
        return rebuilt(State, header.get("state"), arrays)
    except InputError as error:
        raise InputError(f"{folder / STATE}: is of another version of vhtwin: {error}") from error


def way_on(folder: Path) -> str:
    """The command that goes on with the run in `folder`: where its stations are elsewhere, by its server."""
    if read_record(folder).set == FEDERATION:
        return f"vhtwin run --name {folder.name} --resume"
    return f"vhtwin resume {shlex.quote(str(folder))}"


def write_summary(folder: Path, summary: dict[str, object]) -> None:
    """Write the summary: the last file of a run, which says that it is finished."""
    with whole_file(folder / SUMMARY) as partial:
        partial.write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")


def read_summary(folder: Path) -> dict[str, object]:
    """The summary of the finished run in `folder`."""
    read_record(folder)
    file = folder / SUMMARY
    if not file.exists():
        raise InputError(f"{folder}: this run is not finished; {way_on(folder)} goes on with it")
    try:
        summary: dict[str, object] = read_json(file.read_text())
    except (UnicodeDecodeError, InputError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    lacking = [name for name in ESSENTIAL if not isinstance(summary, dict) or name not in summary]
    if lacking:
        raise InputError(f"{file}: lacks {', '.join(lacking)}, expected the summary of a finished run")
    return summary
