"""What the words of scenarios come to, and what is refused."""

import numpy as np
import pytest

from data.errors import InputError
from hetnet.operations.scenario import Scenario, asked, change_of
from tests.hetnet.operations.replicas import some_replica

REPLICA = some_replica()


def test_hours_go_over_midnight() -> None:
    change = change_of(Scenario(off=("s1@22-6",)), REPLICA)
    assert np.flatnonzero(change.off[:, 1]).tolist() == [0, 1, 2, 3, 4, 5, 22, 23]
    assert not np.delete(change.off, 1, axis=1).any()


def test_groups_are_stations() -> None:
    change = change_of(Scenario(off=("cluster:1",), sleep=("s0, s8@1-5",)), REPLICA)
    assert np.flatnonzero(change.off[0]).tolist() == [3, 4, 5]
    assert np.flatnonzero(change.asleep[1]).tolist() == [0, 8]
    near = change_of(Scenario(off=("near:s4:1.2",)), REPLICA)
    assert np.flatnonzero(near.off[0]).tolist() == [1, 3, 4, 5, 7]  # a cross: the corners are further


def test_demand_is_changed_and_then_moved() -> None:
    change = change_of(Scenario(demand=("s0=+50%",), move=("s0>s5=20%",)), REPLICA)
    loads = np.full((24, 9), 10.0)
    after = asked(change, loads)  # 15 around s0, of which 3 go to s5
    assert after[0].tolist() == [12, 10, 10, 10, 10, 13, 10, 10, 10]


def test_a_scenario_without_clauses_gives_back_the_very_loads() -> None:
    assert asked(change_of(Scenario(), REPLICA), REPLICA.forecast) is REPLICA.forecast


@pytest.mark.parametrize(
    ("clauses", "reason"),
    [
        ({"off": ("s11",)}, "did you mean s1"),
        ({"off": ("cluster:7",)}, "unknown cluster"),
        ({"off": ("near:s1:x",)}, "near:STATION:KM"),
        ({"off": ("s1@18-18",)}, "two hours of the day"),
        ({"off": ("s1@30-31",)}, "two hours of the day"),
        ({"off": ("all",)}, "all 9 stations are off"),
        ({"off": ("s1",), "demand": ("s1=+30%",)}, "both name station s1"),
        ({"off": ("s1@1-5",), "sleep": ("s1@4-8",)}, "both name station s1"),
        ({"off": ("s1",), "move": ("s2>s1=20%",)}, "serves nobody"),
        ({"demand": ("s1=-101%",)}, "between -100%"),
        ({"demand": ("s1=+2000%",)}, "between -100%"),
        ({"demand": ("s1=30%",)}, "expected a sign"),
        ({"demand": ("s1=+much%",)}, "expected a percentage"),
        ({"demand": ("s1",)}, "expected WHO="),
        ({"demand": ("s1=+10%", "s1=+20%")}, "both name station s1"),
        ({"move": ("s1>s2=0%",)}, "more than 0%"),
        ({"move": ("s1>s2=-5%",)}, "more than 0%"),
        ({"move": ("s1>s1=5%",)}, "to itself"),
        ({"move": ("s1=5%",)}, "expected WHO>STATION"),
        ({"move": ("s1>s2=70%", "s1>s3=70%")}, "take 140% from station s1"),
    ],
)
def test_what_makes_no_sense_is_refused(clauses: dict[str, tuple[str, ...]], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        change_of(Scenario(**clauses), REPLICA)  # type: ignore[arg-type]  # clauses only


def test_clauses_for_other_hours_do_not_contradict() -> None:
    change_of(Scenario(off=("s1@1-5",), demand=("s1=+30%@18-22",)), REPLICA)
