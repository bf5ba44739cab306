// The time: a slider over all steps, with the load of the whole network above it, and play.

import { $, clock } from "./dom.js";
import { set, state, watch } from "./state.js";

let playing = 0;

export function startTimeline() {
  const slider = $("step");
  slider.addEventListener("input", () => set({ step: Number(slider.value) }));
  $("play").addEventListener("click", () => (playing ? stop() : play()));
  $("back").addEventListener("click", () => go(state.step - 1));
  $("forth").addEventListener("click", () => go(state.step + 1));
  watch("step", show);
  watch("info theme", () => { slider.max = Math.max((state.info?.times.length ?? 1) - 1, 0); show(); spark(); });
  new ResizeObserver(spark).observe($("spark"));
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) $("speed").value = "2";
}

function go(step) {
  const last = state.info.times.length - 1;
  set({ step: Math.min(Math.max(step, 0), Math.max(last, 0)) });
}

function show() {
  const time = clock(state.info?.times[state.step]);
  const slider = $("step");
  slider.value = state.step;
  slider.setAttribute("aria-valuetext", time);
  $("time").textContent = time || "no series here";
  $("timeline").querySelectorAll("button, input, select").forEach((each) => { each.disabled = !state.info?.times.length; });
}

function play() {
  $("play").textContent = "❚❚";
  $("play").setAttribute("aria-pressed", "true");
  let before = performance.now();
  let gathered = 0;
  const tick = (now) => {
    gathered += ((now - before) / 1000) * Number($("speed").value);
    before = now;
    const steps = Math.floor(gathered);
    gathered -= steps;
    if (steps) {
      const last = state.info.times.length - 1;
      set({ step: state.step >= last ? state.info.stream[0] : Math.min(state.step + steps, last) });
    }
    playing = requestAnimationFrame(tick);
  };
  playing = requestAnimationFrame(tick);
}

export function stop() {
  cancelAnimationFrame(playing);
  playing = 0;
  $("play").textContent = "▶";
  $("play").setAttribute("aria-pressed", "false");
}

/** The load of the whole network over time; the stream on a ground of its own. */
function spark() {
  const canvas = $("spark");
  const total = state.info?.total ?? [];
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  const pen = canvas.getContext("2d");
  pen.scale(devicePixelRatio, devicePixelRatio);
  if (!total.length) return;
  const style = getComputedStyle(canvas);
  const [low, high] = [Math.min(...total), Math.max(...total)];
  const across = (step) => (step / Math.max(total.length - 1, 1)) * (width - 12) + 6;
  const [first, end] = state.info.stream;
  pen.fillStyle = style.getPropertyValue("--hover");
  pen.fillRect(across(first), 0, across(end - 1) - across(first), height);
  pen.beginPath();
  total.forEach((value, step) => {
    const down = height - 2 - ((value - low) / (high - low || 1)) * (height - 4);
    if (step) pen.lineTo(across(step), down); else pen.moveTo(across(step), down);
  });
  pen.strokeStyle = style.getPropertyValue("--quiet");
  pen.stroke();
}
