// The map: stations on a canvas, coloured by bins, drawn bin by bin so that ten thousand take a few ms.

import { Places } from "./places.js";
import { View } from "./view.js";

const NOTHING = 255;

export class StationMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
    this.view = new View();
    this.places = new Places([], []);
    this.bins = new Uint8Array(0);
    this.order = new Uint32Array(0);
    this.starts = [0];
    this.colours = [];
    this.labels = [];
    this.rings = [];
    this.flows = [];
    this.selected = -1;
    this.hovered = -1;
    this.drawn = 0;
    this.painted = 0; // when stations were first seen in colours, in ms of the page
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const sharp = Math.min(window.devicePixelRatio || 1, 2);
    const first = this.view.width <= 1;
    this.canvas.width = width * sharp;
    this.canvas.height = height * sharp;
    this.pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    this.view.resize(width, height, this.places);
    if (first) this.view.fit(this.places);
    this.draw();
  }

  setStations(longitude, latitude) {
    this.places = new Places(longitude, latitude);
    this.bins = new Uint8Array(this.places.count).fill(NOTHING);
    this.order = Uint32Array.from({ length: this.places.count }, (_, place) => place);
    this.starts = [0];
    this.view.fit(this.places);
    this.draw();
  }

  /** Colour stations by `values`, one a station (NaN: none), on `scale`; null: no values are known. */
  colour(values, scale) {
    this.colours = scale.colours;
    const counts = new Uint32Array(scale.colours.length + 1);
    const last = scale.colours.length;
    for (let place = 0; place < this.places.count; place += 1) {
      const value = values ? values[place] : NaN;
      const bin = Number.isNaN(value) ? last : scale.bin(value);
      this.bins[place] = bin;
      counts[bin] += 1;
    }
    this.starts = [0];
    for (const count of counts) this.starts.push(this.starts.at(-1) + count);
    const next = this.starts.slice();
    for (let place = 0; place < this.places.count; place += 1) this.order[next[this.bins[place]]++] = place;
    this.draw();
  }

  /** Draw with the next frame. */
  draw() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.paint();
      this.drawn += 1;
      if (!this.painted && this.starts.length > 2 && this.starts[this.colours.length] > 0) this.painted = performance.now();
    });
  }

  get radius() {
    const apart = this.places.spacing * this.view.scale;
    return apart < 8 ? Math.max(0.52 * apart, 1.6) : Math.min(0.4 * apart + 0.9, 11);
  }

  paint() {
    const { pen, view } = this;
    const style = getComputedStyle(this.canvas);
    pen.fillStyle = style.getPropertyValue("--map");
    pen.fillRect(0, 0, view.width, view.height);
    this.paintGrid(style);
    this.paintFlows(style);
    const radius = this.radius;
    for (let bin = 0; bin < this.starts.length - 1; bin += 1) {
      if (this.starts[bin] === this.starts[bin + 1]) continue;
      const hollow = bin >= this.colours.length;
      pen.fillStyle = hollow ? style.getPropertyValue("--line") : this.colours[bin];
      if (radius < 4.1) this.paintSquares(bin, radius);
      else this.paintDiscs(bin, radius, style);
    }
    this.paintLabels(style);
    this.paintRings(style, radius);
  }

  paintGrid(style) {
    const { pen, view } = this;
    const km = view.bar * 2;
    pen.strokeStyle = style.getPropertyValue("--grid");
    pen.lineWidth = 1;
    pen.beginPath();
    const [left, top] = view.plane(0, 0);
    for (let x = Math.ceil(left / km) * km; view.across(x) < view.width; x += km) {
      pen.moveTo(Math.round(view.across(x)) + 0.5, 0);
      pen.lineTo(Math.round(view.across(x)) + 0.5, view.height);
    }
    for (let y = Math.ceil(top / km) * km; view.down(y) < view.height; y += km) {
      pen.moveTo(0, Math.round(view.down(y)) + 0.5);
      pen.lineTo(view.width, Math.round(view.down(y)) + 0.5);
    }
    pen.stroke();
    const long = view.bar * view.scale;
    const [right, bottom] = [view.width - 14, view.height - 14];
    pen.strokeStyle = pen.fillStyle = style.getPropertyValue("--quiet");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(right - long, bottom - 4);
    pen.lineTo(right - long, bottom);
    pen.lineTo(right, bottom);
    pen.lineTo(right, bottom - 4);
    pen.stroke();
    pen.font = "12px sans-serif";
    pen.textAlign = "right";
    pen.fillText(view.bar >= 1 ? `${view.bar} km` : `${Math.round(view.bar * 1000)} m`, right, bottom - 8);
    pen.fillText("N ↑", view.width - 14, 22);
  }

  paintSquares(bin, radius) {
    const { pen, view, places, order } = this;
    const side = radius * 2;
    for (let at = this.starts[bin]; at < this.starts[bin + 1]; at += 1) {
      const across = view.across(places.x[order[at]]) - radius;
      const down = view.down(places.y[order[at]]) - radius;
      if (across > -side && across < view.width && down > -side && down < view.height) {
        pen.fillRect(across, down, side, side);
      }
    }
  }

  paintDiscs(bin, radius, style) {
    const { pen, view, places, order } = this;
    pen.beginPath();
    for (let at = this.starts[bin]; at < this.starts[bin + 1]; at += 1) {
      const across = view.across(places.x[order[at]]);
      const down = view.down(places.y[order[at]]);
      if (across < -radius || across > view.width + radius || down < -radius || down > view.height + radius) continue;
      pen.moveTo(across + radius, down);
      pen.arc(across, down, radius, 0, 2 * Math.PI);
    }
    pen.fill();
    pen.lineWidth = 0.75;
    pen.strokeStyle = style.getPropertyValue("--quiet");
    pen.stroke();
  }

  /** Lines from stations to those that serve their traffic, thicker for more of it, with a head each. */
  paintFlows(style) {
    const { pen, view, places } = this;
    pen.strokeStyle = pen.fillStyle = style.getPropertyValue("--quiet");
    for (const { from, to, width } of this.flows) {
      const [x1, y1, x2, y2] = [view.across(places.x[from]), view.down(places.y[from]), view.across(places.x[to]), view.down(places.y[to])];
      const long = Math.hypot(x2 - x1, y2 - y1);
      if (long < 6) continue;
      const [right, down] = [(x2 - x1) / long, (y2 - y1) / long];
      const end = Math.max(long - this.radius - 2, 4);
      const head = 4 + width;
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(x1, y1);
      pen.lineTo(x1 + right * (end - head), y1 + down * (end - head));
      pen.stroke();
      pen.beginPath();
      pen.moveTo(x1 + right * end, y1 + down * end);
      pen.lineTo(x1 + right * (end - head) - down * head * 0.6, y1 + down * (end - head) + right * head * 0.6);
      pen.lineTo(x1 + right * (end - head) + down * head * 0.6, y1 + down * (end - head) - right * head * 0.6);
      pen.fill();
    }
  }

  paintLabels(style) {
    const { pen, view } = this;
    pen.font = "600 12px sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const { x, y, words } of this.labels) {
      const [across, down] = [view.across(x), view.down(y)];
      pen.lineWidth = 4;
      pen.strokeStyle = style.getPropertyValue("--sheet");
      pen.strokeText(words, across, down);
      pen.fillStyle = style.getPropertyValue("--text");
      pen.fillText(words, across, down);
    }
    pen.textBaseline = "alphabetic";
  }

  paintRings(style, radius) {
    for (const place of this.rings) this.ring(place, radius + 3, style.getPropertyValue("--bad"), 2);
    if (this.hovered >= 0) this.ring(this.hovered, radius + 3, style.getPropertyValue("--text"), 1.5);
    if (this.selected >= 0) {
      this.ring(this.selected, radius + 5, style.getPropertyValue("--sheet"), 5);
      this.ring(this.selected, radius + 5, style.getPropertyValue("--chosen"), 2.5);
    }
  }

  ring(place, radius, colour, width) {
    const { pen, view, places } = this;
    pen.beginPath();
    pen.arc(view.across(places.x[place]), view.down(places.y[place]), radius, 0, 2 * Math.PI);
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke();
  }

  /** The station at these pixels, or -1. */
  at(across, down) {
    const [x, y] = this.view.plane(across, down);
    return this.places.nearest(x, y, Math.max(this.radius + 4, 10) / this.view.scale);
  }

  /** Bring a station into view if it is not. */
  show(place) {
    const [across, down] = [this.view.across(this.places.x[place]), this.view.down(this.places.y[place])];
    if (across < 30 || down < 30 || across > this.view.width - 30 || down > this.view.height - 30) {
      this.view.x = this.places.x[place];
      this.view.y = this.places.y[place];
    }
    this.draw();
  }
}
