// Layers over time: a day of steps at a time, as 32-bit floats, fetched when wanted and ahead of that.

import { getFloats, ofRun } from "./api.js";

const CHUNK = 24;
const WHOLE = 64e6; // bytes up to which a layer is fetched whole, in the background

export class Frames {
  constructor(run, layer, steps, stations, arrived) {
    Object.assign(this, { run, layer, steps, stations, arrived });
    this.chunks = new Map();
    this.refusal = "";
    this.whole = false; // whether all of it has been fetched
  }

  /** The values of all stations at `step`, or null until they have come. */
  at(step) {
    const chunk = Math.floor(step / CHUNK);
    const found = this.chunks.get(chunk);
    if (!found) this.fetch(chunk);
    if ((chunk + 1) * CHUNK < this.steps) this.fetch(chunk + 1);
    if (!(found instanceof Float32Array)) return null;
    const begin = (step - chunk * CHUNK) * this.stations;
    return found.subarray(begin, begin + this.stations);
  }

  async fetch(chunk) {
    if (this.chunks.has(chunk) || this.refusal) return;
    this.chunks.set(chunk, "on its way");
    try {
      const path = `/frames?layer=${this.layer}&first=${chunk * CHUNK}&count=${CHUNK}`;
      this.chunks.set(chunk, await getFloats(ofRun(this.run, path)));
    } catch (error) {
      this.chunks.delete(chunk);
      this.refusal = error.message;
    }
    this.arrived();
  }

  /** Fetch all of it, one chunk after the other, unless it is too large. */
  async fetchAll() {
    if (this.steps * this.stations * 4 > WHOLE) return;
    for (let chunk = 0; chunk * CHUNK < this.steps && !this.refusal; chunk += 1) await this.fetch(chunk);
    this.whole = !this.refusal;
  }
}
