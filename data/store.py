"""Files and folders that appear whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; rename it to `path` when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `path` to fill; rename it to `path` when the block succeeds.

    An existing `path` is refused unless it is an empty folder or `overwrite` is set.
    """
    refuse_existing(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    partial.mkdir()
    try:
        yield partial
        move_folder(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuse to write to `path` when something stands there that nobody said may go."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file, expected a folder to write to")
    if path.exists() and any(path.iterdir()) and not overwrite:
        raise InputError(f"{path}: already holds files; name another folder or pass --overwrite")


def move_folder(partial: Path, path: Path) -> None:
    """Put the finished folder `partial` at `path`, in place of what stood there."""
    for file in partial.rglob("*"):
        _sync(file)
    _sync(partial)
    replaced = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.replaced")
    if path.exists():
        os.replace(path, replaced)
    os.replace(partial, path)
    _sync(path.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _sync(path: Path) -> None:
    """Make sure that `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
