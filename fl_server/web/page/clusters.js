// Clusters, and when stations were parted anew.

import { get, ofRun } from "./api.js";
import { clusterColour } from "./colours.js";
import { el, figure, fill, table } from "./dom.js";
import { set, state } from "./state.js";
import { refresh } from "./tabs.js";

let known = null;

export async function fetchClusters() {
  const { run } = state;
  try { known = await get(ofRun(run, "/clusters")); } catch (error) { known = { refusal: error.message, clusters: [] }; }
  if (run === state.run) { set({ clusters: known.clusters }); refresh("clusters"); }
}

export function drawClusters(box) {
  if (!known) { fill(box, el("p", { className: "empty" }, "reading…")); return; }
  if (known.refusal) { fill(box, el("p", { className: "empty" }, known.refusal)); return; }
  const quality = known.quality;
  fill(box,
    el("h2", {}, "Clusters"),
    quality ? el("p", { className: "quiet" }, `modularity ${figure(quality.modularity)}, largest ${figure(quality.largest_share * 100)} %, `
      + `${quality.singletons} alone`) : null,
    table("Errors of each cluster’s twin, z-scored, along the stream", [["cluster"], ["stations"], ["V: MSE"], ["H: MSE"], ["H: MAE"], ["", "words"]],
      known.clusters.map(row)),
    changes());
}

function row({ cluster, stations, v, h }) {
  const swatch = el("span", { className: "swatch", "aria-hidden": "true" });
  swatch.style.background = cluster ? clusterColour(cluster) : "transparent";
  const alone = state.focus === cluster;
  const show = el("button", { type: "button", onclick: () => set({ layer: "cluster", focus: alone ? 0 : cluster }),
    "aria-pressed": String(alone), "aria-label": `Show cluster ${cluster} alone on the map` }, alone ? "all" : "alone");
  return [el("span", {}, swatch, cluster ? String(cluster) : "none yet"), figure(stations), figure(v?.mse), figure(h?.mse), figure(h?.mae), show];
}

/** Every segmentation is a turn whose row says how far it agrees with the one before. */
function changes() {
  const rows = (state.federation?.history ?? []);
  const parted = rows.filter((each, place) => each.stability !== null || (place > 0 && each.clusters !== rows[place - 1].clusters));
  if (!parted.length) return el("p", { className: "note" }, "The stations were parted once.");
  return table("When they were parted anew; agreement 1: nobody moved",
    [["in"], ["turn"], ["clusters"], ["agreement with the one before"]],
    parted.map((each) => [each.stage === "vertical" ? "V-twinning" : "H-twinning", figure(each.turn), figure(each.clusters), figure(each.stability)]));
}
