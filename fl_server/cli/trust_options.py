"""The options of a run that say who attacks it and how it is defended."""

import argparse
from typing import Any

from data.errors import InputError
from data.plain import plain
from fl_server.aggregation.specs import nearest, settings_of, split_spec
from fl_server.aggregation.strategies import RULES
from fl_server.trust.settings import ATTACKS, DefenceSettings
from forecasting.private import PrivacySettings

Table = dict[str, Any]  # Any: what TOML holds
PRIVATE = "epsilon=E[,delta=D][,clip=C][,releases=N][,errors=none]"
ROBUST = ("median", "trimmed-mean", "krum", "multi-krum", "geometric-median")
ON, PAIRING, OFF = "on", "pairing", "none"
DEFENCES = f"{ON}, {PAIRING}, {', '.join(ROBUST)}, {OFF}"


def add_to(group: "argparse._ArgumentGroup") -> None:
    """Add the options to a group of a verb's."""
    group.add_argument(
        "--attack",
        metavar="KIND[:SHARE[:STRENGTH]]",
        help=f"let a share of the stations attack (default: .2), in simulation: {', '.join(ATTACKS)}",
    )
    group.add_argument(
        "--defend",
        metavar="NAME",
        help=f"what stops attackers: {DEFENCES}; {ON} is the usual one, {PAIRING}, with its usual settings",
    )
    group.add_argument(
        "--privacy",
        metavar=PRIVATE,
        help="let stations clip and noise all that they send of their series, so that a run spends no more "
        "than (ε, δ) of each (default: 1e-5, .2, as many as the run needs); with errors=none they tell no "
        "errors, which no noise is on; see fl_server/trust/PRIVACY.md",
    )


def table_of(arguments: argparse.Namespace) -> Table:
    """The settings that the options make."""
    table: Table = {}
    if arguments.attack:
        table["attack"] = attack_table(arguments.attack)
    if arguments.defend:
        table |= _defence_table(arguments)
    if arguments.privacy is not None:
        table |= _privacy_table(arguments.privacy)
    return table


def _privacy_table(text: str) -> Table:
    """What `epsilon=8,delta=1e-5` says; nothing is done without clusters beside it."""
    return {"recipe": {"privacy": plain(privacy_settings(text), {})}, "single_level": False}


def privacy_settings(text: str) -> PrivacySettings:
    """The budget that `epsilon=8,delta=1e-5` names."""
    name, texts = split_spec(f"privacy:{text}")
    if "epsilon" not in texts or "kind" in texts:
        raise InputError(f"--privacy {text}: expected {PRIVATE}, such as epsilon=8")
    numbers: Any = settings_of(PrivacySettings, texts, name, 0)  # Any: whole ones and others
    return PrivacySettings(kind="series", **numbers)


def attack_table(text: str) -> Table:
    """What `KIND[:SHARE[:STRENGTH]]` says."""
    kind, *numbers = text.split(":")
    if kind not in ATTACKS:
        raise InputError(
            f"--attack {text}: unknown kind {kind!r}, expected one of {', '.join(ATTACKS)}"
            f"{nearest(kind, ATTACKS)}"
        )
    if len(numbers) > 2:
        raise InputError(f"--attack {text}: expected KIND:SHARE:STRENGTH, such as {kind}:.2:3")
    try:
        values = [float(each) for each in numbers]
    except ValueError:
        raise InputError(f"--attack {text}: expected numbers after the kind, such as {kind}:.2:3") from None
    if values[1:] == [0]:
        raise InputError(
            f"--attack {text}: a strength of 0 attacks nothing, expected a positive one, or none for usual"
        )
    return {"kind": kind} | dict(zip(("share", "strength"), values, strict=False))


def _defence_table(arguments: argparse.Namespace) -> Table:
    name, texts = split_spec(arguments.defend)
    if name in (ON, PAIRING):
        if name == ON and texts:
            raise InputError(f"--defend {arguments.defend}: {ON} has no settings, those of {PAIRING} have")
        return {"defence": settings_of(DefenceSettings, {"kind": PAIRING} | texts, name, 0)}
    if name == OFF and not texts:
        return {"defence": {"kind": OFF}}
    if name not in ROBUST:
        raise InputError(
            f"--defend {arguments.defend}: unknown defence {name!r}, expected one of {DEFENCES}"
            f"{nearest(name, (ON, PAIRING, OFF, *ROBUST))}"
        )
    if arguments.cluster_strategy or arguments.network_strategy:
        raise InputError(
            f"--defend {name} makes the twins of both tiers by {name}; leave --cluster-strategy and "
            "--network-strategy out"
        )
    settings_of(RULES[name][0], texts, name, 3 if name == "median" else 0)
    return {"strategies": {"cluster": arguments.defend, "top": arguments.defend}}
