import numpy as np
import pytest
import torch

from data.errors import InputError
from hetnet.lags import pasts
from hetnet.tcn import TcnSettings, _backward, _forward, _fresh, trained_tcn

SMALL = TcnSettings(filters=8, epochs=30, learning_rate=0.01)


def by_torch(
    parameters: list[np.ndarray], inputs: np.ndarray, dilations: tuple[int, ...]
) -> list[torch.Tensor]:
    """The forecasts of the same net by torch's convolutions, and its parameters, which record gradients."""
    tensors = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in parameters]
    values = torch.tensor(inputs, dtype=torch.float64).transpose(1, 2)  # (1, C, T)
    for layer, dilation in enumerate(dilations):
        weight, bias = tensors[2 * layer], tensors[2 * layer + 1]
        taps = weight.reshape(3, -1, weight.shape[1]).permute(2, 1, 0)  # (out, in, taps)
        values = torch.nn.functional.conv1d(values, taps, bias, dilation=dilation).relu()
    return [(values.transpose(1, 2) @ tensors[-2] + tensors[-1])[:, :, 0], *tensors]


def test_forecasts_and_gradients_are_those_of_torch() -> None:
    rng = np.random.default_rng(1)
    settings = TcnSettings(filters=5)
    parameters = _fresh(settings, rng)
    inputs = rng.normal(size=(1, 30, 1)).astype(np.float32)
    slopes = rng.normal(size=(1, 30 - settings.reach + 1)).astype(np.float32)
    forecasts, kept = _forward(parameters, inputs, settings.dilations)
    expected, *tensors = by_torch(parameters, inputs, settings.dilations)
    np.testing.assert_allclose(forecasts, expected.detach().numpy(), atol=1e-5)
    (expected * torch.tensor(slopes)).sum().backward()
    for ours, theirs in zip(_backward(parameters, slopes, kept, settings.dilations), tensors, strict=True):
        assert theirs.grad is not None
        np.testing.assert_allclose(ours, theirs.grad.numpy(), atol=1e-4)


def test_the_papers_net_sees_15_steps() -> None:
    assert TcnSettings().reach == 15


def test_a_net_learns_a_wave() -> None:
    wave = np.sin(np.arange(500) / 3)[None]
    nets = trained_tcn(wave[:, :400], SMALL)
    origins = np.arange(399, 499)
    forecasts = nets.next_values(pasts(wave, origins, 15))
    assert ((forecasts[0] - wave[0, origins + 1]) ** 2).mean() < 0.01


def test_the_same_seed_gives_the_same_net() -> None:
    series = np.random.default_rng(2).normal(size=(1, 100))
    past = pasts(series, np.array([99]), 15)
    one, other = (trained_tcn(series, SMALL).next_values(past) for _ in range(2))
    assert np.array_equal(one, other)


def test_a_history_hardly_longer_than_what_the_net_sees_is_enough() -> None:
    series = np.random.default_rng(3).normal(size=(1, 16))
    assert np.isfinite(trained_tcn(series, SMALL).next_values(pasts(series, np.array([15]), 15))).all()


def test_a_history_without_a_sample_is_refused() -> None:
    with pytest.raises(InputError, match="series of 15 steps, expected more than 15"):
        trained_tcn(np.zeros((1, 15)), SMALL)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": 0.0}, {"dilations": ()}, {"seed": -1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError):
        TcnSettings(**wrong)  # type: ignore[arg-type]  # settings that the types refuse, too
