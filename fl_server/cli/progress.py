"""Progress as a person sees it: a live bar on a terminal, plain lines elsewhere; always on stderr."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from data.progress import Result, Step, Steps, Work

SECONDS_BETWEEN_LINES = 5.0


def shown(work: Work[Result]) -> Result:
    """Run `work` to its end, showing each of its steps, and return its result."""
    if sys.stderr.isatty():
        return _shown_live(work)
    return _shown_in_lines(work)


def _shown_live(work: Work[Result]) -> Result:
    fixed, folding = Column(no_wrap=True), Column(overflow="fold")  # a narrow terminal folds the detail
    columns = (
        TextColumn("{task.description}", style="bold", markup=False, table_column=fixed),
        BarColumn(bar_width=16),
        TextColumn("{task.percentage:>3.0f}%", table_column=fixed),
        TimeElapsedColumn(table_column=fixed),
        TimeRemainingColumn(table_column=fixed),
        TextColumn("left", table_column=fixed),
        TextColumn("{task.fields[detail]}", markup=False, table_column=folding),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}
        steps = Steps(work)
        for step in steps:
            if step.stage not in tasks:
                tasks[step.stage] = progress.add_task(step.stage, total=step.total, detail="")
            progress.update(tasks[step.stage], completed=step.done, total=step.total, detail=_detail(step))
        return steps.result


def _shown_in_lines(work: Work[Result]) -> Result:
    began = time.monotonic()
    last_shown: dict[str, float] = {}
    steps = Steps(work)
    for step in steps:
        now = time.monotonic()
        ended = step.done >= step.total
        if not ended and now - last_shown.get(step.stage, -SECONDS_BETWEEN_LINES) < SECONDS_BETWEEN_LINES:
            continue
        last_shown[step.stage] = now
        share = step.done / step.total if step.total else 1.0
        print(f"{now - began:7.1f} s  {step.stage}: {share:4.0%}  {_detail(step)}".rstrip(), file=sys.stderr)  # noqa: T201 - this is the display
    return steps.result


def _detail(step: Step) -> str:
    if step.detail:
        return step.detail
    if step.unit == "B":
        return f"{step.done / 1e6:,.0f} of {step.total / 1e6:,.0f} MB"
    return f"{step.done:,.0f} of {step.total:,.0f} {step.unit}".rstrip()
