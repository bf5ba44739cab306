"""Attackers among the stations of this process: who they are, what leaves them, and what stays as it is."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from data.errors import InputError
from data.messages import Errors, EvaluateOrder, TrainOrder, Update
from data.traffic import StationId
from fl_server.crossing.settings import CrossingSettings
from fl_server.federation.fleet import setup_of
from fl_server.fleet import Fleet
from fl_server.run import Plan
from fl_server.running import State, first_state, states
from fl_server.settings import TwinSettings
from fl_server.trust.attacked_fleet import AttackedFleet, attacked
from fl_server.trust.attackers import drawn_attackers, seen_through
from fl_server.trust.settings import ATTACKS, WITHOUT_STRENGTH, AttackKind, AttackSettings
from tests.fl_server.test_lifecycle import HISTORY, SETTINGS, bits, fleet_of, plan_of
from tests.fl_server.test_lifecycle import twins as twins_of

KINDS: list[AttackKind] = list(ATTACKS)  # type: ignore[arg-type]  # the names of the table are these
SHORT = replace(SETTINGS, single_level=False, horizontal=replace(SETTINGS.horizontal, epochs=3))


def settings_with(kind: AttackKind) -> TwinSettings:
    """Two of seven stations attack, so mildly that the others go on."""
    strength = 0.0 if kind == WITHOUT_STRENGTH else 0.5
    return replace(SHORT, attack=AttackSettings(kind=kind, share=0.3, strength=strength))


def cast(settings: TwinSettings) -> tuple[Fleet, Plan]:
    fleet = fleet_of(settings)
    plan = plan_of(fleet, settings)
    return attacked(fleet, plan), plan


@cache
def run_with(kind: AttackKind) -> tuple[State, ...]:
    fleet, plan = cast(settings_with(kind))
    first = first_state(plan)
    return (first, *states(fleet, plan, first))


def attackers_of(fleet: Fleet) -> frozenset[StationId]:
    assert isinstance(fleet, AttackedFleet)
    return fleet.band.attackers


def order_of(fleet: Fleet, plan: Plan) -> TrainOrder:
    weights = np.full(plan.network.parameters, 0.1, np.float32)
    return TrainOrder(fleet.stations, weights, "vertical", 0, 5, HISTORY, "station")


def test_attackers_are_as_many_as_were_asked_for_and_drawn_by_the_seed() -> None:
    known = plan_of(fleet_of()).introductions
    two = drawn_attackers(known, AttackSettings(kind="random", share=0.3), 1)  # .3 of 7
    assert len(two) == 2
    assert two == drawn_attackers(known, AttackSettings(kind="scaled", share=0.3), 1)
    drawn = {tuple(drawn_attackers(known, AttackSettings(kind="random"), seed)) for seed in range(20)}
    assert len(drawn) > 3
    assert len(drawn_attackers(known, AttackSettings(kind="random", share=0.01), 1)) == 1


def test_more_attackers_join_those_that_were_drawn_for_a_smaller_share() -> None:
    known = plan_of(fleet_of()).introductions
    several = (AttackSettings(kind="random", share=share) for share in (0.2, 0.5))
    few, many = (drawn_attackers(known, each, 5) for each in several)
    assert set(few) < set(many)


def test_colluders_are_neighbours() -> None:
    known = plan_of(fleet_of()).introductions  # s0 … s6 stand in a row
    band = drawn_attackers(known, AttackSettings(kind="colluding", share=0.43), 2)
    places = sorted(int(each[1:]) for each in band)
    assert len(places) == 3
    assert places[-1] - places[0] == 2


def test_attackers_see_through_the_honest_nearest_to_them() -> None:
    known = plan_of(fleet_of()).introductions
    seen = seen_through(known, [StationId("s2"), StationId("s3")])
    assert seen[:2] == ("s1", "s0") or set(seen[:2]) == {"s1", "s4"}
    assert not {"s2", "s3"} & set(seen)


@pytest.mark.parametrize("kind", KINDS)
def test_honest_stations_answer_as_if_there_were_no_attackers(kind: AttackKind) -> None:
    fleet, plan = cast(settings_with(kind))
    order = replace(order_of(fleet, plan), sum_by="nothing")
    usual = {each.station: each for each in fleet_of(SHORT).ask([order]) if isinstance(each, Update)}
    given = {each.station: each for each in fleet.ask([order_of(fleet, plan)]) if isinstance(each, Update)}
    assert given.keys() == usual.keys()
    attackers = attackers_of(fleet)
    assert len(attackers) == 2
    for station, update in given.items():
        same = np.array_equal(update.weights, usual[station].weights)
        assert same == (station not in attackers)


def test_as_a_witness_an_attacker_turns_good_and_bad_round() -> None:
    fleet, plan = cast(settings_with("random"))
    weights = np.full(plan.network.parameters, 0.1, np.float32)
    order = EvaluateOrder(fleet.stations, weights, HISTORY - 24, HISTORY, trial=True)
    true = {each.station: each for each in fleet_of(SHORT).ask([order]) if isinstance(each, Errors)}
    for each in fleet.ask([order]):
        assert isinstance(each, Errors)
        mse = true[each.station].squared / 24
        wanted = 1 / mse if each.station in attackers_of(fleet) else mse
        assert each.squared / each.count == pytest.approx(wanted)


def test_outside_of_trials_errors_are_told_as_they_are() -> None:
    fleet, plan = cast(settings_with("random"))
    order = EvaluateOrder(fleet.stations, order_of(fleet, plan).weights, HISTORY, HISTORY + 24)
    assert fleet.ask([order]) == fleet_of(SHORT).ask([order])


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_under_attack_that_is_taken_up_anywhere_ends_the_same(kind: AttackKind) -> None:
    whole = run_with(kind)
    assert twins_of(whole[-1].hierarchical) != twins_of(run_with("none")[-1].hierarchical)
    for state in whole[1 :: len(whole) // 4]:
        fleet, plan = cast(settings_with(kind))
        end = [state, *states(fleet, plan, state)][-1]
        assert bits(end) == bits(whole[-1])


def test_without_an_attack_the_fleet_is_the_very_same() -> None:
    fleet = fleet_of()
    assert attacked(fleet, plan_of(fleet)) is fleet


def test_stations_that_are_real_are_never_told_to_attack() -> None:
    with pytest.raises(InputError, match="attacks are simulated by vhtwin twin alone"):
        setup_of(settings_with("random"))


def test_stations_that_remember_cannot_be_looked_into() -> None:
    with pytest.raises(InputError, match="no compress beside a simulated attack"):
        replace(settings_with("random"), crossing=CrossingSettings(up="int8"))
