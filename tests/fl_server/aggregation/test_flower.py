"""Flower's strategies, run in process, against ours and against Flower's own loop."""

import random
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from fl_server.aggregation.flower import UNUSABLE, USABLE
from fl_server.aggregation.strategies import chosen_strategy, proximal_of, result_of
from fl_server.aggregation.updates import Floats, State, Strategy
from tests.fl_server.aggregation.cases import drawn_case

pytestmark = pytest.mark.filterwarnings("ignore:'click:DeprecationWarning")  # Flower's own imports

OWN = '''
import numpy as np
from flwr.app import Array, ArrayRecord
from flwr.serverapp.strategy import FedAvg, FedProx, QFedAvg

class Remembering(FedAvg):
    """Adds what it has counted; keeps every kind of value."""

    def __init__(self, step: float = 1.0):
        super().__init__()
        self.step, self.calls, self.history, self.best, self.pair = step, 0, [], None, None

    def aggregate_train(self, server_round, replies):
        arrays, metrics = super().aggregate_train(server_round, replies)
        self.calls += 1
        self.history.append({"round": server_round, "norm": np.float64(self.calls)})
        self.pair = (True, "word")
        self.best = self.best or arrays.copy()
        moved = {key: Array(array.numpy() + self.step * self.calls) for key, array in arrays.items()}
        return ArrayRecord(moved), metrics

class Unstorable(FedAvg):
    def aggregate_train(self, server_round, replies):
        self.generator = np.random.default_rng(1)
        return super().aggregate_train(server_round, replies)

class Patient(FedAvg):
    def configure_train(self, server_round, arrays, config, grid):
        while len(grid.get_node_ids()) < 1000:
            pass

class Reshaping(FedAvg):
    def aggregate_train(self, server_round, replies):
        return ArrayRecord({"other": Array(np.zeros(3))}), None

class Fairer(QFedAvg):
    pass
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module of the user's, which stands in the current folder."""
    (tmp_path / "own_flower.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    yield "own_flower"
    sys.modules.pop("own_flower", None)


def checkpointed(state: State) -> State:
    """The state written to files and read again."""
    read = {}
    for key, array in state.items():
        file = BytesIO()
        np.save(file, array, allow_pickle=False)
        file.seek(0)
        read[key] = np.load(file, allow_pickle=False)
    return read


def walked(strategy: Strategy, rounds: int = 4) -> list[Floats]:
    """The twin after each round of ever new updates, with a checkpoint between any two rounds."""
    twin = drawn_case(0).current
    state: State = {}
    twins = []
    for seed in range(rounds):
        twin, state = result_of(strategy, twin, drawn_case(seed, 10).updates, state)
        state = checkpointed(state)
        twins.append(twin)
    return twins


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("FedAvg", "weighted-mean"),
        ("FedMedian", "median"),
        ("FedTrimmedAvg:beta=0.2", "trimmed-mean:share=0.2"),
        ("Krum:num_malicious_nodes=2", "krum:faulty=2"),
        ("MultiKrum:num_malicious_nodes=2,num_nodes_to_select=4", "multi-krum:faulty=2,kept=4"),
        ("FedAvgM:server_learning_rate=0.5,server_momentum=0.9", "momentum:rate=0.5,beta=0.9"),
    ],
)
def test_flower_and_we_agree_over_several_rounds(theirs: str, ours: str) -> None:
    """Their samples are equal here: Flower also weights the updates that Krum keeps and momentum follows."""
    for left, right in zip(
        walked(chosen_strategy(f"flower:{theirs}")), walked(chosen_strategy(ours)), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


def test_fedavg_weights_by_samples() -> None:
    case = drawn_case(1, 3)
    case.updates.samples[:] = [1, 5, 2]
    left, _ = result_of(chosen_strategy("flower:FedAvg"), case.current, case.updates, {})
    right, _ = result_of(chosen_strategy("weighted-mean"), case.current, case.updates, {})
    np.testing.assert_allclose(left, right, rtol=1e-6)


@pytest.mark.parametrize("name", ["FedAdam", "FedYogi"])
def test_adaptive_rules_agree_once_their_beginnings_are_equal(name: str) -> None:
    """Flower begins with v = 0 and corrects FedAdam's rate by √(1 − beta2^(t+1)) / (1 − beta1^(t+1))."""
    spec = f"flower:{name}:eta=0.1,beta_1=0.8,beta_2=0.95,tau=0.01"
    twin = drawn_case(0).current
    state: State = {"first": np.zeros(8), "second": np.zeros(8)}
    for number, found in enumerate(walked(chosen_strategy(spec)), start=1):
        correction = np.sqrt(1 - 0.95 ** (number + 1)) / (1 - 0.8 ** (number + 1)) if name == "FedAdam" else 1
        ours = chosen_strategy(f"{name.lower()}:rate={0.1 * correction},beta1=0.8,beta2=0.95,tau=0.01")
        twin, state = ours(twin, drawn_case(number - 1, 10).updates, state)
        np.testing.assert_allclose(found, twin, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", USABLE)
def test_every_usable_one_merges_and_leaves_no_trace(name: str) -> None:
    from flwr.supercore.task_identity import TaskIdentity

    case = drawn_case(2, 7)
    before = [case.current.copy(), case.updates.weights.copy()]
    random.seed(3)
    drawn, task = random.getstate(), TaskIdentity._task_id
    strategy = chosen_strategy(f"flower:{name}")
    weights, state = strategy(case.current, case.updates, {})
    again, _ = strategy(weights, case.updates, checkpointed(state))
    assert np.isfinite(again).all()
    assert not np.array_equal(weights, case.current)
    np.testing.assert_array_equal(case.current, before[0])
    np.testing.assert_array_equal(case.updates.weights, before[1])
    assert random.getstate() == drawn
    assert TaskIdentity._task_id == task


@pytest.mark.parametrize("name", USABLE)
def test_updates_equal_to_the_twin_change_nothing(name: str) -> None:
    case = drawn_case(2, 7)
    case.updates.weights[:] = case.current
    weights, _ = result_of(chosen_strategy(f"flower:{name}"), case.current, case.updates, {})
    np.testing.assert_allclose(weights, case.current, rtol=1e-6)


def test_where_flower_aggregates_nothing_the_twin_stays() -> None:
    case = drawn_case(2, 2)  # Bulyan needs 4·0 + 3
    weights, _ = result_of(chosen_strategy("flower:Bulyan"), case.current, case.updates, {})
    np.testing.assert_array_equal(weights, case.current)


def test_a_single_update_without_samples_is_taken() -> None:
    case = drawn_case(2, 1)
    case.updates.samples[:] = 0
    weights, _ = result_of(chosen_strategy("flower:FedAvg"), case.current, case.updates, {})
    np.testing.assert_array_equal(weights, case.updates.weights[0])


@pytest.mark.parametrize("prefix", ["", "flower:"])
def test_a_subclass_of_the_user_s_resumes_as_if_it_had_gone_on(own: str, prefix: str) -> None:
    found = walked(chosen_strategy(f"{prefix}{own}.Remembering:step=0.5"))
    for number, twin in enumerate(found, start=1):
        mean = drawn_case(number - 1, 10).updates.weights.mean(axis=0, dtype=np.float64)
        np.testing.assert_allclose(twin, mean + 0.5 * number, rtol=1e-6, atol=1e-6)


def test_all_kinds_of_values_come_back(own: str) -> None:
    from fl_server.aggregation.flower_state import restored

    strategy = chosen_strategy(f"{own}.Remembering")
    case = drawn_case(0)
    weights, state = result_of(strategy, case.current, case.updates, {})
    _, state = result_of(strategy, weights, case.updates, checkpointed(state))
    kept = restored(checkpointed({key: array for key, array in state.items() if key != "round"}))
    assert kept["calls"] == 2
    assert kept["pair"] == (True, "word")
    assert kept["history"] == [{"round": 1, "norm": 1.0}, {"round": 2, "norm": 2.0}]
    assert [array.numpy().shape for array in kept["best"].values()] == [(5,), (3,)]


def test_what_cannot_be_carried_is_refused(own: str) -> None:
    case = drawn_case(0)
    with pytest.raises(
        InputError, match=r"cannot be resumed: among what it remembers .generator. is a value of"
    ):
        result_of(chosen_strategy(f"{own}.Unstorable"), case.current, case.updates, {})


def test_waiting_for_more_nodes_is_refused(own: str) -> None:
    case = drawn_case(0)
    with pytest.raises(InputError, match=r"^a strategy of Flower waits for more than 7 nodes$"):
        result_of(chosen_strategy(f"{own}.Patient"), case.current, case.updates, {})


def test_other_arrays_than_those_sent_are_refused(own: str) -> None:
    case = drawn_case(0)
    with pytest.raises(
        InputError, match=r"returned arrays {'other': \(3,\)}, expected {'layer-0': \(5,\), 'la"
    ):
        result_of(chosen_strategy(f"{own}.Reshaping"), case.current, case.updates, {})


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            "flower:FedAvgg",
            r"^unknown Flower strategy 'FedAvgg', expected one of Bulyan, .*; did you mean FedAvg\?$",
        ),
        ("flower:FedAvg:rate=1", "^flower:FedAvg has no setting 'rate', expected one of fraction_train, "),
        ("flower:FedAvg:arrayrecord_key=1", "this setting is no number, and only numbers can be given here$"),
        ("flower:FedTrimmedAvg:beta=0.7", "^flower:FedTrimmedAvg could not be made: ValueError: "),
        ("flower:DifferentialPrivacyServerSideFixedClipping", "cannot be used: it wraps another strategy"),
        ("flower:own_flower.Fairer", "^flower:own_flower.Fairer cannot be used: it needs the losses"),
        (
            "flower:collections.OrderedDict",
            "has no aggregate_train, expected a Strategy of flwr.serverapp.strategy$",
        ),
        (
            "flwr.serverapp.strategy.Strategy",
            "could not be made: TypeError: Can't instantiate abstract class",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(own: str, spec: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        chosen_strategy(spec)


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_ones_say_why(name: str) -> None:
    with pytest.raises(InputError, match=f"^flower:{name} cannot be used: {UNUSABLE[name][:10]}"):
        chosen_strategy(f"flower:{name}")


def test_every_strategy_of_this_flower_is_sorted() -> None:
    from flwr.serverapp import strategy as strategies

    wrappers = {name for name in strategies.__all__ if name.startswith("DifferentialPrivacy")}
    assert {*USABLE, *UNUSABLE, *wrappers, "Strategy", "Result"} == set(strategies.__all__)


def test_a_flower_strategy_has_no_proximal_term() -> None:
    assert proximal_of("flower:FedAvg") == 0


OFFLINE = """
import sys

def refuse(event, details):
    assert event not in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"), details

sys.addaudithook(refuse)
import numpy as np
from fl_server.aggregation.strategies import chosen_strategy, result_of
from fl_server.aggregation.updates import Updates

updates = Updates(np.ones((3, 2), dtype=np.float32), np.ones(3, dtype=np.int64))
print(result_of(chosen_strategy("flower:FedAvg"), np.zeros(2, dtype=np.float32), updates, {})[0].sum())
"""


def test_a_fresh_process_touches_no_network_and_says_nothing() -> None:
    root = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", OFFLINE], cwd=root, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "2.0\n"
    assert ran.stderr == ""


def test_our_own_strategies_do_without_flower() -> None:
    code = "import sys, fl_server.aggregation.refresh as r; assert 'flwr' not in sys.modules, 'flwr'"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)
