// The page "Try it": a photograph or the camera, segmented before and after adaptation.
import { Segmenter, overlay } from "./segment.js";

const here = new URL(".", import.meta.url);
const place = document.querySelector("#try");
const say = (text) => (place.querySelector(".try-said").textContent = text);
const panels = { before: null, after: null };
let ort, image, stream, running, queue = Promise.resolve();
window.dagenTry = { masks: {}, ready: false };

place.hidden = false;
try {
  ort = await import(new URL("ort.wasm.bundle.min.mjs", here));
  ort.env.wasm.numThreads = 1; // more need headers that a plain server does not send
  ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", here).href };
  for (const which of ["before", "after"]) {
    const given = place.dataset[which];
    if (given) await take(which, new Uint8Array(await (await fetch(new URL(given, here))).arrayBuffer()));
  }
  window.dagenTry.ready = true;
  say(panels.after ? "Choose a photograph, or use the camera." : "Choose an exported network first.");
} catch (error) {
  say(
    location.protocol === "file:"
      ? "Browsers run this page from a server only: python -m http.server --directory site"
      : `This browser cannot run it: ${error.message}`,
  );
}

async function take(which, bytes) {
  panels[which] = await Segmenter.open(ort, bytes);
  const figure = place.querySelector(`.try-${which}`);
  figure.hidden = false;
  const { model, classes, colours, background, precision } = panels[which].facts;
  figure.querySelector(".try-name").textContent =
    `${model}, ${precision}, ${bytes.length.toLocaleString("en")} bytes`;
  figure.querySelector(".try-legend").replaceChildren(
    ...classes.slice(background === false ? 0 : 1).map((name, k) => {
      const [item, spot] = [document.createElement("li"), document.createElement("span")];
      spot.style.background = `rgb(${colours[k + (background === false ? 0 : 1)].join()})`;
      item.append(spot, name);
      return item;
    }),
  );
}

// One image after the other, whoever asks.
function segment() {
  queue = queue.then(show).catch((error) => say(`It failed: ${error.message}`));
  return queue;
}

async function show() {
  if (!image) return;
  const shown = image;
  for (const [which, network] of Object.entries(panels)) {
    if (!network) continue;
    const found = await network.mask(shown);
    window.dagenTry.masks[which] = found;
    const canvas = place.querySelector(`.try-${which} canvas`);
    [canvas.width, canvas.height] = [shown.width, shown.height];
    const { colours, background } = network.facts;
    canvas.getContext("2d").putImageData(overlay(shown, found.mask, colours, background !== false), 0, 0);
    const least = background === false ? 0 : 1;
    const marked = found.mask.reduce((sum, kind) => sum + (kind >= least), 0) / found.mask.length;
    place.querySelector(`.try-${which} .try-time`).textContent =
      `${found.milliseconds.toFixed(0)} ms, ${(100 * marked).toFixed(1)} % of the pixels marked`;
  }
  if (!running) say(panels.after || panels.before ? "" : "Choose an exported network first.");
}

function draw(source, width, height) {
  const scale = Math.min(1, 1024 / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  image = context.getImageData(0, 0, canvas.width, canvas.height);
}

async function open(file) {
  stop();
  try {
    const bitmap = await createImageBitmap(file);
    draw(bitmap, bitmap.width, bitmap.height);
  } catch {
    return say(`${file.name} is no picture that this browser can read; take a JPEG or PNG file.`);
  }
  say("Working …");
  await segment();
}

async function network(which, file) {
  try {
    await take(which, new Uint8Array(await file.arrayBuffer()));
  } catch (error) {
    return say(`${file.name}: ${error.message}.`);
  }
  say(image ? "Working …" : "Choose a photograph, or use the camera.");
  await segment();
}

function stop() {
  running = false;
  stream?.getTracks().forEach((track) => track.stop());
  stream = undefined;
  place.querySelector(".try-camera").textContent = "Use the camera";
}

async function camera() {
  if (stream) return stop();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return say("There is no camera, or this page may not use it.");
  }
  place.querySelector(".try-camera").textContent = "Stop the camera";
  const video = document.createElement("video");
  [video.srcObject, video.muted, video.playsInline] = [stream, true, true];
  await video.play();
  running = true;
  say("");
  while (running) {
    draw(video, video.videoWidth, video.videoHeight);
    await segment();
    await new Promise(requestAnimationFrame);
  }
}

// The first of the chosen files; the same file may be chosen again, changed meanwhile.
function chosen({ target }) {
  const [file] = target.files;
  target.value = "";
  return file;
}

place.querySelector(".try-photo").addEventListener("change", (event) => {
  const file = chosen(event);
  if (file) open(file);
});
for (const which of ["before", "after"]) {
  place.querySelector(`.try-net-${which}`).addEventListener("change", (event) => {
    const file = chosen(event);
    if (file) network(which, file);
  });
}
place.querySelector(".try-camera").addEventListener("click", camera);
const drop = place.querySelector(".try-drop");
for (const kind of ["dragover", "dragenter"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) (file.name.endsWith(".onnx") ? network("after", file) : open(file));
});
