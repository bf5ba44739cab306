"""The page without a mouse, without sight of it, in both themes, and by touch; in a real browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By

from tests.fl_server.web.serving import READY, browser, complaints, opened, served, until

TABS = ("station", "federation", "clusters", "alerts", "maintain", "whatif", "table", "files")
CONTROLS = """const reached = [...document.querySelectorAll(
    'a[href], button, input, select, canvas[tabindex="0"], [role=tabpanel]')].filter(each =>
    each.checkVisibility() && !each.disabled && !each.closest('dialog') && each.tabIndex >= 0
    && !(each.type === 'radio' && !each.checked));
return [reached.map(each => each.outerHTML.slice(0, 90)), reached.indexOf(document.activeElement)];"""
TEXTS = """const ratio = (one, other) => {
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map(v => v / 255).map(v =>
    v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
const over = (paint, ground, opacity) => {
  pen.globalAlpha = 1; pen.fillStyle = `rgb(${ground.join(' ')})`; pen.fillRect(0, 0, 1, 1);
  pen.globalAlpha = opacity; pen.fillStyle = paint; pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const seen = (element) => {  // what stands behind a text, and the text's colour over it
  const chain = [];
  for (let each = element; each; each = each.parentElement) chain.unshift(each);
  let ground = [255, 255, 255]; let opacity = 1;
  for (const each of chain) {
    const style = getComputedStyle(each);
    opacity *= Number(style.opacity);
    ground = over(style.backgroundColor, ground, opacity);
  }
  const style = getComputedStyle(element);
  const ink = element instanceof SVGElement ? style.fill : style.color;
  return ratio(over(ink, ground, opacity), ground);
};
const poor = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walk.nextNode(); node; node = walk.nextNode()) {
  const element = node.parentElement;
  if (!node.textContent.trim() || !element.checkVisibility()) continue;
  if (element.closest('.hidden, .skip, option, script')) continue;
  if (element.closest(':disabled, label:has(:disabled), [aria-disabled="true"]')) continue;  // exempt
  const found = seen(element);
  if (found < 4.5) poor.push([node.textContent.trim().slice(0, 40), found]);
}
return poor;"""


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture(scope="module")
def address(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    own = tmp_path_factory.mktemp("own") / "runs"
    shutil.copytree(runs, own)  # marks on alerts are kept beside a run
    with served(own) as made:
        yield made


@pytest.fixture
def page(chrome: Chrome, address: str) -> Iterator[Chrome]:
    """The page with the finished run."""
    with opened(chrome, address):
        yield chrome


@pytest.fixture(scope="module")
def full(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A page, in a browser of its own, once alerts, a plan and a scenario are shown."""
    with browser(tmp_path_factory.mktemp("another")) as page:
        page.get(f"{address}#run=done")
        until(page, READY)
        fill_panels(page)
        yield page
        assert complaints(page) == []


def fill_panels(page: Chrome) -> None:
    page.execute_script("vhtwin.set({selected: 0})")
    for tab, there in (
        ("alerts", "vhtwin.state.alerts?.watched"),
        ("maintain", "vhtwin.state.risk"),
        ("whatif", "vhtwin.state.difference"),
    ):
        show(page, tab)
        if tab == "whatif":
            page.find_element(By.ID, "wanted-off").send_keys("s0")
        page.execute_script(f"document.querySelector('#panel-{tab} button.main').click()")
        until(page, there, 60)


def show(page: Chrome, tab: str) -> None:
    page.execute_script(f"document.getElementById('tab-{tab}').click()")
    until(page, f"!document.getElementById('panel-{tab}').textContent.includes('reading…')")


@pytest.mark.parametrize("tab", TABS)
def test_all_that_can_be_used_is_reached_by_tab_alone(full: Chrome, tab: str) -> None:
    show(full, tab)
    expected, _ = full.execute_script(CONTROLS)
    full.execute_script("document.activeElement.blur()")
    reached = set()
    for _ in range(2 * len(expected)):
        ActionChains(full).send_keys(Keys.TAB).perform()
        reached.add(full.execute_script(CONTROLS)[1])
        if len(reached - {-1}) == len(expected):
            break
    assert [each for place, each in enumerate(expected) if place not in reached] == []


@pytest.mark.parametrize("tab", TABS)
def test_whatever_takes_focus_has_a_role_and_a_name_for_those_who_listen(full: Chrome, tab: str) -> None:
    show(full, tab)
    nodes = tree(full)
    usable = [node for node in nodes if value(node, "focusable")]
    assert len(usable) > 20
    nameless = [
        (node["role"]["value"], node["backendDOMNodeId"])
        for node in usable
        if node["role"]["value"] not in ("RootWebArea", "MenuListPopup")
        and not node.get("name", {}).get("value", "").strip()
    ]
    assert nameless == []
    roles = {node["role"]["value"] for node in usable}
    assert not roles & {"generic", "none", "GenericContainer"}
    assert {"tab", "tabpanel", "slider", "radio", "button", "application"} <= roles
    (chosen,) = (node for node in nodes if node["role"]["value"] == "tab" and value(node, "selected"))
    assert chosen["name"]["value"].lower().replace(" ", "").startswith(tab)


def test_what_happens_is_said_in_a_live_region_that_stays(page: Chrome) -> None:
    page.execute_script("window.live = document.getElementById('say')")
    page.find_element(By.ID, "map").send_keys(Keys.ARROW_RIGHT)
    live = [node for node in tree(page) if value(node, "live")]
    (status,) = (node for node in live if spoken(page, node).startswith("place"))
    assert status["role"]["value"] == "status"
    assert value(status, "live") == "polite"
    show(page, "whatif")
    page.find_element(By.ID, "wanted-off").send_keys("nobody", Keys.ENTER)
    until(page, "document.getElementById('say').textContent.includes('nobody')", 60)
    assert page.execute_script("return live.isConnected && live === document.getElementById('say')")
    (refusal,) = complaints(page)
    assert "status of 422" in refusal


def test_who_presses_a_button_keeps_the_focus(full: Chrome) -> None:
    for tab in ("alerts", "maintain", "whatif"):
        show(full, tab)
        full.execute_script(f"document.querySelector('#panel-{tab} button.main').focus()")
        ActionChains(full).send_keys(Keys.ENTER).perform()
        until(full, "!document.querySelector('#jobs progress')", 60)
        assert full.execute_script("return document.activeElement.className") == "main", tab


def test_a_whole_scenario_is_played_by_keyboard(page: Chrome) -> None:
    page.find_element(By.ID, "tab-station").send_keys(Keys.END, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert page.execute_script("return document.activeElement.id") == "tab-whatif"
    ActionChains(page).send_keys(Keys.TAB, Keys.TAB, "s0", Keys.ENTER).perform()
    until(page, "vhtwin.state.difference", 60)
    assert page.execute_script("return vhtwin.state.layer") == "difference"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(full: Chrome, theme: str) -> None:
    while full.execute_script("return vhtwin.state.theme") != theme:
        full.find_element(By.ID, "theme").click()
    for tab in TABS:
        show(full, tab)
        full.execute_script("document.getAnimations().forEach(each => each.finish())")
        assert full.execute_script(TEXTS) == [], tab
    show(full, "alerts")
    full.execute_script(
        """const [also] = document.querySelectorAll('#panel-alerts input');
        if (!also.checked) also.click();
        if (!document.querySelector('#panel-alerts .alert.muted'))
            document.querySelectorAll('#panel-alerts article button')[1].click();"""
    )
    until(full, "document.querySelector('#panel-alerts .alert.muted')")
    assert full.execute_script(TEXTS) == []


def test_the_map_is_moved_by_a_finger_and_zoomed_by_two(page: Chrome) -> None:
    left, top, width, height = page.execute_script(
        "const box = document.getElementById('map').getBoundingClientRect();"
        "return [box.left, box.top, box.width, box.height];"
    )
    middle = (left + width / 2, top + height / 2)
    view = "return [vhtwin.map.view.scale, ...vhtwin.map.view.plane(arguments[0], arguments[1])]"
    before = page.execute_script(view, width / 2, height / 2)
    touch(page, [[middle], [(middle[0] + 60, middle[1])], [(middle[0] + 120, middle[1])]])
    moved = page.execute_script(view, width / 2, height / 2)
    assert moved[0] == before[0]
    assert moved[1] != before[1]
    held = page.execute_script(view, width / 2 + 120, height / 2)
    assert held[1:] == pytest.approx(before[1:])  # what was under the finger still is
    apart = [[(middle[0] - far, middle[1]), (middle[0] + far, middle[1])] for far in (40, 60, 80, 100, 120)]
    touch(page, apart)
    zoomed = page.execute_script(view, width / 2, height / 2)
    assert zoomed[0] == pytest.approx(3 * moved[0], rel=0.05)
    assert zoomed[1:] == pytest.approx(moved[1:], rel=0.02)
    touch(page, list(reversed(apart)))
    assert page.execute_script(view, width / 2, height / 2)[0] == pytest.approx(moved[0], rel=0.05)
    assert page.execute_script("return vhtwin.state.selected") == -1  # no finger was taken for a tap


def touch(page: Chrome, steps: list[list[tuple[float, float]]]) -> None:
    """Put fingers down, move them, and lift them."""
    kinds = ["touchStart"] + ["touchMove"] * (len(steps) - 1)
    for kind, points in zip(kinds, steps, strict=True):
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def tree(page: Chrome) -> list[dict[str, Any]]:  # Any: what the protocol tells
    """What those who listen to the page are given."""
    page.execute_cdp_cmd("Accessibility.enable", {})
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [node for node in nodes if not node.get("ignored")]


def value(node: dict[str, Any], name: str) -> Any:  # Any: what the protocol tells
    """A property of a node, or nothing."""
    told = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
    return told.get(name)


def spoken(page: Chrome, node: dict[str, Any]) -> str:
    """The text of a node's element."""
    found = page.execute_cdp_cmd("DOM.resolveNode", {"backendNodeId": node["backendDOMNodeId"]})
    told = page.execute_cdp_cmd(
        "Runtime.callFunctionOn",
        {
            "objectId": found["object"]["objectId"],
            "functionDeclaration": "function() { return this.textContent; }",
        },
    )
    return str(told["result"].get("value", ""))
