"use strict";

/** The page's data: points as typed arrays, pictures as encoded images. */
const data = (() => {
  const read = JSON.parse(document.getElementById("data").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const words = (text) => new Uint16Array(bytes(text).buffer);
  const points = read.points;
  return {
    ...read,
    points: {
      count: points.count,
      domain: bytes(points.domain), label: bytes(points.label),
      picture: words(points.picture), x: words(points.x), y: words(points.y),
      places: points.places.map(words),  // x, y, x, y ... in 1/65535 of a map's width and height
      answers: points.answers.map(bytes),
      confidence: points.confidence.map(bytes),
    },
  };
})();

/** Whether the true class of a point is known: the target may have no labels. */
const hasLabel = (point) => data.points.label[point] < data.classes.length;

/** Which points a map shows: by class, by domain, by its network's answer. */
class Filter {
  constructor(form) {
    const ticked = (name) => [...form.querySelectorAll(`[name=${name}]`)].map((box) => box.checked);
    this.classes = ticked("class");
    this.domains = ticked("domain");
    [this.right, this.wrong] = ticked("answer");
    this.changed = ticked("changed")[0] || false;
    this.colour = form.elements.colour.value;
  }

  passes(network, point) {
    const { label, domain, answers } = data.points;
    if (!this.domains[domain[point]]) return false;
    if (hasLabel(point)) {
      if (!this.classes[label[point]]) return false;
      if (!(answers[network][point] === label[point] ? this.right : this.wrong)) return false;
    }
    return !this.changed || answers.some((answer) => answer[point] !== answers[0][point]);
  }
}

/** The part of the maps that is seen, the same for all: a square of side 1 / scale. */
class Zoom {
  constructor() { this.reset(); }
  reset() { this.scale = 1; this.left = 0; this.top = 0; }

  /** Magnify, leaving the place (x, y), each 0 to 1 across the canvas, where it is. */
  by(factor, x = 0.5, y = 0.5) {
    const before = this.scale;
    this.scale = Math.min(40, Math.max(1, before * factor));
    this.left += x / before - x / this.scale;
    this.top += y / before - y / this.scale;
    this.keepInside();
  }

  move(dx, dy) { this.left -= dx / this.scale; this.top -= dy / this.scale; this.keepInside(); }

  keepInside() {
    const most = 1 - 1 / this.scale;
    this.left = Math.min(most, Math.max(0, this.left));
    this.top = Math.min(most, Math.max(0, this.top));
  }
}

/** Visible points by place, so that the one below a pointer is found among 20,000 at once. */
class Grid {
  static SIDE = 64;

  constructor(places, visible) {
    this.places = places;
    this.cells = new Map();
    for (const point of visible) {
      const key = this.key(Grid.cell(places[2 * point]), Grid.cell(places[2 * point + 1]));
      if (!this.cells.has(key)) this.cells.set(key, []);
      this.cells.get(key).push(point);
    }
  }

  static cell(place) { return Math.min(Grid.SIDE - 1, Math.floor(place / 65536 * Grid.SIDE)); }
  key(column, row) { return row * Grid.SIDE + column; }

  /** The point nearest to (x, y), each 0 to 1, within `reach` of the width; -1 for none. */
  nearest(x, y, reach) {
    const [low, high] = [-reach, reach].map((r) => [x + r, y + r * data.aspect].map((v) =>
      Grid.cell(Math.min(65535, Math.max(0, v * 65535)))));
    let best = -1, least = reach * reach;
    for (let row = low[1]; row <= high[1]; row += 1) {
      for (let column = low[0]; column <= high[0]; column += 1) {
        for (const point of this.cells.get(this.key(column, row)) || []) {
          const dx = this.places[2 * point] / 65535 - x;
          const dy = (this.places[2 * point + 1] / 65535 - y) / data.aspect;
          const far = dx * dx + dy * dy;
          if (far <= least) { best = point; least = far; }
        }
      }
    }
    return best;
  }

  /** The nearest point in a direction, mostly straight ahead; -1 where there is none. */
  towards(from, dx, dy) {
    let best = -1, least = Infinity;
    for (const points of this.cells.values()) {
      for (const point of points) {
        const x = data.aspect * (this.places[2 * point] - this.places[2 * from]);
        const y = this.places[2 * point + 1] - this.places[2 * from + 1];
        const ahead = x * dx + y * dy, aside = Math.abs(x * dy - y * dx);
        if (ahead <= 0 || aside > ahead) continue;
        const cost = ahead + 2 * aside;
        if (cost < least) { best = point; least = cost; }
      }
    }
    return best;
  }
}
