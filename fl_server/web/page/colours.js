// Colours of values: scales that colour-blind people can read, and a legend of each.

import { state } from "./state.js";

const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];
const BLUE_ORANGE = ["#1f5fa8", "#4f8fc6", "#92bbdc", "#c9d5dd", "#cfcfcf", "#e6cfb4", "#eeae6c", "#d97f22", "#a85200"];
const ON_DARK = ["#8fd0ff", "#5aa7e8", "#3577b5", "#2b4a68", "#343d46", "#5f4325", "#a4631d", "#e59433", "#ffc27a"];
const CLUSTERS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c00", "#6a4fb0", "#7a7a7a", "#a0522d"];
export const BINS = 49; // odd, so that nothing has a colour of its own in the middle
export const STATES = {
  training: "#0072b2", answered: "#56b4e9", waiting: "#8a8f96", asleep: "#6a4fb0", away: "#e69f00", lost: "#d55e00",
};

const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

function ramp(anchors) {
  return Array.from({ length: BINS }, (_, bin) => {
    const at = (bin / (BINS - 1)) * (anchors.length - 1);
    const low = Math.min(Math.floor(at), anchors.length - 2);
    const [one, other] = [parts(anchors[low]), parts(anchors[low + 1])];
    return `rgb(${one.map((value, i) => Math.round(value + (other[i] - value) * (at - low))).join(" ")})`;
  });
}

const SEQUENTIAL = ramp(CIVIDIS);
const DIVERGING = { light: ramp(BLUE_ORANGE), dark: ramp(ON_DARK) }; // what is as usual is near the ground

/** Values from `low` to `high` on a scale; with `log` their logarithms are. */
export function sequential(low, high, log = false) {
  const [from, to] = log ? [Math.log(low), Math.log(high)] : [low, high];
  const factor = (BINS - 1) / Math.max(to - from, 1e-12);
  return {
    colours: SEQUENTIAL, low, high, log,
    bin: (value) => clamp(((log ? Math.log(Math.max(value, 1e-30)) : value) - from) * factor),
  };
}

/** Values from -size to size, nothing in the middle. */
export function diverging(size) {
  return { colours: DIVERGING[state.theme], low: -size, high: size, log: false, bin: (value) => clamp(((value + size) / (2 * size)) * (BINS - 1)) };
}

export function clusters(count) {
  const colours = Array.from({ length: Math.max(count, 1) }, (_, place) => CLUSTERS[place % CLUSTERS.length]);
  return { colours, count, bin: (value) => (value > 0 ? (value - 1) % colours.length : 0) };
}

export function states() {
  return { colours: Object.values(STATES), names: Object.keys(STATES), bin: (value) => value };
}

const clamp = (value) => (value > 0 ? Math.min(value, BINS - 1) | 0 : 0);
export const clusterColour = (number) => CLUSTERS[(number - 1) % CLUSTERS.length];
