// Where stations are, in km, and which is nearest to a point: a grid of cells with a few stations each.

const KM = 111.2;

export class Places {
  constructor(longitude, latitude) {
    const count = longitude.length;
    const middle = latitude.reduce((sum, value) => sum + value, 0) / Math.max(count, 1);
    const shrunk = Math.cos((middle * Math.PI) / 180) * KM;
    this.x = Float64Array.from(longitude, (value) => value * shrunk);
    this.y = Float64Array.from(latitude, (value) => -value * KM);
    this.count = count;
    this.box = { left: min(this.x), right: max(this.x), top: min(this.y), bottom: max(this.y) };
    const [wide, high] = [this.box.right - this.box.left, this.box.bottom - this.box.top];
    this.spacing = Math.sqrt(Math.max(wide * high, 1e-6) / Math.max(count, 1)) || 1;
    this.cell = Math.max(this.spacing * 1.5, wide / 400, high / 400, 1e-6);
    this.columns = Math.floor(wide / this.cell) + 1;
    this.cells = new Map();
    for (let place = 0; place < count; place += 1) {
      const key = this.key(this.x[place], this.y[place]);
      if (this.cells.has(key)) this.cells.get(key).push(place);
      else this.cells.set(key, [place]);
    }
  }

  key(x, y) {
    return Math.floor((y - this.box.top) / this.cell) * this.columns + Math.floor((x - this.box.left) / this.cell);
  }

  /** The station nearest to (x, y), at most `reach` km away, or -1. */
  nearest(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    const cells = Math.ceil(reach / this.cell);
    if (cells > 60) return -1;
    for (let down = -cells; down <= cells; down += 1) {
      for (let right = -cells; right <= cells; right += 1) {
        const cx = x + right * this.cell;
        if (cx < this.box.left - this.cell || cx > this.box.right + this.cell) continue;
        for (const place of this.cells.get(this.key(cx, y + down * this.cell)) ?? []) {
          const far = (this.x[place] - x) ** 2 + (this.y[place] - y) ** 2;
          if (far < least) { least = far; best = place; }
        }
      }
    }
    return best;
  }

  /** The nearest station to another in a direction, within 50 degrees of it, or that station itself. */
  towards(from, right, down) {
    let best = from;
    let least = Infinity;
    for (let place = 0; place < this.count; place += 1) {
      const [dx, dy] = [this.x[place] - this.x[from], this.y[place] - this.y[from]];
      const along = dx * right + dy * down;
      const across = Math.abs(dx * down) + Math.abs(dy * right);
      if (along <= 0 || across > along * 1.2) continue;
      const far = along + 2 * across;
      if (far < least) { least = far; best = place; }
    }
    return best;
  }
}

const min = (values) => values.reduce((least, value) => Math.min(least, value), Infinity);
const max = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);
