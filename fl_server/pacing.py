"""The stream replayed at a chosen speed, as if its data were coming in."""

import time
from collections.abc import Iterator

from fl_server.run import Plan
from fl_server.running import State


def paced(several: Iterator[State], plan: Plan, hours_a_second: float) -> Iterator[State]:
    """The same states, no step of the stream sooner than its time has come."""
    seconds = plan.timeline.step_minutes / 60 / hours_a_second
    due = None
    for state in several:
        run = state.hierarchical
        if run.stage == "horizontal" and run.turn:
            due = time.monotonic() if due is None else due + seconds
            time.sleep(max(0.0, due - time.monotonic()))
        yield state
