// Which part of the plane a canvas shows: its scale in pixels a km and the point in its middle.

const FOOT = 110; // pixels below, where the legend stands

export class View {
  constructor() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.width = 1;
    this.height = 1;
  }

  fit(places) {
    const { scale, x, y } = this.fitting(places);
    Object.assign(this, { scale, x, y, least: scale / 4, most: Math.max(scale * 200, 400) });
  }

  /** The scale, and the point in the middle, at which all places are shown. */
  fitting(places) {
    const { left, right, top, bottom } = places.box;
    const foot = Math.min(FOOT, this.height / 4);
    const [wide, high] = [Math.max(right - left, 0.5), Math.max(bottom - top, 0.5)];
    const [across, down] = [Math.max(this.width - 60, this.width / 2), Math.max(this.height - 40 - foot, this.height / 2)];
    const scale = Math.min(across / wide, down / high);
    return { scale, x: (left + right) / 2, y: (top + bottom) / 2 + (foot / 2 - 10) / scale };
  }

  /** Take another size: what was shown stays so, as near to the whole and as far from its middle as it was. */
  resize(width, height, places) {
    const { scale, x, y } = this.fitting(places);
    const before = { closer: this.scale / scale, right: this.x - x, down: this.y - y };
    Object.assign(this, { width, height });
    this.fit(places);
    this.scale = Math.min(Math.max(this.scale * before.closer, this.least), this.most);
    this.x += before.right;
    this.y += before.down;
  }

  across(x) { return (x - this.x) * this.scale + this.width / 2; }
  down(y) { return (y - this.y) * this.scale + this.height / 2; }
  plane(across, down) {
    return [(across - this.width / 2) / this.scale + this.x, (down - this.height / 2) / this.scale + this.y];
  }

  move(across, down) {
    this.x -= across / this.scale;
    this.y -= down / this.scale;
  }

  /** Zoom so that the point at these pixels stays where it is. */
  zoom(factor, across = this.width / 2, down = this.height / 2) {
    const [x, y] = this.plane(across, down);
    this.scale = Math.min(Math.max(this.scale * factor, this.least), this.most);
    this.x = x - (across - this.width / 2) / this.scale;
    this.y = y - (down - this.height / 2) / this.scale;
  }

  /** A round number of km that is about 100 pixels long. */
  get bar() {
    const wanted = 100 / this.scale;
    const power = 10 ** Math.floor(Math.log10(wanted));
    return [5, 2, 1].map((times) => times * power).find((km) => km <= wanted) ?? power;
  }
}
