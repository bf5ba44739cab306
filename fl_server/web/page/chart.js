// Charts of lines over time, as SVG.

import { clock, figure } from "./dom.js";

const SPACE = "http://www.w3.org/2000/svg";
const [WIDTH, LEFT, RIGHT, TOP, BOTTOM] = [440, 46, 8, 8, 22];

function svg(tag, attributes = {}, words) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (words !== undefined) made.textContent = words;
  return made;
}

/** A path through values at steps from `first` on; gaps where there is none. */
function path(values, first, x, y) {
  let pen = "M";
  let made = "";
  values.forEach((value, place) => {
    if (value === null || !Number.isFinite(value)) { pen = "M"; return; }
    made += `${pen}${x(first + place).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return made;
}

function band(lower, upper, first, x, y) {
  if (!lower.length) return "";
  const back = upper.map((value, place) => [first + place, value]).reverse();
  return `${path(lower, first, x, y)}${back.map(([at, value]) => `L${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("")}Z`;
}

/** Round values between low and high, about `wanted` of them. */
function ticks(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return found;
}

/**
 * A chart from step `begin` to `end`. `lines` are {values, first, kind}, `bands` {lower, upper, first}; `times`
 * name the steps; `cursor` is a step; `chosen(step)` is called when one is clicked.
 */
export function chart({ begin, end, lines, bands = [], times, cursor, chosen, label, height = 200 }) {
  const inside = ({ values, first }) => values.slice(Math.max(begin - first, 0), Math.max(end - first, 0));
  const all = [...lines.flatMap(inside), ...bands.flatMap(({ lower, upper, first }) =>
    [...inside({ values: lower, first }), ...inside({ values: upper, first })])].filter(Number.isFinite);
  const [least, most] = [Math.min(...all, 0), Math.max(...all, 1e-9)];
  const x = (step) => LEFT + ((step - begin) / Math.max(end - 1 - begin, 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => height - BOTTOM - ((value - least) / (most - least)) * (height - BOTTOM - TOP);
  const made = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label });
  for (const value of ticks(least, most, 4)) {
    made.append(svg("line", { class: "gridline", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
    made.append(svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, figure(value)));
  }
  dates(made, { begin, end, times, x, height });
  const cut = ({ values, first }) => ({ values: inside({ values, first }), first: Math.max(first, begin) });
  for (const { lower, upper, first } of bands) {
    const [one, other] = [cut({ values: lower, first }), cut({ values: upper, first })];
    made.append(svg("path", { class: "band", d: band(one.values, other.values, one.first, x, y) }));
  }
  for (const line of lines) {
    const { values, first } = cut(line);
    made.append(svg("path", { class: line.kind, d: path(values, first, x, y) }));
  }
  if (cursor >= begin && cursor < end) {
    made.append(svg("line", { class: "cursor", x1: x(cursor), x2: x(cursor), y1: TOP, y2: height - BOTTOM }));
  }
  if (chosen) made.addEventListener("click", (event) => {
    const box = made.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * WIDTH;
    const step = Math.round(begin + ((across - LEFT) / (WIDTH - LEFT - RIGHT)) * (end - 1 - begin));
    if (step >= begin && step < end) chosen(step);
  });
  return made;
}

/** Midnights, as many as have room. */
function dates(made, { begin, end, times, x, height }) {
  made.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: height - BOTTOM, y2: height - BOTTOM }));
  const midnights = [];
  for (let step = begin; step < end; step += 1) if (times[step]?.slice(11, 16) === "00:00") midnights.push(step);
  const every = Math.max(1, Math.ceil(midnights.length / 7));
  midnights.forEach((step, place) => {
    made.append(svg("line", { class: "gridline", x1: x(step), x2: x(step), y1: TOP, y2: height - BOTTOM }));
    if (place % every === 0 && x(step) < WIDTH - 24) {
      made.append(svg("text", { x: x(step), y: height - 7, "text-anchor": "middle" }, clock(times[step]).slice(0, 3) + times[step].slice(7, 10).replace("-", " ")));
    }
  });
  if (!midnights.length) {
    const shown = (step) => String(times[step] ?? "").slice(-11);
    made.append(svg("text", { x: LEFT, y: height - 7 }, shown(begin)));
    made.append(svg("text", { x: WIDTH - RIGHT, y: height - 7, "text-anchor": "end" }, shown(end - 1)));
  }
}
