import numpy as np
import pytest
from scipy import stats

from data.errors import InputError
from hetnet.channel import (
    ChannelSettings,
    drawn_shadows,
    faded,
    mean_gain,
    noise_watts,
    path_loss_db,
    shadowing_db,
    watts,
)
from hetnet.network import Stations


def one_of_each(count: int = 1) -> Stations:
    """As many macro stations as small ones, all at the origin."""
    return Stations(
        positions=np.zeros((2 * count, 2)),
        macro=np.arange(2 * count) < count,
        power=np.ones(2 * count),
        reach=np.full(2 * count, 300.0),
        slots=np.ones(2 * count, dtype=np.int64),
    )


def test_path_loss_at_100_metres_is_as_worked_by_hand() -> None:
    # macro 15.3 + 37.6 * 2 = 90.5; small 38.46 + 20 * 2 + .7 * 100 = 148.46, as printed 30 dB less
    metres, macro = np.full((1, 2), 100.0), np.array([True, False])
    np.testing.assert_allclose(path_loss_db(metres, macro), [[90.5, 148.46]])
    np.testing.assert_allclose(path_loss_db(metres, macro, "literal"), [[90.5, 118.46]])


def test_path_loss_is_finite_at_a_station_and_grows_with_distance() -> None:
    metres = np.linspace(0, 2000, 400)[:, None].repeat(2, axis=1)
    lost = path_loss_db(metres, np.array([True, False]))
    assert np.isfinite(lost).all()
    assert (np.diff(lost, axis=0) >= 0).all()


def test_noise_of_the_band_is_twice_that_of_the_printed_ten_megahertz() -> None:
    band = noise_watts(ChannelSettings())
    printed = noise_watts(ChannelSettings(noise="printed"))
    np.testing.assert_allclose(10 * np.log10(band) + 30, -100.97 + 5, atol=0.02)
    np.testing.assert_allclose(10 * np.log10(printed) + 30, -104 + 5)
    np.testing.assert_allclose(noise_watts(ChannelSettings(bandwidth=10e6)), printed, rtol=0.01)


def test_powers_of_the_paper_are_ten_watts_and_fifty_milliwatts() -> None:
    np.testing.assert_allclose(watts(np.array([40.0, 17.0])), [10, 0.0501], rtol=1e-3)


def test_shadowing_has_the_spread_and_the_reach_of_its_kind_of_station() -> None:
    settings = ChannelSettings()
    stations = one_of_each(400)
    shadows = drawn_shadows(stations, settings, np.random.default_rng(1))
    steps = np.array([0.0, 10.0, 50.0])
    found = shadowing_db(shadows, np.column_stack([steps, np.zeros(3)]))  # (3, 800)
    macro, small = found[:, :400], found[:, 400:]
    np.testing.assert_allclose(macro.std(axis=1), 8, rtol=0.1)
    np.testing.assert_allclose(small.std(axis=1), 4, rtol=0.1)
    alike = [np.corrcoef(each[0], each[step])[0, 1] for each, step in ((macro, 2), (small, 1))]
    np.testing.assert_allclose(alike, np.exp(-1), atol=0.12)


def test_who_comes_back_meets_the_same_shadow() -> None:
    shadows = drawn_shadows(one_of_each(), ChannelSettings(), np.random.default_rng(2))
    places = np.random.default_rng(3).uniform(-500, 500, (5, 2))
    np.testing.assert_allclose(shadowing_db(shadows, places[::-1])[::-1], shadowing_db(shadows, places))


def test_without_shadows_gain_is_path_loss_alone() -> None:
    stations = one_of_each()
    settings = ChannelSettings(macro_shadowing_db=0, small_shadowing_db=0)
    shadows = drawn_shadows(stations, settings, np.random.default_rng(0))
    gain = mean_gain(np.array([[100.0, 0.0]]), stations, shadows, "sound")
    np.testing.assert_allclose(gain, [[10**-9.05, 10**-14.846]])


def test_fading_is_exponential_of_mean_one() -> None:
    drawn = faded(np.ones((200, 50)), np.random.default_rng(4))
    assert stats.kstest(drawn.ravel(), "expon").pvalue > 0.01


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path_loss": "3gpp"}, "path_loss"),
        ({"noise": "none"}, "noise"),
        ({"bandwidth": 0.0}, "bandwidth"),
        ({"noise_figure_db": -1.0}, "noise_figure_db"),
        ({"small_shadow_metres": 0.0}, "small_shadow_metres"),
        ({"macro_shadowing_db": float("nan")}, "macro_shadowing_db"),
    ],
)
def test_settings_that_make_no_channel_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ChannelSettings(**changes)  # type: ignore[arg-type] # bad on purpose
