"""What attackers have done to a run, in figures.

Axes: N stations.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_server.run import Plan, Run
from fl_server.scoring import Standing
from fl_server.trust.attackers import drawn_attackers
from fl_server.trust.record import Trust
from fl_server.trust.settings import WITHOUT_STRENGTH
from forecasting.metrics import tally_scores

Figures = dict[str, Any]  # Any: what JSON can hold


def attacker_mask(plan: Plan) -> NDArray[np.bool_]:
    """Which stations attack, (N,)."""
    settings = plan.settings
    if settings.attack.kind == "none":
        return np.zeros(len(plan.stations), bool)
    attackers = set(drawn_attackers(plan.introductions, settings.attack, settings.recipe.seed))
    return np.array([station in attackers for station in plan.stations])


def trust_figures(run: Run, plan: Plan) -> Figures:
    """Who attacked, and what the defence has found; nothing of a run without either."""
    made: Figures = {}
    if plan.settings.attack.kind != "none":
        made["attack"] = _attack(run, plan)
    if run.tree.trust is not None:
        made["defence"] = _defence(run.tree.trust, plan)
    return made


def _attack(run: Run, plan: Plan) -> Figures:
    """The attackers, and how well the twins forecast at the others."""
    mask, attack = attacker_mask(plan), plan.settings.attack
    phases = {"v": run.vertical, "h": run.horizontal}
    return {
        "kind": attack.kind,
        "strength": None if attack.kind == WITHOUT_STRENGTH else attack.power,
        "attackers": _named(plan, mask),
        "honest": {letter: at_honest(phase.standing, ~mask) for letter, phase in phases.items()},
    }


def _defence(trust: Trust, plan: Plan) -> Figures:
    """Whom the defence found, rightly or wrongly, and how many updates it tried and dropped."""
    mask, stations, clusters = attacker_mask(plan), trust.stations, trust.clusters
    return {
        "found": _named(plan, stations.found & mask),
        "wrongly": _named(plan, stations.found & ~mask),
        "tried": int(stations.tried.sum()),
        "dropped": int(stations.dropped.sum()),
        "dropped_of_attackers": share(stations.dropped[mask], stations.tried[mask]),
        "dropped_of_honest": share(stations.dropped[~mask], stations.tried[~mask]),
        "clusters_dropped": share(clusters.dropped, clusters.tried),
        "sendings": trust.sendings,
    }


def share(some: NDArray[np.int64], of_all: NDArray[np.int64]) -> float:
    """The share of some in all; 0 of nothing."""
    return float(some.sum() / max(of_all.sum(), 1))


def _named(plan: Plan, mask: NDArray[np.bool_]) -> list[str]:
    return [station for station, its in zip(plan.stations, mask, strict=True) if its]


def at_honest(standing: Standing, honest: NDArray[np.bool_]) -> Figures | None:
    """The errors of the G-NDT and of the C-NDTs at some stations."""
    if not standing.top.count[honest].any():
        return None
    cluster = asdict(tally_scores(standing.cluster.part(honest)))
    return asdict(tally_scores(standing.top.part(honest))) | {"cluster": cluster}
