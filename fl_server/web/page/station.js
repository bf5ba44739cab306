// One station: truth, forecast and interval, in the stream and beyond the data.

import { get, ofRun } from "./api.js";
import { chart } from "./chart.js";
import { clock, el, figure, figures, fill } from "./dom.js";
import { clusterColour } from "./colours.js";
import { name, set, state } from "./state.js";
import { isShown, refresh } from "./tabs.js";

const SPANS = { "3 days": 3, "7 days": 7, "14 days": 14, all: 1e4 };
let span = "7 days";
let known = { run: "", place: -1, answer: null };

export async function fetchStation() {
  const { run, selected } = state;
  if (selected < 0 || !state.info || (known.run === run && known.place === selected)) { refresh("station"); return; }
  known = { run, place: selected, answer: null };
  refresh("station");
  try {
    const wanted = known;
    const query = new URLSearchParams({ station: state.stations.station[selected], hours: 24 });
    const answer = await get(ofRun(run, `/station?${query}`));
    if (wanted === known) known.answer = answer;
  } catch (error) {
    known.answer = { refusal: error.message, load: [], forecast: null, twin: null };
  }
  refresh("station");
}

export function forgetStation() {
  known = { run: "", place: -1, answer: null };
}

export function drawStation(box) {
  const { selected, stations } = state;
  if (selected < 0 || !state.info) {
    fill(box, el("p", { className: "empty" }, "Choose a station: click one on the map, move there with the arrows, find it by name, or take one from the table."));
    return;
  }
  const cluster = stations.cluster[selected];
  const swatch = el("span", { className: "swatch", "aria-hidden": "true" });
  swatch.style.background = cluster ? clusterColour(cluster) : "transparent";
  fill(box,
    el("h2", {}, name(selected)),
    el("p", { className: "quiet" }, swatch, cluster ? `cluster ${cluster}` : "no cluster yet",
      ` · ${stations.latitude[selected].toFixed(4)}° N, ${stations.longitude[selected].toFixed(4)}° E`),
    known.answer ? answered(known.answer) : el("p", { className: "empty" }, "reading…"));
}

function answered(answer) {
  const { step, info, stations, selected } = state;
  const parts = [];
  if (answer.load.length) {
    parts.push(figures(now(answer)), spans(), picture(answer), keys(answer));
  }
  if (answer.twin) {
    const own = answer.twin.scope === "local" ? "its own twin" : answer.twin.name;
    parts.push(el("p", { className: "note" }, `Forecast by ${own}, version ${answer.twin.version}; `
      + `MSE along the stream ${figure(stations.mse[selected])} (z-scored). Intervals are to hold 90 %. In the stream each hour `
      + "is forecast one step ahead by the twins the run ended with, which have learned from most of it; beyond the data lie 24 hours."));
  }
  if (answer.refusal) parts.push(el("p", { className: "note" }, answer.refusal));
  if (answer.filled?.includes(step)) parts.push(el("p", { className: "note warn" }, `${clock(info.times[step])} was filled in for a gap.`));
  return parts;
}

function now({ load, forecast }) {
  const { step, info, stations, selected } = state;
  const shown = [[clock(info.times[step]).slice(4) || "now", figure(load[step])]];
  const at = forecast ? step - forecast.stream.first : -1;
  if (at >= 0 && at < (forecast?.stream.forecast.length ?? 0)) {
    const { forecast: expected, lower, upper } = forecast.stream;
    const outside = load[step] < lower[at] || load[step] > upper[at];
    shown.push(["expected", figure(expected[at])], [outside ? "outside" : "inside", `${figure(lower[at])} to ${figure(upper[at])}`]);
  }
  shown.push(["usual peak", figure(stations.peak[selected])]);
  return shown;
}

function spans() {
  const select = el("select", { onchange: () => { span = select.value; refresh("station"); } },
    Object.keys(SPANS).map((each) => el("option", { value: each, selected: each === span }, each)));
  return el("div", { className: "row" }, el("label", { className: "field" }, el("span", {}, "Show"), select),
    el("span", { className: "quiet" }, state.info.unit));
}

function picture({ load, forecast }) {
  const { step, info } = state;
  const steps = SPANS[span] * 1440 / info.step_minutes;
  const whole = load.length + (forecast?.ahead.forecast.length ?? 0);
  const end = Math.min(whole, Math.max(step + Math.ceil(steps / 2), Math.min(whole, steps)));
  const begin = Math.max(0, end - steps);
  const lines = [{ values: load, first: 0, kind: "truth" }];
  const bands = [];
  let times = info.times;
  if (forecast) {
    const { stream, ahead } = forecast;
    bands.push(stream, { ...ahead, first: load.length });
    lines.push({ values: stream.forecast, first: stream.first, kind: "forecast" }, { values: ahead.forecast, first: load.length, kind: "forecast" });
    times = [...times, ...ahead.times];
  }
  const label = `Load of ${name(state.selected)} from ${clock(times[begin])} to ${clock(times[end - 1])}`;
  return chart({ begin, end, lines, bands, times, cursor: step, label, height: 230,
    chosen: (at) => { if (at < info.times.length) set({ step: at }); } });
}

function keys({ forecast }) {
  const shown = [["truth", "truth"], ...(forecast ? [["forecast", "forecast"], ["band", "90 % interval"]] : [])];
  return el("div", { className: "keys" }, shown.map(([kind, words]) => el("span", {}, el("i", { className: kind }), words)));
}

let drawing = 0;

/** Follow the time while the tab is shown, at most once a frame. */
export function followTime() {
  if (!isShown("station") || drawing || state.selected < 0) return;
  drawing = requestAnimationFrame(() => { drawing = 0; refresh("station"); });
}
