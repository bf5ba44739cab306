"""A whole network at one hour with its history: what the six panels of the paper's Fig. 4 rest on.

Axes: N users, M base stations, Q QoS metrics, T hours, B areas that are forecast.
"""

from dataclasses import dataclass

from hetnet.attributes import History, HistorySettings, made_history
from hetnet.channel import ChannelSettings
from hetnet.demand import city_loads, crowds, hotspot_demand
from hetnet.network import Floats, Mask, Network, in_range, is_satisfied
from hetnet.network import satisfaction as satisfaction_of
from hetnet.queues import network_conditions, slot_use
from hetnet.scene import HOME, WORK, Scene, SceneSettings, at_work, generator, made_scene, network_at


@dataclass(frozen=True)
class Situation:
    """All of a network that the panels of the paper's Fig. 4 draw or are computed from."""

    scene: Scene
    history: History
    network: Network  # at the hour after the history
    offered: Floats  # (N,) bit/s now
    conditions: Floats  # (N, Q) now
    satisfaction: Floats  # (N, Q) now
    satisfied: Mask  # (N,) now
    use: Floats  # (M,) share of its slots' time that each station is busy now
    reachable: Mask  # (N, M) which stations could serve whom (X of equation 18)


def made_situation(
    scene_settings: SceneSettings | None = None,
    history_settings: HistorySettings | None = None,
    channel: ChannelSettings | None = None,
    loads: Floats | None = None,
) -> Situation:
    """A network with its history, from `loads` (T, B) of twins' forecasts or else of the synthetic city."""
    scene_settings = scene_settings or SceneSettings()
    history_settings = history_settings or HistorySettings(seed=scene_settings.seed)
    if loads is None:
        loads = city_loads(scene_settings.hotspots, history_settings.days, scene_settings.seed)
    demand = hotspot_demand(loads, scene_settings.hotspots)
    scene = made_scene(scene_settings, channel, crowds(demand))
    return situation(scene, made_history(scene, demand, history_settings), scene_settings.seed)


def situation(scene: Scene, history: History, seed: int = 1) -> Situation:
    """How `scene` stands at the hour after `history`, when users ask for their latest load."""
    positions = scene.places[WORK if at_work(history.first_hour + len(history.use)) else HOME]
    network = network_at(scene, positions, generator(seed, 5))
    offered = history.offered[-1]
    now = network_conditions(network, offered)
    satisfied = satisfaction_of(now, network.users.required)
    return Situation(
        scene=scene,
        history=history,
        network=network,
        offered=offered,
        conditions=now,
        satisfaction=satisfied,
        satisfied=is_satisfied(satisfied, network.users),
        use=slot_use(network, offered),
        reachable=in_range(network.users, network.stations),
    )
