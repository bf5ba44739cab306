"""Gates in streams: what is learned, and what each gate comes to."""

from dataclasses import replace
from functools import cache, partial

import pytest

from clustering.segmentation import SegmentationSettings
from data.progress import finished
from data.windows import SplitSettings
from fl_server.gate_streams import Streamed, stream_begin, streamed, taught
from fl_server.local import LocalFleet, local_fleet
from fl_server.run import Plan, Run
from fl_server.settings import HorizontalSettings, SegmentSettings, TwinSettings, VerticalSettings
from hetnet.sync.gate_learning import GateLearningSettings
from hetnet.sync.gates import GateSettings, opens
from tests.cities import wavy_traffic
from tests.fleets import SMALL_RECIPE

SETTINGS = TwinSettings(
    recipe=replace(SMALL_RECIPE, split=SplitSettings(test_days=2)),
    segment=SegmentSettings(
        topology="regular", degree=4, how=SegmentationSettings(method="girvan-newman", clusters=2)
    ),
    vertical=VerticalSettings(epochs=3),
    horizontal=HorizontalSettings(epochs=12),
)


@cache
def begin() -> tuple[LocalFleet, Plan, Run]:
    traffic = wavy_traffic(stations=7, days=10)
    fleet = local_fleet(traffic, SETTINGS.station_recipe, SETTINGS.segment.signature)
    return fleet, *stream_begin(fleet, SETTINGS)


def through(gate: GateSettings, psi: float = 1e-6) -> Streamed:
    fleet, plan, run = begin()
    return streamed(fleet, plan, run, partial(opens, gate, psi))


def test_a_gate_that_is_never_open_sends_nothing_and_one_that_always_is_sends_all() -> None:
    never, always = through(GateSettings(rule="never")), through(GateSettings(rule="always"))
    assert (never.sent, never.megabytes) == (0, 0)
    assert always.sent == always.reports > 0
    assert always.distance == 0 < never.distance
    assert always.megabytes > 0


def test_a_lower_threshold_sends_more_and_leaves_less_unknown() -> None:
    found = [through(GateSettings(), psi) for psi in (1e-9, 1e-6, 1e-3)]
    assert found[0].sent >= found[1].sent >= found[2].sent
    assert found[0].sent > found[2].sent
    assert found[0].distance <= found[2].distance


def test_every_second_report_is_about_half_of_them() -> None:
    found = through(GateSettings(rule="every", every=2))
    assert found.sent == pytest.approx(found.reports / 2, abs=2)


def test_the_gates_of_a_stream_leave_it_as_it_was() -> None:
    assert through(GateSettings(), 1e-6) == through(GateSettings(), 1e-6)


def test_a_gate_is_taught_and_then_usable() -> None:
    fleet, plan, run = begin()
    made = finished(taught(fleet, plan, run, GateLearningSettings(unit=1e-6, streams=2, updates=5)))
    assert len(made.costs) == 2
    assert all(cost >= 0 for cost in made.costs)
    found = through(GateSettings(rule="learned", learned=made.gate))
    assert 0 <= found.sent <= found.reports
