// All stations as a table: what the map shows, as text.

import { button, clock, counted, el, figure, fill, say } from "./dom.js";
import { layer, valueOf } from "./layers.js";
import { name, set, state } from "./state.js";
import { refresh } from "./tabs.js";

const PAGE = 50;
const OF_TIME = ["load", "share", "missed"]; // layers that go with the time
let [page, key, upwards, wanted] = [0, "place", true, ""];

const COLUMNS = {
  place: { words: "station", value: (place) => place },
  cluster: { words: "cluster", value: (place) => state.stations.cluster[place] },
  now: { words: "value", value: (place) => valuesNow()?.[place] ?? NaN },
  mse: { words: "MSE", value: (place) => state.stations.mse[place] ?? NaN },
  age: { words: "age, h", value: (place) => state.stations.age_hours[place] ?? NaN },
};
const valuesNow = () => layer(state.layer).values();

export function drawTable(box) {
  if (!state.info) { fill(box, el("p", { className: "empty" }, "reading…")); return; }
  const filter = el("input", { type: "search", value: wanted, placeholder: "name or id", oninput: () => {
    wanted = filter.value; page = 0; fillRows(body, foot);
  } });
  const body = el("tbody");
  const foot = el("div", { className: "row" });
  fill(box,
    el("h2", {}, "Stations"),
    el("div", { className: "row" }, el("label", { className: "field" }, el("span", {}, "Only"), filter)),
    el("table", {}, el("caption", {}, `${layer(state.layer).name}: ${layer(state.layer).words()}${OF_TIME.includes(state.layer) ? `; ${clock(state.info.times[state.step])}` : ""}`),
      el("thead", {}, el("tr", {}, Object.entries(COLUMNS).map(header))), body),
    foot);
  fillRows(body, foot);
}

function header([column, { words }]) {
  const order = column === key ? (upwards ? "ascending" : "descending") : "none";
  const mark = column === key ? (upwards ? " ▴" : " ▾") : "";
  return el("th", { scope: "col", "aria-sort": order }, el("button", { type: "button", onclick: () => {
    [upwards, key, page] = [column === key ? !upwards : column === "place", column, 0];
    refresh("table");
  } }, words + mark));
}

function sorted() {
  const low = wanted.trim().toLowerCase();
  const places = [...state.stations.station.keys()].filter((place) => !low || name(place).toLowerCase().includes(low));
  if (key === "place") return upwards ? places : places.reverse();
  const { value } = COLUMNS[key];
  const known = new Map(places.map((place) => [place, value(place)]));
  return places.sort((one, other) => {
    const [a, b] = [known.get(one), known.get(other)];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return upwards ? a - b : b - a;
  });
}

function fillRows(body, foot) {
  const places = sorted();
  const pages = Math.max(Math.ceil(places.length / PAGE), 1);
  page = Math.min(page, pages - 1);
  const { stations, selected } = state;
  fill(body, places.slice(page * PAGE, (page + 1) * PAGE).map((place) => el("tr", { className: place === selected ? "chosen" : "" },
    el("th", { scope: "row" }, el("button", { type: "button", className: "name", onclick: () => set({ selected: place }) }, name(place))),
    el("td", {}, stations.cluster[place] || "–"), el("td", {}, valueOf(place) || "–"),
    el("td", {}, figure(stations.mse[place])), el("td", {}, figure(stations.age_hours[place])))));
  const turn = (by) => () => { page += by; refresh("table"); say(`page ${page + 1} of ${pages}`); };
  fill(foot,
    button("Before", turn(-1), { off: page === 0 }),
    el("span", {}, `page ${page + 1} of ${pages}, ${counted(places.length, "station")}`),
    button("Next", turn(1), { off: page === pages - 1 }));
}
