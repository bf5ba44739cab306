"""Pictures are drawn for any set: one station or many, a day or weeks, amounts or scores."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.image import imread

from data.errors import InputError
from data.traffic import StationId, Traffic
from fl_server.pictures import Panel, colour_scale, draw_forecast, draw_set, load_label


def city(stations: int, hours: int, *, scores: bool = False, step_minutes: int = 60) -> Traffic:
    """A seeded set of scattered stations, with a daily wave."""
    rng = np.random.default_rng(stations)
    wave = 1 - np.cos(np.arange(hours) * np.pi / 12) * 0.8
    load = wave[:, None] * rng.lognormal(3, 1.5, stations)
    return Traffic(
        load=(np.log(load + 1) - 3 if scores else load).astype(np.float32),
        stations=tuple(StationId(str(number)) for number in range(stations)),
        positions=np.column_stack([9 + 0.2 * rng.random(stations), 45.4 + 0.1 * rng.random(stations)]),
        start=np.datetime64("2013-11-01T00:00"),
        step_minutes=step_minutes,
    )


def written(path: Path) -> list[str]:
    """The words in an SVG picture, which matplotlib leaves as comments beside their outlines."""
    return re.findall(r"<!-- (.*?) -->", path.read_text())


@pytest.mark.parametrize("stations", [1, 2, 25, 3000])
@pytest.mark.parametrize(("hours", "step_minutes"), [(5, 60), (24, 60), (24 * 9, 60), (144, 10)])
def test_any_set_gives_a_picture_that_is_not_blank(
    tmp_path: Path, stations: int, hours: int, step_minutes: int
) -> None:
    draw_set(tmp_path / "a" / "set.png", city(stations, hours, step_minutes=step_minutes), "a set")
    image = imread(tmp_path / "a" / "set.png")  # (height, width, 4), 0 black to 1 white
    assert image.shape[1] > 1500
    for half in (image[:, : image.shape[1] // 2], image[:, image.shape[1] // 2 :]):
        assert (half[..., :3].min(axis=-1) < 0.9).mean() > 0.001
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["set.png"]


def test_the_picture_names_what_it_shows(tmp_path: Path) -> None:
    draw_set(tmp_path / "set.svg", city(40, 24 * 8), "my city")
    words = written(tmp_path / "set.svg")
    assert {"my city", "Mon", "Sun", "mean week", "internet load per hour"} <= set(words)
    assert "40 stations, coloured by mean load" in words
    assert "mean internet load per hour" in words


def test_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    draw_set(tmp_path / "set.svg", city(40, 24), "$\\frac costs 5$ 北京")
    draw_forecast(tmp_path / "forecast.png", [replace(panel(30), station="$_$ 北")], "$")
    assert "$\\frac costs 5$ 北京" in written(tmp_path / "set.svg")


def test_no_tick_of_the_map_is_written_twice(tmp_path: Path) -> None:
    close = city(9, 24)
    near = Traffic(
        load=close.load,
        stations=close.stations,
        positions=close.positions[0] + (close.positions - close.positions[0]) * 0.05,
        start=close.start,
        step_minutes=60,
    )
    draw_set(tmp_path / "set.svg", near, "close together")
    degrees = [word for word in written(tmp_path / "set.svg") if "°" in word]
    assert len(degrees) >= 4
    assert len(set(degrees)) == len(degrees)


def test_stations_on_one_spot_and_equal_loads_are_drawn_too(tmp_path: Path) -> None:
    same = Traffic(
        load=np.ones((24, 3), np.float32),
        stations=(StationId("a"), StationId("b"), StationId("c")),
        positions=np.full((3, 2), 45.0),
        start=np.datetime64("2013-11-01T00:00"),
        step_minutes=60,
    )
    draw_set(tmp_path / "set.svg", same, "one spot")
    assert "mean internet load per hour" not in written(
        tmp_path / "set.svg"
    )  # no scale where nothing differs


def test_standardised_loads_are_drawn_and_named_so(tmp_path: Path) -> None:
    scores = city(30, 24 * 7, scores=True)
    assert load_label(scores) == "internet load, standardised"
    draw_set(tmp_path / "set.svg", scores, "scores")
    assert "mean internet load, standardised" in written(tmp_path / "set.svg")


def test_colours_are_logarithmic_only_when_amounts_span_decades() -> None:
    assert isinstance(colour_scale(np.array([1.0, 40.0])), LogNorm)  # 1.6 decades
    assert not isinstance(colour_scale(np.array([1.0, 30.0])), LogNorm)  # 1.48
    assert not isinstance(colour_scale(np.array([-1.0, 1.0, 400.0])), LogNorm)


def test_a_logarithmic_scale_is_written_in_plain_numbers(tmp_path: Path) -> None:
    one = city(30, 24)
    load = one.load[:, :1] / one.load[:, 0].mean() * np.geomspace(0.9, 90, 30)
    draw_set(tmp_path / "set.svg", replace(one, load=load.astype(np.float32)), "log")
    words = written(tmp_path / "set.svg")
    assert {"1", "2", "5", "10", "20", "50"} <= set(words)
    assert not [word for word in words if "$" in word]


def test_a_silent_station_takes_the_colour_of_the_quietest() -> None:
    scale = colour_scale(np.array([0.0, 0.1, 100.0]))
    assert isinstance(scale, LogNorm)
    assert [float(scale(load)) for load in (0.1, 100.0)] == [0, 1]
    assert float(scale(0.05)) == 0


def panel(hours: int, *, interval: bool = True) -> Panel:
    truth = 100 + 50 * np.sin(np.arange(hours) / 4)
    forecast = np.roll(truth, 1)
    times = np.datetime64("2013-11-24T00:00") + np.arange(hours) * np.timedelta64(60, "m")
    if not interval:
        return Panel("5842", times, truth, forecast)
    return Panel("5842", times, truth, forecast, forecast - 200, forecast + 20)


def test_forecasts_stand_on_real_dates_with_one_legend(tmp_path: Path) -> None:
    draw_forecast(tmp_path / "forecast.svg", [panel(168)] * 3, "one step ahead")
    words = written(tmp_path / "forecast.svg")
    assert words.count("station 5842") == 3
    assert [words.count(name) for name in ("truth", "forecast", "interval")] == [1, 1, 1]
    assert {"Sun 24 Nov", "Sat 30 Nov", "2013"} <= set(words)


def test_a_forecast_without_interval_has_none_in_its_legend(tmp_path: Path) -> None:
    draw_forecast(tmp_path / "forecast.svg", [panel(30, interval=False)], "one day")
    words = written(tmp_path / "forecast.svg")
    assert "interval" not in words
    assert {"truth", "forecast", "Sun 24 Nov", "04:00"} <= set(words)


def test_no_panel_and_an_unknown_ending_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no station to draw"):
        draw_forecast(tmp_path / "forecast.png", [], "nothing")
    with pytest.raises(InputError, match=r"expected a picture ending in \.png"):
        draw_forecast(tmp_path / "forecast.docx", [panel(3)], "nowhere")
    assert list(tmp_path.iterdir()) == []
