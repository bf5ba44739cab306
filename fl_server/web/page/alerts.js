// Alerts: what the twins did not expect, with what people say of it; and whether to train again.

import { get, ofRun, post } from "./api.js";
import { button, clock, counted, el, figure, fill, percent, say } from "./dom.js";
import { follow } from "./jobs.js";
import { set, state, watch } from "./state.js";
import { badge, refresh } from "./tabs.js";

const GRADES = { critical: "bad", major: "bad", minor: "warn", warning: "warn" };
const MUTED_DAYS = 1;
const MOST_CARDS = 100;
let hidden = true; // acknowledged and muted ones
let current = false; // only those that are on at the time that is shown
let busy = "";
let following = false; // the data that arrive
let tried = ""; // the state of these that was watched last
const WATCHING = "watching…";
const LOOK_MS = 5000;

export async function fetchAlerts() {
  const { run } = state;
  try {
    const alerts = await get(ofRun(run, "/alerts"));
    if (run === state.run) set({ alerts });
  } catch (error) { set({ alerts: { refusal: error.message, alerts: [] } }); }
}

watch("alerts", () => {
  badge("alerts", "Alerts", (state.alerts?.alerts ?? []).filter(isOpen).length);
  refresh("alerts");
});

const isMuted = ({ mark }) => Boolean(mark.muted_until) && mark.muted_until > state.info.times[state.step];
const isOpen = (alert) => !alert.mark.acknowledged && !isMuted(alert);

const isOn = (alert, time) => alert.start <= time && (!alert.end || time < alert.end);

/** The stations of alerts that are on at a time, for rings on the map. */
export function stationsInAlarm(time) {
  return (state.alerts?.alerts ?? []).filter((alert) => isOpen(alert) && isOn(alert, time))
    .flatMap((alert) => alert.stations.map((station) => state.places.get(station))).filter((place) => place !== undefined);
}

async function begin(source) {
  const { run } = state;
  const known = new Set(state.alerts?.source === source ? state.alerts.alerts.map(({ id }) => id) : []);
  busy = WATCHING;
  refresh("alerts");
  try {
    await follow(post(ofRun(run, `/watch?source=${source}`)));
    busy = "";
    if (run !== state.run) return;
    await fetchAlerts();
    const fresh = state.alerts.alerts.filter(({ id }) => !known.has(id)).length;
    say(known.size ? counted(fresh, "new alert") : counted(fresh, "alert"));
  } catch (error) { failed(error); }
  refresh("alerts");
}

function failed({ message }) {
  busy = message;
  say(message);
}

export function forgetAlerts() {
  following = false;
  tried = "";
  busy = "";
}

/** Watch again whenever data have arrived, while somebody wants that. */
export function startFollowing() {
  setInterval(async () => {
    if (!following || busy === WATCHING || !state.info) return;
    const { run } = state;
    try {
      const { changed, stamp } = await get(ofRun(run, "/arriving"));
      if (!changed || stamp === tried || !following || run !== state.run) return;
      tried = stamp; // what cannot be read, since it is just being written, is tried again once it has changed
      await begin("arriving");
    } catch (error) { following = false; failed(error); refresh("alerts"); }
  }, LOOK_MS);
}

export function drawAlerts(box) {
  const told = state.alerts;
  if (!state.info) { fill(box, el("p", { className: "empty" }, "reading…")); return; }
  const start = button(told?.source === "stream" ? "Watch the stream again" : "Watch the stream", () => begin("stream"), { className: "main", off: busy === WATCHING });
  fill(box,
    el("h2", {}, "Alerts"),
    el("p", { className: "note" }, "The stream is followed step by step against the stored twins; an alert has seen nothing that came after it was raised."),
    el("div", { className: "row" }, start, el("span", { className: busy === WATCHING ? "" : "bad" }, busy)),
    state.arriving ? el("div", { className: "row" }, followed()) : null,
    told?.refusal ? el("p", { className: "bad" }, told.refusal) : null,
    told?.watched ? found(told) : null);
}

function followed() {
  const box = el("input", { type: "checkbox", checked: following, onchange: () => {
    following = box.checked;
    tried = "";
    if (following && busy !== WATCHING) begin("arriving");
  } });
  return el("label", { className: "field" }, box, "follow the data that arrive");
}

