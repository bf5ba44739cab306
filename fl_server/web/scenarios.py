"""What-if at the desk: the job that plays a scenario, and what it changes.

Axes: H coming hours, N stations of the run, K of the replica.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from data.inputs import clock_of
from data.progress import Step, Work
from fl_server.run_folder import read_summary
from fl_server.web.desk import Desk
from fl_server.web.errors import WishError, of_wishes
from fl_server.web.jobs import Job
from fl_server.web.network import Network, clusters_of
from fl_server.what_if import (
    ReplicaSettings,
    futures_json,
    policy_json,
    refuse_unplayable,
    replica_of,
    totals_json,
    what_if,
    written_scenario,
)
from hetnet.operations.impact import Outcome, PlaySettings
from hetnet.operations.replica import Ground, Replica, hours_named, names_of
from hetnet.operations.scenario import Scenario, change_of
from hetnet.operations.users import users_by_load

Figures = dict[str, Any]  # Any: what JSON holds
Values = NDArray[np.floating]
WHAT_IF, REPLICA = "what-if", "replica"
MOST_FLOWS, MOST_CLAUSES = 200, 40
LAYERS = ("base", "load", "difference")
MOST_HOURS = 72  # the layers of a result are kept in memory
Clauses = list[Annotated[str, Field(max_length=2000)]]


class WantedScenario(BaseModel):
    """A scenario as `vhtwin whatif` takes it: clauses by kind."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field("scenario", max_length=200)
    off: Clauses = Field(default_factory=list, max_length=MOST_CLAUSES)
    sleep: Clauses = Field(default_factory=list, max_length=MOST_CLAUSES)
    demand: Clauses = Field(default_factory=list, max_length=MOST_CLAUSES)
    move: Clauses = Field(default_factory=list, max_length=MOST_CLAUSES)
    hours: int = Field(24, ge=1, le=MOST_HOURS)
    users: float | None = Field(
        None, gt=0, le=1e10, description="of the whole network, spread as the load is"
    )


def begin_what_if(desk: Desk, run: str, wanted: WantedScenario) -> Job:
    """The job that plays a scenario on the coming hours; one that cannot be played begins none."""
    network = desk.network(run)
    scenario = scenario_of(wanted)
    _refuse(wanted, scenario, network)

    def work() -> Work[Figures]:
        yield Step("forecasting the coming hours", 0, 2)
        replica = _replica(desk, run, network, wanted.hours)
        if wanted.users is not None:
            replica = replace(replica, users=users_by_load(wanted.users, replica.forecast))
        yield Step("playing the scenario", 1, 2)
        (outcome,) = what_if(network.folder, [scenario], PlaySettings(), replica)
        yield Step("playing the scenario", 2, 2)
        return outcome_of(outcome, replica, network)

    users = "" if wanted.users is None else f", {wanted.users:g} users"
    words = f"what if: {written_scenario(scenario)}{wanted.hours} hours{users}"
    return desk.jobs.start(run, WHAT_IF, words, work)


def _refuse(wanted: WantedScenario, scenario: Scenario, network: Network) -> None:
    """Refuse what the job would end with at once: a run or a scenario that cannot be played."""
    read_summary(network.folder)
    target = network.series
    ground = Ground(
        stations=network.stations,
        positions=network.positions,
        clusters=clusters_of(network),
        hours=clock_of(target, len(target.load) + wanted.hours)[-wanted.hours :],
    )
    with of_wishes():
        change_of(scenario, ground)
    inputs = network.twins[network.stations[0]].inputs
    refuse_unplayable(network.folder, target, inputs, ReplicaSettings(hours=wanted.hours))


def _replica(desk: Desk, run: str, network: Network, hours: int) -> Replica:
    """The coming hours without any scenario; the last one that was made is kept."""
    kept: Replica | None = desk.kept(run, REPLICA)
    if kept is None or len(kept.hours) != hours:
        kept = replica_of(network.folder, ReplicaSettings(hours=hours))
        desk.keep(run, REPLICA, kept)
    return kept


def scenario_of(wanted: WantedScenario) -> Scenario:
    """The scenario that somebody wants, which must hold some clause."""
    kinds: dict[str, Any] = {
        kind: tuple(getattr(wanted, kind)) for kind in ("off", "sleep", "demand", "move")
    }  # Any: as name and about are texts
    if not any(kinds.values()):
        raise WishError("no scenario: expected clauses, such as off: 5050")
    return Scenario(name=wanted.name or "scenario", **kinds)


def outcome_of(outcome: Outcome, replica: Replica, network: Network) -> Figures:
    """What a scenario changes, its layers (H, N) under names that begin with an underscore."""
    lost = outcome.lost.sum(axis=0)
    names = names_of(replica, outcome.stations)
    return {
        "name": outcome.scenario.name,
        "toml": written_scenario(outcome.scenario),
        "hours": hours_named(replica.hours),
        "totals": totals_json(outcome),
        "policy": outcome.policy,
        "policies": [policy_json(each) for each in outcome.policies],
        "left_out": outcome.left_out,
        "futures": futures_json(outcome, replica),
        "silent": names_of(replica, np.flatnonzero(outcome.silent.any(axis=0))),
        "over_before": names_of(replica, np.flatnonzero(outcome.over[0].any(axis=0))),
        "over_after": names_of(replica, np.flatnonzero(outcome.over[1].any(axis=0))),
        "lost": {name: float(value) for name, value in zip(names, lost, strict=True) if value > 0},
        "flows": _flows(outcome, replica),
        **{f"_{name}": _spread(outcome, replica, network, name) for name in LAYERS},
    }


def _flows(outcome: Outcome, replica: Replica) -> Sequence[Figures]:
    """The largest flows of traffic from stations to those that serve it instead, over all hours."""
    total = outcome.flows.sum(axis=0)
    order = [int(each) for each in np.argsort(-total)[:MOST_FLOWS] if total[each] > 0]
    sources = names_of(replica, outcome.routes.source[order])
    targets = names_of(replica, outcome.routes.target[order])
    return [
        {"from": source, "to": target, "traffic": float(total[pair])}
        for source, target, pair in zip(sources, targets, order, strict=True)
    ]


def _spread(outcome: Outcome, replica: Replica, network: Network, name: str) -> Values:
    """The forecast of a band (H, A) over all stations of the run (H, N)."""
    band: Values = getattr(outcome, name).forecast
    whole = np.zeros_like(replica.forecast) if name == "difference" else replica.forecast.copy()  # (H, K)
    whole[:, outcome.stations] = band
    spread = np.full((len(whole), len(network.stations)), np.nan, np.float32)
    spread[:, [network.place[station] for station in replica.stations]] = whole
    return spread
