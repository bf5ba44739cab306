// Downloads: tables and points of the time that is shown, the map and the chart as pictures.

import { getBlob, ofRun } from "./api.js";
import { $, clock, el, fill } from "./dom.js";
import { state } from "./state.js";

function store(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = el("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export const storeText = (text, name, kind) => store(new Blob([text], { type: kind }), name);

const safe = (words) => words.replace(/[^\w.-]+/g, "_");

async function fetched(kind, said) {
  try {
    store(await getBlob(ofRun(state.run, `/stations.${kind}?step=${state.step}`)), `${safe(state.run)}.${kind}`);
    said.textContent = "";
  } catch (error) { said.textContent = error.message; }
}

export function drawFiles(box) {
  const said = el("p", { className: "bad", role: "alert" });
  const row = (link, about) => el("div", { className: "row" }, link, el("span", { className: "quiet" }, about));
  const file = (words, about, act) => row(el("button", { type: "button", onclick: act }, words), about);
  const time = clock(state.info?.times[state.step]) || "no time";
  fill(box,
    el("h2", {}, "Downloads"),
    file("CSV", `one line a station, with its load at ${time}`, () => fetched("csv", said)),
    file("GeoJSON", "the same as points, for a GIS", () => fetched("geojson", said)),
    file("PNG", "the map as it is shown", () => $("map").toBlob((blob) => store(blob, `${safe(state.run)}-${state.layer}.png`))),
    row(el("a", { href: "/openapi.json", target: "_blank", rel: "noopener", "aria-label": "API, opens a new tab" }, "API"), "everything here, described for programs; opens a new tab"),
    said);
}