function found(told) {
  const shown = told.alerts.filter((alert) => (!hidden || isOpen(alert)) && (!current || isOn(alert, now())));
  const only = el("input", { type: "checkbox", checked: current, onchange: () => { current = only.checked; refresh("alerts"); } });
  const toggle = el("input", { type: "checkbox", checked: !hidden, onchange: () => { hidden = !toggle.checked; refresh("alerts"); } });
  return [
    el("div", { className: "row" }, el("label", { className: "field" }, toggle, "also acknowledged and muted ones"),
      el("label", { className: "field" }, only, "only at this time"),
      el("span", { className: "quiet" }, `${told.source === "arriving" ? "arrived data: " : ""}${counted(told.alerts.length, "alert")} from ${clock(told.from)} to ${clock(told.until)}`)),
    shown.length ? shown.slice(0, MOST_CARDS).map(card) : el("p", { className: "empty" }, "No open alerts."),
    shown.length > MOST_CARDS ? el("p", { className: "note" }, `and ${counted(shown.length - MOST_CARDS, "more alert")}`) : null,
    drift(told.drift),
  ];
}

function card(alert) {
  const { mark } = alert;
  const first = state.places.get(alert.suspects[0]?.station ?? alert.stations[0]);
  const where = alert.stations.length > 3 ? `${alert.stations.slice(0, 3).join(", ")} and ${alert.stations.length - 3} more` : alert.stations.join(", ");
  const lost = alert.expected ? percent((alert.seen - alert.expected) / alert.expected, true) : "–";
  return el("article", { className: `alert ${isOpen(alert) ? "" : "muted"}`, "aria-label": `${alert.severity} ${alert.kind} at ${where}` },
    el("h3", {}, el("span", { className: `severity ${GRADES[alert.severity]}` }, alert.severity), ` ${alert.kind}: ${where}`),
    el("p", {}, `${alert.stations.length > 1 ? `Each of ${alert.stations.length} stations` : "The station"} ${alert.about}: `,
      `${figure(alert.seen)} where ${figure(alert.expected)} were expected (${lost})`),
    el("p", { className: "quiet" }, `from ${clock(alert.start)}, raised ${clock(alert.raised)}, `,
      alert.end ? `until ${clock(alert.end)}` : "not over"),
    el("p", { className: "quiet" }, alert.neighbours_explain ? "The neighbours do the same: something happens in the area." : "The neighbours do not explain it.",
      alert.suspects.length ? ` Suspects: ${alert.suspects.map(({ station, share }) => `${station} ${Math.round(share * 100)} %`).join(", ")}.` : ""),
    mark.acknowledged ? el("p", { className: "good" }, "acknowledged") : null,
    mark.muted_until ? el("p", { className: "quiet" }, `muted until ${clock(mark.muted_until)}`) : null,
    el("div", { className: "row" },
      el("button", { type: "button", disabled: first === undefined, onclick: () => show(alert, first) }, "Show"),
      el("button", { type: "button", "aria-pressed": String(mark.acknowledged), onclick: () => sayOf(alert, { acknowledged: !mark.acknowledged }) },
        mark.acknowledged ? "Not seen after all" : "Acknowledge"),
      mark.muted_until
        ? el("button", { type: "button", onclick: () => sayOf(alert, { muted_until: "" }) }, "Unmute")
        : el("button", { type: "button", onclick: () => sayOf(alert, { muted_until: later(alert.start > now() ? alert.start : now()) }) }, "Mute for a day")));
}

const now = () => state.info.times[state.step];

/** A day after a time of the data, as its wall clock shows it. */
function later(time) {
  return new Date(Date.parse(`${time}Z`) + MUTED_DAYS * 86_400_000).toISOString().slice(0, 16);
}

async function sayOf(alert, changed) {
  const { acknowledged, muted_until, note } = { ...alert.mark, ...changed };
  try {
    await post(ofRun(state.run, `/alerts/${encodeURIComponent(alert.id)}/mark`), { acknowledged, muted_until, note });
    say(acknowledged ? "acknowledged" : muted_until ? "muted" : "open again");
  } catch (error) { failed(error); }
  await fetchAlerts();
}

function show(alert, place) {
  const step = state.info.times.indexOf(alert.raised);
  set({ selected: place, ...(step >= 0 ? { step } : {}), layer: state.info.forecasts ? "missed" : state.layer });
}

function drift(report) {
  if (!report) return null;
  const { cost } = report;
  const again = report.retrain ? "Train again." : "There is no need to train again.";
  return [
    el("h2", {}, "Drift"),
    el("p", {}, el("strong", {}, again), report.why ? ` ${report.why[0].toUpperCase()}${report.why.slice(1)}.` : ""),
    cost ? el("p", { className: "note" }, `Training ${cost.clusters.slice(0, 8).join(", ")} again takes ${counted(cost.trainings, "training")} at `
      + `${counted(cost.stations, "station")}, ${figure(cost.bytes / 1e6)} MB.`) : null,
  ];
}
