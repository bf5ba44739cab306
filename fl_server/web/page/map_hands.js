// The hands on the map: dragging, the wheel, keys, and what lies under the pointer.

import { el, fill, say } from "./dom.js";
import { valueOf } from "./layers.js";
import { name, set, state } from "./state.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function handle(map, tip) {
  const { canvas } = map;
  const held = new Map();
  let moved = 0;

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, [event.offsetX, event.offsetY]);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    const now = [event.offsetX, event.offsetY];
    if (!before) { hover(event); return; }
    if (held.size === 2) pinch(event.pointerId, now);
    else map.view.move(now[0] - before[0], now[1] - before[1]);
    moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    held.set(event.pointerId, now);
    map.draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    held.delete(event.pointerId);
    if (moved < 5) set({ selected: map.at(event.offsetX, event.offsetY) });
  });
  canvas.addEventListener("pointercancel", (event) => held.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { map.hovered = -1; tip.hidden = true; map.draw(); });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    map.view.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
    map.draw();
  }, { passive: false });
  canvas.addEventListener("keydown", key);

  function pinch(pointer, now) {
    const [other] = [...held].filter(([id]) => id !== pointer).map(([, point]) => point);
    const before = held.get(pointer);
    const far = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
    map.view.zoom(far(now) / far(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  function hover(event) {
    const place = map.at(event.offsetX, event.offsetY);
    if (place !== map.hovered) { map.hovered = place; map.draw(); }
    tip.hidden = place < 0;
    if (place < 0) return;
    fill(tip, el("strong", {}, name(place)), ` ${valueOf(place)}`);
    const left = Math.min(event.offsetX + 14, map.view.width - tip.offsetWidth - 4);
    tip.style.translate = `${Math.max(left, 4)}px ${Math.max(event.offsetY - 34, 4)}px`;
  }

  function key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) map.view.move(-arrow[0] * 60, -arrow[1] * 60);
    else if (arrow) step(arrow);
    else if (event.key === "+" || event.key === "=") map.view.zoom(1.3);
    else if (event.key === "-") map.view.zoom(1 / 1.3);
    else if (event.key === "0") map.view.fit(map.places);
    else if (event.key === "Escape") set({ selected: -1 });
    else return;
    event.preventDefault();
    map.draw();
  }

  function step(arrow) {
    if (!map.places.count) return;
    const from = state.selected;
    const [x, y] = map.view.plane(map.view.width / 2, map.view.height / 2);
    const place = from < 0 ? Math.max(map.places.nearest(x, y, map.places.cell * 50), 0) : map.places.towards(from, ...arrow);
    set({ selected: place });
    map.show(place);
    say(`${name(place)} ${valueOf(place)}`);
  }
}
