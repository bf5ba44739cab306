"""What attackers cost a run, and what defences save: every attack against every defence.

Errors are those at the honest stations, in percent above a run that nobody attacks and nothing defends. The
settings of the defence were chosen on other seeds, and on the days before the test days.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from time import process_time

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import InputError
from fl_server.experiments.claims import Claim, Effects
from fl_server.experiments.sources import sources_in, traffic_of
from fl_server.experiments.studies import Study, Value, value_of
from fl_server.local import local_fleet
from fl_server.presets import Table, settings_of
from fl_server.run import Plan, Run, planned
from fl_server.running import first_state, states
from fl_server.trust.attacked_fleet import attacked
from fl_server.trust.harm import at_honest, attacker_mask, share
from fl_server.trust.settings import ATTACKS

STATIONS, EPOCHS = 20, 30
USUAL_SHARE, MANY = 0.2, 0.4
FEW = (0.05, 0.1)  # one and two of the stations
NOBODY, NONE, ON = "nobody attacks", "none", "on"
ROBUST = ("median", "trimmed-mean:share=0.2", "multi-krum:faulty=2", "geometric-median")
DEFENCES: dict[str, Table] = {
    NONE: {},
    ON: {"defence": {"kind": "pairing"}},
    **{rule.partition(":")[0]: {"strategies": {"cluster": rule, "top": rule}} for rule in ROBUST},
}
BROKEN = 1000.0  # percent: stands for all that is worse, and for a run that broke off
GOAL, CLEAN_GOAL = 0.05, 0.01


@dataclass(frozen=True)
class Ended:
    """A run at its end; nothing where it broke off."""

    plan: Plan
    run: Run | None
    seconds: float = 0.0


def ended(seed: int, attack: Table, defence: Table) -> Ended:
    """A run of one seed under an attack and a defence."""
    basic: Table = {"recipe": {"seed": seed}, "vertical": {"epochs": EPOCHS}, "single_level": False}
    settings = settings_of(basic, {"attack": attack} if attack else {}, defence)
    traffic = traffic_of(sources_in(None)[0], "internet", STATIONS, seed)
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature)
    plan = planned(fleet, settings)
    began = process_time()
    try:
        last = [*states(attacked(fleet, plan), plan, first_state(plan))][-1]
    except InputError:  # what an attack can do at worst: every training diverges
        return Ended(plan, None)
    return Ended(plan, last.hierarchical, process_time() - began)


def of_seeds(values: Callable[[int], Iterable[Value]], seeds: Sequence[int]) -> dict[int, list[Value]]:
    """What `values` makes of each seed."""
    return {seed: list(values(seed)) for seed in seeds}


@lru_cache(maxsize=8)
def _clean(seed: int) -> Ended:
    """The run that nobody attacks and nothing defends."""
    ended(seed, {}, {})  # what is compiled once is in no figure
    return ended(seed, {}, {})


def nobody_attacks(seed: int) -> Iterator[Value]:
    """What every defence costs by itself."""
    clean = _clean(seed)
    for name, defence in DEFENCES.items():
        run = ended(seed, {}, defence)
        yield from _errors(NOBODY, name, run, clean)
        yield from _costs(name, run, clean)
        if name == ON:
            yield from _found(NOBODY, run)


def many_attack(kind: str, seed: int) -> Iterator[Value]:
    """An attack by a fifth of the stations against every defence, by two fifths against the usual one."""
    clean = _clean(seed)
    for name, defence in DEFENCES.items():
        run = ended(seed, {"kind": kind, "share": USUAL_SHARE}, defence)
        yield from _errors(kind, name, run, clean)
        if name == ON:
            yield from _found(kind, run)
    for name in (NONE, ON):
        run = ended(seed, {"kind": kind, "share": MANY}, DEFENCES[name])
        yield "V many", kind, name, _harm(run, clean, "vertical")["top"]


def few_attack(kind: str, share: float, seed: int) -> Iterator[Value]:
    """One attack by one or two of the stations, against nothing and against the usual defence."""
    clean = _clean(seed)
    for name in (NONE, ON):
        run = ended(seed, {"kind": kind, "share": share}, DEFENCES[name])
        for part, line, column, value in _errors(_of_few(kind, share), name, run, clean):
            yield f"{part} few", line, column, value


def _of_few(kind: str, share: float) -> str:
    """The line of an attack by one or two of the stations."""
    return f"{kind}, {share:.0%}".replace("%", " %")


LINES: dict[str, Callable[[int], Iterable[Value]]] = {
    NOBODY: nobody_attacks,
    **{kind: partial(many_attack, kind) for kind in ATTACKS},
    **{_of_few(kind, share): partial(few_attack, kind, share) for kind in ATTACKS for share in FEW},
}


def _errors(line: str, defence: str, run: Ended, clean: Ended) -> Iterator[Value]:
    for part, phase, twin in (("V", "vertical", "top"), ("H", "horizontal", "cluster")):
        yield part, line, defence, _harm(run, clean, phase)[twin]


def _harm(run: Ended, clean: Ended, phase: str) -> Mapping[str, float]:
    """By how many percent twins err more at the honest stations than in the clean run."""
    if run.run is None or clean.run is None:
        return {"top": BROKEN, "cluster": BROKEN}
    honest = ~attacker_mask(run.plan)
    here, there = (at_honest(getattr(each, phase).standing, honest) for each in (run.run, clean.run))
    assert here is not None
    assert there is not None
    return {
        "top": _percent(here["mse"] / there["mse"]),
        "cluster": _percent(here["cluster"]["mse"] / there["cluster"]["mse"]),
    }


def _percent(ratio: float) -> float:
    return min(BROKEN, 100 * (ratio - 1)) if np.isfinite(ratio) else BROKEN


def _found(line: str, run: Ended) -> Iterator[Value]:
    """Whom the usual defence found, and what it dropped."""
    if run.run is None or run.run.tree.trust is None:
        return
    attackers, stations = attacker_mask(run.plan), run.run.tree.trust.stations

    def dropped(some: NDArray[np.bool_]) -> float:
        return 100 * share(stations.dropped[some], stations.tried[some])

    if attackers.any():
        yield "found", line, "attackers found, %", 100 * float(stations.found[attackers].mean())
        yield "found", line, "of their updates dropped, %", dropped(attackers)
    yield "found", line, "honest taken for attackers, %", 100 * float(stations.found[~attackers].mean())
    yield "found", line, "of their updates wrongly dropped, %", dropped(~attackers)


def _costs(defence: str, run: Ended, clean: Ended) -> Iterator[Value]:
    """What a defence costs where nobody attacks, beside none."""
    if run.run is None or clean.run is None:
        return
    flows = [
        [each.exchange.station_cluster for each in (one.vertical, one.horizontal)]
        for one in (run.run, clean.run)
    ]
    (messages, mbytes), (before, mb_before) = (
        (sum(flow.messages for flow in some), sum(flow.bytes for flow in some)) for some in flows
    )
    yield "costs", defence, "processor time, ratio", run.seconds / clean.seconds
    yield "costs", defence, "messages, station and cluster, ratio", messages / before
    yield "costs", defence, "bytes, station and cluster, ratio", mbytes / mb_before


def _beyond(part: str, line: str, goal: float, rows: pl.DataFrame) -> Effects:
    """By how much the usual defence leaves more than the goal, as a share."""
    found = value_of(rows.filter(part=part), line, ON)
    return {seed: value / 100 - goal for seed, value in found.items()}


def _draw(path: Path, rows: pl.DataFrame) -> None:
    from fl_server.trust.picture import draw_poisoning

    draw_poisoning(path, rows, (NONE, ON, *list(DEFENCES)[2:]))


POISONING = Study(
    "poisoning",
    f"Poisoned updates: what attackers cost, and what defences save ({STATIONS} stations of the city)",
    lambda seed: [each for values in LINES.values() for each in values(seed)],
    {
        "V": "a fifth attacks: V, G-NDT, % above the clean run",
        "H": "a fifth attacks: H, C-NDTs, % above the clean run",
        "V many": "two fifths attack: V, G-NDT, % above the clean run",
        "V few": "one or two attack: V, G-NDT, % above the clean run",
        "H few": "one or two attack: H, C-NDTs, % above the clean run",
        "found": "a fifth attacks: what the usual defence found",
        "costs": "nobody attacks: what a defence costs",
    },
    _draw,
    (
        *(
            Claim(f"{kind}: a fifth costs less than 5 % with the usual defence, {part}", effect, -1)
            for kind in ATTACKS
            for part in ("V", "H")
            for effect in [partial(_beyond, part, kind, GOAL)]
        ),
        *(
            Claim(f"the usual defence costs less than 1 % where nobody attacks, {part}", effect, -1)
            for part in ("V", "H")
            for effect in [partial(_beyond, part, NOBODY, CLEAN_GOAL)]
        ),
    ),
    "This is no figure of a paper. 1,000 % stands for all that is worse, runs that broke off among it.",
    digits=1,
    slow=True,
    pieces={line: partial(of_seeds, values) for line, values in LINES.items()},
)
