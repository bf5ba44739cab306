"""The study of poisoned updates: its runs and what is told of them."""

from functools import cache
from itertools import pairwise

import polars as pl
import pytest

from fl_server.experiments import poisoning
from fl_server.experiments.poisoning import (
    BROKEN,
    DEFENCES,
    FEW,
    NOBODY,
    ON,
    POISONING,
    Ended,
    ended,
    few_attack,
)
from fl_server.experiments.studies import _tasks
from fl_server.trust.harm import attacker_mask
from fl_server.trust.settings import ATTACKS


@cache
def run(kind: str, defence: str, strength: float = 0.0) -> Ended:
    attack = {"kind": kind, "share": 0.2, "strength": strength} if kind else {}
    return ended(101, attack, DEFENCES[defence])


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poisoning, "EPOCHS", 6)
    monkeypatch.setattr(poisoning, "STATIONS", 10)
    poisoning._clean.cache_clear()


def test_the_defence_saves_most_of_what_the_attack_costs() -> None:
    clean = run("", "none")
    harm = {name: poisoning._harm(run("sign-flip", name), clean, "vertical") for name in ("none", ON)}
    assert harm["none"]["top"] > 20
    assert harm[ON]["top"] < 0.2 * harm["none"]["top"]


def test_what_is_beyond_measure_counts_as_the_worst_and_so_does_a_run_that_broke_off() -> None:
    clean = run("", "none")
    for bad in (run("scaled", "none", 1e6), Ended(clean.plan, None)):
        assert poisoning._harm(bad, clean, "horizontal")["cluster"] == BROKEN


def test_what_was_found_is_told_in_percent() -> None:
    told = {column: value for _, _, column, value in poisoning._found("sign-flip", run("sign-flip", ON))}
    assert told["attackers found, %"] == 100
    assert 0 <= told["of their updates wrongly dropped, %"] < 50


def test_trials_are_in_the_costs() -> None:
    told = {column: value for _, _, column, value in poisoning._costs(ON, run("", ON), run("", "none"))}
    assert told["messages, station and cluster, ratio"] > 3


def test_each_attack_has_a_claim_in_both_phases() -> None:
    rows = pl.DataFrame(
        [
            {"part": part, "line": kind, "column": ON, "seed": 1, "value": 7.0}
            for part in ("V", "H")
            for kind in (*ATTACKS, "nobody attacks")
        ]
    )
    effects = [claim.effect(rows)[1] for claim in POISONING.claims]
    assert len(effects) == 2 * len(ATTACKS) + 2
    assert effects[:-2] == pytest.approx([0.02] * 2 * len(ATTACKS))
    assert effects[-2:] == pytest.approx([0.06] * 2)


def test_one_of_twenty_attacks_and_two_of_them_hold_it() -> None:
    masks = [attacker_mask(ended(101, {"kind": "replay", "share": share}, {}).plan) for share in (*FEW, 0.2)]
    assert [mask.sum() for mask in masks] == [1, 1, 2]  # of ten: one at least
    assert all((many | few == many).all() for few, many in pairwise(masks))


def test_few_attackers_have_lines_of_their_own() -> None:
    told = list(few_attack("sign-flip", 0.1, 101))
    assert {(part, line) for part, line, _, _ in told} == {
        ("V few", "sign-flip, 10 %"),
        ("H few", "sign-flip, 10 %"),
    }
    attack = ended(101, {"kind": "sign-flip", "share": 0.1}, {})
    harm = poisoning._harm(attack, run("", "none"), "vertical")["top"]
    assert [value for part, *_, column, value in told if (part, column) == ("V few", "none")] == [harm]


def test_what_is_stored_of_larger_shares_is_not_made_again() -> None:
    rows = {line: {"line": line, "seed": 1} for line in (NOBODY, *ATTACKS)}
    tasks = _tasks(POISONING, rows, 1, 1)
    few = [piece for line, piece in POISONING.pieces.items() if line not in rows]
    assert [piece for _, piece, _ in tasks] == few
    assert len(few) == len(FEW) * len(ATTACKS)
