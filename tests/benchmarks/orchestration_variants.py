"""The paper's Fig. 8 over seeds, and what each choice of the orchestration changes.

python -m tests.benchmarks.orchestration_variants [--seeds 10] [--sizes 50 100 …] [--fixed | --effects]
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from hetnet.areas import AreaSettings
from hetnet.figures_orchestration import SIZES, Fig8Row, factors, fig8_rows, summaries
from hetnet.higher import HigherSettings
from hetnet.simulation import SimulationSettings
from hetnet.world import WorldSettings

COLUMNS = ("award", "satisfied", "cost", "twins", "late", "efficiency", "literal_efficiency", "gain")
Case = tuple[SimulationSettings, WorldSettings]


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--fixed", action="store_true", help="25 stations at every size")
    parser.add_argument("--effects", action="store_true", help="what each choice changes, at 200 users")
    arguments = parser.parse_args()
    if arguments.effects:
        print_effects(arguments.seeds)
    else:
        print_fig8(arguments.sizes, arguments.seeds, growing=not arguments.fixed)


def print_fig8(sizes: Sequence[int], seeds: int, *, growing: bool) -> None:
    """A line for each system and size: means and half widths of 95 % intervals over seeds."""
    print(f"{'users':>5} {'system':28}" + "".join(f"{column:>20}" for column in COLUMNS))
    for users in sizes:
        begun = perf_counter()
        rows = [row for seed in range(1, seeds + 1) for row in fig8_rows(users, seed, growing=growing)]
        _print_table(users, rows)
        print(f"{'':5} hierarchical, synchronised, {_ratios(rows)}; {perf_counter() - begun:.0f} s")


def _print_table(users: int, rows: Sequence[Fig8Row]) -> None:
    for name in dict.fromkeys(row.system for row in rows):
        found = summaries([row for row in rows if row.system == name], COLUMNS)
        numbers = "".join(f"{each.mean:12.3f} ± {each.half_width:5.3f}" for each in found)
        print(f"{users:5} {name:28}{numbers}", flush=True)


def _ratios(rows: Sequence[Fig8Row]) -> str:
    """The factor of efficiency seed by seed, and that of the mean gains (a single gain may be about 0)."""
    clauses = []
    for ours, theirs in (
        ("hierarchical, synchronised", "all-inclusive"),
        ("hierarchical, synchronised", "all-inclusive, synchronised"),
        ("hierarchical, synchronised", "hierarchical"),
    ):
        (found,) = factors(rows, ours, theirs)
        gains = [np.mean([row.gain for row in rows if row.system == name]) for name in (ours, theirs)]
        clauses.append(
            f"over {theirs}: efficiency × {found.mean:.2f} ± {found.half_width:.2f}, "
            f"gain × {gains[0] / gains[1]:.2f}"
        )
    return "; ".join(clauses)


def effects() -> dict[str, Case]:
    """Every choice that the orchestration leaves open, one at a time."""
    base, world = SimulationSettings(), WorldSettings()
    chosen = base.orchestration

    def decided(**changes: object) -> Case:
        return replace(base, orchestration=replace(chosen, **changes)), world  # type: ignore[arg-type]  # names of fields

    def looked(area: AreaSettings) -> Case:
        return replace(base, higher=HigherSettings(area=area)), world

    return {
        "sound": (base, world),
        "(5) award literal": decided(award="literal"),
        "(1) interference literal": decided(interference="literal"),
        "others keep their power": decided(others="kept"),
        "power: no margins": decided(margin_db=()),
        "power: equal parts": decided(power="equal"),
        "power: sum of rates (WMMSE)": decided(power="rates"),
        "two rounds": decided(rounds=2),
        "(19) every unsatisfied user": looked(AreaSettings(rule="every")),
        "(19) ratio": looked(AreaSettings(rule="literal")),
        "reports at once": (replace(base, report_hours=0.0), world),
        "reports up to 6 hours old": (replace(base, report_hours=6.0), world),
        "500 twins an hour": (replace(base, twins_an_hour=500.0), world),
        "any number of twins an hour": (replace(base, twins_an_hour=1e9), world),
        "half of each station is others'": (base, replace(world, busy=0.5)),
        "a fifth of days spent at home": (base, replace(world, absent=0.2)),
    }


def print_effects(seeds: int) -> None:
    """What each choice changes in networks of 200 users."""
    for name, (settings, world) in effects().items():
        rows = [row for seed in range(1, seeds + 1) for row in fig8_rows(200, seed, settings, world)]
        for system in (
            "hierarchical, synchronised",
            "hierarchical",
            "all-inclusive, synchronised",
            "all-inclusive",
        ):
            found = {
                each.column: each
                for each in summaries([row for row in rows if row.system == system], COLUMNS)
            }
            numbers = ", ".join(
                f"{column} {found[column].mean:.3f} ± {found[column].half_width:.3f}"
                for column in ("award", "satisfied", "cost", "efficiency", "literal_efficiency", "gain")
            )
            print(f"{name:32} {system:28} {numbers}", flush=True)


if __name__ == "__main__":
    main()
