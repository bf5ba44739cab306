// What if: a form for scenarios, and what they change, on the map and in figures.

import { getFloats, ofRun, post } from "./api.js";
import { button, clock, counted, el, figure, figures, fill, percent, say, table } from "./dom.js";
import { storeText } from "./files.js";
import { follow } from "./jobs.js";
import { set, state } from "./state.js";
import { refresh } from "./tabs.js";

const KINDS = { // what each is called, and an example with stations of the run
  off: ["Off", (one) => `serve nobody: ${one}, or cluster:1@1-5`],
  sleep: ["Asleep", (one) => `the same, as cells asleep: ${one}@1-5`],
  demand: ["Demand", (one) => `near:${one}:1=+30%@18-22, or all=+10%`],
  move: ["Moved", (one, other) => `${one}>${other ?? "STATION"}=20%`],
};
const [LEAST_FLOW, MOST_FLOWS] = [0.08, 60]; // of the largest, and lines on the map
let wanted = { off: "", sleep: "", demand: "", move: "", name: "", hours: 24, users: "" };
const MOST_WORDS = 80; // of the clauses, in the legend
const PLAYING = "playing…";
let busy = "";
let found = null; // {result, asked, base, load, difference, hour}

export function forgetWhatIf() {
  found = null;
  busy = "";
}

/** What was asked, one clause a line or with semicolons between. */
const clauses = (text) => text.split(/[;\n]/).map((each) => each.trim()).filter(Boolean);

async function play() {
  const { run } = state;
  busy = PLAYING;
  refresh("whatif");
  try {
    const scenario = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, clauses(wanted[kind])]));
    const asked = told(scenario);
    const job = post(ofRun(run, "/what-if"), { ...scenario, name: wanted.name || "scenario", hours: Number(wanted.hours), users: wanted.users ? Number(wanted.users) : null });
    const result = await follow(job);
    const { number } = await job;
    const [base, load, difference] = await Promise.all(["base", "load", "difference"].map((name) => getFloats(`/api/jobs/${number}/layer?name=${name}`)));
    if (run !== state.run) return;
    found = { result, asked, base, load, difference, hour: -1 };
    busy = "";
    show();
  } catch (error) { if (run === state.run) unplayed(error.message); }
  refresh("whatif");
}

/** Say why nothing was played; what was played before goes, as it is no answer to what is asked now. */
function unplayed(why) {
  busy = why;
  say(busy);
  found = null;
  set({ difference: null, ...(state.layer === "difference" ? { layer: "load" } : {}) });
}

/** Play what the form holds, unless a field of it cannot be so. */
function submitted(form) {
  const odd = [...form.elements].find((each) => each.willValidate && !each.validity.valid);
  if (!odd) { play(); return; }
  unplayed(`${odd.labels[0].textContent}: ${odd.validationMessage}`);
  refresh("whatif");
}

/** The clauses of a scenario by kind, in words. */
const told = (scenario) => Object.entries(KINDS).filter(([kind]) => scenario[kind].length)
  .map(([kind, [words]]) => `${words.toLowerCase()} ${scenario[kind].join("; ")}`).join(" · ");

/** Values of all stations in the hour that is chosen, or summed over all hours. */
function atHour(values) {
  const count = state.stations.station.length;
  if (found.hour >= 0) return values.subarray(found.hour * count, (found.hour + 1) * count);
  const sum = new Float32Array(count);
  values.forEach((value, at) => { sum[at % count] += value; });
  return sum;
}

const brief = (words) => (words.length > MOST_WORDS ? `${words.slice(0, MOST_WORDS)}…` : words);

/** Draw the difference, and where the traffic goes, on the map. */
function show() {
  const values = atHour(found.difference);
  const size = values.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0) || 1;
  const when = found.hour < 0 ? `all ${found.result.hours.length} hours` : clock(found.result.hours[found.hour]);
  const most = found.result.flows[0]?.traffic ?? 1;
  const flows = found.result.flows.filter(({ traffic }) => traffic > LEAST_FLOW * most).slice(0, MOST_FLOWS).map((flow) => ({ from: state.places.get(flow.from), to: state.places.get(flow.to), width: 1 + 4 * (flow.traffic / most) }));
  set({ difference: { words: `${found.result.name} (${brief(found.asked)}): load with it minus load without, ${when}`, size, at: () => values, flows }, layer: "difference" });
}

export function drawWhatIf(box) {
  if (!state.info) { fill(box, el("p", { className: "empty" }, "reading…")); return; }
  const [one, other] = state.stations.station;
  const form = el("form", { className: "form", noValidate: true, onsubmit: (event) => { event.preventDefault(); if (busy !== PLAYING) submitted(event.target); } },
    Object.entries(KINDS).map(([kind, [words, hint]]) => field(kind, words, hint(one, other))),
    plainField("name", "Name", { type: "text", maxLength: 200, placeholder: "scenario" }),
    plainField("hours", "Hours", { type: "number", min: 1, max: 72 }),
    plainField("users", "Users", { type: "number", min: 1, step: "any", placeholder: "of the network, if known" }),
    el("div", { className: "row" }, button("Play", null, { type: "submit", className: "main", off: busy === PLAYING }),
      el("span", { className: busy === PLAYING ? "" : "bad" }, busy)));
  fill(box,
    el("h2", {}, "What if"),
    el("p", { className: "note" }, "The coming hours twice, as the stored twins forecast them: with the scenario and without. Stations with commas between, "
      + "cluster:N, near:STATION:KM or all; @18-22 are hours of the day; several clauses with ; between. Nothing of the run is touched."),
    form,
    found ? outcome(found) : null);
}

