"""Scenarios played: nothing appears or vanishes, nothing beats the exact plan, and a case by hand."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from hetnet.operations import rerouting
from hetnet.operations.coverage import Classes, classes_of
from hetnet.operations.flow_kernels import fullest
from hetnet.operations.impact import Outcome, PlaySettings, played
from hetnet.operations.replica import Replica, Total, halves
from hetnet.operations.rerouting import POLICIES, Problem, exact, problem_of, routes_of, sent
from hetnet.operations.scenario import Scenario
from hetnet.operations.users import UsersTotals, users_by_load
from tests.hetnet.operations.replicas import some_replica

OFF = st.lists(st.integers(0, 8), min_size=1, max_size=6, unique=True)


def outcome(replica: Replica, scenario: Scenario, **settings: str) -> Outcome:
    (found,) = played(replica, [scenario], PlaySettings(**settings))  # type: ignore[arg-type]  # policies
    return found


def some_problem(off: list[int], seed: int, room: float) -> tuple[Problem, Replica]:
    replica = some_replica(seed=seed, room=room, hours=3)
    silent = np.zeros((3, 9), bool)
    silent[:, off] = True
    crowded = (replica.forecast > replica.capacity * 0.8) & ~silent
    senders = np.flatnonzero((silent | crowded).any(axis=0))
    classes = classes_of(replica.positions, replica.reach, senders)
    return problem_of(classes, replica.forecast, silent, crowded, replica.capacity), replica


def lost(
    problem: Problem, plan: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", replica: Replica
) -> float:
    """What a plan loses on the forecast: beyond capacities and without coverage."""
    routes = routes_of(problem, plan)
    loads = sent(routes, replica.forecast, np.arange(9))
    beyond = np.maximum(loads - replica.capacity, 0).sum()
    return float(beyond + (routes.uncovered * replica.forecast[:, routes.senders]).sum())


@settings(max_examples=25)
@given(OFF, st.integers(0, 99), st.sampled_from(sorted(POLICIES)), st.floats(0.5, 3))
def test_no_traffic_appears_or_vanishes(off: list[int], seed: int, policy: str, room: float) -> None:
    replica = some_replica(seed=seed, room=room)
    stations = ",".join(f"s{each}" for each in off)
    found = outcome(replica, Scenario(off=(stations,), demand=("all=+20%",)), policy=policy)
    asked_of_stations = np.delete(replica.forecast, found.stations, axis=1).sum() + found.load.forecast.sum()
    beyond = np.maximum(found.load.forecast - replica.capacity[found.stations], 0).sum()
    without_cover = found.lost.sum() - beyond
    assert without_cover >= -1e-6
    assert asked_of_stations + without_cover == pytest.approx(1.2 * replica.forecast.sum())
    assert float(found.asked_total.forecast) == pytest.approx(1.2 * replica.forecast.sum())


@settings(max_examples=25)
@given(OFF, st.integers(0, 99))
def test_what_is_off_carries_nothing_in_any_future(off: list[int], seed: int) -> None:
    found = outcome(some_replica(seed=seed), Scenario(off=(",".join(f"s{each}" for each in off),)))
    columns = np.isin(found.stations, off)
    assert columns.sum() == len(off)
    assert not found.load.upper[:, columns].any()
    assert not found.load.forecast[:, columns].any()


def test_an_empty_scenario_changes_nothing() -> None:
    found = outcome(some_replica(room=0.5), Scenario())  # half the stations are over capacity without it
    assert len(found.stations) == 0
    for difference in (found.lost_difference, found.energy_difference):
        assert not np.any([difference.forecast, difference.lower, difference.upper])
    assert (found.over[0] == found.over[1]).all()
    assert found.lost_base.forecast == found.lost_scenario.forecast > 0


def totals(found: Outcome) -> dict[str, Total]:
    several = {name: value for name, value in vars(found).items() if isinstance(value, Total)}
    for name, users in vars(found.users).items() if found.users else ():
        if isinstance(users, UsersTotals):
            several |= {f"{name} mean": users.mean, f"{name} most": users.most}
    return several


@settings(max_examples=25)
@given(OFF, st.integers(0, 99), st.floats(0.5, 1.5), st.floats(0.6, 1.6), st.sampled_from([0.5, 0.8, 0.9]))
def test_totals_are_told_by_the_futures_that_their_intervals_are_of(
    off: list[int], seed: int, room: float, bias: float, coverage: float
) -> None:
    """Also where no future is near the forecast, and where few of them lose anything."""
    replica = some_replica(seed=seed, room=room)
    futures = (bias * replica.futures).astype(np.float32)
    replica = replace(replica, futures=futures, users=replica.forecast)
    scenario = Scenario(off=(",".join(f"s{each}" for each in off),), demand=("all=+10%",))
    (found,) = played(replica, [scenario], PlaySettings(coverage=coverage))
    assert len(totals(found)) == 13
    for name, each in totals(found).items():
        assert each.lower <= each.median <= each.upper, name
    assert found.asked_total.mean == pytest.approx(1.1 * futures[24:].sum(axis=(1, 2)).mean(), rel=1e-5)
    assert found.lost_base.mean + found.lost_difference.mean == pytest.approx(found.lost_scenario.mean)


@settings(max_examples=50)
@given(OFF, st.integers(0, 99), st.sampled_from([0.5, 1.0, 1.5, 9.0]), st.sampled_from([*POLICIES, "best"]))
def test_what_rounding_makes_is_told_as_nothing(off: list[int], seed: int, room: float, policy: str) -> None:
    replica = some_replica(seed=seed, room=room)
    replica = replace(replica, users=replica.forecast)
    clauses = {"off": (",".join(f"s{each}" for each in off),), "demand": (f"s{off[0]}=+0%@2-5",)}
    for scenario in (Scenario(off=clauses["off"]), Scenario(demand=clauses["demand"])):
        found = outcome(replica, scenario, policy=policy)
        figures = [value for each in totals(found).values() for value in vars(each).values()]
        figures += [each.lost for each in found.policies] + [each.lost_mean for each in found.policies]
        bands = (found.difference.forecast, found.difference.lower, found.difference.upper)
        for values in (np.array(figures), found.lost, found.flows, *bands):
            assert not ((np.abs(values) > 0) & (np.abs(values) < 1e-10)).any()


@settings(max_examples=25)
@given(OFF, st.integers(0, 99), st.floats(0.3, 2))
def test_no_policy_beats_the_exact_plan(off: list[int], seed: int, room: float) -> None:
    problem, replica = some_problem(off, seed, room)
    best = lost(problem, exact(problem), replica)
    for policy in POLICIES.values():
        assert best <= lost(problem, policy(problem), replica) + 1e-5 * replica.forecast.sum()


@settings(max_examples=25)
@given(OFF, st.integers(0, 99), st.floats(0.3, 2))
def test_the_exact_plan_carries_what_the_greatest_flow_does(off: list[int], seed: int, room: float) -> None:
    problem, replica = some_problem(off, seed, room)
    carried = 0.0
    for hour in range(3):
        graph = nx.DiGraph()
        graph.add_nodes_from(["from", "to"])
        for row, options in enumerate(problem.options):
            graph.add_edge("from", ("class", row), capacity=problem.traffic[hour, row])
            for place, station in enumerate(options):
                if problem.open[hour, row, place]:
                    graph.add_edge(("class", row), ("station", int(station)))
        for station in range(9):
            graph.add_edge(("station", station), "to", capacity=problem.room[hour, station])
        carried += nx.maximum_flow_value(graph, "from", "to")
    active = np.zeros((3, 9), bool)
    for row, station in enumerate(problem.station):
        active[:, station] |= problem.active[:, row]
    own = np.where(
        active, 0.0, replica.forecast
    )  # of stations that ask nobody, lost where these are too full
    expected = problem.traffic.sum() - carried + np.maximum(own - replica.capacity, 0).sum()
    assert lost(problem, exact(problem), replica) == pytest.approx(
        expected, abs=1e-4 * replica.forecast.sum()
    )


def test_a_case_worked_by_hand() -> None:
    """Station 0 is off. A quarter of its 100 only station 1 reaches, half both, a quarter nobody.

    Station 1 has room for 30, station 2 for 40. 25 must go to 1, which leaves room for 5 there; of the 50
    that both reach 5 go to 1 and 40 to 2. So 70 are carried, 5 find no room, and 25 have no coverage. All to
    the nearest would be 75 to station 1, of which 45 are lost, and with those without coverage 70.
    """
    classes = Classes(
        station=np.array([0, 0, 0]),
        share=np.array([0.25, 0.5, 0.25]),
        candidates=np.array([[1, -1], [1, 2], [-1, -1]]),
    )
    demand = np.array([[100.0, 70.0, 60.0]])
    silent = np.array([[True, False, False]])
    problem = problem_of(classes, demand, silent, np.zeros((1, 3), bool), np.array([500.0, 100.0, 100.0]))

    def result(name: str) -> tuple[list[float], float]:
        routes = routes_of(problem, POLICIES[name](problem))
        loads = sent(routes, demand, np.arange(3))
        beyond = np.maximum(loads - [500, 100, 100], 0).sum()
        return loads[0].tolist(), float(beyond + routes.uncovered[0, 0] * 100)

    assert result("nearest")[0] == pytest.approx([0, 145, 60])
    assert result("nearest")[1] == pytest.approx(70)
    assert result("even")[0] == pytest.approx([0, 120, 85])
    assert result("even")[1] == pytest.approx(45)
    assert result("exact")[1] == pytest.approx(30)
    assert result("exact")[0][2] == pytest.approx(100)
    assert result("filled")[1] == pytest.approx(
        50
    )  # the half goes first: 30 to 1 and 20 to 2; 25 find no room


def least_far(problem: Problem, hour: int) -> tuple[float, float]:
    """What a linear programme of scipy carries at most, and over how many options it goes at least."""
    which, place = np.nonzero(problem.open[hour])
    rank = np.cumsum(problem.open[hour], axis=1)[which, place] - 1  # among those that are open
    rows = np.zeros((len(problem.station) + 9, len(which)))
    rows[which, np.arange(len(which))] = 1
    rows[len(problem.station) + problem.options[which, place], np.arange(len(which))] = 1
    limits = np.concatenate([problem.traffic[hour], problem.room[hour]])
    solved = linprog(1e-4 * rank - 1.0, A_ub=rows, b_ub=limits, method="highs")
    assert solved.x is not None
    return float(solved.x.sum()), float(solved.x @ rank)


@settings(max_examples=25)
@given(OFF, st.integers(0, 99), st.floats(0.3, 1.2))
def test_of_the_plans_that_carry_most_the_exact_one_goes_least_far(
    off: list[int], seed: int, room: float
) -> None:
    problem, _ = some_problem(off, seed, room)
    which, place = np.nonzero(problem.open[0])
    rank = np.cumsum(problem.open[0], axis=1)[which, place] - 1
    goal = problem.options[which, place]
    found = fullest(which, goal, rank, problem.traffic[0], problem.room[0])
    carried, far = least_far(problem, 0)
    assert found.sum() == pytest.approx(carried, rel=1e-6, abs=1e-6)
    assert found @ rank == pytest.approx(far, rel=1e-4, abs=1e-4)
    assert (np.bincount(which, found, len(problem.station)) <= problem.traffic[0] + 1e-9).all()
    assert (np.bincount(goal, found, 9) <= problem.room[0] + 1e-9).all()


@settings(max_examples=25)
@given(st.integers(0, 99), st.floats(0.7, 1.5))
def test_what_is_told_is_of_futures_that_chose_nothing(seed: int, room: float) -> None:
    replica = some_replica(seed=seed, room=room)
    scenario = Scenario(off=("s4",))
    one = outcome(replica, scenario)
    futures = replica.futures.copy()
    futures[24:] *= 2  # the younger half
    other = outcome(replace(replica, futures=futures), scenario)
    assert one.policy == other.policy
    for before, after in zip(one.policies, other.policies, strict=True):
        assert before.lost_choosing == after.lost_choosing
        assert before.lost_mean < after.lost_mean
    futures = replica.futures.copy()
    futures[:24] = 0  # the older half
    third = outcome(replace(replica, futures=futures), scenario)
    assert [each.lost_mean for each in third.policies] == [each.lost_mean for each in one.policies]
    assert [each.lost_choosing for each in third.policies] == [0] * 5
    assert float(third.lost_base.upper) == float(one.lost_base.upper)


def test_halves_have_no_future_in_common() -> None:
    replica = some_replica(futures=5)
    older, younger = halves(replica)
    assert np.array_equal(np.concatenate([older.futures, younger.futures]), replica.futures)
    assert len(older.futures) == 2


def test_policies_that_take_too_long_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(some_replica(), Scenario(off=("s4",))).left_out == ()
    monkeypatch.setattr(rerouting, "MOST_EXACT", 3)
    found = outcome(some_replica(), Scenario(off=("s4",)))
    assert found.left_out == ("filled", "exact")
    assert [each.name for each in found.policies] == ["nearest", "even", "by room"]


def test_users_are_lost_as_the_traffic_around_them_is() -> None:
    """Each user asks for 1. So what is lost of the traffic is as many users."""
    replica = some_replica(room=1.1)
    futures = np.broadcast_to(replica.forecast.astype(np.float32), replica.futures.shape)
    replica = replace(replica, futures=futures.copy(), users=replica.forecast)
    found = outcome(replica, Scenario(off=("s4",), demand=("s0=+40%",), move=("s8>s7=50%",)))
    assert found.users is not None
    for users, traffic in (
        (found.users.before, found.lost_base),
        (found.users.after, found.lost_scenario),
        (found.users.more, found.lost_difference),
    ):
        assert float(users.mean.forecast) * 24 == pytest.approx(float(traffic.forecast), abs=1e-9)
        assert float(users.mean.upper) * 24 == pytest.approx(float(traffic.forecast), rel=1e-5, abs=1e-3)
    assert found.users.moved_mean * 24 == pytest.approx(found.flows.sum())
    assert found.users.after.most.forecast <= replica.forecast.sum(axis=1).max() * 1.4


def test_users_of_a_network_are_spread_as_its_load_is() -> None:
    load = np.array([[1.0, 3.0], [0.0, 0.0]])
    assert users_by_load(8, load).tolist() == [[2, 6], [4, 4]]
    assert outcome(some_replica(), Scenario(off=("s4",))).users is None


def test_a_difference_is_known_better_than_either_future() -> None:
    replica = some_replica(futures=48)
    found = outcome(replica, Scenario(demand=("s4=+30%",)))
    width = (found.load.upper - found.load.lower).mean()
    assert (found.difference.upper - found.difference.lower).mean() < 0.35 * width


def test_order_of_stations_is_irrelevant() -> None:
    replica = some_replica(room=1.1)  # and no two as near to anything as each other
    jitter = np.random.default_rng(2).uniform(0, 0.003, (9, 2))
    replica = replace(replica, positions=replica.positions + jitter)
    order = np.random.default_rng(1).permutation(9)
    turned = replace(
        replica,
        stations=tuple(replica.stations[place] for place in order),
        positions=replica.positions[order],
        clusters=replica.clusters[order],
        forecast=replica.forecast[:, order],
        futures=replica.futures[:, :, order],
        capacity=replica.capacity[order],
        reach=replica.reach[order],
    )
    one, other = (outcome(each, Scenario(off=("s4,s0",))) for each in (replica, turned))
    assert float(one.lost_scenario.upper) == pytest.approx(float(other.lost_scenario.upper))
    assert float(one.energy_scenario.forecast) == pytest.approx(float(other.energy_scenario.forecast))
