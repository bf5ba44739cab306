"""What attackers did and the defence found, in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data.words import counted

FEW = 5


def trust_sentences(summary: Mapping[str, Any]) -> Iterator[str]:  # Any: what JSON holds
    """The sentences on a finished run; none where nobody attacked and nothing was defended."""
    attack, defence = summary.get("attack"), summary.get("defence")
    if attack:
        strength = "" if attack["strength"] is None else f", strength {attack['strength']:g}"
        errors = [f"{name.upper()} {each['mse']:.4f}" for name, each in attack["honest"].items() if each]
        yield (
            f"attack {attack['kind']}{strength}, by {_some(attack['attackers'])}; "
            f"MSE of the G-NDT at the honest stations: {', '.join(errors)}"
        )
    if defence:
        yield from _defence_sentences(defence, len(attack["attackers"]) if attack else 0)
    if summary.get("privacy"):
        yield privacy_sentence(summary["privacy"])


def privacy_sentence(privacy: Mapping[str, Any]) -> str:  # Any: what JSON holds
    """What a run has spent of the privacy of its stations."""
    return (
        f"privacy: ε = {privacy['spent']:.3g} of {privacy['epsilon']:g} at δ = {privacy['delta']:g} spent by "
        f"station {privacy['most']}, the most of all, in {privacy['made']} of "
        f"{counted(privacy['releases'], 'release')}; noise {privacy['multiplier']:.3g} times what two series "
        f"can differ by, changes cut to {privacy['clip']:g}; {_of_errors(privacy)}"
    )


def _of_errors(privacy: Mapping[str, Any]) -> str:  # Any: as above
    if privacy.get("errors") == "none":
        return "no errors are told, so that the tables have none"
    return "the errors told for these tables are not covered"


def _defence_sentences(defence: Mapping[str, Any], attackers: int) -> Iterator[str]:
    found = f"found {len(defence['found'])} of {counted(attackers, 'attacker')}, " if attackers else ""
    of_attackers = f"{defence['dropped_of_attackers']:.0%} of the attackers', " if attackers else ""
    yield (
        f"pairing {found}wrongly took {_some(defence['wrongly'])} for attackers (more than half of their "
        f"updates dropped)"
    )
    yield (
        f"of {defence['tried']:,} updates it dropped {defence['dropped']:,}: {of_attackers}"
        f"{defence['dropped_of_honest']:.1%} of the honest; of the twins of clusters "
        f"{defence['clusters_dropped']:.1%}; {defence['sendings']:,} times weights went to a witness"
    )


def _some(stations: Sequence[str]) -> str:
    if not stations:
        return "no station"
    few = ", ".join(stations[:FEW]) + (", …" if len(stations) > FEW else "")
    return f"{counted(len(stations), 'station')} ({few})"
