// Elements and figures. Whatever a set says of its stations reaches the page as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties, listeners (on…), attributes and children; strings become text. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && !name.startsWith("aria")) made[name] = value;
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

/** Say something to those who listen to the page. */
export function say(words) {
  $("say").textContent = words;
}

/** A button; while it is `off` it does nothing, but keeps the focus of whoever has pressed it. */
export function button(words, act, { off = false, ...properties } = {}) {
  return el("button", { type: "button", "aria-disabled": off ? "true" : null, onclick: (event) => { if (off) event.preventDefault(); else act?.(event); }, ...properties }, words);
}

/** A figure with about three digits: 1.23 M, 1,234, 12.3, 0.00123. */
export function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3)).toLocaleString("en")} M`;
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size === 0) return "0";
  return size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** A share as a percentage, with its sign where that is wanted; the figure and its sign stay together. */
export const percent = (share, signed = false) => `${signed && share > 0 ? "+" : ""}${figure(100 * share)}\u00a0%`;

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let place = 0;
  while (count >= 1000 && place < units.length - 1) { count /= 1000; place += 1; }
  return `${Number(count.toPrecision(3))} ${units[place]}`;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** A wall-clock time of the data, such as 2013-11-29T12:00, with its day. */
export function clock(time) {
  if (!time) return "";
  const day = new Date(`${time.slice(0, 10)}T00:00Z`).getUTCDay();
  return `${DAYS[day]} ${time.slice(0, 10)} ${time.slice(11, 16)}`;
}

export const counted = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

/** Figures with their names. */
export function figures(pairs) {
  return el("dl", { className: "figures" }, pairs.map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, String(value)))));
}

/** A table: columns are [name, class or ""], rows hold strings or elements. */
export function table(caption, columns, rows) {
  return el("table", {},
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, columns.map(([name, kind]) => el("th", { scope: "col", className: kind || "" }, name)))),
    el("tbody", {}, rows.map((row) => el("tr", { className: row.kind || "" },
      row.map((cell, place) => el("td", { className: columns[place][1] || "" }, cell))))));
}
