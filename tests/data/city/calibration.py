"""The synthetic city beside the real sets: writes the rows and the page beside the city, and the picture.

    python -m tests.data.city.calibration

needs the real sets in `../shared/telecom-italia` beside the repository; the tests re-read what it wrote.
"""

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.city.synthetic import CitySettings, synthetic_traffic
from data.figures.curves import space_curves, time_curves
from data.figures.statistics import Values, set_figures, space_figures
from data.sets.tables import ReadSettings, read_set
from data.store import whole_file
from data.traffic import StationId, Traffic

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "telecom-italia"
ROWS = ROOT / "data" / "city" / "calibration.csv"
PAGE = ROOT / "data" / "city" / "CALIBRATION.md"
PICTURE = ROOT / ".pictures" / "calibration.png"

SEED = 7
SEEDS = (7, 8, 9, 10, 11)
ZERO_LOAD = -0.51043  # what no traffic became in the z-scored frames
LARGE_MISS = 0.25  # of the real figure
SMALL_DIFFERENCE = 0.05  # of which no correlation near zero is blamed

INTRODUCTION = f"""# The synthetic city beside the real one

`python -m tests.data.city.calibration` writes this page, its rows (`calibration.csv`) and the picture; the
tests compute every figure again and fail when one has moved. Figures are explained in
`statistics.py` and `predictability.py`; `vhtwin data compare` prints them for any two sets.

* **real, over time**: 25 adjacent squares of Milan, Internet, ten-minute readings, 1 to 30 November
  2013. 1 November is the only public holiday in it, at the start of a long weekend.
* **real, over space** (the rows that begin with `loads`): mean of 109 ten-minute frames of all 10,000
  squares of Milan, z-scored by one constant that zero traffic gives away.
* **synthetic**: `vhtwin data make --step 10 --days 30 --stations 100` for the rows over time and
  `--days 7 --stations 10000` for the rows over space, seed {SEED}; **range**: the lowest and highest of
  seeds {SEEDS[0]} to {SEEDS[-1]}. The real columns are one neighbourhood and one city as well: a real figure
  inside the range is as good as this comparison can tell. The constants of the city were fitted by
  hand while looking at these seeds and at these real sets; nothing was held back to check them on.
* *linear* is one regression over all stations on the day before, the same hour of the last two weeks, and
  the calendar; *past readings* adds the six readings of the hour before.
* *size of the rest*, *its autocorrelation* and so on speak of what a station's mean workday, Saturday
  and Sunday leave of the logarithm of its hourly load.

![both, over each other](../../.pictures/calibration.png)

The real sets are those of the Telecom Italia Big Data Challenge (Barlacchi et al., *Scientific Data* 2,
150055, 2015; ODbL 1.0).

Not calibrated: SMS and calls. No real series of them was at hand; their rhythms follow what is
published in words (calls nearly cease at night, both are an order of magnitude below Internet in
these units), their noise is a guess.

"""


@dataclass(frozen=True)
class Row:
    """One figure of the real sets and of the synthetic city."""

    figure: str
    real: float
    synthetic: float
    lowest: float
    highest: float

    @property
    def difference(self) -> float:
        """How far the synthetic figure is off."""
        return self.synthetic - self.real

    @property
    def missed(self) -> bool:
        """Whether the five seeds lie on one side of the real figure and the first one far from it."""
        outside = not self.lowest <= self.real <= self.highest
        return outside and abs(self.difference) > max(LARGE_MISS * abs(self.real), SMALL_DIFFERENCE)


def real_squares() -> Traffic:
    """The 25 Milan squares over time."""
    return read_set(REAL / "milan25", ReadSettings(timezone="Europe/Rome"))


def real_frames() -> Traffic:
    """The whole Milan grid in 109 frames that do not follow one another: for means over time only."""
    frames = np.load(REAL / "milan-grid" / "frames.npz")
    load = np.concatenate([frames[part] for part in ("train", "val", "test")]).reshape(-1, 10_000)
    with gzip.open(REAL / "milan-grid" / "milano-grid.geojson.gz") as file:
        squares = json.load(file)["features"]
    corners = np.array([square["geometry"]["coordinates"][0][:4] for square in squares])  # (N, 4, 2)
    return Traffic(
        load=np.maximum(load - np.float32(ZERO_LOAD), 0),
        stations=tuple(StationId(str(square)) for square in range(1, 10_001)),
        positions=corners.mean(axis=1),
        start=np.datetime64("2013-11-01T00:00"),
        step_minutes=10,
    )


def synthetic_squares(seed: int) -> Traffic:
    """The city over time."""
    return synthetic_traffic(CitySettings(stations=100, days=30, seed=seed, step_minutes=10))


def synthetic_grid(seed: int) -> Traffic:
    """The city over space."""
    return synthetic_traffic(CitySettings(stations=10_000, days=7, seed=seed))


def joined(squares: Traffic, grid: Traffic) -> Values:
    """Figures over time of `squares` and over space of `grid`."""
    found = set_figures(squares).values
    over_time = {name: value for name, value in found.items() if not name.startswith("loads")}
    return over_time | space_figures(grid)


def synthetic_figures(seed: int) -> Values:
    """Both kinds of figures of the city of `seed`."""
    return joined(synthetic_squares(seed), synthetic_grid(seed))


def read_rows() -> list[Row]:
    """What was written last."""
    with ROWS.open(newline="") as file:
        return [Row(name, *map(float, values)) for name, *values in list(csv.reader(file))[1:]]


def page(rows: list[Row]) -> str:
    """The page that `rows` make."""
    lines = ["| figure | real | synthetic | range | difference |", "|---|--:|--:|--:|--:|"]
    for row in rows:
        lines.append(
            f"| {row.figure} | {row.real:.3f} | {row.synthetic:.3f} | "
            f"{row.lowest:.3f} … {row.highest:.3f} | {row.difference:+.3f} |"
        )
    inside = sum(row.lowest <= row.real <= row.highest for row in rows)
    misses = [
        f"* {row.figure}: {row.real:.3f} real, {row.synthetic:.3f} synthetic" for row in rows if row.missed
    ]
    where = (
        f"## Where it misses\n\n{inside} of {len(rows)} real figures lie inside the range of the five seeds. "
        f"Outside it, and off\nby more than {LARGE_MISS:.0%}:\n"
    )
    return INTRODUCTION + "\n".join([*lines, "", where, *misses]) + "\n"


def main() -> None:
    """Write the rows, the page and the picture."""
    from fl_server.comparison_picture import Side, draw_comparison

    squares, frames = real_squares(), real_frames()
    real = joined(squares, frames)
    cities = [synthetic_figures(seed) for seed in SEEDS]
    with whole_file(ROWS) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["figure", "real", "synthetic", "lowest", "highest"])
        for name, value in real.items():
            found = [city[name] for city in cities]
            numbers = (value, found[SEEDS.index(SEED)], min(found), max(found))
            writer.writerow([name, *(f"{number:.4f}" for number in numbers)])
    with whole_file(PAGE) as partial:
        partial.write_text(page(read_rows()))
    sides = (
        Side("25 Milan squares", time_curves(squares), space_curves(frames), "Milan, 10,000 squares"),
        Side(
            "synthetic, 100 squares",
            time_curves(synthetic_squares(SEED)),
            space_curves(synthetic_grid(SEED)),
            "synthetic, 10,000 squares",
        ),
    )
    draw_comparison(PICTURE, sides, "Real and synthetic Internet traffic")


if __name__ == "__main__":
    main()
