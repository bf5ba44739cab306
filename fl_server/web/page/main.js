// The page begins here: it fetches a run and strings map, time and panels together.

import { drawAlerts, fetchAlerts, forgetAlerts, startFollowing, stationsInAlarm } from "./alerts.js";
import { get, ofRun, post } from "./api.js";
import { clusterColour } from "./colours.js";
import { $, counted, el, fill, say } from "./dom.js";
import { drawClusters, fetchClusters } from "./clusters.js";
import { drawFederation, fetchFederation, fetchServer } from "./federation.js";
import { drawFiles } from "./files.js";
import { Frames } from "./frames.js";
import { follow } from "./jobs.js";
import { drawMaintain, forgetMaintain } from "./maintain.js";
import { layer, layers, valueOf } from "./layers.js";
import { showLegend } from "./legend.js";
import { StationMap } from "./map.js";
import { handle } from "./map_hands.js";
import { name, set, state, watch } from "./state.js";
import { drawStation, fetchStation, followTime, forgetStation } from "./station.js";
import { drawTable } from "./stations_table.js";
import { addTab, isShown, refresh, showTab } from "./tabs.js";
import { startTheme } from "./theme.js";
import { startTimeline, stop } from "./timeline.js";
import { drawWhatIf, forgetWhatIf } from "./whatif.js";

const LIVE_MS = 2000;
const FIRST_LAYER = "load";
const map = new StationMap($("map"));

function notice(words) {
  $("notice").textContent = words;
  $("notice").hidden = !words;
}

/** Show the run called `run`. */
async function open(run) {
  stop();
  forgetStation();
  forgetWhatIf();
  forgetMaintain();
  forgetAlerts();
  notice("");
  set({ run, info: null, stations: null, frames: null, federation: null, alerts: null, difference: null, risk: null, clusters: null, focus: 0, selected: -1 });
  try {
    const [info, stations] = await Promise.all([get(ofRun(run)), get(ofRun(run, "/stations"))]);
    if (run !== state.run) return;
    const places = new Map(stations.station.map((station, place) => [station, place]));
    const [steps, count] = [info.times.length, info.stations];
    const frames = Object.fromEntries(["load", "missed"].map((key) => [key, new Frames(run, key, steps, count, recolour)]));
    map.setStations(stations.longitude, stations.latitude);
    const fits = !["difference", "states", "risk"].includes(state.layer);
    set({ info, stations, places, frames, step: Math.min(info.stream[0] + 18, Math.max(steps - 1, 0)), layer: fits ? state.layer : FIRST_LAYER });
    if (!layer(state.layer).there()) set({ layer: "cluster" });
    history.replaceState(null, "", `#run=${encodeURIComponent(run)}`);
    if (steps) frames.load.fetchAll();
  } catch (error) { notice(error.message); }
  fetchFederation();
  if (about?.federation) fetchServer();
  fetchClusters();
  fetchAlerts();
}

function showAbout() {
  const { info } = state;
  if (!info) return;
  const scores = info.scores.h ?? info.scores.v;
  const mse = scores?.cluster?.mse ?? scores?.mse;
  $("about").textContent = `${info.set} · ${counted(info.stations, "station")} · ${info.words}`
    + (info.clusters ? ` · ${counted(info.clusters, "cluster")}` : "") + (mse ? ` · MSE of the C-NDTs ${mse.toFixed(4)}` : "");
  document.title = `${info.key} – vhtwin`;
}

function showLayers() {
  if (!state.info) return;
  const shown = layers();
  const legend = $("layers").querySelector("legend");
  fill($("layers"), legend, shown.map(({ key, name: words, there }) => el("label", {},
    el("input", { type: "radio", name: "layer", value: key, checked: key === state.layer, disabled: !there,
      onchange: () => set({ layer: key }) }), words)));
}

function recolour() {
  if (!state.info) return;
  const shown = layer(state.layer);
  const scale = shown.scale();
  map.rings = state.layer === "difference" ? [] : stationsInAlarm(state.info.times[state.step] ?? "");
  map.flows = state.layer === "difference" ? state.difference.flows : [];
  map.colour(shown.values(), scale);
  return scale;
}

function showLayer() {
  if (!state.info) return;
  if (state.layer === "missed" && !state.info.forecasts) makeForecasts();
  map.labels = state.layer === "cluster" ? labels() : [];
  showLegend($("legend"), state.layer, layer(state.layer), recolour());
  showLayers();
}

function labels() {
  return (state.clusters ?? []).filter(({ cluster }) => cluster > 0).map(({ cluster, longitude, latitude }) => {
    const near = nearestOf(cluster, longitude, latitude);
    return { x: map.places.x[near], y: map.places.y[near], words: String(cluster), colour: clusterColour(cluster) };
  });
}

/** The station of a cluster that is nearest to its middle. */
function nearestOf(cluster, longitude, latitude) {
  const { stations } = state;
  let best = 0;
  let least = Infinity;
  stations.cluster.forEach((each, place) => {
    const far = (stations.longitude[place] - longitude) ** 2 + (stations.latitude[place] - latitude) ** 2;
    if (each === cluster && far < least) { least = far; best = place; }
  });
  return best;
}

