"""What rests on what the paper leaves open."""

from dataclasses import replace

from data.progress import finished
from hetnet.sync.figures_learning import DQN, SAC, ContestSettings, Entry
from hetnet.sync.sensitivity import (
    BASE,
    SEARCHED,
    VARIATIONS,
    search_values,
    searched,
    sensitivity_values,
    varied,
)


def _short(settings: ContestSettings) -> ContestSettings:
    learners = {
        name: Entry(
            replace(entry.learning, epochs=3, copies=4, warmup=1, batch=8, judged=4, judged_every=3),
            entry.observed,
        )
        for name, entry in settings.learners.items()
    }
    world = replace(settings.world, users=3, blocks=2, slots=6, foresight="drift")
    return replace(settings, world=world, learners=learners, tuning=4, judged=6)


def test_every_variation_can_be_made_and_differs_from_the_default() -> None:
    made = {name: varied(each) for name, each in VARIATIONS.items()}
    assert made["default"].world == BASE
    described = [(each.world, str(each.learners)) for each in made.values()]
    assert len({str(each) for each in described}) == len(described)


def test_a_variation_tells_all_by_how_much_they_differ_from_the_best_rule() -> None:
    contests = {name: _short(varied(VARIATIONS[name])) for name in ("default", "step 10")}
    found = finished(sensitivity_values((1, 2), contests))
    rows = {(line, column): value for _, line, column, value in found[1]}
    assert {line for line, _ in rows} == set(contests)
    columns = {column for _, column in rows}
    assert columns == {"best rule", "its refreshes", "never", "always", SAC, DQN, "sees the future"}
    assert all(rows[line, "sees the future"] >= 0 for line in contests)


def test_the_search_tells_what_sac_gains_at_each_epoch() -> None:
    name = next(iter(SEARCHED))
    found = finished(search_values((1,), {name: _short(searched(SEARCHED[name]))}))
    rows = {(part, column): value for part, _, column, value in found[1]}
    assert {column for part, column in rows if part == "gain"} == {"0", "3"}
    assert rows["search", "gain"] == rows["search", "SAC"] / rows["search", "DQN"] - 1
