// The federation: who trains, waits, sleeps or is away; round and step, the gate, messages and bytes.

import { get, ofRun } from "./api.js";
import { chart } from "./chart.js";
import { STATES } from "./colours.js";
import { bytes, counted, el, figure, figures, fill, table } from "./dom.js";
import { set, state } from "./state.js";
import { refresh } from "./tabs.js";

const TIERS = { station_cluster: "stations and clusters", cluster_network: "clusters and network", station_network: "stations and network" };
const MOST_NAMED = 200;
let server = null;

export async function fetchFederation() {
  const { run } = state;
  if (!run) return;
  try {
    const told = await get(ofRun(run, "/federation"));
    if (run === state.run) set({ federation: told });
  } catch (error) {
    set({ federation: { refusal: error.message, states: [] } });
  }
  refresh("federation");
}

export async function fetchServer() {
  try { server = await get("/api/federation"); } catch (error) { server = { refusal: error.message }; }
  set({ told: server.run ? server : null });
  refresh("federation");
}

export function drawFederation(box) {
  const told = state.federation;
  if (!told) { fill(box, el("p", { className: "empty" }, "reading…")); return; }
  fill(box,
    server && serverParts(server),
    el("h2", {}, "This run"),
    told.refusal ? el("p", { className: "note" }, told.refusal) : runParts(told));
}

function runParts(told) {
  const { gate, history } = told;
  const last = history.at(-1);
  return [
    el("p", {}, told.words),
    told.turns ? el("progress", { max: told.turns, value: told.turn, "aria-label": told.words }) : null,
    told.states.length ? states(told.counts, told.states, state.stations?.station ?? []) : null,
    figures([
      ["ψ, the gate", figure(gate.psi)], ["sent up", figure(gate.sent ?? 0)], ["spared", figure(gate.spared ?? 0)],
      [last?.stage === "vertical" ? "loss" : "MSE so far", figure(last?.error)], ["clusters", figure(last?.clusters)],
    ]),
    gate.clusters.length ? gateTable(gate) : null,
    exchangeTable(told.exchange),
    curve(history, "vertical", "V-twinning: loss by round"),
    curve(history, "horizontal", "H-twinning: MSE of the C-NDTs in force, by step"),
    sentCurve(history),
    Object.keys(told.failures).length
      ? table("Failures", [["what happened"], ["times"]], Object.entries(told.failures).map(([why, times]) => [why, figure(times)])) : null,
  ];
}

function states(counts, each, names) {
  const meter = el("div", { className: "meter", "aria-hidden": "true" });
  const keys = el("div", { className: "keys" });
  for (const [name, colour] of Object.entries(STATES)) {
    if (!counts[name]) continue;
    const part = el("span");
    part.style.background = colour;
    part.style.flexGrow = counts[name];
    meter.append(part);
    const swatch = el("span", { className: "swatch" });
    swatch.style.background = colour;
    keys.append(el("span", {}, swatch, `${counts[name].toLocaleString("en")} ${name}`));
  }
  const notable = each.map((is, place) => [names[place] ?? String(place), is]).filter(([, is]) => ["asleep", "away", "lost"].includes(is));
  const named = notable.slice(0, MOST_NAMED).map(([station, is]) => `${station} ${is}`).join(", ");
  return [meter, keys, notable.length
    ? el("details", {}, el("summary", {}, counted(notable.length, "station") + " absent"), el("p", { className: "note" }, named)) : null];
}

function gateTable({ clusters, psi }) {
  return table("How far each cluster’s twin lies from the last G-NDT it saw; beyond ψ it is sent up",
    [["cluster"], ["ε"], ["of ψ"], ["last sent"], ["spared since"], ["version"]],
    clusters.map((each) => [each.cluster, figure(each.distance), `${figure((100 * each.distance) / psi)} %`,
      each.sent_at < 0 ? "never" : `step ${each.sent_at}`, figure(each.spared_since), figure(each.version)]));
}

function exchangeTable(exchange) {
  const rows = Object.entries(exchange).flatMap(([letter, tiers]) => Object.entries(tiers).map(([tier, flow]) => [
    `${letter.toUpperCase()}  ${TIERS[tier]}`, figure(flow.messages_up), figure(flow.messages_down), bytes(flow.bytes_up), bytes(flow.bytes_down)]));
  return rows.length ? table("Messages and bytes", [["between"], ["up"], ["down"], ["bytes up"], ["down"]], rows) : null;
}

function curve(history, stage, title) {
  const rows = history.filter((row) => row.stage === stage && row.error !== null);
  if (rows.length < 2) return null;
  const times = rows.map((row) => String(row.turn));
  return [el("h3", {}, title), chart({ begin: 0, end: rows.length, times, height: 120, label: title,
    lines: [{ values: rows.map((row) => row.error), first: 0, kind: "line" }] })];
}

function sentCurve(history) {
  const rows = history.filter((row) => row.stage === "horizontal");
  if (rows.length < 2) return null;
  const title = "C-NDTs sent up (line) and spared by the gate (orange)";
  return [el("h3", {}, title), chart({ begin: 0, end: rows.length, times: rows.map((row) => String(row.turn)), height: 110, label: title,
    lines: [{ values: rows.map((row) => row.sent), first: 0, kind: "line" }, { values: rows.map((row) => row.spared), first: 0, kind: "forecast" }] })];
}

function serverParts(told) {
  if (told.refusal) return [el("h2", {}, "Server"), el("p", { className: "bad" }, told.refusal)];
  const wire = told.wire ?? {};
  return [
    el("h2", {}, "Server"),
    el("p", {}, told.run ? `run ${told.run}: ${told.stage} ${figure(told.done)} of ${figure(told.total)} ${told.detail}` : "no run is under way"),
    told.error ? el("p", { className: "bad" }, told.error) : null,
    Object.keys(told.stations).length ? states(told.counts, Object.values(told.stations), Object.keys(told.stations)) : null,
    figures([["nodes", figure(told.nodes)], ["orders", figure(wire.orders ?? 0)], ["out", bytes(wire.order_bytes ?? 0)],
      ["answers", figure(wire.answers ?? 0)], ["in", bytes(wire.answer_bytes ?? 0)]]),
    told.names.length ? el("p", { className: "note" }, `nodes: ${told.names.join(", ")}`) : null,
    Object.entries(told.left_out).map(([station, why]) => el("p", { className: "note warn" }, `left out: station ${station} ${why}`)),
  ];
}
