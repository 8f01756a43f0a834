// Runs a network that dagen exported, as dagen's own predictor does: the image is scaled until it
// covers the network's input, the logits are enlarged to the image's size, the largest one wins.
// A file of one fixed size gets as many overlapping windows of the image as needed.

const LARGEST = 4; // scored images have at most this many times the pixels of the input

// The metadata of an ONNX file: field 14 of the message, each with key (1) and value (2).
export function metadata(bytes) {
  const found = {};
  for (const [number, part] of fields(bytes)) {
    if (number !== 14) continue;
    const entry = Object.fromEntries(fields(part));
    const text = new TextDecoder();
    found[text.decode(entry[1])] = text.decode(entry[2]);
  }
  return found;
}

// The fields of a protocol-buffers message; numbers are skipped.
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length) throw new Error("the file is cut off");
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const [number, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new Error("the file is cut off");
      yield [number, bytes.subarray(at, at + length)];
      at += length;
    } else throw new Error("it is no ONNX file");
  }
}

// What the page needs to know of a network, or an error in one line.
export function facts(bytes) {
  const told = metadata(bytes);
  if (!told["dagen"] || !told["dagen.export"]) {
    throw new Error("this ONNX file was not written by dagen export");
  }
  const [card, rest] = [JSON.parse(told["dagen"]), JSON.parse(told["dagen.export"])];
  return { ...card, ...rest, size: card.size };
}

function roundEven(x) {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 ? low + 1 : low;
}

export function cover(height, width, [rows, columns], multiple) {
  const limit = Math.sqrt((LARGEST * rows * columns) / (height * width));
  const scale = Math.min(Math.max(rows / height, columns / width), limit);
  const side = (x) => Math.max(multiple, roundEven((x * scale) / multiple) * multiple);
  return [side(height), side(width)];
}

// Where windows begin that cover a length evenly; all are multiples of `multiple`.
export function starts(length, window, multiple) {
  const count = Math.ceil(length / window);
  const spare = (length - window) / multiple;
  return Array.from({ length: count }, (_, i) => multiple * Math.floor((i * spare) / Math.max(1, count - 1)));
}

// For each new pixel along one side: where it begins in the old ones, and the old ones' weights.
function taps(before, after) {
  const step = before / after;
  const found = [];
  for (let k = 0; k < after; k++) {
    if (step >= 1 && before !== after) {
      const [start, end] = [k * step, Math.min((k + 1) * step, before)];
      const first = Math.floor(start + 1e-9);
      const weights = [];
      for (let j = first; j < end - 1e-9; j++) {
        weights.push((Math.min(j + 1, end) - Math.max(j, start)) / (end - start));
      }
      found.push([first, weights]);
    } else {
      const place = Math.max(0, Math.min((k + 0.5) * step - 0.5, before - 1));
      const first = Math.min(Math.floor(place), before - 1);
      const far = first + 1 < before ? place - first : 0;
      found.push([first, far ? [1 - far, far] : [1]]);
    }
  }
  return found;
}

// One plane, (height, width) row by row, at another size: area average or bilinear along each side.
export function resized(plane, height, width, rows, columns) {
  const across = taps(width, columns);
  const half = new Float32Array(height * columns);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < columns; x++) {
      const [first, weights] = across[x];
      let sum = 0;
      for (let j = 0; j < weights.length; j++) sum += weights[j] * plane[y * width + first + j];
      half[y * columns + x] = sum;
    }
  }
  const down = taps(height, rows);
  const out = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    const [first, weights] = down[y];
    for (let j = 0; j < weights.length; j++) {
      const base = (first + j) * columns;
      for (let x = 0; x < columns; x++) out[y * columns + x] += weights[j] * half[base + x];
    }
  }
  return out;
}

export class Segmenter {
  constructor(ort, session, known) {
    [this.ort, this.session, this.facts] = [ort, session, known];
  }

  static async open(ort, bytes) {
    const known = facts(bytes);
    return new Segmenter(ort, await ort.InferenceSession.create(bytes), known);
  }

