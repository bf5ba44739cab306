from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
import torch

from data.errors import InputError
from data.progress import Steps, finished
from hetnet.network import Floats
from hetnet.sync.gru import GruSettings, _loss, hidden_state, kept_gru, predictor_of, samples, trained_gru
from hetnet.sync.predictors import (
    FORMS,
    Drift,
    Form,
    Gru,
    GruPredictor,
    Hold,
    Predictor,
    stacked,
)
from hetnet.sync.predictors import hidden_state as hidden_state_at_use
from hetnet.sync.settings import SyncSettings
from hetnet.sync.walk import Mobility, drawn_mobility, drawn_starts, walked

WORLD = SyncSettings(users=3, slots=12, memory=3, step=1.0, stay=(0.0, 0.5), seed=4)
SMALL = GruSettings(hidden=16, trajectories=1000, epochs=6, batch_size=64, learning_rate=0.01)


def matrices(hidden: int, wide: int, seed: int = 1) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    inner = {
        f"{gate}_{way}": torch.randn(hidden, wide if way == "in" else hidden) * 0.3
        for gate in ("reset", "candidate", "update")
        for way in ("in", "back")
    }
    return inner | {"out": torch.randn(wide, hidden) * 0.3}


def mean_error(predictor: Predictor, mobility: Mobility, ahead: int = 1) -> Floats:
    """The mean squared error of each user so many slots ahead, on walks that no net saw."""
    rng = np.random.default_rng(99)
    tracks = walked(mobility, drawn_starts(WORLD, 2000, rng), rng, WORLD.memory + ahead)
    twin = tracks[:, : WORLD.memory]
    for _ in range(ahead):
        twin = np.concatenate([twin[:, 1:], predictor(twin, mobility)[:, None]], axis=1)
    errors: Floats = ((twin[:, -1] - tracks[:, -1]) ** 2).sum(axis=2).mean(axis=0)
    return errors


def test_the_trained_cell_and_the_one_in_use_are_the_same() -> None:
    own = matrices(7, 4)
    inputs = torch.randn(5, 6, 4)
    gru = Gru(**{name: each.numpy() for name, each in own.items()})
    in_use = hidden_state_at_use(stacked(gru), inputs.numpy())
    np.testing.assert_allclose(hidden_state(own, inputs).numpy(), in_use, atol=1e-6)


