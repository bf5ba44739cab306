"""What `vhtwin whatif` prints: each scenario by itself, and several side by side."""

import re
from collections.abc import Sequence

from data.words import counted
from fl_server.cli.report import print_table, print_text
from hetnet.operations.impact import Outcome
from hetnet.operations.replica import Replica, Total
from hetnet.operations.scenario import KINDS

MOST_LISTED = 12


def print_outcomes(found: Sequence[Outcome], replica: Replica) -> None:
    """Print what each scenario changes; of several also a comparison."""
    for outcome in found:
        _print(outcome, replica)
    if len(found) > 1:
        _print_comparison(found)


def _print(outcome: Outcome, replica: Replica) -> None:
    scenario = outcome.scenario
    words = [f"--{kind} {short(text)}" for kind in KINDS for text in getattr(scenario, kind)]
    print_text(f"{scenario.name}: {' '.join(words) or 'nothing is different'}")
    print_text(
        f"{counted(len(replica.hours), 'hour')} from {replica.hours[0]}; "
        f"{counted(len(outcome.stations), 'station')} of {len(replica.stations):,} affected"
    )
    print_table("", ["over all hours and stations", "without", "with", "difference"], _totals(outcome))
    print_text(f"{_told(outcome)}; stations over capacity, and who is served elsewhere, by the forecast")
    if replica.users is not None:
        print_text(
            f"users: {replica.users.sum(axis=1).max():,.0f}, taken to be served, handed over and lost as the "
            f"traffic around them is"
        )
    if outcome.policies:
        _print_policies(outcome, len(replica.futures) - outcome.told)
    _print_stations(outcome, replica)


def _print_policies(outcome: Outcome, choosing: int) -> None:
    """What each policy loses, and in how many futures that is so."""
    means = [(each.lost_choosing, each.lost_mean) for each in outcome.policies]
    rows = [
        [
            each.name,
            f"{each.lost:,.0f}",
            *(f"{mean:,.0f}" for mean in of_futures if mean is not None),
            f"{each.moved:,.0f}",
        ]
        for each, of_futures in zip(outcome.policies, means, strict=True)
    ]
    header = [f"mean of {outcome.told} futures"]
    if choosing:
        header = [f"mean of the {choosing} futures that choose", f"mean of {outcome.told} others"]
    title = f"what is lost by who reroutes; {outcome.policy} is taken"
    print_table(title, ["policy", "lost by the forecast", *header, "moved by the forecast"], rows)
    if outcome.left_out:
        print_text(
            f"not tried, as they would take minutes for so much traffic: {' and '.join(outcome.left_out)}"
        )


def short(text: str) -> str:
    """A clause with fewer of its stations, if it is long; how much and when stay."""
    end = re.search(r"[@=>]", text)
    names, rest = (text[: end.start()], text[end.start() :]) if end else (text, "")
    if len(text) <= 60 or "," not in names[:40]:
        return text
    return f"{names[:40].rpartition(',')[0]},…{rest}"


def _totals(outcome: Outcome) -> list[list[str]]:
    before, after = (str(int(over.any(axis=0).sum())) for over in outcome.over)
    return [
        ["lost", *map(_written, (outcome.lost_base, outcome.lost_scenario, outcome.lost_difference))],
        ["stations over capacity", before, after, f"{int(after) - int(before):+d}"],
        ["kWh", *map(_written, (outcome.energy_base, outcome.energy_scenario, outcome.energy_difference))],
        *_user_rows(outcome),
    ]


def _user_rows(outcome: Outcome) -> list[list[str]]:
    """Users without service, where somebody has told how many there are."""
    users = outcome.users
    if users is None:
        return []
    several = (users.before, users.after, users.more)
    return [
        ["users without service, on average", *(_written(each.mean) for each in several)],
        ["users without service, most at a time", *(_written(each.most) for each in several)],
        ["users served by another station, most at a time", "", f"{users.moved_most:,.0f}", ""],
    ]


def _written(total: Total) -> str:
    median, lower, upper = (round(each) for each in (total.median, total.lower, total.upper))
    return f"{median:,} [{lower:,}, {upper:,}]"


def _told(outcome: Outcome) -> str:
    medians = f"medians of {outcome.told} futures, which need not add up"
    return f"{medians}, and what holds {outcome.coverage:.0%} of them"


def _print_stations(outcome: Outcome, replica: Replica) -> None:
    """The stations whose load changes most, by what the difference is over all hours."""
    change = outcome.difference.forecast.sum(axis=0)
    order = sorted(range(len(change)), key=lambda row: -abs(change[row]))[:MOST_LISTED]
    rows = []
    for row in order:
        place = outcome.stations[row]
        hour = int(outcome.load.forecast[:, row].argmax())
        rows.append(
            [
                replica.stations[place],
                f"{outcome.base.forecast[:, row].sum():,.0f}",
                f"{outcome.load.forecast[:, row].sum():,.0f}",
                f"{outcome.load.forecast[hour, row] / max(replica.capacity[place], 1e-12):.0%}",
                f"{outcome.risk[:, row].max():.0%}",
                f"{outcome.lost[:, row].sum():,.0f}",
            ]
        )
    header = ["station", "load without", "with", "of capacity, at most", "risk, at most", "lost"]
    if rows:
        print_table("by the forecast; risk: the share of futures over capacity", header, rows)
    if len(change) > MOST_LISTED:
        print_text(f"and {counted(len(change) - MOST_LISTED, 'station')} more, in stations.csv")


def _print_comparison(found: Sequence[Outcome]) -> None:
    rows = [
        [
            each.scenario.name,
            _written(each.lost_difference),
            str(int(each.over[1].any(axis=0).sum())),
            _written(each.energy_difference),
            f"{each.flows.sum():,.0f}",
        ]
        for each in found
    ]
    print_table("on the same futures", ["scenario", "lost more", "over capacity", "kWh more", "moved"], rows)
    print_text(f"lost, kWh: {_told(found[0])}; the others by the forecast")
