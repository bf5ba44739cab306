"""Over the wire: stations behind packets make the same twins as those that are asked directly."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bs_client.site import Site
from data.messages import Answer, KeepOrder, Kept, Order
from data.wire import packed_orders, unpacked_answers
from fl_server.federation.fleet import setup_of
from fl_server.local import LocalFleet
from fl_server.settings import HorizontalSettings, TwinSettings
from tests.fl_server.crossing.test_coded import CODED, end_of
from tests.fl_server.crossing.test_masked import SECURE
from tests.fl_server.test_lifecycle import CITY, all_states, fleet_of


class Wired(LocalFleet):
    """Stations of a site, to whom orders go as packets and from whom answers come as such."""

    site: Site
    settings: TwinSettings

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        packet = packed_orders(setup_of(self.settings), orders)
        found = unpacked_answers(self.site.answered(packet))
        assert found.refusal == ""
        return list(found.answers)


def wired(settings: TwinSettings) -> Wired:
    made = Wired(fleet_of(settings).stations, [])
    made.site, made.settings = Site(CITY), settings
    return made


@pytest.mark.parametrize(
    "settings", [replace(CODED, single_level=False), replace(SECURE, single_level=False)]
)
def test_twins_are_the_same_over_the_wire(settings: TwinSettings) -> None:
    assert end_of(all_states(settings, fleet=wired(settings))[-1]) == end_of(all_states(settings)[-1])


def test_stations_keep_what_they_are_told_to() -> None:
    fleet = wired(replace(CODED, horizontal=HorizontalSettings(epochs=0)))
    assert set(fleet.ask([KeepOrder(fleet.stations, 0)])) == {Kept(station) for station in fleet.stations}
