import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, ExpSineSquared, Matern

from data.errors import InputError
from hetnet.lags import Floats
from hetnet.resampling import Kernel, candidates, chosen_kernel, log_likelihood, normalised, resampled

KERNEL = Kernel(length=2.5, smooth=0.7, returning=0.3, period=24.0, noise=0.05)
THEIRS = ConstantKernel(0.7) * Matern(2.5, nu=1.5) + ConstantKernel(0.3) * ExpSineSquared(1.0, 24.0)


def readings(seed: int, count: int = 60) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.uniform(0, 72, count))
    return stamps, np.sin(2 * np.pi * stamps / 24) + 0.2 * rng.normal(size=count)


def scikit_learn(stamps: Floats, values: Floats, grid: Floats) -> tuple[Floats, Floats]:
    process = GaussianProcessRegressor(THEIRS, alpha=0.05, optimizer=None).fit(stamps[:, None], values)
    mean, deviation = process.predict(grid[:, None], return_std=True)
    return mean, deviation**2


def test_all_readings_give_the_process_of_scikit_learn() -> None:
    stamps, values = readings(1)
    grid = np.arange(0.0, 80.0)
    mean, variance = scikit_learn(stamps, values, grid)
    found = resampled(stamps, values, grid, KERNEL, causal=False)
    np.testing.assert_allclose(found.mean, mean, atol=1e-9)
    np.testing.assert_allclose(found.variance, variance, atol=1e-9)


@pytest.mark.parametrize("instant", [5.0, 30.0, 71.0])
def test_a_causal_value_is_that_of_the_readings_up_to_it(instant: float) -> None:
    stamps, values = readings(2)
    early = stamps <= instant
    mean, variance = scikit_learn(stamps[early], values[early], np.array([instant]))
    found = resampled(stamps, values, np.array([1.0, instant, 72.0]), KERNEL)
    assert found.mean[1] == pytest.approx(mean[0], abs=1e-9)
    assert found.variance[1] == pytest.approx(variance[0], abs=1e-9)


@given(instant=st.floats(0, 72), size=st.floats(-1e3, 1e3))
@settings(deadline=None, max_examples=30)
def test_no_later_reading_reaches_a_causal_value(instant: float, size: float) -> None:
    stamps, values = readings(3)
    grid = np.arange(0.0, 73.0)
    before = resampled(stamps, values, grid, KERNEL)
    after = resampled(stamps, np.where(stamps > instant, values + size, values), grid, KERNEL)
    assert np.array_equal(before.mean[grid <= instant], after.mean[grid <= instant])


@given(count=st.integers(0, 40), seed=st.integers(0, 1000), causal=st.booleans())
@settings(deadline=None, max_examples=40)
def test_values_are_finite_and_variances_lie_between_0_and_the_prior(
    count: int, seed: int, causal: bool
) -> None:
    stamps, values = readings(seed, count)
    found = resampled(np.round(stamps), values, np.arange(-5.0, 90.0, 2.0), KERNEL, causal=causal)
    assert np.isfinite(found.mean).all()
    assert (found.variance >= 0).all()
    assert (found.variance <= 1.0 + 1e-12).all()


def test_before_the_first_reading_the_prior_holds() -> None:
    found = resampled(np.array([10.0]), np.array([2.0]), np.array([3.0, 10.0]), KERNEL)
    assert (found.mean[0], found.variance[0]) == (0.0, 1.0)
    assert found.mean[1] == pytest.approx(2 / 1.05)  # k / (k + noise) = 1 / 1.05
    assert found.variance[1] == pytest.approx(1 - 1 / 1.05)


def test_long_streams_are_resampled_piece_by_piece_to_the_same_values() -> None:
    rng = np.random.default_rng(4)
    stamps = np.sort(rng.uniform(0, 1000, 2000))
    values = np.sin(stamps / 5) + 0.1 * rng.normal(size=2000)
    kernel, grid = Kernel(length=5.0, noise=0.05), np.arange(0.0, 1000.0)
    mean, _ = (
        GaussianProcessRegressor(Matern(5.0, nu=1.5), alpha=0.05, optimizer=None)
        .fit(stamps[:, None], values)
        .predict(grid[:, None], return_std=True)
    )
    np.testing.assert_allclose(resampled(stamps, values, grid, kernel, causal=False).mean, mean, atol=1e-6)


def test_the_likelihood_is_that_of_scikit_learn() -> None:
    stamps, values = readings(5)
    process = GaussianProcessRegressor(THEIRS, alpha=0.05, optimizer=None).fit(stamps[:, None], values)
    assert log_likelihood(stamps, values, KERNEL) == pytest.approx(process.log_marginal_likelihood_value_)


def test_the_kernel_that_is_chosen_has_the_season_of_the_readings() -> None:
    rng = np.random.default_rng(6)
    stamps = np.arange(240.0)
    seasonal = [(stamps, np.sin(2 * np.pi * stamps / 24) + 0.3 * rng.normal(size=240)) for _ in range(3)]
    uneven = [(stamps, rng.normal(size=240)) for _ in range(3)]
    assert chosen_kernel(seasonal, candidates(1.0, 24.0)).returning > 0
    assert chosen_kernel(uneven, candidates(1.0, 24.0)).noise == 0.4


def test_a_constant_stays_constant() -> None:
    values, mean, deviation = normalised(np.full(5, 3.0))
    assert (values.tolist(), mean, deviation) == ([0.0] * 5, 3.0, 1.0)


@pytest.mark.parametrize(
    ("stamps", "values", "grid"),
    [
        ([1.0, np.nan], [1.0, 2.0], [1.0]),
        ([1.0, 2.0], [1.0, np.inf], [1.0]),
        ([1.0], [1.0, 2.0], [1.0]),
        ([1.0], [1.0], [2.0, 1.0]),
    ],
)
def test_readings_and_grids_that_make_no_sense_are_refused(
    stamps: list[float], values: list[float], grid: list[float]
) -> None:
    with pytest.raises(InputError, match="resampling"):
        resampled(np.array(stamps), np.array(values), np.array(grid), KERNEL)


@pytest.mark.parametrize("wrong", [{"length": 0.0}, {"noise": 0.0}, {"smooth": 0.0}, {"period": -1.0}])
def test_kernels_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="kernel"):
        Kernel(**({"length": 1.0} | wrong))
