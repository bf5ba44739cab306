"""Runs under a privacy budget: what is sent, what is refused, and that all ways of running are one."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from bs_client.budget import SPENT, Budget
from bs_client.site import NO_FOLDER, Site
from bs_client.station import NO_ERRORS
from data.errors import InputError
from data.messages import (
    Answer,
    DescribeOrder,
    Description,
    Errors,
    EvaluateOrder,
    Failure,
    IntroduceOrder,
    MomentsOrder,
    Order,
    Spent,
    SpentOrder,
    TrainOrder,
    Update,
)
from data.traffic import StationId
from data.wire import packed_orders, unpacked_answers
from fl_server import local
from fl_server.cli.main import main
from fl_server.crossing.settings import CrossingSettings
from fl_server.federation.fleet import setup_of
from fl_server.local import LocalFleet, remembering
from fl_server.run_folder import MEMORY
from fl_server.running import State, first_state, states
from fl_server.settings import HorizontalSettings, Strategies, TwinSettings, releases_of
from fl_server.trust.privacy import privacy_figures, refuse_forgotten
from fl_server.trust.settings import AttackSettings, DefenceSettings
from forecasting.private import PrivacySettings
from forecasting.stations import Floats
from tests.bs_client.stations import some_weights as weights_of
from tests.cities import wavy_traffic
from tests.fl_server.crossing.test_coded import SPARSE, end_of
from tests.fl_server.crossing.test_masked import ROUNDS
from tests.fl_server.crossing.test_wired import Wired
from tests.fl_server.test_forecast import written_set
from tests.fl_server.test_lifecycle import CITY, HISTORY, SETTINGS, all_states, fleet_of, plan_of

BUDGET = PrivacySettings(kind="series", epsilon=1e4, clip=0.5)


def private(settings: TwinSettings = SETTINGS, budget: PrivacySettings = BUDGET) -> TwinSettings:
    return replace(settings, recipe=replace(settings.recipe, privacy=budget), single_level=False)


def secret(station: StationId) -> bytes:
    return sha256(station.encode()).digest()


def known_fleet(settings: TwinSettings) -> LocalFleet:
    """Stations whose secrets are no secrets, so that two runs can be compared."""
    fleet = fleet_of(settings)
    for host in fleet.hosts:
        host.budget.draw = secret
    return fleet


def end(settings: TwinSettings) -> list[bytes]:
    return end_of(all_states(settings, fleet=known_fleet(settings))[-1])


def some_weights(fleet: LocalFleet, seed: int = 3) -> Floats:
    return weights_of(fleet.hosts[0], seed)


def trained(fleet: LocalFleet, turn: int = 0, seed: int = 3) -> dict[StationId, Update]:
    order = TrainOrder(fleet.stations, some_weights(fleet, seed), "vertical", turn, 5, HISTORY)
    return {each.station: each for each in fleet.ask([order]) if isinstance(each, Update)}


def test_nobody_can_repeat_the_noise_of_another_run() -> None:
    settings = private()
    assert end_of(all_states(settings)[-1]) != end_of(all_states(settings)[-1])
    assert end(settings) == end(settings)


def test_the_number_of_hosts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = end(private())
    monkeypatch.setattr(local, "STATIONS_A_HOST", 1)
    assert end(private()) == whole


def test_twins_are_the_same_over_the_wire(tmp_path: Path) -> None:
    settings = private()
    fleet = Wired(fleet_of(settings).stations, [])
    fleet.site, fleet.settings = Site(CITY, tmp_path), settings
    opened = Budget(fleet.stations, settings.station_recipe.privacy, secret)
    opened.releases(fleet.stations[0])
    opened.keep_in(tmp_path)
    assert end_of(all_states(settings, fleet=fleet)[-1]) == end(settings)


def test_stations_of_a_process_that_would_forget_what_they_spent_send_nothing() -> None:
    order = DescribeOrder((StationId("s0"),))
    found = unpacked_answers(Site(CITY).answered(packed_orders(setup_of(private()), [order])))
    assert (found.refusal, found.answers) == (NO_FOLDER, ())


@pytest.mark.parametrize(
    ("budget", "follows"),
    [
        (None, False),
        (replace(BUDGET, epsilon=8.1), False),
        (replace(BUDGET, epsilon=8.0, delta=1e-4), False),
        (replace(BUDGET, epsilon=8.0), True),
    ],
)
def test_stations_follow_no_run_that_may_tell_more_than_their_owner_lets_them(
    tmp_path: Path, budget: PrivacySettings | None, follows: bool
) -> None:
    site = Site(CITY, tmp_path, PrivacySettings(kind="series", epsilon=8.0))
    settings = private(budget=budget) if budget else SETTINGS
    order = DescribeOrder((StationId("s0"),))
    found = unpacked_answers(site.answered(packed_orders(setup_of(settings), [order])))
    assert (len(found.answers), "owner" in found.refusal) == ((1, False) if follows else (0, True))


def test_a_run_that_is_killed_goes_on_with_the_same_noise_and_spends_nothing_twice(tmp_path: Path) -> None:
    settings = private()
    fleet = known_fleet(settings)
    remembering(fleet, tmp_path / MEMORY)
    whole = all_states(settings, fleet=fleet)
    spent_before = set(fleet.ask([SpentOrder(fleet.stations)]))
    for kept in (whole[0], whole[2], whole[-10]):
        again = fleet_of(settings)  # whose own secrets are others
        remembering(again, tmp_path / MEMORY)
        plan = plan_of(again, settings)
        last = list(states(again, plan, State(kept.hierarchical, None)))[-1]
        assert end_of(last) == end_of(whole[-1])
        assert set(again.ask([SpentOrder(again.stations)])) == spent_before


@pytest.mark.parametrize(
    "settings",
    [
        private(),
        private(replace(ROUNDS, crossing=CrossingSettings(secure_sum=True))),
        private(replace(SETTINGS, crossing=SPARSE)),
        private(budget=replace(BUDGET, releases=6)),
    ],
)
def test_a_run_goes_on_from_any_state_whose_releases_are_remembered(
    settings: TwinSettings, tmp_path: Path
) -> None:
    fleet = known_fleet(settings)
    for state in all_states(settings, fleet=fleet):
        refuse_forgotten(fleet, state.hierarchical, tmp_path)
        with pytest.raises(
            InputError, match=r"station s0 and 6 more .* nobody knows what is spent; expected"
        ):
            refuse_forgotten(fleet_of(settings), state.hierarchical, tmp_path)


def test_a_run_whose_memory_is_an_older_copy_or_lacks_a_station_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "STATIONS_A_HOST", 1)
    fleet = known_fleet(private())
    remembering(fleet, tmp_path / MEMORY)
    plan = plan_of(fleet, private())
    for state in states(fleet, plan, first_state(plan)):
        if state.hierarchical.turn == 3 and state.hierarchical.stage == "vertical":
            shutil.copytree(tmp_path / MEMORY, tmp_path / "copy")
    last = state.hierarchical

    def refuse(memory: Path) -> None:
        again = fleet_of(private())
        remembering(again, memory)
        refuse_forgotten(again, last, tmp_path)

    refuse(tmp_path / MEMORY)
    with pytest.raises(InputError, match=r"remember 28 releases of the [0-9]+ that are in it"):
        refuse(tmp_path / "copy")
    min((tmp_path / MEMORY).iterdir()).unlink()
    with pytest.raises(InputError, match=r"station s[0-6] of this private run: nothing is remembered"):
        refuse(tmp_path / MEMORY)


def small_run(home: Path, *more: str) -> Path:
    """A run of four stations in a few turns."""
    city, run = home / "city", home / "run"
    city.mkdir()
    written_set(city, wavy_traffic(stations=4, days=12))
    words = ["--inputs", "paper", "--epochs", "2", "--stream-epochs", "2", "--hidden", "4", *more]
    assert main(["twin", str(city), "--out", str(run), *words]) == 0
    return run


def test_a_private_run_without_its_memory_is_not_resumed_however_often_it_is_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = small_run(tmp_path, "--privacy", "epsilon=1e4", "--no-single-level")
    before = (run / "summary.json").read_bytes()
    assert main(["resume", str(run)]) == 0
    shutil.rmtree(run / MEMORY)
    capsys.readouterr()
    for _ in range(2):
        assert main(["resume", str(run)]) == 3
        assert f"expected what they keep in {run / MEMORY}" in capsys.readouterr().err
    assert not (run / MEMORY).exists()
    assert json.loads((run / "summary.json").read_bytes())["privacy"] == json.loads(before)["privacy"]


def test_no_run_makes_more_releases_than_it_is_calibrated_for() -> None:
    settings = private()
    fleet = known_fleet(settings)
    last = all_states(settings, fleet=fleet)[-1]
    told = privacy_figures(fleet, plan_of(fleet, settings))["privacy"]
    assert 0 < told["made"] <= told["releases"] == releases_of(settings)
    assert told["spent"] <= BUDGET.epsilon * (1 + 1e-9)
    assert SPENT not in last.hierarchical.horizontal.failures


def test_whose_budget_is_spent_goes_on_without_sending() -> None:
    """The twins stay what they are, and the run comes to its end."""
    settings = private(budget=replace(BUDGET, releases=6))
    fleet = known_fleet(settings)
    last = all_states(settings, fleet=fleet)[-1].hierarchical
    assert last.stage == "done"
    assert last.horizontal.failures[SPENT] > 0
    assert not last.vertical.failures
    found = fleet.ask([SpentOrder(fleet.stations)])
    assert set(found) == {Spent(station, 6) for station in fleet.stations}


def test_what_is_sent_lies_as_far_from_the_order_as_clip_and_noise_make_it() -> None:
    settings = private(budget=replace(BUDGET, epsilon=1.0, clip=0.01, releases=6))
    fleet = known_fleet(settings)
    start, deviation = some_weights(fleet), 2 * 0.01 * settings.station_recipe.privacy.multiplier
    found = trained(fleet).values()
    changes = [update.weights - start for update in found]
    assert np.std(changes) == pytest.approx(deviation, rel=0.15)  # of some 340 numbers
    assert {update.loss for update in found} == {0.0}


def test_without_noise_to_speak_of_a_change_is_as_long_as_the_clip() -> None:
    settings = private(budget=replace(BUDGET, epsilon=1e6, clip=0.01, releases=6))
    fleet = known_fleet(settings)
    for update in trained(fleet).values():
        assert np.linalg.norm(update.weights - some_weights(fleet)) == pytest.approx(0.01, rel=0.1)


def test_the_same_turn_with_other_weights_is_other_noise_and_is_counted() -> None:
    """Else the difference of two answers would be free of any."""
    settings = private(budget=replace(BUDGET, epsilon=1.0, clip=1e-6, releases=6))
    fleet = known_fleet(settings)
    one, other = trained(fleet, seed=3), trained(fleet, seed=4)
    first = one[fleet.stations[0]].weights
    noise = first - some_weights(fleet, 3)
    assert np.std(noise - (other[fleet.stations[0]].weights - some_weights(fleet, 4))) > np.std(noise)
    assert trained(fleet, seed=3)[fleet.stations[0]].weights.tobytes() == first.tobytes()
    assert set(fleet.ask([SpentOrder(fleet.stations)])) == {Spent(station, 2) for station in fleet.stations}


def test_signatures_are_noised_and_neither_mean_nor_scale_is_told() -> None:
    fleet, bare = known_fleet(private(budget=replace(BUDGET, epsilon=1.0))), fleet_of()
    order = DescribeOrder(fleet.stations)
    noised, plain, again = (
        {each.station: each for each in of.ask([order]) if isinstance(each, Description)}
        for of in (fleet, bare, fleet)
    )
    for station in fleet.stations:
        assert abs(np.corrcoef(noised[station].week, plain[station].week)[0, 1]) < 0.5
        assert (noised[station].mean, noised[station].scale) == (0.0, 1.0)
    assert all(again[each].week.tobytes() == noised[each].week.tobytes() for each in fleet.stations)


def test_moments_and_personal_twins_stay_at_home() -> None:
    fleet = fleet_of(private())
    own = TrainOrder(fleet.stations, some_weights(fleet), "personal", 0, 1, HISTORY)
    for order in (own, MomentsOrder(fleet.stations, 100, HISTORY)):
        answers = fleet.ask([order])
        assert len(answers) == len(fleet.stations)
        assert all(isinstance(each, Failure) for each in answers)


def test_no_weights_are_tried_on_a_history_and_the_stream_is_scored() -> None:
    """The error of known weights at one step tells the reading there."""
    fleet = fleet_of(private())
    weights = some_weights(fleet)
    orders = [
        EvaluateOrder(fleet.stations, weights, HISTORY - 1, HISTORY),
        EvaluateOrder(fleet.stations, weights, HISTORY - 1, HISTORY + 24),
        EvaluateOrder(fleet.stations, weights, HISTORY, HISTORY + 24, trial=True),
    ]
    for order in orders:
        assert {type(each) for each in fleet.ask([order])} == {Failure}
    scored = fleet.ask([EvaluateOrder(fleet.stations, weights, HISTORY, HISTORY + 24)])
    assert {type(each) for each in scored} == {Errors}


def test_it_can_be_composed_with_sums_that_nobody_sees_into() -> None:
    plain, secure = private(ROUNDS), private(replace(ROUNDS, crossing=CrossingSettings(secure_sum=True)))
    assert end(secure) == end(plain)


def test_it_can_be_composed_with_fewer_bytes_and_with_rules_that_are_robust() -> None:
    coded = private(replace(SETTINGS, crossing=SPARSE))
    robust = private(replace(SETTINGS, strategies=Strategies(cluster="median", top="median")))
    assert end(coded) == end(coded)
    assert len({tuple(end(each)) for each in (private(), coded, robust)}) == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"single_level": True}, "spend its budget twice"),
        ({"defence": DefenceSettings(kind="pairing")}, "no noise covers"),
        ({"attack": AttackSettings(kind="scaled")}, "train more than once"),
        ({"recipe": replace(SETTINGS.recipe, privacy=BUDGET, personal="head")}, "personal none"),
        ({"vertical": replace(SETTINGS.vertical, stop_after=2)}, "tell no loss"),
        (
            {"recipe": replace(SETTINGS.recipe, privacy=replace(BUDGET, releases=5))},
            "spent before V-twinning ends; expected at least 6",
        ),
    ],
)
def test_what_would_tell_more_is_refused(change: dict[str, object], why: str) -> None:
    with pytest.raises(InputError, match=why):
        replace(private(), **change)  # type: ignore[arg-type]  # settings of several kinds


def test_no_budget_leaves_no_trace() -> None:
    fleet = fleet_of()
    assert privacy_figures(fleet, plan_of(fleet)) == {}
    assert all(host.budget._accounts is None for host in fleet.hosts)


def test_releases_are_counted_from_the_settings() -> None:
    assert releases_of(SETTINGS) == 1 + 6 + 5 + 7
    assert releases_of(replace(SETTINGS, horizontal=HorizontalSettings(epochs=0))) == 1 + 5


SILENT = replace(BUDGET, errors="none")


class Recording(LocalFleet):
    """Stations that remember what they were asked for."""

    asked: list[type[Order]]

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        self.asked += [type(order) for order in orders]
        return super().ask(orders)


def test_stations_that_tell_no_errors_are_asked_for_none_and_their_twins_are_the_same() -> None:
    inner = known_fleet(private(budget=SILENT))
    fleet = Recording(inner.stations, inner.hosts)
    fleet.asked = []
    silent = all_states(private(budget=SILENT), fleet=fleet)[-1]
    told = all_states(private(), fleet=known_fleet(private()))[-1]
    assert end_of(silent) == end_of(told)
    assert TrainOrder in fleet.asked
    assert EvaluateOrder not in fleet.asked
    for standing in (silent.hierarchical.vertical.standing, silent.hierarchical.horizontal.standing):
        assert not any(sums.count.any() for sums in (standing.top, standing.cluster, standing.personal))
    assert {row.error for row in silent.hierarchical.history} == {None}


def test_whoever_asks_is_told_no_errors() -> None:
    fleet = known_fleet(private(budget=SILENT))
    weights = np.zeros(plan_of(fleet, private(budget=SILENT)).network.parameters, np.float32)
    order = EvaluateOrder(fleet.stations, weights, HISTORY, HISTORY + 5)
    assert fleet.ask([order]) == [Failure(station, NO_ERRORS) for station in fleet.stations]


def test_an_owner_that_tells_no_errors_follows_no_run_that_asks_for_them(tmp_path: Path) -> None:
    site = Site(CITY, tmp_path, SILENT)
    refused = unpacked_answers(site.answered(packed_orders(setup_of(private()), [IntroduceOrder()])))
    assert "or tell errors, take part in a run with --privacy alone" in refused.refusal
    silent = setup_of(private(budget=SILENT))
    followed = unpacked_answers(site.answered(packed_orders(silent, [IntroduceOrder()])))
    assert len(followed.answers) == len(CITY.stations)


def test_tables_and_pictures_of_a_run_without_errors_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = small_run(tmp_path, "--privacy", "epsilon=1e4,errors=none")
    told = capsys.readouterr().out
    assert "no errors are told, so that the tables have none" in told
    assert "MSE" not in told
    summary = json.loads((run / "summary.json").read_text())
    assert summary["v"] is summary["h"] is None
    for verb in (["twins", "show", run], ["compare", run, run], ["score", run]):
        assert main([*map(str, verb)]) == 0
        told = capsys.readouterr().out
        assert "nan" not in told
        assert ("without fidelity, not measured" in told) == (verb[0] != "compare")
    assert "NaN" not in (run / "stations.csv").read_text()
    assert main(["twins", "merge", str(run), str(run), "--out", str(tmp_path / "both.twin")]) == 0