def torchs_gru(own: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """What torch's GRU without biases makes of the same matrices."""
    hidden, wide = own["reset_in"].shape
    cell = torch.nn.GRU(wide, hidden, bias=False, batch_first=True)
    with torch.no_grad():
        for way, name in (("in", "weight_ih_l0"), ("back", "weight_hh_l0")):
            stacked = torch.cat([own[f"{gate}_{way}"] for gate in ("reset", "update", "candidate")])
            getattr(cell, name).copy_(stacked)
        last: torch.Tensor = cell(inputs)[1][0]
    return last


def test_it_is_torchs_gru_but_for_the_place_of_the_reset_gate() -> None:
    own = matrices(7, 4)
    inputs = torch.randn(5, 6, 4)
    assert not torch.allclose(hidden_state(own, inputs), torchs_gru(own, inputs), atol=1e-3)
    diagonal = own | {"candidate_back": torch.diag(torch.randn(7))}  # before it or after it is then the same
    torch.testing.assert_close(hidden_state(diagonal, inputs), torchs_gru(diagonal, inputs))


def test_the_loss_is_11() -> None:
    # two users told (1, 2) and (3, 4) where they are at the origin: (1 + 4 + 9 + 16) / (2 · 2) = 7.5
    own = matrices(3, 4) | {"out": torch.zeros(4, 3)}
    wanted = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert _loss(own, torch.randn(1, 2, 4), wanted).item() == pytest.approx(7.5)


def test_gradients_are_those_of_differences() -> None:
    own = {name: each.double().requires_grad_() for name, each in matrices(4, 2).items()}
    read, wanted = torch.randn(3, 3, 2).double(), torch.randn(3, 2).double()
    _loss(own, read, wanted).backward()
    for name, each in own.items():
        around = []
        for shift in (1e-6, -1e-6):
            moved = each.detach().clone()
            moved[1, 0] += shift
            around.append(_loss(own | {name: moved}, read, wanted).item())
        assert each.grad is not None
        assert each.grad[1, 0].item() == pytest.approx((around[0] - around[1]) / 2e-6, rel=1e-4, abs=1e-9)


def after_one_step(rate: float) -> Gru:
    settings = replace(
        SMALL, trajectories=5, batch_size=1000, epochs=1, optimizer="sgd", falling=False, learning_rate=rate
    )
    return finished(trained_gru(WORLD, drawn_mobility(WORLD), settings)).gru


def test_sgd_goes_down_the_slope_as_12_has_it() -> None:
    none, once, twice = (vars(after_one_step(rate)) for rate in (1e-12, 0.1, 0.2))
    for name, first in none.items():
        assert not np.array_equal(once[name], first)
        np.testing.assert_allclose(twice[name] - once[name], once[name] - first, atol=2e-7)


def one_user() -> Floats:
    """Twice to the right, forward, and to the right again, (1, 5, 1, 2)."""
    return np.array([[[[0.0, 0]], [[1, 0]], [[2, 0]], [[2, 1]], [[3, 1]]]])


def at_rest(form: Form) -> GruPredictor:
    """A net that reads two states and whose output is 0: users stay where they are, or are at the origin."""
    zero = {name: each.numpy() * 0 for name, each in matrices(2, 2).items()}
    return GruPredictor(Gru(**zero), form, 2, 1.0)


def test_a_refreshed_twin_reads_true_steps() -> None:
    refreshed = np.ones((1, 5), bool)
    read, wanted = samples(at_rest("displacement"), one_user(), refreshed, drawn_mobility(WORLD))
    assert read.tolist() == [[[1, 0]], [[1, 0]], [[0, 1]]]
    assert wanted.tolist() == [[1, 0], [0, 1], [1, 0]]


def test_a_twin_that_is_not_refreshed_reads_what_it_told() -> None:
    refreshed = np.array([[False, False, False, True, False]])  # it holds (1, 0), (1, 0), (2, 1), (2, 1)
    read, wanted = samples(at_rest("displacement"), one_user(), refreshed, drawn_mobility(WORLD))
    assert read.tolist() == [[[1, 0]], [[0, 0]], [[1, 1]]]
    assert wanted.tolist() == [[1, 0], [0, 1], [1, 0]]


def test_a_net_of_coordinates_is_to_tell_where_users_go_from_where_it_has_them() -> None:
    refreshed = np.array([[False, False, False, True, False]])  # unless refreshed it tells (0, 0)
    read, wanted = samples(at_rest("literal"), one_user() + 5, refreshed, drawn_mobility(WORLD))
    assert read.tolist() == [[[5, 5], [6, 5]], [[6, 5], [0, 0]], [[0, 0], [7, 6]]]
    assert wanted.tolist() == [[7, 5], [0, 1], [8, 6]]


def test_trajectories_no_longer_than_the_memory_are_refused() -> None:
    with pytest.raises(InputError, match="trajectories of 3 slots, expected more than the 3 it reads"):
        finished(trained_gru(replace(WORLD, slots=3), drawn_mobility(WORLD), SMALL))


def test_training_comes_near_the_best_predictor_of_one_slot_and_several() -> None:
    mobility = drawn_mobility(WORLD)
    predictor = finished(trained_gru(WORLD, mobility, SMALL))
    for ahead in (1, 8):
        best, still = mean_error(Drift(), mobility, ahead), mean_error(Hold(), mobility, ahead)
        found = mean_error(predictor, mobility, ahead)
        assert found.sum() < 1.1 * best.sum() < still.sum()


def test_without_biases_nobody_moves_where_nobody_moved() -> None:
    predictor = finished(trained_gru(WORLD, drawn_mobility(WORLD), replace(SMALL, trajectories=20)))
    past = np.repeat(np.random.default_rng(1).uniform(-9, 9, (2, 1, 3, 2)), 3, axis=1)
    assert np.array_equal(predictor(past, drawn_mobility(WORLD)), past[:, -1])


def test_displacements_are_foretold_better_than_coordinates() -> None:
    mobility = drawn_mobility(WORLD)
    form: Form
    errors = {}
    for form in FORMS:
        predictor = finished(trained_gru(WORLD, mobility, replace(SMALL, form=form)))
        errors[form] = mean_error(predictor, mobility).sum()
    assert errors["displacement"] < 0.8 * errors["scaled"] < 0.01 * errors["literal"]


def test_the_same_seed_gives_the_same_net_and_another_seed_another() -> None:
    few = replace(SMALL, trajectories=20, epochs=2)
    mobility = drawn_mobility(WORLD)
    one, same, other = (
        vars(finished(trained_gru(WORLD, mobility, replace(few, seed=seed))).gru) for seed in (1, 1, 2)
    )
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not any(np.array_equal(one[name], other[name]) for name in one)


def test_training_reports_every_epoch() -> None:
    few = replace(SMALL, trajectories=20, epochs=3)
    steps = list(Steps(trained_gru(WORLD, drawn_mobility(WORLD), few)))
    assert [(step.stage, step.done, step.total, step.unit) for step in steps] == [
        ("GRU", done, 3, "epochs") for done in (1, 2, 3)
    ]
    assert steps[0].detail.startswith("loss ")


def test_a_kept_gru_is_trained_once_for_the_same_settings(tmp_path: Path) -> None:
    file, few = tmp_path / "gru.safetensors", replace(SMALL, trajectories=20, epochs=1)
    mobility = drawn_mobility(WORLD)

    def epochs(settings: SyncSettings, gru: GruSettings) -> int:
        return len(list(Steps(kept_gru(file, settings, mobility, gru))))

    assert [epochs(WORLD, few), epochs(WORLD, few)] == [1, 0]
    assert epochs(replace(WORLD, weight=0.5), few) == 0  # nothing that a walk depends on
    assert epochs(WORLD, replace(few, seed=5)) == 1
    assert epochs(replace(WORLD, stay=(0.5, 1.0)), replace(few, seed=5)) == 1


def test_a_kept_gru_tells_what_the_trained_one_told(tmp_path: Path) -> None:
    file, few = tmp_path / "gru.safetensors", replace(SMALL, trajectories=20, epochs=1)
    mobility = drawn_mobility(WORLD)
    made, read = (finished(kept_gru(file, WORLD, mobility, few)) for _ in range(2))
    past = np.random.default_rng(1).normal(size=(2, 3, 3, 2))
    assert np.array_equal(made(past, mobility), read(past, mobility))


def test_only_a_twin_that_foretells_by_a_gru_needs_one() -> None:
    mobility = drawn_mobility(WORLD)
    few = replace(SMALL, trajectories=20, epochs=1)
    found = [
        finished(predictor_of(replace(WORLD, foresight=foresight), mobility, few))
        for foresight in ("hold", "drift", "gru")
    ]
    assert found[:2] == [None, None]
    assert isinstance(found[2], GruPredictor)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"hidden": 0}, {"epochs": 0}, {"refreshed": 1.5}, {"learning_rate": 0.0}, {"seed": -1}),
        *({"form": "polar"}, {"optimizer": "lbfgs"}),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="GRU"):
        GruSettings(**wrong)


@pytest.mark.long
def test_the_papers_net_is_trained_within_half_a_minute_to_the_floor() -> None:
    settings = SyncSettings(seed=1, step=1.0)
    mobility = drawn_mobility(settings)
    began = process_time()
    predictor = finished(trained_gru(settings, mobility, GruSettings(seed=1)))
    assert process_time() - began < 30
    rng = np.random.default_rng(5)
    tracks = walked(mobility, drawn_starts(settings, 2000, rng), rng, 6)
    errors = ((predictor(tracks[:, :5], mobility) - tracks[:, 5]) ** 2).sum(axis=2).mean()
    assert errors < 1.03 * ((Drift()(tracks[:, :5], mobility) - tracks[:, 5]) ** 2).sum(axis=2).mean()
