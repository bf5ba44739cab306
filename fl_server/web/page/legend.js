// The legend of the layer that is shown.

import { clusterColour, STATES } from "./colours.js";
import { el, figure, fill, percent } from "./dom.js";
import { state } from "./state.js";

export function showLegend(box, key, { name, words }, scale) {
  const title = el("strong", {}, name);
  const about = el("div", { className: "quiet" }, words());
  if (key === "cluster") fill(box, title, about, list(clusterEntries(scale.count)));
  else if (key === "states") fill(box, title, about, list(Object.entries(STATES)));
  else fill(box, title, ramp(scale), ticks(scale), about);
}

function clusterEntries(count) {
  const shown = Math.min(count, 12);
  const entries = Array.from({ length: shown }, (_, place) => [String(place + 1), clusterColour(place + 1)]);
  return count > shown ? [...entries, [`… ${count}; colours repeat`, "transparent"]] : entries;
}

function list(entries) {
  return el("ul", {}, entries.map(([words, colour]) => {
    const swatch = el("span", { className: "swatch" });
    swatch.style.background = colour;
    return el("li", {}, swatch, words);
  }));
}

function ramp(scale) {
  const canvas = el("canvas", { width: scale.colours.length, height: 1, "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  scale.colours.forEach((colour, bin) => { pen.fillStyle = colour; pen.fillRect(bin, 0, 1, 1); });
  return canvas;
}

function ticks({ low, high, log }) {
  const middle = log ? Math.sqrt(low * high) : (low + high) / 2;
  const told = { share: (value) => `${Math.round(value * 100)} %`, risk: (value) => percent(value) }[state.layer] ?? figure;
  return el("div", { className: "ticks" }, [low, middle, high].map((value) => el("span", {}, told(value))));
}
