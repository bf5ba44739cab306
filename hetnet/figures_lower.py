"""The rows behind the paper's Figs. 5, 6 and 7, and behind what we say of clocks and synchronisation.

Nothing is drawn here. Errors are mean squared errors of normalised series (their history's variance is 1), of
forecasts of test steps that no net was trained on; the paper tells the accuracy of training.

Axes: U users, K attributes, T time, N series, O origins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import process_time

import numpy as np

from data.errors import InputError
from hetnet.clocks import Clock, clock_skew
from hetnet.decomposition import StlSettings, decomposed, season_strength
from hetnet.forecasters import Forecaster, StlNarxSettings, alone, paper_forecasters, stl_narx
from hetnet.lags import Counts, Floats
from hetnet.lower import chosen_neighbours, possible_neighbours
from hetnet.narx import scale_of
from hetnet.network import ATTRIBUTES

Row = dict[str, str | float | int | bool]
FIGURE_ATTRIBUTES = ("throughput", "delay", "load", "loss")
COUNTED_AS_CONSTANT = 1e-9  # a series that varies less, beside its size, has nothing to forecast


@dataclass(frozen=True, kw_only=True)
class LowerFigureSettings:
    """Of how many users which attributes are forecast over the last `test_steps`, how many steps ahead.

    Series have at most `neighbours` neighbours, among the `nearest` users.
    """

    users: int = 50
    attributes: tuple[str, ...] = FIGURE_ATTRIBUTES
    test_steps: int = 168
    ahead: int = 1
    neighbours: int = 3
    nearest: int = 49
    seed: int = 1

    def __post_init__(self) -> None:
        if (
            min(self.users, self.test_steps, self.ahead) < 1
            or min(self.neighbours, self.nearest, self.seed) < 0
        ):
            raise InputError(f"users, test_steps and ahead must be at least 1, the others 0, got {self}")
        unknown = [name for name in self.attributes if name not in ATTRIBUTES]
        if unknown or not self.attributes:
            raise InputError(f"unknown attributes {unknown}, expected some of {', '.join(ATTRIBUTES)}")


@dataclass(frozen=True)
class Sample:
    """The series (N, T) of some users, attribute by attribute, and their neighbours."""

    series: Floats  # (K U, T)
    neighbours: Counts  # (K U, E)
    train: int  # steps of the history
    users: Counts  # (U,)
    constant: int  # users left out because an attribute of theirs never changed in their history


def figure_sample(history: Floats, positions: Floats, settings: LowerFigureSettings) -> Sample:
    """The series to forecast, of users drawn from all whose attributes change, from `history` (U, 5, T)."""
    if history.ndim != 3 or history.shape[1] != len(ATTRIBUTES) or history.shape[2] <= settings.test_steps:
        raise InputError(
            f"expected a history (users, {len(ATTRIBUTES)}, time) longer than the {settings.test_steps} "
            f"steps of the test, got an array of {history.shape}"
        )
    train = history.shape[2] - settings.test_steps
    shown = history[:, [ATTRIBUTES.index(name) for name in settings.attributes]]  # (U, K, T)
    size = np.abs(shown[:, :, :train]).max(axis=2)
    changing = (shown[:, :, :train].std(axis=2) > COUNTED_AS_CONSTANT * size).all(axis=1)
    if not changing.any():
        raise InputError(f"every one of {len(history)} users has an attribute that never changes")
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(0,)))
    users = np.sort(rng.permutation(np.flatnonzero(changing))[: settings.users])
    series = shown[users].transpose(1, 0, 2).reshape(-1, shown.shape[2])  # (K U, T)
    possible = possible_neighbours(positions[users], len(settings.attributes), settings.nearest)
    order = np.arange(len(series)).reshape(len(users), -1).T.ravel()  # attribute by attribute
    neighbours = chosen_neighbours(series[:, :train], possible[np.ix_(order, order)], settings.neighbours)
    return Sample(series, neighbours, train, users, int((~changing).sum()))


def figure5_rows(sample: Sample, settings: LowerFigureSettings, stl: StlSettings) -> list[Row]:
    """How strong each attribute's seasons are, over all users of the sample (in its whole history).

    STL finds a season in anything: `noise` is the strength that it finds in as many series of mere noise.
    """
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(2,)))
    history = scale_of(sample.series).scaled(sample.series)[:, : sample.train]
    rows: list[Row] = []
    for period, cycles in zip(stl.periods, stl.cycles, strict=True):
        only = replace(stl, periods=(period,), cycles=(cycles,))
        strength = season_strength(decomposed(history, only)).reshape(len(settings.attributes), -1)
        noise = float(season_strength(decomposed(rng.normal(size=history.shape), only)).mean())
        rows += [
            {
                "attribute": name,
                "period": period,
                "strength": float(each.mean()),
                "noise": noise,
                "least": float(each.min()),
                "most": float(each.max()),
                "series": len(each),
            }
            for name, each in zip(settings.attributes, strength, strict=True)
        ]
    return rows


def figure5_curves(
    sample: Sample, settings: LowerFigureSettings, stl: StlSettings, user: int = 0
) -> list[Row]:
    """The components of one user's attributes over the history, step by step."""
    chosen = np.arange(len(settings.attributes)) * len(sample.users) + user
    values = sample.series[chosen, : sample.train]
    parts = decomposed(values, stl)
    return [
        {
            "attribute": name,
            "step": step,
            "value": float(values[place, step]),
            "trend": float(parts.trend[place, step]),
            "season": float(parts.season[place, step]),
            "remainder": float(parts.remainder[place, step]),
        }
        for place, name in enumerate(settings.attributes)
        for step in range(sample.train)
    ]


