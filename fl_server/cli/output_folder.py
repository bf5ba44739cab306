"""The folder that a verb fills with its results: its options, its default name, and what it may not be."""

import argparse
from itertools import count
from pathlib import Path

from data.store import refuse_existing, refuse_overlap


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of a verb that reads the set `arguments.set`."""
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where to write (default: a new folder in ./runs)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FOLDER if vhtwin wrote it")


def refuse_bad(arguments: argparse.Namespace) -> None:
    """Refuse before the work what would be refused after it."""
    if arguments.out:
        refuse_overlap(arguments.set, arguments.out)
        refuse_existing(arguments.out, overwrite=arguments.overwrite)


def named_or_new(arguments: argparse.Namespace, verb: str) -> Path:
    """The folder that was named, or one in `runs` that does not exist yet."""
    if arguments.out:
        named: Path = arguments.out
        return named
    name = f"{verb}-{arguments.set.resolve().name}"
    return next(path for number in count(1) if not (path := Path("runs") / f"{name}-{number}").exists())
