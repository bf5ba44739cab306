"""A fleet some of whose stations attack: a simulation, which only stations of this process can be put into.

The answers of honest stations pass through as they are. What an attacker sends depends on the order, on its
own series and on what it sees of the honest alone, so that a run that was stopped goes on to the same end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data.messages import Answer, Errors, EvaluateOrder, Order, Single, Summed, TrainOrder, Update
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.local import LocalFleet
from fl_server.run import Plan
from fl_server.trust.attackers import drawn_attackers, seen_through
from fl_server.trust.band import Band
from forecasting.networks import initial_weights
from forecasting.stations import start_rng


@dataclass
class AttackedFleet:
    """The stations of `inner`, those of the `band` among them sending what they should not."""

    inner: Fleet
    band: Band
    _posted: list[TrainOrder] = field(default_factory=list)
    _answers: dict[StationId, Single] = field(default_factory=dict)

    @property
    def stations(self) -> tuple[StationId, ...]:
        """All of them."""
        return self.inner.stations

    @property
    def left_out(self) -> Mapping[StationId, str]:
        """Those that cannot take part."""
        return self.inner.left_out

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """The answers of all stations, honest or not; each answers for itself."""
        training = [each for each in orders if isinstance(each, TrainOrder) and each.phase != "personal"]
        others = [each for each in orders if each not in training]
        answers = self.inner.ask(others) if others else []
        if any(isinstance(each, EvaluateOrder) and each.trial for each in others):
            answers = [self._witnessed(each) for each in answers]
        return [*answers, *self._trained(training)]

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Keep the orders until an answer to one of them is wanted."""
        self._posted += orders

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        """The answers of some stations to what was posted to them."""
        if any(station not in self._answers for station in stations):
            self._answers |= {each.station: each for each in self._trained(self._posted)}
            self._posted.clear()
        return [self._answers.pop(each) for each in stations if each in self._answers]

    def _trained(self, orders: Sequence[TrainOrder]) -> list[Single]:
        """The updates of the honest, and beside them those that attackers make."""
        alone = [replace(each, sum_by="nothing") for each in orders]
        honest = [_among(each, set(each.stations) - self.band.attackers) for each in alone]
        sound = _single(self.inner.ask(honest)) if honest else []
        made = list(sound)
        for order in alone:
            mine = _among(order, self.band.attackers)
            if mine.stations:
                answered = [each for each in sound if each.station in set(order.stations)]
                made += self.band.answers(
                    self.inner, mine, [each for each in answered if isinstance(each, Update)]
                )
        return made

    def _witnessed(self, answer: Answer) -> Answer:
        """What a witness says; an attacker says of good weights that they are bad, and the reverse."""
        if not isinstance(answer, Errors) or answer.station not in self.band.attackers or not answer.squared:
            return answer
        return replace(answer, squared=answer.count**2 / answer.squared)


def _among(order: TrainOrder, some: "set[StationId] | frozenset[StationId]") -> TrainOrder:
    """The order to those of its stations that are among `some`."""
    return replace(order, stations=tuple(each for each in order.stations if each in some))


def _single(answers: Sequence[Answer]) -> list[Single]:
    return [each for each in answers if not isinstance(each, Summed)]


def attacked(fleet: LocalFleet, plan: Plan) -> Fleet:
    """The fleet with the attackers that a plan asks for; itself where it asks for none."""
    settings = plan.settings
    if settings.attack.kind == "none":
        return fleet
    attackers = drawn_attackers(plan.introductions, settings.attack, settings.recipe.seed)
    weights = initial_weights(plan.network, start_rng(settings.recipe.seed))
    until, rounds = plan.timeline.train_steps, max(1, settings.vertical.epochs)
    band = Band(
        attack=settings.attack,
        defence=settings.defence,
        seed=settings.recipe.seed,
        step_hours=plan.timeline.step_minutes / 60,
        attackers=frozenset(attackers),
        seen=seen_through(plan.introductions, attackers),
        first=TrainOrder(tuple(attackers), weights, "vertical", 0, rounds, until),
        lured=lured(fleet, settings.attack.power),
    )
    return AttackedFleet(fleet, band)


def lured(fleet: LocalFleet, shift: float) -> LocalFleet:
    """Stations that learn from readings raised by `shift` standard deviations."""
    hosts = []
    for host in fleet.hosts:
        targets = host.task.windows.targets + np.float32(shift)
        windows = replace(host.task.windows, targets=targets)
        hosts.append(replace(host, task=replace(host.task, windows=windows)))
    return LocalFleet(fleet.stations, hosts, fleet.threads, fleet.left_out)
