"""Many damaged inputs to each reader: `python -m tests.fuzz.campaign [TARGET …] --inputs 100000 --seed 1`.

Prints how many were read and how many refused; what ends in anything else, or takes too long, is kept in the
corpus, which the ordinary tests read again.
"""

import argparse
import re
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import FrameType

import numpy as np

from data.errors import InputError
from tests.fuzz.targets import Target, targets

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 10  # that one input may take
SHORTEST = 15  # sentence
MOST_FOUND = 40  # of one target before it is given up


class TooSlowError(Exception):
    """An input took longer than any may."""


@contextmanager
def in_time(seconds: int) -> Iterator[None]:
    """Let the block take so many seconds at most."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise TooSlowError(f"took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(target: Target, content: bytes, scratch: Path) -> str:
    """What becomes of an input: "read", "refused", or what went wrong."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        try:
            with in_time(SECONDS), warnings.catch_warnings(action="error"):
                target.read(content, Path(folder))
        except InputError as refusal:
            return "refused" if len(str(refusal)) > SHORTEST else f"refused without a sentence: {refusal!r}"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            return f"{type(error).__name__}: {error}"[:300]
    return "read"


def inputs(target: Target, number: int, seed: int) -> Iterator[bytes]:
    """So many damaged inputs, always the same for one seed."""
    draws = np.random.default_rng([seed, *target.name.encode()])
    for place in range(number):
        yield target.damage(target.whole[place % len(target.whole)], draws)


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("target", nargs="*", help="all of them unless named")
    parser.add_argument("--inputs", type=int, default=100_000, help="for each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    found = 0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        known = targets(Path(scratch))
        for name in arguments.target or known:
            found += _campaign(known[name], arguments.inputs, arguments.seed, Path(scratch))
    return 1 if found else 0


def _campaign(target: Target, number: int, seed: int, scratch: Path) -> int:
    counts, kinds, began, slowest = Counter[str](), dict[str, str](), time.monotonic(), 0.0
    for content in inputs(target, number, seed):
        before = time.monotonic()
        result = outcome(target, content, scratch)
        slowest = max(slowest, time.monotonic() - before)
        kind = result if result in ("read", "refused") else "found"
        counts[kind] += 1
        if kind == "found" and (known := re.sub(r"\d+", "0", result)[:60]) not in kinds:
            kinds[known] = result
            _keep(target, content)
            if len(kinds) >= MOST_FOUND:
                break
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{target.name}: {sum(counts.values()):,} inputs, {counts['read']:,} read, "
        f"{counts['refused']:,} refused, {counts['found']:,} found, {seconds:.0f} s, "
        f"the slowest {slowest:.2f} s\n" + "".join(f"    {result}\n" for result in kinds.values())
    )
    sys.stdout.flush()
    return counts["found"]


def kept_as(target: Target) -> str:
    """The folder of the corpus that is a target's."""
    return target.name.replace(" ", "-")


def _keep(target: Target, content: bytes) -> None:
    folder = CORPUS / kept_as(target)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / sha256(content).hexdigest()[:16]).write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
