"""What the settings of a run come to: rules, the world of its stream, who takes part in which turn.

Axes: N stations.
"""

from functools import partial

from fl_server.aggregation.refresh import chosen_refresh
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.behaviour import Draw, taking_part
from fl_server.run import Plan, System
from fl_server.stream import World
from fl_server.tree import Clusters
from fl_server.trust.pairing import Pairing
from fl_server.vertical import Mask, Rules
from hetnet.sync.gates import opens

VERTICAL, HORIZONTAL = 0, 1


def world_of(plan: Plan) -> World:
    """What H-twinning goes by."""
    settings = plan.settings
    rules = rules_of(plan)
    return World(
        settings=settings.horizontal,
        rules=rules,
        refresh=chosen_refresh(settings.strategies.refresh, rules.top),
        behaviour=plan.behaviour,
        train_steps=plan.timeline.train_steps,
        step_hours=plan.timeline.step_minutes / 60,
        batch=settings.horizontal.new_values or plan.stream_steps // plan.stream_epochs,
        windows=plan.timeline.train_steps - plan.timeline.first_step,
        gate=partial(opens, settings.horizontal.gate, settings.horizontal.psi),
        busy=plan.busy,
        hours=plan.stream_hours,
    )


def rules_of(plan: Plan, system: System = "hierarchical") -> Rules:
    """How the tiers aggregate; without clusters there is but one tier, which merges stations."""
    return Rules(
        cluster=chosen_strategy(plan.settings.strategies.cluster),
        top=chosen_strategy(plan.settings.strategies.top if system == "hierarchical" else "mean"),
        layers=tuple(part.size for part in plan.network.parts),
        least_answers=plan.settings.vertical.least_answers,
        pairing=_pairing(plan),
        crossing=plan.settings.crossing.between_clusters if system == "hierarchical" else None,
    )


def _pairing(plan: Plan) -> Pairing | None:
    """How updates are tried, if they are."""
    settings = plan.settings
    if settings.defence.kind == "none":
        return None
    return Pairing(settings.defence, settings.recipe.seed, plan.timeline.step_minutes / 60)


def drawn_for_round(plan: Plan, cluster_of: Clusters, turn: int) -> Mask:
    """Who takes part in a round of V-twinning, (N,)."""
    draw = Draw(plan.settings.recipe.seed, VERTICAL, turn)
    return taking_part(plan.stations, cluster_of, plan.settings.vertical.participation, draw)


def drawn_for_epoch(plan: Plan, cluster_of: Clusters, epoch: int) -> Mask:
    """Who takes part in an epoch of the stream, (N,)."""
    draw = Draw(plan.settings.recipe.seed, HORIZONTAL, epoch)
    return taking_part(plan.stations, cluster_of, plan.settings.horizontal.participation, draw)


def epoch_of(plan: Plan, step: int) -> int:
    """In which epoch of the stream a step of it lies."""
    return step * plan.stream_epochs // plan.stream_steps