  // Class ids of an image (ImageData), and the milliseconds that the network took.
  async mask({ data, height, width }) {
    const { size, multiple, input } = this.facts;
    const [rows, columns] = cover(height, width, size, multiple);
    const plain = input === "uint8";
    const pixels = new (plain ? Uint8Array : Float32Array)(3 * rows * columns);
    const plane = new Float32Array(height * width);
    for (let channel = 0; channel < 3; channel++) {
      for (let k = 0; k < plane.length; k++) plane[k] = data[4 * k + channel];
      const small = resized(plane, height, width, rows, columns);
      const base = channel * rows * columns;
      for (let k = 0; k < small.length; k++) {
        const value = Math.min(255, Math.max(0, roundEven(small[k])));
        pixels[base + k] = plain ? value : value / 255;
      }
    }
    const start = performance.now();
    const free = this.facts.dynamic || (rows === size[0] && columns === size[1]);
    const { logits, classes, h, w } = await (free
      ? this.run(pixels, rows, columns)
      : this.windows(pixels, rows, columns));
    const milliseconds = performance.now() - start;
    const best = new Float32Array(height * width).fill(-Infinity);
    const mask = new Uint8Array(height * width);
    for (let kind = 0; kind < classes; kind++) {
      const part = logits.subarray(kind * h * w, (kind + 1) * h * w);
      const large = resized(part, h, w, height, width);
      for (let k = 0; k < mask.length; k++) {
        if (large[k] > best[k]) [best[k], mask[k]] = [large[k], kind];
      }
    }
    return { mask, height, width, milliseconds };
  }

  // The logits (classes, h, w) of an input of the file's type.
  async run(pixels, rows, columns) {
    const kind = this.facts.input === "uint8" ? "uint8" : "float32";
    const image = new this.ort.Tensor(kind, pixels, [1, 3, rows, columns]);
    const { logits } = await this.session.run({ image }, ["logits"]);
    const [, classes, h, w] = logits.dims;
    return { logits: logits.data, classes, h, w };
  }

  // The same of an input of another size than the file's: logits are averaged where windows meet.
  async windows(pixels, rows, columns) {
    const { size, multiple } = this.facts;
    // Only a very long strip is smaller than the input: its edge is repeated.
    const [tall, wide] = [Math.max(rows, size[0]), Math.max(columns, size[1])];
    let sums, times, classes, scale;
    for (const top of starts(tall, size[0], multiple)) {
      for (const left of starts(wide, size[1], multiple)) {
        const window = new pixels.constructor(3 * size[0] * size[1]);
        for (let channel = 0, k = 0; channel < 3; channel++) {
          for (let y = top; y < top + size[0]; y++) {
            const base = (channel * rows + Math.min(y, rows - 1)) * columns;
            for (let x = left; x < left + size[1]; x++) window[k++] = pixels[base + Math.min(x, columns - 1)];
          }
        }
        const out = await this.run(window, ...size);
        if (!sums) {
          [classes, scale] = [out.classes, size[0] / out.h];
          sums = new Float32Array((classes * tall * wide) / scale ** 2);
          times = new Float32Array((tall * wide) / scale ** 2);
        }
        for (let y = 0; y < out.h; y++) {
          for (let x = 0; x < out.w; x++) {
            const place = (top / scale + y) * (wide / scale) + left / scale + x;
            times[place] += 1;
            for (let kind = 0; kind < classes; kind++) {
              sums[kind * times.length + place] += out.logits[(kind * out.h + y) * out.w + x];
            }
          }
        }
      }
    }
    const [h, w] = [rows / scale, columns / scale];
    const logits = new Float32Array(classes * h * w);
    for (let kind = 0, k = 0; kind < classes; kind++) {
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          const place = y * (wide / scale) + x;
          logits[k++] = sums[kind * times.length + place] / times[place];
        }
      }
    }
    return { logits, classes, h, w };
  }
}

// The image with the mask over it, as ImageData.
export function overlay(image, mask, colours, background) {
  const out = new ImageData(new Uint8ClampedArray(image.data), image.width, image.height);
  for (let k = 0; k < mask.length; k++) {
    if (background && mask[k] === 0) continue;
    for (let c = 0; c < 3; c++) {
      out.data[4 * k + c] = 0.45 * image.data[4 * k + c] + 0.55 * colours[mask[k]][c];
    }
  }
  return out;
}
