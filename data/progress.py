"""How long work reports where it stands: an iterator of steps that ends in a result."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

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


class Steps(Generic[Result]):
    """The steps of `work`, for a loop; when they have ended, `result` is there.

    A loop alone would drop what a generator returns.
    """

    result: Result

    def __init__(self, work: Work[Result]) -> None:
        self._work = work

    def __iter__(self) -> Iterator[Step]:
        self.result = yield from self._work


def finished(work: Work[Result]) -> Result:
    """Run `work` to its end, showing nothing, and return its result."""
    steps = Steps(work)
    for _ in steps:
        pass
    return steps.result


def renamed(work: Work[Result], stage: str) -> Work[Result]:
    """The same work, its steps under another name."""
    steps = Steps(work)
    for step in steps:
        yield replace(step, stage=stage)
    return steps.result