def figure6_rows(sample: Sample, settings: LowerFigureSettings, user: int = 0, hours: int = 96) -> list[Row]:
    """Truth and causal STL-NARX over the first `hours` test steps, of one user's attributes."""
    issued = stl_narx(StlNarxSettings()).fit(sample.series[:, : sample.train], sample.neighbours)
    origins = _origins(sample, settings)[:hours]
    forecast = issued(sample.series, origins, settings.ahead)[:, :, -1]  # (N, O)
    chosen = np.arange(len(settings.attributes)) * len(sample.users) + user
    return [
        {
            "attribute": name,
            "step": int(origin + settings.ahead),
            "truth": float(sample.series[series, origin + settings.ahead]),
            "forecast": float(forecast[series, place]),
        }
        for name, series in zip(settings.attributes, chosen, strict=True)
        for place, origin in enumerate(origins)
    ]


def figure7_forecasters(seed: int) -> tuple[Forecaster, ...]:
    """All that Fig. 7 compares: the paper's, the baselines that it leaves out, and two without neighbours."""
    every = paper_forecasters(seed)
    without = [alone(each) for each in every if each.name in ("STL-NARX", "NARX")]
    return (*every, *without)


def figure7_rows(
    sample: Sample, settings: LowerFigureSettings, forecasters: Sequence[Forecaster]
) -> Iterator[list[Row]]:
    """The errors of one forecaster after the other, a row for each attribute."""
    for forecaster in forecasters:
        begun = process_time()
        errors = forecast_errors(sample, settings, forecaster).reshape(len(settings.attributes), -1)  # (K, U)
        seconds = process_time() - begun
        yield [
            {
                "method": forecaster.name,
                "look_ahead": forecaster.look_ahead,
                "attribute": name,
                "ahead": settings.ahead,
                "seed": settings.seed,
                "mse": float(each.mean()),
                "median": float(np.median(each)),
                "series": len(each),
                "constant": sample.constant,
                "cpu_seconds": seconds / len(errors),
            }
            for name, each in zip(settings.attributes, errors, strict=True)
        ]


def forecast_errors(sample: Sample, settings: LowerFigureSettings, forecaster: Forecaster) -> Floats:
    """The normalised mean squared error of each series (N,) over the test steps."""
    history = sample.series[:, : sample.train]
    origins = _origins(sample, settings)
    issued = forecaster.fit(history, sample.neighbours)(sample.series, origins, settings.ahead)
    return _errors(sample, origins, settings.ahead, issued[:, :, -1])


def synchronisation_rows(
    sample: Sample, settings: LowerFigureSettings, forecaster: Forecaster, most_ahead: int = 6
) -> list[Row]:
    """The errors at the instant of use, `ahead` steps after a series was collected, with and without (30).

    Without synchronisation the value that the model gives next is taken for the one at the instant of use.
    """
    issuer = forecaster.fit(sample.series[:, : sample.train], sample.neighbours)
    origins = _origins(sample, replace(settings, ahead=most_ahead))
    issued = issuer(sample.series, origins, most_ahead)  # (N, O, H)
    rows: list[Row] = []
    for ahead in range(1, most_ahead + 1):
        for kind, taken in (("synchronised", ahead), ("not synchronised", 1)):
            errors = _errors(sample, origins, ahead, issued[:, :, taken - 1])
            means = errors.reshape(len(settings.attributes), -1).mean(axis=1)
            rows += [
                {"attribute": name, "ahead": ahead, "kind": kind, "seed": settings.seed, "mse": float(mean)}
                for name, mean in zip(settings.attributes, means, strict=True)
            ]
    return rows


def clock_rows(seed: int, skew: float = 50e-6, readings: int = 600, delay: float = 0.005) -> list[Row]:
    """How far each way of finding a clock's skew is off, on `readings` a second apart with random delays."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    clock = Clock(skew, 0.2, 0.0)
    stamps = 0.2 + np.arange(readings, dtype=np.float64)  # even on the device's own clock
    received = clock.true_time(stamps) + 0.01 + rng.exponential(delay, readings)
    sound, literal = clock_skew(stamps, received, "sound"), clock_skew(stamps, received, "literal")
    return [
        {"seed": seed, "variant": name, "true_ppm": skew * 1e6, "found_ppm": found * 1e6}
        for name, found in (("sound", sound), ("literal", literal))
    ]


def _origins(sample: Sample, settings: LowerFigureSettings) -> Counts:
    """The origins of forecasts of all test steps that are `ahead` of them."""
    return np.arange(sample.train - 1, sample.series.shape[1] - settings.ahead)


def _errors(sample: Sample, origins: Counts, ahead: int, forecasts: Floats) -> Floats:
    """Normalised mean squared errors (N,) of `forecasts` (N, O) for `ahead` steps after the origins."""
    scale = scale_of(sample.series[:, : sample.train])
    missed = (forecasts - sample.series[:, origins + ahead]) / scale.deviation[:, None]
    errors: Floats = (missed**2).mean(axis=1)
    return errors
