// What the map shows in each layer: a value for every station, a scale, words about them.

import { clusters, diverging, sequential, states, STATES } from "./colours.js";
import { figure, percent } from "./dom.js";
import { state } from "./state.js";

const byPlace = (values) => Float32Array.from(values, (value) => (value === null ? NaN : value));

function loadScale() {
  if (state.info.unit.includes("standardised")) return diverging(3);
  const peaks = [...state.stations.peak].sort((one, other) => one - other);
  const high = peaks[Math.floor((peaks.length - 1) * 0.98)] || 1;
  const low = (peaks[Math.floor((peaks.length - 1) * 0.05)] || high) / 15;
  return sequential(Math.max(low, high / 1e4), high, true);
}

function share(values) {
  return values && values.map((value, place) => value / (state.stations.peak[place] || 1));
}

/** What the server that makes this run says of each station, or else what the folder of the run tells. */
function statesNow() {
  const { run, told, stations, federation } = state;
  const mine = told && stations && told.run === run.split("/").at(-1);
  const known = mine ? stations.station.map((station) => told.stations[station] ?? "") : [];
  return known.some(Boolean) ? known : (federation?.states ?? []);
}

function statesByPlace() {
  const names = Object.keys(STATES);
  const told = statesNow();
  if (!told.length) return null;
  return Float32Array.from(told, (each) => { const at = names.indexOf(each); return at < 0 ? NaN : at; });
}

const LAYERS = {
  load: {
    name: "Load", there: () => state.info.times.length > 0, words: () => state.info.unit,
    values: () => state.frames.load.at(state.step), scale: loadScale, told: figure,
  },
  share: {
    name: "Load of peak", there: () => state.info.times.length > 0,
    words: () => "share of the station’s usual peak (99 % of hours lie below)",
    values: () => share(state.frames.load.at(state.step)), scale: () => sequential(0, 1),
    told: (value) => `${Math.round(value * 100)} %`,
  },
  missed: {
    name: "Error", there: () => state.info.finished && state.info.times.length > 0,
    words: () => "seen minus expected one step ahead, in standard deviations; by the twins the run ended with",
    values: () => (state.info.forecasts ? state.frames.missed.at(state.step) : null), scale: () => diverging(3),
    told: (value) => `${value > 0 ? "+" : ""}${figure(value)} sd`,
  },
  cluster: {
    name: "Cluster", there: () => true, words: () => "cluster of each station",
    values: () => byPlace(state.stations.cluster.map((each) => (state.focus && each !== state.focus ? null : each))),
    scale: () => clusters(Math.max(...state.stations.cluster, 1)),
    told: (value) => (value ? `cluster ${value}` : "no cluster yet"),
  },
  age: {
    name: "Age", there: () => state.stations.age_hours.length > 0,
    words: () => "hours between the end of the data and the end of what the twin has learned from",
    values: () => byPlace(state.stations.age_hours),
    scale: () => sequential(0, Math.max(...state.stations.age_hours, 1)), told: (value) => `${figure(value)} h`,
  },
  states: {
    name: "Federation", there: () => statesNow().length > 0, words: () => "what each station is at",
    values: statesByPlace, scale: states, told: (value) => Object.keys(STATES)[value] ?? "unknown",
  },
  risk: {
    name: "Risk", there: () => Boolean(state.risk), words: () => "chance of a failure within a week, by the signs that maintenance goes by",
    values: () => state.risk, scale: () => sequential(0, Math.max(...state.risk.filter(Number.isFinite), 1e-6)), told: (value) => percent(value),
  },
  difference: {
    name: "What if", there: () => Boolean(state.difference), words: () => state.difference.words,
    values: () => state.difference.at(state.step), scale: () => diverging(state.difference.size),
    told: (value) => `${value > 0 ? "+" : ""}${figure(value)}`,
  },
};

export const layers = () => Object.entries(LAYERS).map(([key, { name, there }]) => ({ key, name, there: there() }));
export const layer = (key) => LAYERS[key];

/** The words for one station's value in the layer that is shown, or nothing. */
export function valueOf(place) {
  const { values, told } = LAYERS[state.layer];
  const found = values();
  return found && Number.isFinite(found[place]) ? told(found[place]) : "";
}
