"use strict";

const PORTIONS = 12;  // in which classes and domains are drawn in turn, so that none lies on top

/** One network's map. */
class Panel {
  constructor(canvas, network, zoom) {
    this.canvas = canvas;
    this.network = network;
    this.zoom = zoom;
    this.places = data.points.places[network];
  }

  /** Choose the points that are shown; returns how many. */
  filter(filter) {
    this.colour = filter.colour;
    this.visible = [];
    for (let point = 0; point < data.points.count; point += 1) {
      if (filter.passes(this.network, point)) this.visible.push(point);
    }
    this.grid = new Grid(this.places, this.visible);
    return this.visible.length;
  }

  /** Where a point stands on the canvas, 0 to 1; outside that range it is out of sight. */
  spot(point) {
    const { left, top, scale } = this.zoom;
    return [(this.places[2 * point] / 65535 - left) * scale,
      (this.places[2 * point + 1] / 65535 - top) * scale];
  }

  /** The visible point below a place on the canvas, each 0 to 1; -1 for none. */
  at(x, y) {
    const { left, top, scale } = this.zoom;
    const reach = 14 / this.canvas.clientWidth / scale;
    return this.grid.nearest(x / scale + left, y / scale + top, reach);
  }

  draw(chosen) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(width / data.aspect);
    if (this.canvas.width !== width) Object.assign(this.canvas, { width, height });
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    pen.globalAlpha = 0.8;
    const size = this.radius() * ratio;
    pen.lineWidth = 1.1 * ratio;
    const colours = this.colours();
    for (let portion = 0; portion < PORTIONS; portion += 1) {
      const paths = new Map();
      for (let k = portion; k < this.visible.length; k += PORTIONS) {
        const point = this.visible[k];
        const [left, top] = this.spot(point);
        const x = left * width, y = top * height;
        if (x < -size || y < -size || x > width + size || y > height + size) continue;
        const domain = data.points.domain[point];
        const key = `${domain} ${colours(point)}`;
        if (!paths.has(key)) paths.set(key, new Path2D());
        mark(paths.get(key), domain, x, y, size);
      }
      // Source filled, target open: told apart without any colour.
      for (const [key, path] of paths) {
        pen.fillStyle = pen.strokeStyle = key.slice(2);
        if (key[0] === "0") pen.fill(path); else pen.stroke(path);
      }
    }
    if (chosen >= 0) this.ring(pen, chosen, width, height, ratio);
  }

  radius() {
    const crowd = Math.min(1, Math.sqrt(2500 / Math.max(1, this.visible.length)));
    const room = Math.min(1.3, Math.max(0.7, this.canvas.clientWidth / 500));
    return (1.4 + 1.8 * crowd) * room * Math.min(2.2, Math.sqrt(this.zoom.scale));
  }

  /** From a point to its colour. */
  colours() {
    const { label, domain, answers } = data.points;
    const style = getComputedStyle(document.documentElement);
    const named = (...names) => names.map((name) => style.getPropertyValue(name).trim());
    const domains = named("--source", "--target"), verdicts = named("--wrong", "--right");
    if (this.colour === "domain") return (point) => domains[domain[point]];
    if (this.colour === "class") return (point) => data.colours[label[point]] ?? data.noLabel;
    return (point) => !hasLabel(point) ? data.noLabel : verdicts[Number(answers[this.network][point] === label[point])];
  }

  ring(pen, point, width, height, ratio) {
    const [left, top] = this.spot(point);
    const style = getComputedStyle(document.documentElement);
    pen.globalAlpha = 1;
    for (const [line, name] of [[5, "--ground"], [2.5, "--text"]]) {
      pen.beginPath();
      pen.arc(left * width, top * height, 9 * ratio, 0, 2 * Math.PI);
      pen.lineWidth = line * ratio;
      pen.strokeStyle = style.getPropertyValue(name);
      pen.stroke();
    }
  }
}

function mark(path, domain, x, y, size) {
  if (domain === 0) {
    path.moveTo(x + size, y);
    path.arc(x, y, size, 0, 2 * Math.PI);
  } else {
    const r = 1.25 * size;
    path.moveTo(x, y - r);
    path.lineTo(x + 0.9 * r, y + 0.65 * r);
    path.lineTo(x - 0.9 * r, y + 0.65 * r);
    path.closePath();
  }
}
