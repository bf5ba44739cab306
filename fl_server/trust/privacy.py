"""What a run has spent of the privacy of its stations."""

from typing import Any

from data.messages import Spent, SpentOrder
from fl_server.fleet import Fleet
from fl_server.run import Plan
from forecasting.private import spent


def privacy_figures(fleet: Fleet, plan: Plan) -> dict[str, Any]:  # Any: what JSON can hold
    """The budget of each station in a run, and the most that one says it has spent; nothing without one."""
    settings = plan.settings.station_recipe.privacy
    if not settings.on:
        return {}
    wanted = set(plan.stations)
    answers = fleet.ask([SpentOrder(plan.stations)])
    found = {each.station: each.releases for each in answers if isinstance(each, Spent)}
    made = {
        station: min(max(count, 0), settings.releases)
        for station, count in found.items()
        if station in wanted
    }
    most = max(made, key=lambda station: (made[station], station), default=plan.stations[0])
    releases = made.get(most, settings.releases)  # who does not say may have spent all
    return {
        "privacy": {
            "epsilon": settings.epsilon,
            "delta": settings.delta,
            "clip": settings.clip,
            "releases": settings.releases,
            "multiplier": settings.multiplier,
            "errors": settings.errors,
            "most": most,
            "made": releases,
            "spent": spent(settings, releases),
        }
    }
