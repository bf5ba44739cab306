"""The rows behind the paper's Fig. 2: how well predictors foretell walks, beside how well anything can.

Users stand in the order of how random they walk. An error is the mean squared distance between where a user
is and where the twin has it, on walks that no net was trained on. The paper tells .007, .07 and .24 for three
users, and neither how far a step goes nor how its users walk.

Axes: A slots ahead, U users, J walks, T slots, O slots at which the twin was last refreshed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from data.progress import finished
from hetnet.network import Floats
from hetnet.sync.floor import bordered_floor
from hetnet.sync.gru import GruSettings, trained_gru
from hetnet.sync.predictors import Drift, Hold, Predictor
from hetnet.sync.settings import SyncSettings
from hetnet.sync.walk import Mobility, drawn_mobility, drawn_starts, walked

Value = tuple[str, str, str, float]  # part, line, column, and the value there
DISPLACEMENT, TRUE_PASTS, LITERAL, SCALED, DRIFT, HOLD, FLOOR = (
    *("GRU, displacement", "GRU, true pasts", "GRU, literal", "GRU, scaled"),
    *("drift", "hold", "Bayes floor"),
)
PAPER = {"user 1 of 10": 0.007, "user 5 of 10": 0.07, "user 10 of 10": 0.24}
STEP = 0.5  # with which the paper's errors are about the floor
WALKS = 500  # that no net was trained on
LONG_WALKS = 150  # of them several slots ahead
AHEAD = 20
SHOWN = (1, 2, 3, 5, 10, 20)


@dataclass(frozen=True)
class Track:
    """One user's walk, as it was and as the twin had it."""

    line: str
    walked: Floats  # (T, 2)
    one_ahead: Floats  # (T - M, 2) from slot M on, each told from the true states before
    alone: Floats  # (T - M, 2) told from the first M states and nothing after
    error: float  # of one_ahead over many walks
    floor: float


def prediction_values(seed: int) -> list[Value]:
    """The errors of all predictors one slot ahead, user by user, and several slots ahead.

    Beside them the length of a step with which the paper's errors were the floor of these users.
    """
    settings = SyncSettings(seed=seed, step=STEP)
    mobility = drawn_mobility(settings)
    tracks = held_out(settings, mobility)
    made = predictors(settings, mobility)
    once = _columns(mobility, made, *origins(tracks, settings.memory, 1))
    later = _columns(mobility, made, *origins(tracks[:LONG_WALKS], settings.memory, AHEAD))
    return [*_by_user(mobility, once), *_by_slots(later), *_steps(mobility)]


def lines(mobility: Mobility) -> dict[str, int]:
    """Which user each line is about: the first is the one whose walk is the least random."""
    order = np.argsort(mobility.variances)
    return {f"user {place} of {len(order)}": int(user) for place, user in enumerate(order, start=1)}


def _columns(
    mobility: Mobility, made: Mapping[str, Predictor], past: Floats, later: Floats
) -> dict[str, Floats]:
    """The errors (A, U) of every predictor and the floor."""
    errors = {name: errors_ahead(each, past, later, mobility) for name, each in made.items()}
    return errors | {FLOOR: bordered_floor(mobility, past[:, -1], later.shape[1])}


def _by_user(mobility: Mobility, columns: Mapping[str, Floats]) -> Iterator[Value]:
    for column, errors in columns.items():
        for line, user in lines(mobility).items():
            yield "one slot ahead", line, column, float(errors[0, user])
        yield "one slot ahead", "all users", column, float(errors[0].mean())


def _by_slots(columns: Mapping[str, Floats]) -> Iterator[Value]:
    for column, errors in columns.items():
        for slots in SHOWN:
            yield "several slots ahead", str(slots), column, float(errors[slots - 1].mean())


def _steps(mobility: Mobility) -> Iterator[Value]:
    found = lines(mobility)
    for line, error in PAPER.items():
        step = mobility.step * np.sqrt(error / mobility.variances[found[line]])
        yield "step that makes the paper's error the floor", line, "step", float(step)


def trajectories(seed: int) -> list[Track]:
    """One walk of the user of each of the paper's three lines, as the GRU of displacements has it."""
    settings = SyncSettings(seed=seed, step=STEP)
    mobility = drawn_mobility(settings)
    predictor = finished(trained_gru(settings, mobility, GruSettings(seed=seed)))
    tracks = held_out(settings, mobility)
    errors = errors_ahead(predictor, *origins(tracks, settings.memory, 1), mobility)[0]
    past, later = tracks[:1, : settings.memory], tracks[:1, settings.memory :]
    one_ahead = told_ahead(predictor, origins(tracks[:1], settings.memory, 1)[0], mobility, 1)[:, 0]
    alone = told_ahead(predictor, past, mobility, later.shape[1])[0]
    found = {line: lines(mobility)[line] for line in PAPER}
    floor = mobility.variances
    return [
        Track(line, tracks[0, :, user], one_ahead[:, user], alone[:, user], errors[user], floor[user])
        for line, user in found.items()
    ]


def predictors(settings: SyncSettings, mobility: Mobility) -> Mapping[str, Predictor]:
    """Every predictor of the figure, by its name."""
    own = GruSettings(seed=settings.seed)
    grus = {
        DISPLACEMENT: own,
        TRUE_PASTS: replace(own, refreshed=1.0),
        LITERAL: replace(own, form="literal", learning_rate=0.01),  # 134 m² one slot ahead, 170 with .006
        SCALED: replace(own, form="scaled"),
    }
    trained = {name: finished(trained_gru(settings, mobility, gru)) for name, gru in grus.items()}
    return {**trained, DRIFT: Drift(), HOLD: Hold()}


def held_out(settings: SyncSettings, mobility: Mobility, walks: int = WALKS) -> Floats:
    """Walks (J, T, U, 2) of the same users that no net was trained on."""
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(2,)))
    return walked(mobility, drawn_starts(settings, walks, rng), rng, settings.slots)


def origins(tracks: Floats, memory: int, ahead: int) -> tuple[Floats, Floats]:
    """The states before and after every slot of the tracks that has `memory` before it and `ahead` after it.

    Of tracks (J, T, U, 2): (J O, M, U, 2) and (J O, A, U, 2).
    """
    windows = sliding_window_view(tracks, memory + ahead, axis=1)  # (J, O, U, 2, M + A)
    flat = np.moveaxis(windows, -1, 2).reshape(-1, memory + ahead, *tracks.shape[2:])
    return flat[:, :memory], flat[:, memory:]


def told_ahead(predictor: Predictor, past: Floats, mobility: Mobility, ahead: int) -> Floats:
    """What a twin holds 1 to `ahead` slots later that knows `past` (J, M, U, 2) and nothing after it.

    Returned (J, A, U, 2).
    """
    twin = past
    for _ in range(ahead):
        told = predictor(twin[:, -predictor.memory :], mobility)  # (J, U, 2)
        twin = np.concatenate([twin, told[:, None]], axis=1)
    return twin[:, past.shape[1] :]


def errors_ahead(predictor: Predictor, past: Floats, later: Floats, mobility: Mobility) -> Floats:
    """The mean squared error of each user 1 slot after the twin was last refreshed and more, (A, U)."""
    told = told_ahead(predictor, past, mobility, later.shape[1])
    errors: Floats = ((told - later) ** 2).sum(axis=3).mean(axis=0)
    return errors
