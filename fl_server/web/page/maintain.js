// Maintenance: which station to look after when, so that least traffic is lost; the risk of each on the map.

import { ofRun, post } from "./api.js";
import { button, clock, counted, el, figure, figures, fill, percent, say, table } from "./dom.js";
import { follow } from "./jobs.js";
import { set, state } from "./state.js";
import { refresh } from "./tabs.js";

const FIELDS = {
  crews: ["Crews", "visits at the same time", 1, 100], hours: ["Visit, hours", "in which the station carries nothing", 1, 168],
  every: ["Every, hours", "from one slot for visits to the next", 1, 168], repair_hours: ["Repair, hours", "of load that a failure loses", 1, 168],
};
const [MOST_RISKS, MOST_VISITS] = [15, 40];
const PLANNING = "planning…";
let wanted = { crews: 1, hours: 2, every: 6, repair_hours: 24, source: "stream" };
let busy = "";
let found = null;

export function forgetMaintain() {
  found = null;
  busy = "";
}

async function plan() {
  const { run } = state;
  busy = PLANNING;
  refresh("maintain");
  try {
    const result = await follow(post(ofRun(run, "/maintenance"), wanted));
    if (run !== state.run) return;
    found = result;
    busy = "";
    showRisk();
  } catch (error) { busy = error.message; say(busy); }
  refresh("maintain");
}

function showRisk() {
  set({ risk: Float32Array.from(state.stations.station, (station) => found.chance[station] ?? NaN), layer: "risk" });
}

export function drawMaintain(box) {
  if (!state.info) { fill(box, el("p", { className: "empty" }, "reading…")); return; }
  fill(box,
    el("h2", {}, "Maintenance"),
    el("p", { className: "note" }, "The risk of a station rests on how its last days differ from its calm ones; visits of the coming week are planned so that least traffic is lost. "
      + "Stations that fail without a sign are not foreseen."),
    el("form", { className: "form", onsubmit: (event) => { event.preventDefault(); if (busy !== PLANNING) plan(); } },
      Object.entries(FIELDS).map(([key, words]) => field(key, ...words)),
      state.arriving ? el("div", { className: "field" }, el("label", { htmlFor: "plan-source" }, "After"), source()) : null,
      el("div", { className: "row" }, button("Plan", null, { type: "submit", className: "main", off: busy === PLANNING }),
        el("span", { className: busy === PLANNING ? "" : "bad" }, busy))),
    found ? outcome(found) : null);
}

function field(key, words, hint, min, max) {
  const input = el("input", { type: "number", id: `plan-${key}`, min, max, required: true, value: wanted[key], title: hint, oninput: () => { wanted[key] = Number(input.value); } });
  return el("div", { className: "field" }, el("label", { htmlFor: input.id }, words), input);
}

function source() {
  const select = el("select", { id: "plan-source", onchange: () => { wanted.source = select.value; } },
    [["stream", "the run’s own data"], ["arriving", "the data that have arrived"]].map(([value, words]) => el("option", { value, selected: value === wanted.source }, words)));
  return select;
}

function outcome(result) {
  return [
    el("h3", {}, `The week from ${clock(result.begin)}`),
    figures([["visits", figure(result.visits_in_all)], ["expected to be lost", figure(result.lost)], ["without a visit", figure(result.lost_without_visits)],
      ["riskiest first", figure(result.lost_riskiest_first)]]),
    el("div", { className: "row" }, el("button", { type: "button", onclick: showRisk }, "Show the risk on the map")),
    table("Riskiest stations", [["station", "words"], ["fails in a week"], ["scatter"], ["level"], ["outside its width"], ["twin’s age, weeks"]],
      result.riskiest.slice(0, MOST_RISKS).map((each) => [name(each.station), percent(each.chance), percent(each.scatter, true), percent(each.level, true), percent(each.outside), each.age_weeks.toFixed(1)])),
    result.visits.length ? table("Visits", [["start", "words"], ["station", "words"], ["fails in a week"], ["load meanwhile"]],
      result.visits.slice(0, MOST_VISITS).map((each) => [clock(each.start), name(each.station), percent(each.chance), figure(each.load)]))
      : el("p", { className: "note" }, "No visit is worth its loss."),
    result.visits_in_all > MOST_VISITS ? el("p", { className: "note" }, `and ${counted(result.visits_in_all - MOST_VISITS, "more visit")}; vhtwin maintain RUN --out visits.csv writes all`) : null,
  ];
}

function name(station) {
  return el("button", { type: "button", className: "name", onclick: () => set({ selected: state.places.get(station) ?? -1 }) }, station);
}
