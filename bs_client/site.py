"""Where series are and stay: one station or many, on one machine, following the orders that arrive there."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bs_client.host import Host, host, introductions
from bs_client.order_faults import refuse_faults
from bs_client.station import answers
from clustering.signatures import SignatureSettings
from data.errors import InputError
from data.messages import IntroduceOrder, Introduction
from data.plain import Plain, rebuilt
from data.traffic import Traffic, of_columns
from data.windows import GAPPY, NEVER_VARIES, varying_columns
from data.wire import packed_answers, unpacked_orders
from forecasting.private import PrivacySettings
from forecasting.recipe import Recipe

NO_FOLDER = (
    "stations without a folder would forget what they have spent of their privacy; expected --memory FOLDER"
)


@dataclass(frozen=True)
class Setup:
    """How stations follow orders: what they do, and what they reveal. It comes with all orders."""

    recipe: Recipe
    signature: SignatureSettings
    run: str = ""  # by which stations know one run from another, if they remember something of it


@dataclass
class Site:
    """The stations of one process. Windows are made when the first order comes that needs them.

    What stations remember of a run they keep in the folder `memory`, if there is one. They follow no run that
    may tell more of them than `most`, if their owner has named a budget.
    """

    traffic: Traffic
    memory: Path | None = None
    most: PrivacySettings | None = None
    _made: dict[str, tuple[Host | None, tuple[Introduction, ...]]] = field(default_factory=dict)

    def answered(self, packet: bytes) -> bytes:
        """The packet of answers to a packet of orders; a refusal in words when it cannot be followed."""
        try:
            given = unpacked_orders(packet)
            host, unfit = self._host(given.setup)
            if host:
                refuse_faults(host, given.orders)
        except InputError as error:
            return packed_answers([], str(error))
        made = answers(host, given.orders) if host else []
        asked = any(isinstance(order, IntroduceOrder) for order in given.orders)
        return packed_answers([*made, *unfit] if asked else made)

    def _host(self, setup: Plain) -> tuple[Host | None, tuple[Introduction, ...]]:
        """The host for a setup, kept until another comes; and the stations that cannot take part in it."""
        known = str(setup)
        if known not in self._made:
            given = rebuilt(Setup, setup)
            if given.recipe.privacy.on and self.memory is None:
                raise InputError(NO_FOLDER)
            if self.most is not None and not given.recipe.privacy.within(self.most):
                told = ", or tell errors," if self.most.silent else ""
                raise InputError(
                    f"stations whose owner lets no run spend more than ε = {self.most.epsilon:g} at "
                    f"δ = {self.most.delta:g}{told} take part in a run with --privacy alone"
                )
            made, unfit = _made(self.traffic, given)
            if made is not None and self.memory is not None:
                made.memory.folder = self.memory / given.run
                made.budget.folder = self.memory / given.run
            self._made = {known: (made, unfit)}
        return self._made[known]


def _made(traffic: Traffic, setup: Setup) -> tuple[Host | None, tuple[Introduction, ...]]:
    fit = varying_columns(traffic, setup.recipe.split, native_step=setup.recipe.native_step)
    silent = np.setdiff1d(np.arange(len(traffic.stations)), fit)
    unfit = [*(introductions(of_columns(traffic, silent), NEVER_VARIES) if len(silent) else ())]
    kind = traffic.channel, traffic.step_minutes, traffic.timezone
    unfit += [Introduction(station, 0.0, 0.0, *kind, 0, "", GAPPY) for station in traffic.gappy]
    made = host(of_columns(traffic, fit), setup.recipe, setup.signature) if len(fit) else None
    return made, tuple(unfit)
