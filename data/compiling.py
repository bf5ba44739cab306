"""How functions are compiled that many rooms need: by numba, kept from one run to the next.

numba goes by a function's own file: where a function or a constant of another file has changed, it would go
on with the old machine code. So what is compiled for a module lies in a folder of its own, named after the
text of the module and of all that it imports from the project, directly or not. A changed text has a new
folder; the last few are kept, for whoever goes back and forth between two versions.
"""

import inspect
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast

from numba import config, njit

Function = TypeVar("Function", bound=Callable[..., Any])
KEPT = 3  # folders of a module
IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]*(\([^)]*\)|.*)|import[ \t]+(.*))", re.MULTILINE
)
numba_config: Any = config  # numba has no type for its settings
_placing = Lock()  # numba has one setting of where machine code lies, for all threads


def cached(function: Function) -> Function:
    """Compiled once a machine, or once a session where there is no folder that may be written to."""
    folder = kept_folder(Path(inspect.getfile(function)).absolute())
    if folder is None:
        return cast(Function, njit(nogil=True, error_model="numpy")(function))
    with _placing:
        usual, numba_config.CACHE_DIR = numba_config.CACHE_DIR, str(folder)
        try:
            return cast(Function, njit(nogil=True, error_model="numpy", cache=True)(function))
        finally:
            numba_config.CACHE_DIR = usual


def stamp(module: Path) -> str:
    """What the text of a module and of all that it imports from its project comes to, in few letters."""
    root = next(folder for folder in module.parents if not (folder / "__init__.py").exists())
    found: dict[Path, bytes] = {}
    waiting = [module]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found[file] = file.read_bytes()
            waiting += _files(root, imported(found[file]))
    parts = [f"{file.relative_to(root)}\n".encode() + found[file] for file in sorted(found)]
    return sha256(b"\0".join(parts)).hexdigest()[:16]


def imported(text: bytes) -> set[str]:
    """The modules that a text may import: all that it names, and what might be modules of these.

    Words are looked for instead of a syntax tree because the tree takes twenty times as long; a word too many
    does no harm.
    """
    names: set[str] = set()
    for origin, parts, modules in IMPORT.findall(text):
        words = {word.decode() for word in re.findall(rb"[\w.]+", parts + modules)}
        names |= {origin.decode(), *(f"{origin.decode()}.{word}" for word in words)} if origin else words
    return names


def _files(root: Path, modules: set[str]) -> Iterator[Path]:
    """The files of those modules that are the project's."""
    for name in modules:
        place = root.joinpath(*name.split("."))
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file


@cache
def kept_folder(module: Path) -> Path | None:
    """Where a module's machine code is kept: where numba is told to, beside it, or with the user's caches."""
    try:
        name = f"{module.stem}-{sha256(bytes(module.resolve())).hexdigest()[:8]}-"
        own = name + stamp(module)
    except OSError:  # there is no text to tell it by
        return None
    told = [Path(numba_config.CACHE_DIR)] if numba_config.CACHE_DIR else []
    of_user = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    for base in (*told, module.parent / "__pycache__", of_user / "vhtwin"):
        if _is_writable(base / own):
            _remove_old(base, name, base / own)
            return base / own
    return None


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _remove_old(base: Path, name: str, own: Path) -> None:
    """Keep the youngest folders of a module; another process may be doing the same."""
    others = [each for each in base.glob(f"{name}*") if each != own]
    for each in sorted(others, key=_changed, reverse=True)[KEPT - 1 :]:
        shutil.rmtree(each, ignore_errors=True)


def _changed(folder: Path) -> float:
    return folder.stat().st_mtime if folder.exists() else 0.0
