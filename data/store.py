"""Files and folders that appear whole or not at all.

A folder is filled under the hidden name `.NAME.partial` beside its place, under a lock, and renamed when it
is whole. What it replaces is first renamed to `.NAME.replaced`; whoever is stopped between the two renames
finds the old folder put back on the next attempt. Only folders that vhtwin wrote, which bear MARK, are ever
replaced.
"""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import InputError

MARK = ".vhtwin"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; rename it to `path` when the block succeeds."""
    refuse_existing_file(path, overwrite=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def clear_partial(folder: Path) -> None:
    """Remove the files, not the folders, that writers which were killed left half-written in `folder`."""
    for file in folder.glob(".*.partial"):
        if file.is_file():
            file.unlink()


@contextmanager
def whole_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a hidden folder beside `path` to fill; rename it to `path` when the block succeeds.

    An existing `path` is refused unless it is an empty folder, or `overwrite` is set and vhtwin wrote it.
    """
    path = path.resolve()
    refuse_existing(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _hidden(path, "partial")
    partial.mkdir(exist_ok=True)
    with locked(partial, f"{path}: another run is writing to it; wait, or name another folder"):
        _empty(partial)  # what a killed run left
        try:
            yield partial
            move_folder(partial, path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuse to write to `path` when something stands there that may not be replaced."""
    path = path.resolve()
    _refuse_odd_name(path)
    _put_back(path)
    refuse_unwritable(path)
    if not path.exists() or not any(path.iterdir()):
        return
    if not overwrite:
        raise InputError(f"{path}: already holds files; name another folder or pass --overwrite")
    if not (path / MARK).exists():
        raise InputError(f"{path}: holds files that vhtwin did not write, which --overwrite does not replace")


def refuse_existing_file(path: Path, *, overwrite: bool) -> None:
    """Refuse to write to `path` where a folder stands, or a file that may not be replaced."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a file to write to")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: already exists; name another file or pass --overwrite")
    refuse_unwritable(path.parent)


def refuse_unwritable(path: Path) -> None:
    """Refuse a folder that is a file, or that could not be made where it is to be."""
    standing = next(each for each in (path.resolve(), *path.resolve().parents) if each.exists())
    if not standing.is_dir():
        raise InputError(f"{standing}: is a file, expected a folder to write to")
    if not os.access(standing, os.W_OK | os.X_OK):
        raise InputError(f"{standing}: may not be written to; name another folder")


def _refuse_odd_name(path: Path) -> None:
    if path == path.parent:
        raise InputError(f"{path}: is the root of the file system, expected a folder in it")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"{str(path)!a}: is no UTF-8 text, name another folder") from None


def refuse_overlap(source: Path, out: Path) -> None:
    """Refuse to write a folder in the place of what is read, or of a folder that holds it."""
    source, out = source.resolve(), out.resolve()
    if source.is_relative_to(out):
        raise InputError(f"{out}: is or holds {source}, which is read; name another folder")


def refuse_inside(kept: Path, out: Path) -> None:
    """Refuse to write to a place in the folder `kept`, of which nothing may change, or in its stead."""
    refuse_overlap(kept, out)
    if out.resolve().is_relative_to(kept.resolve()):
        raise InputError(f"{out}: lies in {kept}, of which nothing may change; name a place outside")


def move_folder(partial: Path, path: Path) -> None:
    """Put the finished folder `partial` at `path`, in place of what stood there."""
    (partial / MARK).write_text("Written by vhtwin, which replaces this folder when --overwrite is passed.\n")
    for file in partial.rglob("*"):
        _sync(file)
    _sync(partial)
    path = path.resolve()
    replaced = _hidden(path, "replaced")
    try:
        if path.exists():
            os.replace(path, replaced)
        os.replace(partial, path)
    except BaseException:
        _put_back(path)
        raise
    _sync(path.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _hidden(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}")


def _put_back(path: Path) -> None:
    """Undo a replacement that was stopped between its two renames; end one that was stopped after them."""
    replaced = _hidden(path, "replaced")
    if replaced.exists() and not path.exists():
        os.replace(replaced, path)
    shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def locked(folder: Path, refusal: str) -> Iterator[None]:
    """Hold the lock on `folder`; refuse with this sentence when another process holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(refusal) from None
        yield
    finally:
        os.close(handle)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _sync(path: Path) -> None:
    """Make sure that `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # what file systems say that cannot sync a folder
            raise
    finally:
        os.close(handle)
