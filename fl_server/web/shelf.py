"""The runs that lie below a folder, each under a key that is a word of its own and never a path."""

import re
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from fl_server.run_folder import RECORD
from fl_server.stored_runs import run_folders

ODD = re.compile(r"[^A-Za-z0-9_.-]+")


class UnknownError(Exception):
    """What was asked for is not there."""


@dataclass(frozen=True)
class Shelf:
    """A run, or a folder of runs; those that come later are found as well."""

    root: Path

    def folders(self) -> dict[str, Path]:
        """The folder of each run by its key, in the order of their paths."""
        try:
            found = run_folders([self.root])
        except InputError:  # all that there were are gone
            return {}
        keyed: dict[str, Path] = {}
        for folder in found:
            keyed[_unused(_key(self.root, folder), keyed)] = folder
        return keyed

    def folder(self, key: str) -> Path:
        """The folder of the run called `key`."""
        folder = self.folders().get(key)
        if folder is None or not (folder / RECORD).exists():
            raise UnknownError(f"no run is called {key!r}; /api/runs names those that there are")
        return folder


def _key(root: Path, folder: Path) -> str:
    parts = folder.relative_to(root).parts or (folder.resolve().name,)
    return "~".join(ODD.sub("_", part) for part in parts)


def _unused(key: str, taken: dict[str, Path]) -> str:
    number = 1
    wanted = key
    while wanted in taken:
        number += 1
        wanted = f"{key}~{number}"
    return wanted
