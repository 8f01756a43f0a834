"use strict";

/** Image crop, truth and every network's answer around one point. */
class Detail {
  static VIEW = 112;  // side of the crop in pixels of the thumbnail
  static SIDE = 224;  // and of the canvas it is drawn on

  constructor() {
    this.crops = ["image", "truth", ...data.networks].map((title) => this.frame(title));
    this.images = new Map();
    this.shown = -1;
  }

  frame(title) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const canvas = document.createElement("canvas");
    caption.textContent = caption.title = title;
    canvas.width = canvas.height = Detail.SIDE;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${title}, around the chosen point`);
    figure.append(caption, canvas);
    document.getElementById("crops").append(figure);
    return canvas;
  }

  show(point) {
    this.shown = point;
    document.getElementById("hint").hidden = point >= 0;
    document.getElementById("seen").hidden = point < 0;
    if (point < 0) return;
    const { points, pictures, classes, domains } = data;
    const picture = pictures[points.picture[point]];
    const domain = domains[points.domain[point]];
    const scene = picture.scene ? `, ${picture.scene}` : "";
    document.getElementById("where").textContent =
      `${domain.name} (${domain.role}) · ${picture.name}${scene}`;
    const answers = data.networks.map((name, k) => {
      const answer = points.answers[k][point];
      const verdict = answer === points.label[point] ? ", ✓ right" : ", ✗ wrong";
      const sure = Math.round(points.confidence[k][point] / 2.55);
      return `${name}: ${classes[answer]}${hasLabel(point) ? verdict : ""}, ${sure}\u00a0% sure`;
    });
    const lines = [`truth: ${classes[points.label[point]] ?? "no label"}`, ...answers].map((text) => {
      const line = document.createElement("span");
      line.textContent = `${text}. `;
      return line;
    });
    document.getElementById("told").replaceChildren(...lines);
    this.draw(point, picture);
  }

  async draw(point, picture) {
    const photo = this.image("jpeg", picture.photo);
    const layers = [null, picture.truth, ...picture.answers];
    const over = layers.map((png) => png && this.image("png", png));
    await Promise.all([photo, ...over].filter(Boolean).map((image) => image.decode()));
    if (this.shown !== point) return;  // the pointer has moved on
    const x = data.points.x[point] / 65535 * photo.width;
    const y = data.points.y[point] / 65535 * photo.height;
    this.crops.forEach((canvas, k) => this.crop(canvas, photo, over[k], x, y));
  }

  image(kind, text) {
    if (!this.images.has(text)) {
      if (this.images.size > 400) this.images.clear();
      const image = new Image();
      image.src = `data:image/${kind};base64,${text}`;
      this.images.set(text, image);
    }
    return this.images.get(text);
  }

  crop(canvas, photo, over, x, y) {
    const view = Math.min(Detail.VIEW, photo.width, photo.height);
    const left = Math.min(photo.width - view, Math.max(0, x - view / 2));
    const top = Math.min(photo.height - view, Math.max(0, y - view / 2));
    const pen = canvas.getContext("2d"), side = Detail.SIDE, scale = side / view;
    const paint = (image) => pen.drawImage(image, left, top, view, view, 0, 0, side, side);
    pen.imageSmoothingEnabled = true;
    paint(photo);
    if (over) {
      pen.imageSmoothingEnabled = false;
      pen.globalAlpha = 0.6;
      paint(over);
      pen.globalAlpha = 1;
    }
    for (const [width, colour] of [[5, "#000"], [2, "#fff"]]) {
      pen.lineWidth = width;
      pen.strokeStyle = colour;
      pen.beginPath();
      pen.arc((x - left) * scale, (y - top) * scale, 9, 0, 2 * Math.PI);
      pen.stroke();
    }
  }
}

const form = document.getElementById("filters");
const zoom = new Zoom();
const panels = [...document.querySelectorAll("canvas.map")].map((c, k) => new Panel(c, k, zoom));
for (const { canvas } of panels) canvas.style.aspectRatio = data.aspect;
const detail = new Detail();
let chosen = -1, pinned = false, waiting = false;

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const panel of panels) {
      panel.canvas.classList.toggle("zoomed", zoom.scale > 1);
      panel.draw(chosen);
    }
  });
}

function choose(point) {
  if (point === chosen) return;
  chosen = point;
  detail.show(point);
  redraw();
}

function pin(on) {
  pinned = on && chosen >= 0;
  document.getElementById("detail").classList.toggle("pinned", pinned);
}

function refilter() {
  const filter = new Filter(form);
  document.body.dataset.colour = filter.colour;
  const counts = panels.map((panel) => panel.filter(filter));
  const all = data.points.count.toLocaleString("en");
  const told = counts.map((n, k) => `${data.networks[k]} ${n.toLocaleString("en")}`);
  document.getElementById("shown").textContent = `Shown of ${all} points: ${told.join(", ")}`;
  redraw();
}

function place(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEPS = { in: 1.6, out: 1 / 1.6 };

function zoomBy(step) {
  if (step === "reset") zoom.reset(); else zoom.by(STEPS[step]);
  redraw();
}

function onKey(panel, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (arrow) {
    const next = chosen < 0 ? panel.visible[0] ?? -1 : panel.grid.towards(chosen, ...arrow);
    if (next >= 0) { choose(next); pin(true); }
  } else if (event.key === "+" || event.key === "=") zoomBy("in");
  else if (event.key === "-") zoomBy("out");
  else if (event.key === "0") zoomBy("reset");
  else if (event.key === "Escape") { pin(false); choose(-1); }
  else return;
  event.preventDefault();
}

for (const panel of panels) {
  const { canvas } = panel;
  let drag = null, moved = false;
  canvas.addEventListener("pointerdown", (event) => {
    drag = place(canvas, event);
    moved = false;
    if (zoom.scale > 1) canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(canvas, event);
    if (drag && zoom.scale > 1) {
      if (!moved && Math.hypot(x - drag[0], y - drag[1]) * canvas.clientWidth < 4) return;
      zoom.move(x - drag[0], y - drag[1]);
      drag = [x, y];
      moved = true;
      redraw();
    } else if (!pinned) choose(panel.at(x, y));
  });
  canvas.addEventListener("pointerup", () => { drag = null; });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("click", (event) => {
    if (moved) return;
    pin(false);
    choose(panel.at(...place(canvas, event)));
    pin(true);
  });
  canvas.addEventListener("dblclick", (event) => {
    zoom.by(2, ...place(canvas, event));
    redraw();
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;  // the page scrolls
    event.preventDefault();
    zoom.by(Math.exp(-event.deltaY / 300), ...place(canvas, event));
    redraw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => onKey(panel, event));
}
form.addEventListener("change", refilter);
form.addEventListener("submit", (event) => event.preventDefault());
for (const button of form.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => zoomBy(button.dataset.zoom));
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(redraw).observe(document.getElementById("maps"));
const narrow = matchMedia("(max-width: 62rem)");
const fold = () => { document.getElementById("choose").open = !narrow.matches; };
narrow.addEventListener("change", fold);
fold();
refilter();
