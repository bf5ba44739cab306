"""Secure sums: the twins of those who need none, and nothing of a single station to be seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bs_client.masking import Sessions
from data.errors import InputError
from data.exact_sums import exact_sum
from data.masks import KEY_BYTES, added, sums_of, whole_numbers
from data.messages import (
    Answer,
    Failure,
    Keys,
    KeysOrder,
    MaskedUpdate,
    Masking,
    Order,
    SharesOrder,
    Summed,
    TrainOrder,
    UnmaskOrder,
)
from data.traffic import StationId
from fl_server import local
from fl_server.crossing.masked import TOO_FEW, MaskedFleet
from fl_server.crossing.settings import CrossingSettings
from fl_server.local import LocalFleet
from fl_server.settings import HorizontalSettings, Strategies, TwinSettings
from tests.fl_server.crossing.test_coded import end_of
from tests.fl_server.test_lifecycle import HISTORY, SETTINGS, all_states, fleet_of
from tests.fl_server.test_local import some_weights

ROUNDS = replace(
    SETTINGS,
    horizontal=HorizontalSettings(epochs=0),
    segment=replace(SETTINGS.segment, every_vertical=0),
    vertical=replace(SETTINGS.vertical, settling=0.4),
)
SECURE = replace(ROUNDS, crossing=CrossingSettings(secure_sum=True))


@pytest.mark.parametrize("strategy", ["mean", "weighted-mean", "fedprox:mu=0.1"])
def test_twins_are_those_of_updates_that_are_seen_byte_for_byte(strategy: str) -> None:
    plain, secure = (replace(each, strategies=Strategies(cluster=strategy)) for each in (ROUNDS, SECURE))
    assert end_of(all_states(secure)[-1]) == end_of(all_states(plain)[-1])


def test_the_number_of_hosts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = end_of(all_states(SECURE)[-1])
    monkeypatch.setattr(local, "STATIONS_A_HOST", 1)
    assert end_of(all_states(SECURE)[-1]) == whole


@dataclass
class Losing(LocalFleet):
    """A fleet some of whose stations vanish before they answer orders of one kind."""

    lost: frozenset[StationId] = frozenset()
    kind: type = TrainOrder
    heard: list[Order] = field(default_factory=list)

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        self.heard += orders
        came = super().ask(orders)
        hidden = any(isinstance(order, self.kind) for order in orders)
        return [each for each in came if not (hidden and getattr(each, "station", "") in self.lost)]


def losing(lost: Sequence[int], kind: type) -> Losing:
    inner = fleet_of(SECURE)
    gone = frozenset(inner.stations[place] for place in lost)
    return Losing(inner.stations, inner.hosts, lost=gone, kind=kind)


def order_for(stations: tuple[StationId, ...]) -> TrainOrder:
    return TrainOrder(stations, some_weights(), "vertical", 0, 3, HISTORY, "station")


@pytest.mark.parametrize("kind", [KeysOrder, SharesOrder, TrainOrder, UnmaskOrder])
def test_stations_that_vanish_in_mid_round_cost_nothing_but_their_updates(kind: type) -> None:
    """Two of seven; whoever vanished after its update is in the sum, for that came."""
    fleet = losing([1, 4], kind)
    masked = MaskedFleet(fleet)
    (answer,) = masked.ask([order_for(fleet.stations)])
    assert isinstance(answer, Summed)
    there = tuple(station for station in fleet.stations if kind is UnmaskOrder or station not in fleet.lost)
    assert set(answer.stations) == set(there)
    (wanted,) = fleet_of(SECURE).ask([order_for(there)])
    assert isinstance(wanted, Summed)
    whole = [each.sums[0] * 2.0**28 + each.sums[1] for each in (answer, wanted)]
    np.testing.assert_array_equal(whole[0], whole[1])
    assert sum(answer.losses) == pytest.approx(sum(wanted.losses), abs=1e-7)
    assert sum(answer.samples) == sum(wanted.samples)


@pytest.mark.parametrize("kind", [TrainOrder, UnmaskOrder])
def test_too_many_that_vanish_make_a_sum_fail_rather_than_reveal(kind: type) -> None:
    fleet = losing([0, 1, 2, 3], kind)
    answers = MaskedFleet(fleet).ask([order_for(fleet.stations)])
    assert {each.reason for each in answers if isinstance(each, Failure)} == {TOO_FEW}
    assert not any(isinstance(each, Summed) for each in answers)


def test_what_comes_of_a_station_looks_like_chance_and_is_another_every_time() -> None:
    """Bytes of the same update, twice: no byte is preferred, and the two have nothing in common."""
    seen = []
    for _ in range(2):
        masked = MaskedFleet(fleet_of(SECURE))
        masked.ask([order_for(masked.stations)])
        (update,) = [each for each in masked.seen if isinstance(each, MaskedUpdate) and each.station == "s0"]
        seen.append(update.values)
    for values in (*seen, seen[0] - seen[1]):
        counts = np.bincount(values.view(np.uint8), minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-6
    plain = whole_numbers(some_weights(), 1, 0.5, 9)
    assert stats.chisquare(np.bincount(plain.view(np.uint8), minlength=256)).pvalue < 1e-100


def test_no_answer_before_the_sum_holds_an_update() -> None:
    masked = MaskedFleet(fleet_of(SECURE))
    masked.ask([order_for(masked.stations)])
    kinds = {type(each).__name__ for each in masked.seen}
    assert kinds == {"Keys", "SealedShares", "MaskedUpdate", "Shares"}


@given(st.integers(2, 6), st.integers(1, 500), st.integers(0, 2**32 - 1))
def test_sums_of_whole_numbers_are_the_exact_sums(stations: int, factor: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 10.0 ** rng.integers(-6, 3), (stations, 40)).astype(np.float32)
    total = added(whole_numbers(each, factor, 0.25, 7) for each in weights)
    sums, loss, samples = sums_of(total)
    wanted = exact_sum(weights, np.full(stations, factor))
    np.testing.assert_array_equal(sums[0] + sums[1] / 2**28, wanted[0] + wanted[1] / 2**28)
    assert (loss, samples) == (0.25 * stations, 7 * stations)


ONE, TWO, THREE = map(StationId, ("one", "two", "three"))


def in_session(members: Sequence[StationId] = (ONE, TWO, THREE)) -> Sessions:
    """The sessions of stations of one host, who have shared their secrets."""
    sessions = Sessions()
    keys = np.stack([sessions.opened(each, "a").keys for each in members])
    for each in members:
        sessions.shared(each, SharesOrder((each,), "a", tuple(members), keys, 2))
    return sessions


def test_a_station_masks_once_a_session_and_only_among_others() -> None:
    values = np.zeros(3, np.uint64)
    with pytest.raises(InputError, match="would reveal it"):
        in_session().masked(ONE, Masking("a", (ONE,)), values)
    with pytest.raises(InputError, match="shares no keys"):
        in_session().masked(ONE, Masking("a", (ONE, StationId("nobody"))), values)
    sessions = in_session()
    sessions.masked(ONE, Masking("a", (ONE, TWO)), values)
    with pytest.raises(InputError, match="would reveal it"):
        sessions.masked(ONE, Masking("a", (ONE, THREE)), values)


def test_a_station_opens_shares_once_so_never_both_kinds() -> None:
    sessions = in_session()
    sessions.masked(ONE, Masking("a", (ONE, TWO, THREE)), np.zeros(3, np.uint64))
    order = UnmaskOrder((ONE,), "a", (ONE, TWO), (), np.zeros((0, 0), np.uint8))
    with pytest.raises(InputError, match="none of this sum"):
        sessions.opened_shares(ONE, replace(order, survivors=(ONE,)))
    assert sessions.opened_shares(ONE, order).senders == (ONE,)
    with pytest.raises(InputError, match="no such sum"):
        sessions.opened_shares(ONE, order)


def test_shares_are_opened_by_whom_they_were_sealed_for_alone() -> None:
    sessions = Sessions()
    members = (ONE, TWO, THREE)
    keys = np.stack([sessions.opened(each, "a").keys for each in members])
    sealed = {
        each: sessions.shared(each, SharesOrder((each,), "a", members, keys, 2)).sealed for each in members
    }
    sessions.masked(ONE, Masking("a", members), np.zeros(3, np.uint64))
    wrong = UnmaskOrder((ONE,), "a", members, (TWO,), sealed[TWO][2:3])
    with pytest.raises(InputError, match="not sealed for it"):
        sessions.opened_shares(ONE, wrong)


def test_a_threshold_of_one_is_not_obeyed() -> None:
    sessions = Sessions()
    keys: Keys = sessions.opened(ONE, "a")
    order = SharesOrder((ONE,), "a", (ONE, TWO), np.zeros((2, 2, KEY_BYTES), np.uint8), 1)
    assert keys.station == ONE
    with pytest.raises(InputError, match="would reveal"):
        sessions.shared(ONE, order)


def test_a_station_that_would_be_alone_is_not_asked() -> None:
    fleet = fleet_of(SECURE)
    with pytest.raises(InputError, match="station s2 would be alone in the sum of its cluster"):
        MaskedFleet(fleet).ask([order_for(fleet.stations[:2]), order_for(fleet.stations[2:3])])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"strategies": Strategies(cluster="krum")}, "krum needs the single updates"),
        ({"strategies": Strategies(cluster="median")}, "median needs the single updates"),
        ({"strategies": Strategies(cluster="flower:FedMedian")}, "needs the single updates"),
        ({"strategies": Strategies(cluster="own.rules.mine")}, "needs the single updates"),
        ({"horizontal": HorizontalSettings(epochs=2)}, "answer one by one"),
        ({"recipe": replace(SETTINGS.recipe, personal="head")}, "personal twins would show"),
        ({"segment": replace(SETTINGS.segment, how=replace(SETTINGS.segment.how, method="heads"))}, "heads"),
    ],
)
def test_what_needs_single_updates_is_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        replace(SECURE, **changes)  # type: ignore[arg-type]  # settings of several kinds


def test_codings_are_refused_beside_masks() -> None:
    with pytest.raises(InputError, match="look like any others"):
        CrossingSettings(secure_sum=True, up="int8")
    assert TwinSettings().crossing.plain
