"""The attackers of a simulated run, and what they answer to an order to train.

Axes: K attackers, R honest stations that they see through, P parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data.messages import PHASES, Single, Summed, TrainOrder, Update
from data.traffic import StationId
from fl_server.aggregation.updates import as_floats
from fl_server.fleet import Fleet
from fl_server.trust.adaptive import just_below
from fl_server.trust.attackers import NOISE, rng_of
from fl_server.trust.attacks import Doubles, forged
from fl_server.trust.settings import AttackSettings, DefenceSettings
from fl_server.trust.witnesses import Panel, errors_at


@dataclass(frozen=True, kw_only=True)
class Band:
    """Who attacks and how.

    Attackers know the `defence`, and what the honest stations of their order made of it; in the stream,
    where an order is for whoever is ready, they look to those `seen`. `first` is the order that all begin
    with; `lured` are the same stations with readings that are not theirs.
    """

    attack: AttackSettings
    defence: DefenceSettings
    seed: int
    step_hours: float
    attackers: frozenset[StationId]
    seen: tuple[StationId, ...]
    first: TrainOrder
    lured: Fleet
    _replayed: dict[StationId, Update] = field(default_factory=dict)

    def answers(self, fleet: Fleet, order: TrainOrder, honest: Sequence[Update]) -> list[Single]:
        """What the attackers of an order send, whose honest stations sent the updates `honest`."""
        trainer = self.lured if self.attack.kind == "label-shift" else fleet
        answers = _trained(trainer, order)
        own = [each for each in answers if isinstance(each, Update)]
        failed: list[Single] = [each for each in answers if not isinstance(each, Update)]
        if not own:
            return failed
        weights = self._weights(fleet, order, own, honest)
        return [*failed, *(replace(each, weights=row) for each, row in zip(own, weights, strict=True))]

    def _weights(
        self, fleet: Fleet, order: TrainOrder, own: Sequence[Update], honest: Sequence[Update]
    ) -> list[np.ndarray]:
        match self.attack.kind:
            case "label-shift":
                return [each.weights for each in own]
            case "replay":
                return [self._firsts(fleet)[each.station].weights for each in own]
        others = honest if order.phase != "horizontal" and len(honest) > 1 else self._seen(fleet, order)
        start, stack = order.weights.astype(np.float64), _stack(others or own)
        if self.attack.kind == "adaptive":
            return [as_floats(self._hidden(fleet, order, stack))] * len(own)
        occasion = PHASES.index(order.phase), order.turn
        rngs = [rng_of(self.seed, NOISE, each.station, *occasion) for each in own]
        return list(as_floats(forged(self.attack, start, _stack(own), stack, rngs)))

    def _seen(self, fleet: Fleet, order: TrainOrder) -> list[Update]:
        return _updates(_trained(fleet, replace(order, stations=self.seen)))

    def _hidden(self, fleet: Fleet, order: TrainOrder, stack: Doubles) -> Doubles:
        """Weights that the defence would just let through, as far as attackers can tell by their readings."""
        mean, some = stack.mean(axis=0), tuple(sorted(self.attackers))[: self.defence.witnesses]
        first = max(0, order.until - round(self.defence.hours / self.step_hours))
        panel = Panel(some, first, order.until)
        usual = errors_at(fleet, as_floats(mean), panel)

        def excess(weights: Doubles) -> float:
            found = errors_at(fleet, as_floats(weights), panel)
            return float(np.nanmedian(found / usual)) - 1

        return just_below(
            order.weights.astype(np.float64), mean, excess, self.attack.power * self.defence.margin
        )

    def _firsts(self, fleet: Fleet) -> dict[StationId, Update]:
        if not self._replayed:
            self._replayed.update({each.station: each for each in _updates(_trained(fleet, self.first))})
        return self._replayed


def _trained(fleet: Fleet, order: TrainOrder) -> list[Single]:
    return [each for each in fleet.ask([order]) if not isinstance(each, Summed)]


def _updates(answers: Sequence[Single]) -> list[Update]:
    return [each for each in answers if isinstance(each, Update)]


def _stack(updates: Sequence[Update]) -> Doubles:
    return np.array([each.weights for each in updates], np.float64)
