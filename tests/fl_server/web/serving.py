"""A server and a browser for the tests of the page; without a browser these are skipped."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from fl_server.web.app import web_app
from fl_server.web.desk import Desk, Figures
from fl_server.web.guard import Access
from fl_server.web.shelf import Shelf

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,900",
)
SECONDS = 20.0
READY = "window.vhtwin?.state.info && vhtwin.state.stations && vhtwin.state.frames.load.at(vhtwin.state.step)"


@contextmanager
def served(
    runs: Path,
    access: Access | None = None,
    newer: Path | None = None,
    status: Callable[[], Figures] | None = None,
) -> Iterator[str]:
    """The address of a server over `runs`, in this process; data may arrive in `newer`."""
    app = web_app(Desk(Shelf(runs), status=status, newer=newer), access or Access())
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(SECONDS)
            assert not thread.is_alive()


@contextmanager
def browser(folder: Path, *flags: str) -> Iterator[Chrome]:
    """Debian's chromium, with a profile of its own in `folder`, where it also stores what is downloaded."""
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if None in programs:
        pytest.skip("chromium and chromedriver are not installed: apt-get install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = str(programs[0])
    for flag in (*FLAGS, *flags, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    kept = {
        "download.default_directory": str(folder),
        "profile.default_content_setting_values.automatic_downloads": 1,  # several, one after the other
    }
    options.add_experimental_option("prefs", kept)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = Chrome(options=options, service=Service(str(programs[1])))
    try:
        yield made
    finally:
        made.quit()


def until(page: Chrome, script: str, seconds: float = SECONDS) -> None:
    """Wait until an expression of the page holds."""
    end = time.monotonic() + seconds
    while not page.execute_script(f"return Boolean({script})"):
        assert time.monotonic() < end, f"{script} does not come to hold: {complaints(page)}"
        time.sleep(0.05)


def complaints(page: Chrome) -> list[str]:
    """What the browser has said against the page since it was last asked."""
    log = page.get_log("browser")  # type: ignore[no-untyped-call]  # selenium does not annotate it
    return [entry["message"] for entry in log if entry["level"] == "SEVERE"]


@contextmanager
def opened(page: Chrome, address: str) -> Iterator[None]:
    """The page anew, with the finished run; whatever the browser complains of fails the test."""
    page.get("about:blank")
    page.get(f"{address}#run=done")
    until(page, READY)
    yield
    assert complaints(page) == []
