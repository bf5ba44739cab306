"""The twins that a run ends with, as they are stored.

Axes: N stations, C clusters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.inputs import INPUTS
from data.messages import TrainOrder
from data.scaling import Scaler
from fl_server.fleet import Fleet
from fl_server.inbox import received
from fl_server.run import Plan, Run
from fl_server.tree import Floats
from forecasting.twin import Lineage, Scope, Twin

NETWORK = "network"
Parents = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Source:
    """Whence the data came."""

    set_name: str
    fingerprint: str


@dataclass(frozen=True)
class _Member:
    """What tells one twin of a run from another."""

    scope: Scope
    name: str
    weights: Floats
    places: NDArray[np.integer]  # of its stations among the N
    version: int
    parents: Parents = ()


def cluster_name(cluster: int) -> str:
    """What a cluster is called; clusters are counted from 0 and named from 1."""
    return f"cluster-{cluster + 1}"


def ended_twins(run: Run, plan: Plan, source: Source) -> list[Twin]:
    """The twin of the network and those of the clusters."""
    tree = run.tree
    versions = tree.cluster_versions.tolist()
    names = [cluster_name(cluster) for cluster in range(len(versions))]
    parents = tuple(zip(names, versions, strict=True))
    everyone = np.arange(len(plan.stations))
    members = [_Member("global", NETWORK, tree.top, everyone, tree.top_version, parents)]
    for cluster, name in enumerate(names):
        places = np.flatnonzero(tree.cluster_of == cluster)
        members.append(_Member("cluster", name, tree.clusters[cluster], places, versions[cluster]))
    return [_twin(member, run, plan, source) for member in members]


def local_twins(fleet: Fleet, run: Run, plan: Plan, source: Source) -> Iterator[Twin]:
    """The twin that each station makes for itself of its cluster's."""
    tree, until = run.tree, plan.timeline.steps
    orders = []
    for cluster, weights in enumerate(tree.clusters):
        places = np.flatnonzero(tree.cluster_of == cluster)
        named = tuple(plan.stations[place] for place in places)
        orders.append(TrainOrder(named, weights, "personal", 0, 1, until))
    came = received(plan.stations, fleet.ask(orders), len(tree.top))
    for place, station in enumerate(plan.stations):
        if station in came.updates:
            cluster = int(tree.cluster_of[place])
            parents = ((cluster_name(cluster), int(tree.cluster_versions[cluster])),)
            weights = came.updates[station].weights
            yield _twin(_Member("local", station, weights, np.array([place]), 1, parents), run, plan, source)


def _twin(member: _Member, run: Run, plan: Plan, source: Source) -> Twin:
    settings, timeline = plan.settings, plan.timeline
    described = [plan.descriptions[place] for place in member.places]
    phase = "horizontal" if run.stream is not None else "vertical"
    rounds = run.stream.step if run.stream is not None else settings.vertical.epochs
    return Twin(
        scope=member.scope,
        name=member.name,
        network=plan.network,
        inputs=INPUTS[settings.recipe.inputs],
        weights=member.weights,
        stations=tuple(plan.stations[place] for place in member.places),
        scaler=Scaler(
            np.array([each.mean for each in described]), np.array([each.scale for each in described])
        ),
        version=int(member.version),
        trained_until=timeline.start
        + int(_trained_until(member, run, plan)) * np.timedelta64(timeline.step_minutes, "m"),
        lineage=Lineage(
            data=source.fingerprint,
            set_name=source.set_name,
            strategy=" ".join(
                (settings.strategies.cluster, settings.strategies.top, settings.strategies.refresh)
            ),
            seed=settings.recipe.seed,
            phase=phase,
            round=rounds,
            parents=member.parents,
        ),
    )


def _trained_until(member: _Member, run: Run, plan: Plan) -> int:
    """The step up to which the data go that this twin has learned from."""
    if member.scope == "local":
        return plan.timeline.steps
    if run.stream is None:
        return plan.timeline.train_steps
    if member.scope == "global":
        return run.stream.top_until
    return int(run.stream.cluster_until[run.tree.cluster_of[member.places[0]]])
