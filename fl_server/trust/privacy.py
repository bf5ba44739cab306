"""What a run has spent of the privacy of its stations, and that it does not go on once that is forgotten."""

from pathlib import Path
from typing import Any

from data.errors import InputError
from data.messages import Spent, SpentOrder
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.run import Plan, Run
from fl_server.run_folder import MEMORY
from forecasting.private import spent


def privacy_figures(fleet: Fleet, plan: Plan) -> dict[str, Any]:  # Any: what JSON can hold
    """The budget of each station in a run, and the most that one says it has spent; nothing without one."""
    settings = plan.settings.station_recipe.privacy
    if not settings.on:
        return {}
    found = _remembered(fleet, plan.stations)
    made = {station: min(max(count, 0), settings.releases) for station, count in found.items()}
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


def refuse_forgotten(fleet: Fleet, run: Run, folder: Path) -> None:
    """Refuse to go on with a private run of which stations remember less than it holds of them.

    Each has told its signature before the first turn, and every update that has arrived was a release too;
    what they remember is written before it is sent. To be asked before they tell anything anew. What stations
    say that do not answer is not known here, and found where they are asked for more.
    """
    found = _remembered(fleet, fleet.stations)
    blank = [station for station, count in found.items() if not count]
    if blank:
        more = f" and {len(blank) - 1:,} more" if len(blank) > 1 else ""
        raise InputError(
            f"station {blank[0]}{more} of this private run: nothing is remembered of what was sent in it, "
            f"so that nobody knows what is spent; {_expected(folder)}"
        )
    phases = run.vertical, run.horizontal
    held = len(fleet.stations) + sum(each.exchange.station_cluster.messages_up for each in phases)
    if len(found) == len(fleet.stations) and sum(found.values()) < held:
        raise InputError(
            f"the stations of this private run remember {sum(found.values()):,} releases of the {held:,} "
            f"that are in it, so that nobody knows what is spent; {_expected(folder)}"
        )


def _expected(folder: Path) -> str:
    return (
        f"expected what they keep in {folder / MEMORY}, or where vhtwin station --memory says, as it was; a "
        "new run has a new budget, which adds to what was spent"
    )


def _remembered(fleet: Fleet, stations: tuple[StationId, ...]) -> dict[StationId, int]:
    """How many releases each station that answers remembers, by its own word."""
    wanted = set(stations)
    answers = fleet.ask([SpentOrder(stations)])
    return {
        each.station: each.releases for each in answers if isinstance(each, Spent) if each.station in wanted
    }
