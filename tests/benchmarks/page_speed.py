"""How fast the page is with 10,000 stations, in headless chromium: `python -m tests.benchmarks.page_speed`.

The run has just begun, on a synthetic city: a map, a load for every hour, no forecasts. The first visit comes
while the server, which is in this process, still reads the set (cold), the second finds it in memory (warm).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from selenium.webdriver import Chrome

from data.sets.tables import ReadSettings
from fl_server.cli.main import main
from fl_server.run_folder import Record, new_run
from fl_server.settings import TwinSettings
from tests.fl_server.web.serving import browser, served, until

STATIONS, DAYS, FRAMES = 10_000, 14, 90
LOADED = "window.vhtwin?.state.frames?.load.at(vhtwin.state.step) && vhtwin.map.painted"
PAN = "(step) => { map.view.move(step % 60 < 30 ? 6 : -6, 3 - (step % 7)); map.draw(); }"
SLIDE = "(step) => { set({ step: (step * 2) % state.info.times.length }); }"
LOOP = """
const done = arguments[arguments.length - 1], frames = arguments[0];
const { map, state, set } = window.vhtwin, act = %s;
const times = [];
let count = 0;
const tick = (now) => {
  times.push(now);
  if (times.length > frames) { done([times.at(-1) - times[0], map.drawn - before]); return; }
  act(count += 1);
  requestAnimationFrame(tick);
};
const before = map.drawn;
requestAnimationFrame(tick);
"""


@dataclass(frozen=True)
class Speed:
    """Milliseconds from asking for the page to its first paint, and to all stations; frames a second."""

    paint_cold: float
    stations_cold: float
    paint_warm: float
    stations_warm: float
    pan: float
    slide: float


def large_run(folder: Path) -> Path:
    """A run that has just begun on a large city."""
    city, runs = folder / "city", folder / "runs"
    words = ["--stations", str(STATIONS), "--days", str(DAYS), "--seed", "7", "--out", str(city)]
    assert main(["data", "make", *words]) == 0
    new_run(runs / "large", Record("0", str(city), "", ReadSettings(), TwinSettings()), overwrite=False)
    return runs


def measured(folder: Path) -> Speed:
    """The page on a large run, visited twice, panned and slid."""
    runs = large_run(folder)
    with served(runs) as address, browser(folder) as page:
        page.get("about:blank")
        cold = _visited(page, address)
        page.get("about:blank")
        warm = _visited(page, address)
        until(page, "vhtwin.state.frames.load.whole", 60)
        return Speed(*cold, *warm, _rate(page, PAN), _rate(page, SLIDE))


def _visited(page: Chrome, address: str) -> tuple[float, float]:
    page.get(address)
    until(page, LOADED, 60)
    found = page.execute_script(
        "return [performance.getEntriesByName('first-contentful-paint')[0].startTime, vhtwin.map.painted]"
    )
    return float(found[0]), float(found[1])


def _rate(page: Chrome, act: str) -> float:
    """Frames a second that are drawn while `act` changes something before every one."""
    page.set_script_timeout(60)
    spent, drawn = page.execute_async_script(LOOP % act, FRAMES)
    return float(drawn) / float(spent) * 1000


def report() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder))
    for name, value in vars(found).items():
        unit = "frames/s" if name in ("pan", "slide") else "ms"
        print(f"{name.replace('_', ', '):16} {value:8,.0f} {unit}")


if __name__ == "__main__":
    report()