let making = false;

async function makeForecasts() {
  if (making) return;
  making = true;
  const { run } = state;
  try {
    await follow(post(ofRun(run, "/forecasts")));
    if (run === state.run) {
      set({ info: { ...state.info, forecasts: true } });
      state.frames.missed.refusal = "";
      showLayer();
    }
  } catch (error) { notice(error.message); } finally { making = false; }
}

async function lookAgain() {
  if (state.info && !state.info.finished) {
    const info = await get(ofRun(state.run)).catch(() => null);
    if (info?.finished) { await open(state.run); return; }
    if (info) set({ info: { ...state.info, words: info.words } });
    await fetchFederation();
    const stations = await get(ofRun(state.run, "/stations")).catch(() => null);
    if (stations && String(stations.cluster) !== String(state.stations?.cluster)) { set({ stations }); fetchClusters(); }
  }
  if (about?.federation && (isShown("federation") || state.layer === "states")) await fetchServer();
  if (state.layer !== "states") return;
  if (layer("states").there()) recolour();
  else set({ layer: FIRST_LAYER });
}

let about = null;

function startFinding() {
  const input = $("find");
  input.addEventListener("input", () => {
    if (!state.stations) return;
    const low = input.value.trim().toLowerCase();
    const found = low ? [...state.stations.station.keys()].filter((place) => name(place).toLowerCase().includes(low)).slice(0, 20) : [];
    fill($("found"), found.map((place) => el("option", { value: name(place) })));
    const exact = found.find((place) => name(place).toLowerCase() === low || state.stations.station[place].toLowerCase() === low);
    if (exact !== undefined) choose(exact);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && $("found").options.length) {
      choose([...state.stations.station.keys()].find((place) => name(place) === $("found").options[0].value));
    }
  });
}

function choose(place) {
  set({ selected: place });
  map.show(place);
  say(`${name(place)} ${valueOf(place)}`);
}

function startMapButtons() {
  const act = (id, change) => $(id).addEventListener("click", () => { change(); map.draw(); });
  act("zoom-in", () => map.view.zoom(1.4));
  act("zoom-out", () => map.view.zoom(1 / 1.4));
  act("zoom-fit", () => map.view.fit(map.places));
}

async function start() {
  startTheme();
  addTab("station", "Station", drawStation);
  addTab("federation", "Federation", drawFederation);
  addTab("clusters", "Clusters", drawClusters);
  addTab("alerts", "Alerts", drawAlerts);
  addTab("maintain", "Maintain", drawMaintain);
  addTab("whatif", "What if", drawWhatIf);
  addTab("table", "Table", drawTable);
  addTab("files", "Files", drawFiles);
  showTab("station");
  startTimeline();
  startFinding();
  startMapButtons();
  handle(map, $("tip"));
  watch("info clusters federation told focus", () => { showAbout(); showLayers(); refresh("clusters", "files", "table", "alerts", "maintain", "whatif"); });
  watch("layer info clusters difference risk alerts focus", showLayer);
  watch("theme", showLayer);
  watch("step", () => { recolour(); followTime(); });
  watch("step layer", () => refreshSoon());
  watch("selected", () => {
    map.selected = state.selected;
    map.draw();
    if (state.selected >= 0 && !["table", "alerts", "maintain", "whatif"].some(isShown)) showTab("station");
    fetchStation();
    refresh("table", "whatif");
  });
  $("run").addEventListener("change", () => open($("run").value));
  window.addEventListener("hashchange", followAddress);
  try {
    about = await get("/api/about");
    set({ arriving: about.arriving });
    const runs = await get("/api/runs");
    fill($("run"), runs.map((run) => el("option", { value: run.key }, `${run.key}${run.finished ? "" : run.error ? " (damaged)" : " (on its way)"}`)));
    const asked = runOfAddress();
    const first = runs.find(({ key }) => key === asked) ?? runs.find(({ error }) => !error) ?? runs[0];
    if (!first) { notice("There are no runs."); return; }
    $("run").value = first.key;
    await open(first.key);
    if (asked && asked !== first.key && $("notice").hidden) notice(noRun(asked));
  } catch (error) { notice(error.message); }
  setInterval(lookAgain, LIVE_MS);
  startFollowing();
}

const noRun = (run) => `There is no run ${run}.`;

const runOfAddress = () => new URLSearchParams(location.hash.slice(1)).get("run");

/** Show the run that a changed address names, if it is one of the list. */
function followAddress() {
  const run = runOfAddress();
  if (run === state.run) return;
  if ([...$("run").options].some(({ value }) => value === run)) { $("run").value = run; open(run); }
  else notice(noRun(run));
}

let later = 0;

/** The table, the files and the alerts depend on the time; they follow it when it has stood still for a moment. */
function refreshSoon() {
  clearTimeout(later);
  later = setTimeout(() => refresh("table", "files", "alerts"), 200);
}

window.vhtwin = { map, state, set };
start();
