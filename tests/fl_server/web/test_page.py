"""The page in a real browser: what is shown, by mouse and by keyboard, and that names do no harm."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from fl_server.web.guard import Access
from tests.fl_server.web.serving import READY, SECONDS, browser, complaints, opened, served, until
from tests.fl_server.web.test_alerts import grown
from tests.fl_server.web.worlds import DAYS, HOSTILE, STATIONS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def chrome(folder: Path) -> Iterator[Chrome]:
    with browser(folder) as made:
        yield made


@pytest.fixture(scope="module")
def address(runs: Path) -> Iterator[str]:
    with served(runs) as made:
        yield made


@pytest.fixture
def page(chrome: Chrome, address: str) -> Iterator[Chrome]:
    """The page with the finished run; whatever the browser complains of fails the test."""
    with opened(chrome, address):
        yield chrome
    assert not chrome.execute_script("return Boolean(window.hurt)")


def by_id(page: Chrome, name: str) -> WebElement:
    return page.find_element(By.ID, name)


def text(page: Chrome, name: str) -> str:
    return str(by_id(page, name).get_property("textContent"))


def press(page: Chrome, element: str) -> None:
    """Click an element, found and clicked at once: a panel may be drawn anew in between."""
    page.execute_script(f"{element}.click()")


def test_the_run_is_shown_and_nothing_comes_from_elsewhere(page: Chrome, address: str) -> None:
    assert "6 stations" in text(page, "about")
    sources = page.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert len(sources) > 10
    assert all(source.startswith(address) for source in sources)


def test_names_that_mean_harm_are_text(page: Chrome) -> None:
    place = page.execute_script("return vhtwin.state.stations.station.indexOf(arguments[0])", HOSTILE)
    page.execute_script("vhtwin.set({selected: arguments[0]})", place)
    until(page, "document.querySelector('#panel-station svg.chart')")
    assert page.find_element(By.CSS_SELECTOR, "#panel-station h2").text.endswith(f"({HOSTILE})")
    by_id(page, "tab-table").click()
    assert HOSTILE in text(page, "panel-table")
    assert page.execute_script("return document.images.length") == 0


def test_a_click_on_the_map_chooses_the_station_under_it(page: Chrome) -> None:
    across, down, width, height = page.execute_script(
        """const {view, places} = vhtwin.map;
        return [view.across(places.x[3]), view.down(places.y[3]), view.width, view.height];"""
    )
    point = ActionChains(page).move_to_element_with_offset(
        by_id(page, "map"), across - width / 2, down - height / 2
    )
    point.perform()
    assert by_id(page, "tip").is_displayed()
    point.click().perform()
    assert page.execute_script("return vhtwin.state.selected") == 3
    until(page, "document.querySelector('#panel-station svg.chart .forecast')")


@pytest.fixture
def window(page: Chrome) -> Iterator[Chrome]:
    """The page in a window whose size may be changed."""
    size = page.get_window_size()
    yield page
    page.set_window_size(size["width"], size["height"])


PLACES = """const {view, places} = vhtwin.map;
    return {places: [...places.x.keys()].map(at => [view.across(places.x[at]), view.down(places.y[at])]),
        width: view.width, height: view.height}"""


def narrowed(window: Chrome, width: int, height: int) -> None:
    """Make the window so small, and wait until the map is drawn at its new size."""
    before = window.execute_script("return [vhtwin.map.view.width, vhtwin.map.drawn]")
    window.set_window_size(width, height)
    until(window, f"vhtwin.map.view.width !== {before[0]} && vhtwin.map.drawn > {before[1]}")


@pytest.mark.parametrize("size", [(1000, 900), (520, 900), (1920, 500)])
def test_all_stations_stay_on_the_map_when_the_window_changes(window: Chrome, size: tuple[int, int]) -> None:
    narrowed(window, *size)
    shown = window.execute_script(PLACES)
    across, down = zip(*shown["places"], strict=True)
    assert min(across) > 0
    assert min(down) > 0
    assert max(across) < shown["width"]
    assert max(down) < shown["height"]
    assert (min(across) + max(across)) / 2 == pytest.approx(shown["width"] / 2, abs=1)


def test_what_a_person_has_come_near_to_stays_in_the_middle(window: Chrome) -> None:
    window.execute_script(
        """const {view, places} = vhtwin.map;
        view.x = places.x[2]; view.y = places.y[2]; view.zoom(3); vhtwin.map.draw();"""
    )
    before = window.execute_script("return vhtwin.map.view.scale")
    narrowed(window, 700, 900)
    shown = window.execute_script(PLACES)
    across, down = shown["places"][2]
    assert across == pytest.approx(shown["width"] / 2, abs=1)
    assert abs(down - shown["height"] / 2) < 0.1 * shown["height"]
    fitted = window.execute_script("return vhtwin.map.view.fitting(vhtwin.map.places).scale")
    assert window.execute_script("return vhtwin.map.view.scale") == pytest.approx(3 * fitted)
    assert 3 * fitted != pytest.approx(before)  # or the window has changed nothing


def test_the_map_is_walked_by_keys_and_says_where_one_is(page: Chrome) -> None:
    by_id(page, "map").send_keys(Keys.ARROW_RIGHT)
    first = page.execute_script("return vhtwin.state.selected")
    assert first >= 0
    said = text(page, "say")
    by_id(page, "map").send_keys(Keys.ARROW_RIGHT)
    by_id(page, "map").send_keys(Keys.ARROW_LEFT)
    assert page.execute_script("return vhtwin.state.selected") == first
    assert text(page, "say") == said != ""
    scale = page.execute_script("return vhtwin.map.view.scale")
    by_id(page, "map").send_keys("+")
    assert page.execute_script("return vhtwin.map.view.scale") > scale
    by_id(page, "map").send_keys("0", Keys.ESCAPE)
    assert page.execute_script("return [vhtwin.map.view.scale, vhtwin.state.selected]") == [scale, -1]


def test_time_goes_by_slider_and_by_play(page: Chrome) -> None:
    slider = by_id(page, "step")
    slider.send_keys(Keys.HOME)
    assert text(page, "time") == "Mon 2024-01-01 00:00" == slider.get_attribute("aria-valuetext")
    slider.send_keys(Keys.ARROW_RIGHT)
    assert text(page, "time") == "Mon 2024-01-01 01:00"
    by_id(page, "play").click()
    until(page, "vhtwin.state.step > 3")
    by_id(page, "play").click()
    stopped = page.execute_script("return vhtwin.state.step")
    time.sleep(0.4)
    assert page.execute_script("return vhtwin.state.step") == stopped


def test_every_tab_is_reached_by_arrows_and_says_something(page: Chrome) -> None:
    tabs = page.find_elements(By.CSS_SELECTOR, "[role=tab]")
    tabs[0].send_keys(Keys.HOME)
    for tab in tabs:
        assert tab.get_attribute("aria-selected") == "true"
        panel = by_id(page, str(tab.get_attribute("aria-controls")))
        until(
            page, f"!document.getElementById('{panel.get_attribute('id')}').textContent.includes('reading…')"
        )
        assert panel.is_displayed()
        assert len(panel.text) > 20
        page.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)


def test_all_that_can_be_used_has_a_name(page: Chrome) -> None:
    for name in ("station", "federation", "clusters", "alerts", "maintain", "whatif", "table", "files"):
        by_id(page, f"tab-{name}").click()
        nameless = page.execute_script(
            """return [...document.querySelectorAll('button, input, select, canvas[tabindex]')].filter(each =>
            each.checkVisibility() && !each.closest('[aria-hidden]')
            && !each.textContent.trim() && !each.ariaLabel
            && ![...(each.labels ?? [])].some(label => label.textContent.trim())
            ).map(each => each.outerHTML)"""
        )
        assert nameless == []


def test_the_table_sorts_searches_and_chooses(page: Chrome) -> None:
    by_id(page, "tab-table").click()
    press(page, "document.querySelectorAll('#panel-table th button')[2]")
    until(page, "document.querySelectorAll('#panel-table th[aria-sort=descending]').length === 1")
    loads = page.execute_script(
        "return [...vhtwin.state.frames.load.at(vhtwin.state.step)].sort((a, b) => b - a)"
    )
    first = page.execute_script(
        "return document.querySelector('#panel-table tbody td:nth-child(3)').textContent"
    )
    assert float(first.replace(",", "")) == pytest.approx(loads[0], rel=0.01)
    page.execute_script(
        """const input = document.querySelector('#panel-table input');
        input.value = 'passwd';
        input.dispatchEvent(new Event('input'));"""
    )
    until(page, "document.querySelectorAll('#panel-table tbody button').length === 1")
    press(page, "document.querySelector('#panel-table tbody button')")
    assert page.execute_script("return vhtwin.state.stations.station[vhtwin.state.selected]") == STATIONS[2]


def test_the_error_layer_makes_its_forecasts_when_it_is_asked_for(page: Chrome) -> None:
    press(page, "document.querySelector('#layers input[value=missed]')")
    until(page, "vhtwin.state.info.forecasts && vhtwin.state.frames.missed.at(vhtwin.state.step)")
    assert "standard deviations" in text(page, "legend")


def test_alerts_are_found_acknowledged_and_kept_outside_the_run(page: Chrome, runs: Path) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in (runs / "done").iterdir()}
    by_id(page, "tab-alerts").click()
    press(page, "document.querySelector('#panel-alerts button.main')")
    until(page, "vhtwin.state.alerts?.watched", 60)
    cards = page.find_elements(By.CSS_SELECTOR, "#panel-alerts article")
    assert any("outage: s4" in card.text for card in cards)
    slider = by_id(page, "step")
    slider.send_keys(Keys.HOME)
    press(page, "document.querySelectorAll('#panel-alerts input')[1]")
    until(page, "document.querySelectorAll('#panel-alerts article').length === 0")  # nothing is wrong by then
    press(page, "document.querySelectorAll('#panel-alerts input')[1]")
    press(page, "document.querySelectorAll('#panel-alerts article button')[1]")
    until(page, f"document.querySelectorAll('#panel-alerts article').length === {len(cards) - 1}")
    marks = json.loads((runs / "done.alerts.json").read_text())["marks"]
    assert [mark["acknowledged"] for mark in marks.values()] == [True]
    assert before == {file.name: file.stat().st_mtime_ns for file in (runs / "done").iterdir()}


def test_maintenance_is_planned_and_its_risk_drawn(page: Chrome) -> None:
    by_id(page, "tab-maintain").click()
    press(page, "document.querySelector('#panel-maintain button.main')")
    until(page, "vhtwin.state.risk && document.querySelector('#panel-maintain table')", 60)
    assert page.execute_script("return vhtwin.state.layer") == "risk"
    assert "chance of a failure" in text(page, "legend")
    riskiest = page.execute_script(
        """const {risk, stations} = vhtwin.state;
        return stations.station[risk.indexOf(Math.max(...risk))]"""
    )
    press(page, "document.querySelector('#panel-maintain td button')")
    assert page.execute_script("return vhtwin.state.stations.station[vhtwin.state.selected]") == riskiest


def test_data_that_arrive_are_followed(chrome: Chrome, runs: Path, tmp_path: Path) -> None:
    hours = 24 * DAYS
    grown(tmp_path / "newer", runs.parent / "city", hours - 3)
    with served(runs, newer=tmp_path / "newer") as address:
        chrome.get(f"{address}#run=done")
        until(chrome, READY)
        by_id(chrome, "tab-alerts").click()
        press(chrome, "document.querySelector('#panel-alerts input')")
        until(chrome, "vhtwin.state.alerts?.source === 'arriving'", 60)
        before = chrome.execute_script("return vhtwin.state.alerts.until")
        assert "outage: s0" in text(chrome, "panel-alerts")
        (tmp_path / "newer" / "traffic.csv").write_text("time,")  # somebody is just writing it
        until(chrome, "document.querySelector('#panel-alerts .bad')?.textContent.length", 60)
        assert chrome.execute_script("return document.querySelector('#panel-alerts input').checked")
        grown(tmp_path / "newer", runs.parent / "city", hours)
        until(chrome, f"vhtwin.state.alerts.until > '{before}'", 60)
        assert "alert" in text(chrome, "say")
        assert complaints(chrome) == []


def test_a_what_if_is_played_and_its_difference_drawn(page: Chrome) -> None:
    by_id(page, "tab-whatif").click()
    by_id(page, "wanted-off").send_keys("s0")
    press(page, "document.querySelector('#panel-whatif button.main')")
    until(page, "vhtwin.state.difference", 60)
    assert page.execute_script("return vhtwin.state.layer") == "difference"
    changed = page.execute_script("return vhtwin.state.difference.at()[vhtwin.state.places.get('s0')]")
    assert changed < 0
    assert "load with it minus load without" in text(page, "legend")
    assert "medians of 24 futures, with intervals of 90\u00a0% of them" in text(page, "panel-whatif")
    by_id(page, "wanted-off").send_keys(",nobody")
    press(page, "document.querySelector('#panel-whatif button.main')")
    until(page, "document.querySelector('#panel-whatif .bad')?.textContent.includes('nobody')", 60)
    (refusal,) = complaints(page)
    assert "status of 422" in refusal


RESULT = "document.querySelector('#panel-whatif .asked')"


def played(page: Chrome, **fields: str) -> None:
    """Write into fields of the form what they shall hold, and press Play."""
    for name, value in fields.items():
        while True:
            field = by_id(page, f"wanted-{name}")
            try:
                field.send_keys(Keys.CONTROL, "a")
                field.send_keys(value or Keys.DELETE)
                break
            except StaleElementReferenceException:  # news of the run have come, and the panel was drawn again
                continue
    press(page, "document.querySelector('#panel-whatif button.main')")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [({"off": "nobody"}, "nobody"), ({"hours": "500"}, "Hours: "), ({"users": "-4"}, "Users: ")],
)
def test_a_what_if_that_is_not_played_takes_the_old_result_away(
    page: Chrome, wrong: dict[str, str], why: str
) -> None:
    by_id(page, "tab-whatif").click()
    right = {"off": "s0", "demand": "s4=+10%", "hours": "12", "users": ""}
    played(page, **right)
    until(page, RESULT, 60)
    assert page.execute_script(f"return {RESULT}.textContent") == "off s0 · demand s4=+10% · 12 hours"
    assert "scenario (off s0 · demand s4=+10%): load with it" in text(page, "legend")
    played(page, **wrong)
    until(page, f"document.querySelector('#panel-whatif .bad')?.textContent.includes('{why}')")
    shown = (
        f"return [Boolean({RESULT}), vhtwin.state.difference, vhtwin.state.layer, vhtwin.map.flows.length]"
    )
    assert page.execute_script(shown) == [False, None, "load", 0]
    played(page, **right)
    until(page, f"{RESULT} && !document.querySelector('#panel-whatif .bad')?.textContent", 60)
    assert len(complaints(page)) == ("off" in wrong)  # the browser's word on a status of 422


def test_who_types_goes_on_typing_when_the_panel_is_drawn_again(page: Chrome) -> None:
    by_id(page, "tab-whatif").click()
    by_id(page, "wanted-off").send_keys("s", Keys.ARROW_LEFT, "x")
    page.execute_script("vhtwin.set({selected: 1}); vhtwin.set({info: {...vhtwin.state.info}})")
    page.switch_to.active_element.send_keys("y")
    assert by_id(page, "wanted-off").get_property("value") == "xys"


def test_a_run_on_its_way_shows_its_federation(page: Chrome, address: str) -> None:
    page.get("about:blank")
    page.get(f"{address}#run=going")
    until(page, "window.vhtwin?.state.federation?.states.length && vhtwin.state.info")
    press(page, "document.querySelector('#layers input[value=states]')")
    by_id(page, "tab-federation").click()
    assert "H-twinning, step 26" in text(page, "panel-federation")
    assert "ψ" in text(page, "panel-federation")
    assert "training" in text(page, "legend")


def test_an_address_that_names_no_run_is_told_so_when_the_page_is_opened(page: Chrome, address: str) -> None:
    page.get("about:blank")
    page.get(f"{address}#run=nosuch")
    until(page, READY)
    until(page, "document.getElementById('notice').checkVisibility()")
    assert text(page, "notice") == "There is no run nosuch."
    assert page.execute_script("return vhtwin.state.run") == "done"
    page.get(f"{address}#run=going")
    until(
        page, "vhtwin.state.run === 'going' && vhtwin.state.info && document.getElementById('notice').hidden"
    )


def test_a_server_tells_of_the_stations_of_its_own_run_alone(chrome: Chrome, runs: Path) -> None:
    told: dict[str, object] = {
        "run": "going", "stage": "V-twinning", "done": 1, "total": 2, "detail": "", "error": "", "nodes": 6,
        "names": [], "left_out": {}, "wire": {}, "counts": {"lost": len(STATIONS)},
        "stations": dict.fromkeys(STATIONS, "lost"),
    }  # fmt: skip
    states = "document.querySelector('#layers input[value=states]')"
    with served(runs, status=lambda: told) as address:
        chrome.get("about:blank")
        chrome.get(f"{address}#run=done")
        until(chrome, f"{READY} && vhtwin.state.told")
        assert chrome.execute_script(f"return {states}.disabled")
        chrome.get(f"{address}#run=going")  # the same page: its address alone has changed
        until(chrome, f"vhtwin.state.run === 'going' && {READY} && !{states}.disabled")
        press(chrome, states)
        until(chrome, "[...vhtwin.map.bins].every(each => each === 5)")  # the colour of what is lost
        told["run"] = "done"
        chrome.get(f"{address}#run=done")
        until(chrome, f"vhtwin.state.run === 'done' && {READY} && !{states}.disabled")
        press(chrome, states)
        told["run"] = ""  # it has ended
        until(chrome, f"vhtwin.state.layer === 'load' && {states}.disabled")
        chrome.get(f"{address}#run=nowhere")
        until(chrome, "document.getElementById('notice').textContent === 'There is no run nowhere.'")
        assert complaints(chrome) == []


def test_a_cluster_is_shown_alone_and_all_are_again(page: Chrome) -> None:
    by_id(page, "tab-clusters").click()
    until(page, "document.querySelector('#panel-clusters td button')")
    coloured = "return [...vhtwin.map.bins].filter(bin => bin < vhtwin.map.colours.length).length"
    press(page, "document.querySelector('#panel-clusters td button')")
    inside = page.execute_script("return vhtwin.state.clusters[0].stations")
    assert page.execute_script(coloured) == inside < len(STATIONS)
    press(page, "document.querySelector('#panel-clusters td button')")
    assert page.execute_script(coloured) == len(STATIONS)


def test_files_are_stored(page: Chrome, folder: Path) -> None:
    by_id(page, "tab-files").click()
    for words in ("CSV", "GeoJSON", "PNG"):
        press(page, f"[...document.querySelectorAll('button')].find(each => each.textContent === '{words}')")
    wanted = [folder / name for name in ("done.csv", "done.geojson", "done-load.png")]
    for _ in range(200):
        if all(file.exists() for file in wanted):
            break
        time.sleep(0.05)
    assert (
        pl.read_csv(wanted[0]).height == len(json.loads(wanted[1].read_text())["features"]) == len(STATIONS)
    )
    assert wanted[2].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_api_is_described_in_a_tab_of_its_own(page: Chrome) -> None:
    here, shown = page.current_window_handle, page.current_url
    by_id(page, "tab-files").click()
    link = "document.querySelector('#panel-files a')"
    assert page.execute_script(f"return [{link}.ariaLabel, {link}.rel]") == [
        "API, opens a new tab",
        "noopener",
    ]
    press(page, link)
    end = time.monotonic() + SECONDS
    while len(page.window_handles) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    (other,) = set(page.window_handles) - {here}
    page.switch_to.window(other)
    until(page, "document.readyState === 'complete' && location.href !== 'about:blank'")
    assert page.current_url.endswith("/openapi.json")
    page.close()
    page.switch_to.window(here)
    assert page.current_url == shown


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_written_stands_out_from_its_ground(page: Chrome, theme: str) -> None:
    while page.execute_script("return vhtwin.state.theme") != theme:
        by_id(page, "theme").click()
    colours = page.execute_script(
        """const pen = document.createElement('canvas').getContext('2d');
        const style = getComputedStyle(document.documentElement);
        const read = name => { pen.fillStyle = style.getPropertyValue(name); return pen.fillStyle; };
        return Object.fromEntries(['--text', '--quiet', '--accent', '--accent-text', '--good', '--warn',
            '--bad', '--sheet', '--ground', '--hover', '--map'].map(name => [name, read(name)]));"""
    )
    for ink in ("--text", "--quiet"):
        for ground in ("--sheet", "--ground", "--hover", "--map"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for ink in ("--accent", "--good", "--warn", "--bad"):
        assert contrast(colours[ink], colours["--sheet"]) >= 4.5, ink
    assert contrast(colours["--accent-text"], colours["--accent"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """The ratio of contrast of WCAG 2.2 between two colours, as #rrggbb."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_black_on_white_has_the_contrast_that_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_page_asks_for_the_token_and_goes_on_with_it(chrome: Chrome, runs: Path) -> None:
    with served(runs, Access(token="a-token-of-many-letters")) as address:
        chrome.get(address)
        until(chrome, "document.getElementById('token-box').open")
        by_id(chrome, "token").send_keys("a-token-of-many-letters", Keys.ENTER)
        until(chrome, READY)
        complaints(chrome)  # of answers without the token


def test_an_address_can_hand_the_token_and_name_the_run(chrome: Chrome, runs: Path) -> None:
    token = "a-token+of-many-letters"
    with served(runs, Access(token=token)) as address:
        chrome.get("about:blank")
        complaints(chrome)  # of the page before this one
        chrome.get(f"{address}#token={token}&run=done")
        until(chrome, READY)
        assert chrome.execute_script("return [location.hash, vhtwin.state.run]") == ["#run=done", "done"]
        assert not complaints(chrome)
