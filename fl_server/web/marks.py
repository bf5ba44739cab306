"""What people have said of alerts: seen, or not to be shown for a while; a file beside the run, not in it."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from data.errors import InputError
from data.plain import read_json, rebuilt
from data.store import whole_file

MOST_MARKS = 100_000
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Mark:
    """One alert's: whether somebody has seen it, and until which time of the data it is muted."""

    acknowledged: bool = False
    muted_until: str = ""  # a wall-clock time, or nothing
    note: str = ""

    def __post_init__(self) -> None:
        _refuse_no_time(self.muted_until)


@dataclass(frozen=True)
class _Marks:
    marks: Mapping[str, Mark]


def marks_file(folder: Path) -> Path:
    """Where the marks of the run in `folder` are kept."""
    folder = folder.resolve()
    return folder.with_name(f"{folder.name}.alerts.json")


def marks_of(folder: Path) -> dict[str, Mark]:
    """The marks by the names of alerts."""
    file = marks_file(folder)
    if not file.exists():
        return {}
    try:
        return dict(rebuilt(_Marks, read_json(file.read_text())).marks)
    except (UnicodeDecodeError, InputError) as error:
        raise InputError(f"{file}: is no file of marks on alerts, as the page writes: {error}") from error


def keep_mark(folder: Path, alert: str, mark: Mark) -> None:
    """Keep `mark` for an alert; one that says nothing is dropped."""
    with _LOCK:
        marks = marks_of(folder)
        marks.pop(alert, None)
        if mark != Mark():
            marks[alert] = mark
        if len(marks) > MOST_MARKS:
            raise InputError(f"{marks_file(folder)}: holds {MOST_MARKS} marks, expected no more")
        with whole_file(marks_file(folder)) as partial:
            written = {name: asdict(each) for name, each in marks.items()}
            partial.write_text(json.dumps({"marks": written}, indent=1) + "\n")


def _refuse_no_time(words: str) -> None:
    try:
        moment = datetime.fromisoformat(words) if words else None
    except ValueError:
        raise InputError(f"muted_until {words!r}: expected a time such as 2013-11-29T12:00") from None
    if moment is not None and moment.tzinfo is not None:
        raise InputError(f"muted_until {words!r}: expected a time on the wall clock of the data, no offset")
