"""How long work reports where it stands: an iterator of steps that ends in a result."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Step:
    """`done` of `total` units of `stage` are finished; `detail` is a short word on the latest one.

    `unit` names what is counted; "B" is bytes, which displays may scale.
    """

    stage: str
    done: float
    total: float
    detail: str = ""
    unit: str = ""


Work = Generator[Step, None, Result]


def finished(work: Work[Result]) -> Result:
    """Run `work` to its end, showing nothing, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


def renamed(work: Work[Result], stage: str) -> Work[Result]:
    """The same work, its steps under another name."""
    while True:
        try:
            step = next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield replace(step, stage=stage)
