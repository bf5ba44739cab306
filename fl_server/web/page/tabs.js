// Tabs: one panel at a time, the arrows go from tab to tab. A panel draws when it is shown.

import { $, el } from "./dom.js";

const panels = [];
let shown = null;

/** Add a tab; `draw(box)` fills it, `watches` are called for while it is shown. */
export function addTab(key, name, draw) {
  const box = el("div", { id: `panel-${key}`, role: "tabpanel", tabIndex: 0, "aria-labelledby": `tab-${key}`, hidden: true });
  const button = el("button", {
    type: "button", id: `tab-${key}`, role: "tab", "aria-controls": box.id, "aria-selected": "false", tabIndex: -1,
    onclick: () => showTab(key), onkeydown: move,
  }, name);
  $("tabs").append(button);
  $("panel-box").append(box);
  panels.push({ key, button, box, draw });
}

function move(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1, Home: -99, End: 99 }[event.key];
  if (!step) return;
  event.preventDefault();
  const at = panels.findIndex((each) => each === shown) + step;
  const place = Math.abs(step) > 1 ? (step < 0 ? 0 : panels.length - 1) : (at + panels.length) % panels.length;
  showTab(panels[place].key);
  panels[place].button.focus();
}

export function showTab(key) {
  for (const each of panels) {
    const chosen = each.key === key;
    each.box.hidden = !chosen;
    each.button.setAttribute("aria-selected", String(chosen));
    each.button.tabIndex = chosen ? 0 : -1;
    if (chosen) shown = each;
  }
  shown.draw(shown.box);
}

/** Draw the tab again if it is one of these that is shown; who is typing in it goes on where they were. */
export function refresh(...keys) {
  if (!shown || !keys.includes(shown.key)) return;
  const { box } = shown;
  const place = usable(box).indexOf(document.activeElement);
  const { selectionStart: begin, selectionEnd: end } = document.activeElement;
  const scrolled = $("panel-box").scrollTop;
  shown.draw(box);
  const again = usable(box)[place];
  again?.focus({ preventScroll: true });
  if (again?.type === "text" || again?.type === "search") again.setSelectionRange(begin, end);
  $("panel-box").scrollTop = scrolled;
}

const usable = (box) => [...box.querySelectorAll("button, input, select, summary")];

export const isShown = (key) => shown?.key === key;

/** A number in the tab, such as of open alerts. */
export function badge(key, name, count) {
  panels.find((each) => each.key === key).button.textContent = count ? `${name} (${count})` : name;
}
