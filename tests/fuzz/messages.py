"""Messages that are no honest ones: at a station, at the server, and all through a run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from bs_client.site import Site
from data.errors import InputError
from data.messages import (
    Answer,
    DescribeOrder,
    EvaluateOrder,
    IntroduceOrder,
    MomentsOrder,
    Order,
    Single,
    Summed,
    TrainOrder,
)
from data.traffic import StationId
from data.wire import packed_answers, packed_orders, unpacked_answers
from fl_server.federation.fleet import setup_of
from fl_server.inbox import received
from fl_server.lifecycle import advanced
from fl_server.local import LocalFleet
from fl_server.reference import federated_ridge
from fl_server.run import begun, planned
from fl_server.settings import HorizontalSettings, TwinSettings, VerticalSettings
from tests.cities import wavy_traffic
from tests.fl_server.test_lifecycle import SETTINGS, fleet_of
from tests.fuzz.damage import damaged_packet
from tests.fuzz.mutations import Draws

CITY = wavy_traffic(stations=4, days=6)
ONE, OTHERS = StationId("s1"), tuple(StationId(each) for each in ("s0", "s2", "s3"))
SHORT = replace(
    SETTINGS,
    segment=replace(SETTINGS.segment, degree=2),
    vertical=VerticalSettings(epochs=2, settling=0.5),
    horizontal=HorizontalSettings(epochs=2, new_values=8, patience_hours=3, psi=4e-4),
)
STEPS = 12  # of the stream: what comes later is like these


@cache
def _weights() -> int:
    """How many weights a twin of the short run has."""
    return planned(fleet_of(SHORT, CITY), SHORT).network.parameters


def _orders(settings: TwinSettings) -> list[Order]:
    weights = np.zeros(_weights(), np.float32)
    everybody = (ONE, *OTHERS)
    return [
        IntroduceOrder(),
        DescribeOrder(everybody),
        TrainOrder(everybody, weights, "vertical", 0, 2, 96),
        TrainOrder((ONE,), weights, "vertical", 0, 2, 96, sum_by="window"),
        EvaluateOrder(everybody, weights, 100, 110),
        MomentsOrder((ONE,), 80, 96),
    ]


def whole_orders() -> list[bytes]:
    """Packets of orders that stations follow."""
    return [packed_orders(setup_of(SHORT), [order]) for order in _orders(SHORT)]


@cache
def _site() -> Site:
    return Site(CITY)


def read_orders(content: bytes, _folder: Path) -> None:
    """Let stations follow a packet: whatever it is, they answer with a packet."""
    unpacked_answers(_site().answered(content))


def whole_answers() -> list[bytes]:
    """Packets of answers of every kind that stations give."""
    return [_site().answered(packet) for packet in whole_orders()]


def read_answers(content: bytes, _folder: Path) -> None:
    """Let the server sort out a packet of answers to an order to train."""
    found = received((ONE, *OTHERS), unpacked_answers(content).answers, _weights())
    assert all(np.isfinite(each.weights).all() for each in found.updates.values())
    assert all(np.isfinite(each.sums).all() for each in found.sums)
    assert np.isfinite(list(found.losses.values())).all()


@dataclass
class HostileFleet:
    """A fleet of which a share of one station's answers are damaged on their way."""

    inner: LocalFleet
    share: float
    draws: Draws

    @property
    def stations(self) -> tuple[StationId, ...]:
        """Those of the inner fleet."""
        return self.inner.stations

    @property
    def left_out(self) -> Mapping[StationId, str]:
        """Those of the inner fleet."""
        return self.inner.left_out

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """What arrives."""
        return [arrived for answer in self.inner.ask(orders) for arrived in self._arriving(answer)]

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Hand the orders on."""
        self.inner.post(orders)

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        """What arrives."""
        given = self.inner.collect(stations)
        arrived = [each for answer in given for each in self._arriving(answer)]
        return [each for each in arrived if not isinstance(each, Summed)]

    def _arriving(self, answer: Answer) -> Iterator[Answer]:
        if isinstance(answer, Summed) or answer.station != ONE or self.draws.random() >= self.share:
            yield answer
            return
        with suppress(InputError):  # then nothing arrives
            yield from unpacked_answers(damaged_packet(packed_answers([answer]), self.draws)).answers


def whole_runs() -> list[bytes]:
    """What is damaged in a run, the share of it first; here nothing."""
    return [bytes(8)]


def another_run(_content: bytes, draws: Draws) -> bytes:
    """Another seed."""
    return draws.bytes(8)


def run_with_answers(content: bytes, _folder: Path) -> None:
    """A short run with a hostile station: it goes on with finite twins, or is refused with a sentence."""
    draws = np.random.default_rng(int.from_bytes(content, "little"))
    share = content[0] / 255 if content else 0.0
    fleet = HostileFleet(fleet_of(SHORT, CITY), share, draws)
    plan = planned(fleet, SHORT)
    run = begun(plan, "hierarchical")
    while run.stage != "done" and not (run.stage == "horizontal" and run.turn == STEPS):
        run = advanced(fleet, plan, run)
        assert np.isfinite(run.tree.top).all()
        assert np.isfinite(run.tree.clusters).all()
    assert np.isfinite(federated_ridge(fleet, plan).squared).all()
