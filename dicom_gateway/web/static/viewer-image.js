// An image of the viewer: what /instances/UID/pixels sends, in sizes for every zoom, drawn through a table of levels.
// Defines one element property (document.getElementById("viewer").images) and no global name.
(() => {
  "use strict";
  const root = document.getElementById("viewer");
  if (!root) return;
  const KEPT_BYTES = 256 << 20;

  // Maps steps to 0..1 as PS3.3 C.11.2.1.2 and C.11.2.1.3 say.
  const FUNCTIONS = {
    LINEAR: (value, center, width) => (value - (center - 0.5)) / Math.max(width - 1, 1e-6) + 0.5,
    LINEAR_EXACT: (value, center, width) => (value - center) / width + 0.5,
    SIGMOID: (value, center, width) => 1 / (1 + Math.exp((-4 * (value - center)) / width)),
  };

  const levels = (head, view) => {
    const found = new Uint8Array(head.largest + 1);
    const table = view.table && head.table ? Uint8Array.from(atob(head.table), (one) => one.charCodeAt(0)) : null;
    const map = FUNCTIONS[view.function] || FUNCTIONS.LINEAR;
    for (let step = 0; step < found.length; step += 1) {
      const share = table ? table[step] / 255 : map(head.intercept + head.slope * step, view.center, view.width);
      const level = Math.round(255 * Math.min(1, Math.max(0, share)));
      found[step] = view.inverted ? 255 - level : level;
    }
    return found;
  };

  // Half the size: each pixel the average of four; `channels` values a pixel.
  const halved = ({ data, columns, rows }, channels) => {
    const wide = columns >> 1;
    const high = rows >> 1;
    const made = new data.constructor(wide * high * channels);
    const line = columns * channels;
    for (let y = 0, to = 0; y < high; y += 1) {
      for (let x = 0, from = 2 * y * line; x < wide; x += 1, from += 2 * channels) {
        for (let channel = 0; channel < channels; channel += 1, to += 1) {
          const at = from + channel;
          made[to] = (data[at] + data[at + channels] + data[at + line] + data[at + line + channels] + 2) >> 2;
        }
      }
    }
    return { data: made, columns: wide, rows: high };
  };

  class Picture {
    constructor(head, data) {
      this.head = head;
      this.isColour = head.kind === "colour";
      this.sizes = [{ data, columns: head.columns, rows: head.rows }];
      this.bytes = data.byteLength * 1.34;
    }

    // The smallest size that has at least as many pixels as the screen: each of them is `zoom` of the screen's large.
    size(zoom) {
      let number = 0;
      while (zoom * 2 ** (number + 1) <= 1) {
        const last = this.sizes[number];
        if (last.columns < 64 || last.rows < 64) break;
        number += 1;
        if (!this.sizes[number]) this.sizes.push(halved(last, this.isColour ? 4 : 1));
      }
      return number;
    }

    paint(number, box, table, out) {
      const { data, columns } = this.sizes[number];
      let to = 0;
      for (let y = box.top; y < box.bottom; y += 1) {
        const end = y * columns + box.right;
        if (this.isColour) {
          for (let at = 4 * (y * columns + box.left); at < 4 * end; at += 4, to += 1) {
            out[to] = 0xff000000 | (table[data[at + 2]] << 16) | (table[data[at + 1]] << 8) | table[data[at]];
          }
        } else {
          for (let at = y * columns + box.left; at < end; at += 1, to += 1) {
            const level = table[data[at]];
            out[to] = 0xff000000 | (level << 16) | (level << 8) | level;
          }
        }
      }
    }

    // What stands at a pixel, as text.
    value(x, y) {
      const { head, sizes } = this;
      const at = y * head.columns + x;
      if (this.isColour) return [...sizes[0].data.subarray(4 * at, 4 * at + 3)].join(" ");
      const value = head.intercept + head.slope * sizes[0].data[at];
      return `${head.slope === 1 ? Math.round(value * 100) / 100 : Number(value.toPrecision(5))} ${head.unit}`.trim();
    }
  }

  const COLOUR = { intercept: 0, slope: 1, largest: 255, invert: false, windows: [], function: "LINEAR_EXACT", table: null, unit: "" };
  const ALL = { center: 127.5, width: 255 };

  const unpack = async (buffer) => {
    const length = new DataView(buffer).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    if (head.kind === "grey") return new Picture(head, new Uint16Array(buffer, 4 + length));
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/png" }));
    const canvas = document.createElement("canvas");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return new Picture({ ...COLOUR, full: ALL, auto: ALL, ...head }, data);
  };

  const kept = new Map(); // address -> promise of a picture, the last used last
  const forget = async () => {
    let bytes = 0;
    for (const [address, promise] of [...kept].reverse()) {
      bytes += (await promise.catch(() => ({ bytes: 0 }))).bytes;
      if (bytes > KEPT_BYTES) kept.delete(address);
    }
  };

  // The promise of a picture; it fails with a word: "none", "failed", or "away" when somebody has to log in again.
  const load = (uid, frame) => {
    const address = `/instances/${encodeURIComponent(uid)}/pixels?frame=${frame}`;
    let promise = kept.get(address);
    kept.delete(address);
    if (!promise) {
      promise = fetch(address, { headers: { "X-Live": "1" } }).then(
        async (answer) => {
          if (answer.status === 404) throw new Error("none");
          if (!answer.ok) throw new Error("failed");
          if (answer.redirected) throw new Error("away");
          return unpack(await answer.arrayBuffer());
        },
        () => {
          throw new Error("failed");
        },
      );
      promise.then(forget, () => kept.delete(address));
    }
    kept.set(address, promise);
    return promise;
  };

  root.images = { load, levels };
})();
