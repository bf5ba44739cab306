// What the page shows now, and who wants to know when that changes.

export const state = {
  run: "", info: null, stations: null, places: new Map(), step: 0, layer: "load", selected: -1, theme: "light",
  federation: null, told: null, focus: 0, alerts: null, difference: null, risk: null, frames: null, arriving: false,
};

const listeners = [];

/** Call `listener` whenever one of `names` changes. */
export function watch(names, listener) {
  listeners.push([names.split(" "), listener]);
}

/** Change the state, and tell those who watch. */
export function set(changes) {
  const changed = Object.keys(changes).filter((name) => state[name] !== changes[name]);
  Object.assign(state, changes);
  for (const [names, listener] of listeners) {
    if (names.some((name) => changed.includes(name))) listener(changed);
  }
}

export const name = (place) => {
  const { station, name: names } = state.stations;
  return names.length && names[place] ? `${names[place]} (${station[place]})` : station[place];
};
