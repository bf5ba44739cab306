"""The rows of an experiment on the disk: a CSV that every finished run is added to, whole at any moment.

Lines that begin with # tell what it was made with; the rest is a table with one line a run.
"""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import InputError
from data.plain import plain
from data.store import whole_file
from fl_server.experiments.cells import Row
from fl_server.presets import preset, settings_of

ROOT = Path(__file__).parents[2]
Header = dict[str, Any]  # Any: what JSON holds


def kept_rows(file: Path) -> dict[str, Row]:
    """The rows of a file by their keys; none where there is no file."""
    if not file.exists():
        return {}
    try:
        frame = pl.read_csv(file, comment_prefix="#", infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{file}: cannot be read: {error}; expected rows that vhtwin reproduce has kept"
        ) from error
    if "key" not in frame.columns:
        raise InputError(f"{file}: has no column key, expected rows that vhtwin reproduce has kept")
    words = [name for name in ("label", "line", "column") if name in frame.columns]
    return {row["key"]: row for row in frame.with_columns(pl.col(words).cast(str)).iter_rows(named=True)}


def keep_rows(file: Path, header: Header, rows: Mapping[str, Row]) -> None:
    """Write the rows with what they were made with."""
    columns = dict.fromkeys(name for row in rows.values() for name in row)
    frame = pl.DataFrame(
        [{name: row.get(name) for name in columns} for row in rows.values()], infer_schema_length=None
    )
    lines = "".join(f"# {name}: {json.dumps(value)}\n" for name, value in header.items())
    with whole_file(file) as partial:
        partial.write_text(lines + frame.write_csv())


def header(title: str, changes: Mapping[str, Mapping[str, Any]], rows: Mapping[str, Row]) -> Header:
    """What the rows of a file of twinning runs were made with; `changes` are those of each label."""
    settings = {"settings": plain(settings_of(preset("paper")), {}), "changes": changes}
    return study_header(title, rows) | settings


def study_header(title: str, rows: Mapping[str, Row]) -> Header:
    """What the rows of a file were made with."""
    return {
        "experiment": title,
        "seeds": sorted({row["seed"] for row in rows.values()}),
        "commits": sorted({row["commit"] or "" for row in rows.values()}),
        "machines": sorted({row["machine"] for row in rows.values()}),
        "minutes": round(sum(row["minutes"] for row in rows.values()), 2),
    }


@cache
def made_with() -> Row:
    """What makes a row here: the commit of the code, the machine."""
    machine = f"{os.cpu_count()} × {_processor()}, Python {platform.python_version()}"
    return {"commit": _commit(), "machine": machine}


def _commit() -> str:
    """The commit of a clone; nothing in an installation."""
    words = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    if not (ROOT / ".git").exists():
        return ""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
