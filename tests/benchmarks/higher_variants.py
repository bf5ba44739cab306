"""What each disputed line of the higher-layer twin changes, and how far greedy is from the exact choice.

python -m tests.benchmarks.higher_variants [--seeds 5] [--users 200]
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hetnet.areas import AreaSettings, choice_of, exact_choice, greedy_choice
from hetnet.causality import BenefitSettings, CausalitySettings
from hetnet.entropy import EntropySettings
from hetnet.higher import HigherSettings, HigherTwin, expected_links, higher_twin, need_of
from hetnet.levels import LevelSettings
from hetnet.network import ATTRIBUTES
from hetnet.scene import SceneSettings, resized
from hetnet.segments import SegmentSettings
from hetnet.situation import Situation, made_situation

SOUND = HigherSettings()
VARIANTS = {
    "sound": SOUND,
    "(9) entropy literal": replace(SOUND, entropy=EntropySettings(variant="literal")),
    "(12) rule text": replace(SOUND, benefit=BenefitSettings(rule="text")),
    "(12) signed sum": replace(SOUND, benefit=BenefitSettings(objectives="literal")),
    "(12) season and unit roots left in": replace(
        SOUND, benefit=BenefitSettings(causality=CausalitySettings(season=1, most_differences=0))
    ),
    "(13) unscaled, one start": replace(SOUND, level=LevelSettings(variant="literal")),
    "(14) what links could carry": replace(SOUND, traffic="literal"),
    "(15) sum beside one slot": replace(SOUND, load="literal"),
    "(18) unused links weigh nothing": replace(SOUND, segment=SegmentSettings(unused=0.0)),
    "(19) ratio": replace(SOUND, area=AreaSettings(rule="literal")),
    "(19) every unsatisfied user": replace(SOUND, area=AreaSettings(rule="every")),
    "(21) demand as seen": replace(SOUND, demand="literal"),
    "(21) divided by stations too": replace(SOUND, area=AreaSettings(capacity="literal")),
    "budget .1": replace(SOUND, area=AreaSettings(budget=0.1)),
    "budget .1, (21) literal": replace(SOUND, area=AreaSettings(budget=0.1, capacity="literal")),
}


@dataclass(frozen=True)
class Seen:
    """One network under one reading."""

    twin: HigherTwin
    as_sound: HigherTwin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--users", type=int, default=200)
    arguments = parser.parse_args()
    found = [
        made_situation(resized(SceneSettings(seed=seed), arguments.users))
        for seed in range(1, arguments.seeds + 1)
    ]
    sound = [_look(each, SOUND) for each in found]
    print(f"{arguments.users} users, seeds 1 to {arguments.seeds}; means")
    print(f"{'':36} lev.% sel. gain% load seg. stat. cost%  benefit of {', '.join(ATTRIBUTES)}")
    for name, settings in VARIANTS.items():
        seen = [Seen(_look(each, settings), of) for each, of in zip(found, sound, strict=True)]
        print(f"{name:36} {_row(seen)}")
    _print_gaps(found, sound)


def _look(situation: Situation, settings: HigherSettings) -> HigherTwin:
    return higher_twin(situation.network, situation.history, situation.satisfaction, settings)


def _row(seen: Sequence[Seen]) -> str:
    """Attributes with another level, selected users and their share of all gain, loads, segments, cost."""
    figures = [
        (
            100 * np.mean(each.twin.valued.levels.level != each.as_sound.valued.levels.level),
            each.twin.areas.selected.sum(),
            100 * each.twin.gain[each.twin.areas.selected].sum() / each.twin.gain.sum(),
            each.twin.supply.loaded.sum(),
            each.twin.segments.count,
            each.twin.areas.stations.sum(),
            100 * (each.twin.cost_here + each.twin.cost_below) / each.twin.cost_of_everything,
        )
        for each in seen
    ]
    levels, selected, gain, loaded, segments, stations, cost = np.mean(figures, axis=0)
    benefit = np.mean([each.twin.valued.benefits.values.mean(axis=0) for each in seen], axis=0)
    return (
        f"{levels:5.1f} {selected:4.0f} {gain:5.1f} {loaded:4.1f} {segments:4.1f} {stations:5.1f} "
        f"{cost:5.1f}  " + " ".join(f"{each:.2f}" for each in benefit)
    )


def _print_gaps(found: Sequence[Situation], sound: Sequence[HigherTwin]) -> None:
    """By how much the greedy choice falls short of the best possible gain."""
    for budget in (0.02, 0.05, 0.1, 0.2, 0.3):
        gaps = []
        for each, twin in zip(found, sound, strict=True):
            settings = AreaSettings(budget=budget)
            expected = expected_links(each.network, each.history, SOUND)
            need = need_of(each.network, each.satisfaction, twin.valued, expected)
            choice = choice_of(need, twin.supply, twin.segments, settings)
            best = choice.benefit[exact_choice(choice)].sum()
            gaps.append(1 - choice.benefit[greedy_choice(choice)].sum() / best)
        print(
            f"budget {budget:4.2f}: greedy falls short of the exact choice by {100 * np.mean(gaps):.2f} % "
            f"on average, by {100 * max(gaps):.2f} % at worst"
        )


if __name__ == "__main__":
    main()
