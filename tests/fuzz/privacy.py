"""Orders to private stations, what they say they have spent, and the file in which they keep that."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from bs_client.budget import Budget, Ledger
from bs_client.site import Site
from data.messages import Answer, DescribeOrder, IntroduceOrder, Order, Spent, SpentOrder, TrainOrder
from data.plain import plain, rebuilt
from data.traffic import StationId
from data.wire import packed_answers, packed_orders, unpacked_answers
from fl_server.federation.fleet import setup_of
from fl_server.local import LocalFleet
from fl_server.run import Plan, planned
from fl_server.trust.privacy import privacy_figures
from forecasting.private import PrivacySettings
from tests.fl_server.test_lifecycle import fleet_of
from tests.fuzz.messages import CITY, ONE, OTHERS, SHORT

BUDGET = PrivacySettings(kind="series", epsilon=1e4, releases=8)
RECIPE = replace(SHORT.recipe, privacy=BUDGET)
PRIVATE = replace(SHORT, recipe=RECIPE, single_level=False)
EVERYBODY = (ONE, *OTHERS)


@cache
def _fleet_and_plan() -> tuple[LocalFleet, Plan]:
    fleet = fleet_of(PRIVATE, CITY)
    return fleet, planned(fleet, PRIVATE)


def whole_private_orders() -> list[bytes]:
    """Packets of orders by which stations spend, and are asked what they have spent."""
    weights = np.zeros(_fleet_and_plan()[1].network.parameters, np.float32)
    several: list[list[Order]] = [
        [SpentOrder(EVERYBODY)],
        [IntroduceOrder(), SpentOrder((ONE,))],
        [DescribeOrder(EVERYBODY), SpentOrder(EVERYBODY)],
        [TrainOrder((ONE,), weights, "vertical", 0, 2, 96), SpentOrder(EVERYBODY)],
    ]
    return [packed_orders(setup_of(PRIVATE, "run"), orders) for orders in several]


def follow_private_orders(content: bytes, folder: Path) -> None:
    """Let stations follow a packet: they answer with one, and no file has more in it than may be spent."""
    found = unpacked_answers(Site(CITY, folder).answered(content))
    assert all(each.releases >= 0 for each in found.answers if isinstance(each, Spent))
    for file in folder.rglob("budget-*.json"):
        ledger = rebuilt(Ledger, json.loads(file.read_text()))
        assert all(len(each.releases) <= ledger.budget.releases for each in ledger.accounts.values())


def whole_spent() -> list[bytes]:
    """Packets in which stations say what they have spent."""
    return [packed_answers([Spent(station, 3) for station in EVERYBODY]), packed_answers([Spent(ONE, 8)])]


@dataclass
class Saying:
    """Stations that all give these answers, whatever they are asked."""

    stations: tuple[StationId, ...]
    answers: Sequence[Answer]

    def ask(self, _orders: Sequence[Order]) -> list[Answer]:
        """The answers."""
        return list(self.answers)


def sum_up_spent(content: bytes, _folder: Path) -> None:
    """Let the server tell what a run has spent by these answers: something from 0 to the whole budget."""
    fleet, plan = _fleet_and_plan()
    saying = Saying(fleet.stations, unpacked_answers(content).answers)
    told = privacy_figures(saying, plan)["privacy"]  # type: ignore[arg-type]  # nothing else is asked of it
    assert told["most"] in plan.stations
    assert 0 <= told["made"] <= BUDGET.releases
    assert 0 <= told["spent"] <= BUDGET.epsilon * (1 + 1e-9)


def whole_ledger() -> bytes:
    """The file of stations that have spent something."""
    accounts = {station: {"secret": "5e" * 32, "releases": ["0" * 16]} for station in EVERYBODY}
    return json.dumps({"budget": plain(BUDGET, {}), "accounts": accounts}).encode()


def spend_by_ledger(content: bytes, folder: Path) -> None:
    """Let stations go on spending by a file: nobody makes more releases than there are."""
    (folder / "budget-0.json").write_bytes(content)
    budget = Budget(EVERYBODY, BUDGET, folder=folder)
    before = {station: budget.releases(station) for station in EVERYBODY}
    budget.charged(dict.fromkeys(EVERYBODY, b"another release"))
    for station in EVERYBODY:
        assert before[station] <= budget.releases(station) <= max(BUDGET.releases, before[station])