function field(kind, words, hint) {
  const input = el("input", { type: "text", value: wanted[kind], placeholder: hint, spellcheck: false, autocomplete: "off", oninput: () => { wanted[kind] = input.value; } });
  const own = state.selected >= 0 && (kind === "off" || kind === "sleep");
  const add = own ? el("button", { type: "button", "aria-label": `Add the chosen station to ${words}`, onclick: () => {
    wanted[kind] = [...wanted[kind].split(",").map((each) => each.trim()).filter(Boolean), state.stations.station[state.selected]].join(",");
    refresh("whatif");
  } }, `+ ${state.stations.station[state.selected]}`) : null;
  return el("div", { className: "field" }, el("label", { htmlFor: `wanted-${kind}` }, words), el("span", { className: "row tight" }, Object.assign(input, { id: `wanted-${kind}` }), add));
}

function plainField(key, words, properties) {
  const input = el("input", { ...properties, id: `wanted-${key}`, value: wanted[key], oninput: () => { wanted[key] = input.value; } });
  return el("div", { className: "field" }, el("label", { htmlFor: input.id }, words), input);
}

/** A total: the median of the futures, which need not be what the forecast comes to, and the interval of them. */
const band = ({ median, lower, upper }) => `${figure(median)} (${figure(lower)} to ${figure(upper)})`;

function outcome({ result, asked }) {
  const { totals } = result;
  return [
    el("h3", {}, result.name),
    el("p", { className: "asked" }, `${asked} · ${counted(result.hours.length, "hour")}`),
    figures([["lost more", figure(totals.lost_more.median)], ["goes elsewhere", figure(totals.moved)], ["over capacity", `${totals.over_before} → ${totals.over}`],
      ["kWh", `${totals.kwh_more.median > 0 ? "+" : ""}${figure(totals.kwh_more.median)}`], ["affected", figure(totals.affected)]]),
    el("p", { className: "note" }, `Lost and kWh: medians of ${result.futures.told} futures; the others by the forecast.`),
    hours(result),
    table(`Over all hours and stations: medians of ${result.futures.told} futures, with intervals of ${percent(result.futures.coverage)} of them`, [["", "words"], ["without"], ["with"]], [
      ["lost", band(totals.lost_before), band(totals.lost)], ["kWh", band(totals.kwh_before), band(totals.kwh)], ["asked", "", band(totals.asked)], ...users(totals.users)]),
    totals.users ? el("p", { className: "note" }, "Users are taken to be spread over stations as their load is, and to be served, handed over and lost as the traffic around them is.") : null,
    result.policies.length ? table(`Who reroutes, and what is lost then: by the forecast, in means of futures that choose, and of others; ${result.policy} is taken`, [["policy", "words"], ["forecast"], [`${result.futures.choosing} choose`], [`${result.futures.told} others`], ["moved, forecast"]],
      result.policies.map(({ policy, lost, lost_choosing, lost_mean, moved }) => [policy, figure(lost), figure(lost_choosing), figure(lost_mean), figure(moved)])) : null,
    result.left_out.length ? el("p", { className: "note" }, `Not tried, as they would take minutes for so much traffic: ${result.left_out.join(" and ")}.`) : null,
    changed(),
    result.flows.length ? table("Where the traffic goes", [["from", "words"], ["to", "words"], ["traffic"]],
      result.flows.slice(0, 20).map(({ from, to, traffic }) => [station(from), station(to), figure(traffic)])) : null,
    newlyOver(result),
    el("div", { className: "row" }, el("button", { type: "button", onclick: () => storeText(result.toml, "scenario.toml", "application/toml") }, "Scenario as TOML"),
      el("span", { className: "quiet" }, "for vhtwin whatif RUN --scenario scenario.toml")),
  ];
}

/** Rows that tell of users without service, where somebody has said how many there are. */
function users(told) {
  if (!told) return [];
  const { without_service_before: before, without_service: after, served_elsewhere: elsewhere } = told;
  return [["users without service, on average", band(before.mean), band(after.mean)], ["users without service, most at a time", band(before.most), band(after.most)],
    ["users served by another, most at a time, by the forecast", "", figure(elsewhere.most)]];
}

function hours({ hours: times }) {
  const select = el("select", { onchange: () => { found.hour = Number(select.value); show(); refresh("whatif"); } },
    el("option", { value: -1, selected: found.hour < 0 }, "all hours"), times.map((time, hour) => el("option", { value: hour, selected: hour === found.hour }, clock(time))));
  return el("div", { className: "row" }, el("label", { className: "field" }, el("span", {}, "On the map"), select),
    el("button", { type: "button", onclick: show }, "Show"));
}

/** The stations whose load changes most, in the hours that are shown. */
function changed() {
  const [base, load, difference] = [found.base, found.load, found.difference].map(atHour);
  const order = [...difference.keys()].filter((place) => difference[place]).sort((one, other) => Math.abs(difference[other]) - Math.abs(difference[one]));
  return table(`Largest changes, of ${counted(order.length, "station")}`, [["station", "words"], ["without"], ["with"], ["difference"]],
    order.slice(0, 15).map((place) => [station(state.stations.station[place]), figure(base[place]), figure(load[place]), `${difference[place] > 0 ? "+" : ""}${figure(difference[place])}`]));
}

function newlyOver({ over_before: before, over_after: after }) {
  const known = new Set(before);
  const more = after.filter((each) => !known.has(each));
  if (!more.length) return el("p", { className: "note" }, "No further station goes over its capacity.");
  return el("p", { className: "note warn" }, `Over capacity with it, and not without: ${more.slice(0, 30).join(", ")}${more.length > 30 ? " …" : ""}`);
}

function station(id) {
  return el("button", { type: "button", className: "name", onclick: () => set({ selected: state.places.get(id) ?? -1 }) }, id);
}
