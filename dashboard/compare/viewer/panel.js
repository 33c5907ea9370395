// Panels that are looked at together: zoom, pan and the place pointed at are one for all of them.
// Places are shares of a picture's width and height, so photos of any shape can be linked.

const MOST_ZOOM = 16;
const ZOOM_STEP = 1.5;
const BLINK_MS = 1000;
const FAR_KEY = 8;
const LIGHT = "#FFFFFF";
const DARK = "#101316";

const shared = { zoom: 1, left: 0, top: 0, place: null };
const panels = new Map();

export default function ({ data, parentElement }) {
  let panel = panels.get(parentElement);
  if (!panel) {
    panel = new Panel(parentElement);
    panels.set(parentElement, panel);
  }
  panel.show(data);
  return () => {
    panel.stop();
    panels.delete(parentElement);
  };
}

class Panel {
  constructor(root) {
    this.canvas = root.querySelector("canvas");
    this.caption = root.querySelector("figcaption");
    this.pair = root.querySelector(".pair");
    this.names = this.pair.querySelectorAll(".name");
    this.slider = this.pair.querySelector("input");
    this.switch = this.pair.querySelector(".switch");
    this.play = this.pair.querySelector(".play");
    this.pictures = [];
    this.second = false;
    this.listen(root);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
  }

  listen(root) {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", () => (this.dragged = null));
    canvas.addEventListener("pointercancel", () => (this.dragged = null));
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") pointAt(null);
    });
    canvas.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.type(event));
    // Of many panels that change at once, only the one in use is read aloud.
    canvas.addEventListener("focus", () => (this.caption.ariaLive = "polite"));
    canvas.addEventListener("blur", () => (this.caption.ariaLive = "off"));
    for (const button of root.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => zoomBy(button.dataset.zoom));
    }
    this.slider.addEventListener("input", () => this.draw());
    this.switch.addEventListener("click", () => this.flip());
    this.play.addEventListener("click", () => this.blink(!this.timer));
  }

  async show(data) {
    this.data = data;
    this.maps = data.maps.map((map) => ({
      ...map,
      values: new Float32Array(bytesOf(map.values)),
      blocks: map.blocks && new Uint16Array(bytesOf(map.blocks)),
    }));
    this.canvas.setAttribute("aria-label", data.label);
    this.canvas.style.aspectRatio = data.aspect;
    this.setPair();
    this.read();
    const pictures = await Promise.all(data.pictures.map((picture) => load(picture.source)));
    // A newer picture may have been asked for while this one was read.
    if (this.data !== data) return;
    this.pictures = pictures;
    this.draw();
  }

  setPair() {
    const { mode, pictures } = this.data;
    this.pair.hidden = mode === "still";
    this.slider.hidden = mode !== "slide";
    this.switch.hidden = this.play.hidden = mode !== "blink";
    pictures.forEach((picture, i) => (this.names[i].textContent = picture.label));
    if (mode !== "blink") {
      this.blink(false);
      this.second = false;
    } else if (this.timer === undefined) {
      this.blink(!matchMedia("(prefers-reduced-motion: reduce)").matches);
    }
    this.markSeen();
  }

  blink(on) {
    clearInterval(this.timer);
    this.timer = on ? setInterval(() => this.flip(), BLINK_MS) : null;
    this.play.textContent = on ? "Pause" : "Blink";
  }

  flip() {
    this.second = !this.second;
    this.markSeen();
    this.draw();
  }

  markSeen() {
    const blinks = this.data.mode === "blink";
    this.names.forEach((name, i) => name.classList.toggle("seen", blinks && this.second === !!i));
  }

  draw() {
    const { canvas, pictures, data } = this;
    if (!pictures.length || !canvas.clientWidth) return;
    const pixels = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * pixels);
    canvas.height = Math.round(canvas.clientHeight * pixels);
    canvas.classList.toggle("zoomed", shared.zoom > 1);
    const context = canvas.getContext("2d");
    this.drawPicture(context, pictures[this.second ? 1 : 0]);
    if (data.mode === "slide") this.drawSecond(context);
    if (shared.place) this.drawPlace(context, pixels);
  }

  drawPicture(context, picture) {
    const { width, height } = this.canvas;
    const { zoom, left, top } = shared;
    context.drawImage(picture, -left * zoom * width, -top * zoom * height, zoom * width, zoom * height);
  }

  drawSecond(context) {
    const { width, height } = this.canvas;
    const edge = (this.slider.value / 100) * width;
    context.save();
    context.beginPath();
    context.rect(edge, 0, width - edge, height);
    context.clip();
    this.drawPicture(context, this.pictures[1]);
    context.restore();
    outline(context, new Path2D(`M${edge} 0V${height}`), 1);
  }

  drawPlace(context, pixels) {
    const { width, height } = this.canvas;
    for (const map of this.maps) outline(context, this.blockPath(map), pixels);
    const [x, y] = toScreen(shared.place.x, shared.place.y, width, height);
    const gap = 6 * pixels;
    const arm = 14 * pixels;
    const cross = new Path2D(
      `M${x - arm} ${y}H${x - gap}M${x + gap} ${y}H${x + arm}` +
        `M${x} ${y - arm}V${y - gap}M${x} ${y + gap}V${y + arm}`,
    );
    outline(context, cross, pixels);
  }

  // The border of the superpixel pointed at, or of the one pixel where a map has none.
  blockPath(map) {
    const path = new Path2D();
    const { width, height } = this.canvas;
    const line = (x0, y0, x1, y1) => {
      path.moveTo(...toScreen(x0 / map.width, y0 / map.height, width, height));
      path.lineTo(...toScreen(x1 / map.width, y1 / map.height, width, height));
    };
    const [column, row] = cellOf(map);
    const here = row * map.width + column;
    const inside = (x, y) =>
      x >= 0 && y >= 0 && x < map.width && y < map.height &&
      (map.blocks ? map.blocks[y * map.width + x] === map.blocks[here] : x === column && y === row);
    const rows = map.blocks ? [0, map.height] : [row, row + 1];
    const columns = map.blocks ? [0, map.width] : [column, column + 1];
    for (let y = rows[0]; y < rows[1]; y++) {
      for (let x = columns[0]; x < columns[1]; x++) {
        if (!inside(x, y)) continue;
        if (!inside(x - 1, y)) line(x, y, x, y + 1);
        if (!inside(x + 1, y)) line(x + 1, y, x + 1, y + 1);
        if (!inside(x, y - 1)) line(x, y, x + 1, y);
        if (!inside(x, y + 1)) line(x, y + 1, x + 1, y + 1);
      }
    }
    return path;
  }

  read() {
    this.caption.replaceChildren(...this.maps.map(reading));
  }

  press(event) {
    this.canvas.focus({ preventScroll: true });
    if (shared.zoom > 1) {
      this.canvas.setPointerCapture(event.pointerId);
      this.dragged = [event.clientX, event.clientY];
    }
    this.move(event);
  }

  move(event) {
    const box = this.canvas.getBoundingClientRect();
    if (this.dragged) {
      const [x, y] = this.dragged;
      this.dragged = [event.clientX, event.clientY];
      shared.left -= (event.clientX - x) / box.width / shared.zoom;
      shared.top -= (event.clientY - y) / box.height / shared.zoom;
      keepInside();
    }
    pointAt({
      x: shared.left + (event.clientX - box.left) / box.width / shared.zoom,
      y: shared.top + (event.clientY - box.top) / box.height / shared.zoom,
    });
  }

  // With Ctrl, or two fingers on a trackpad: the wheel alone scrolls the page.
  turn(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(event.deltaY < 0 ? "in" : "out");
  }

  type(event) {
    const far = event.shiftKey ? FAR_KEY : 1;
    const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
    const zooms = { "+": "in", "=": "in", "-": "out", 0: "all" };
    if (moves[event.key]) this.step(...moves[event.key]);
    else if (zooms[event.key] && !event.ctrlKey && !event.metaKey) zoomBy(zooms[event.key]);
    else if (event.key === "Escape") pointAt(null);
    else if (event.key === " " && this.data.mode === "blink") this.flip();
    else return;
    event.preventDefault();
  }

  step(right, down) {
    const { width, height } = this.maps[0];
    const middle = 0.5 / shared.zoom;
    const from = shared.place || { x: shared.left + middle, y: shared.top + middle };
    const place = { x: from.x + right / width, y: from.y + down / height };
    follow(place);
    pointAt(place);
  }

  stop() {
    this.blink(false);
    this.sizes.disconnect();
  }
}

function reading(map) {
  const line = document.createElement("div");
  line.className = "reading";
  const name = document.createElement("span");
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = map.colour;
  name.append(swatch, map.label);
  line.append(name);
  if (!shared.place) return line;
  const [column, row] = cellOf(map);
  const here = row * map.width + column;
  const share = map.values[here];
  const value = document.createElement("b");
  value.textContent = signed(share.toFixed(2));
  const block = map.blocks ? `superpixel ${map.blocks[here]}` : `pixel ${column}, ${row}`;
  line.append("value", value, `raw ${signed((share * map.scale).toPrecision(3))} · ${block}`);
  return line;
}

function signed(text) {
  const number = Number(text);
  return number > 0 ? `+${text}` : number < 0 ? text.replace("-", "−") : "0";
}

// The map's cell [column, row] that is pointed at.
function cellOf(map) {
  const cell = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return [cell(shared.place.x, map.width), cell(shared.place.y, map.height)];
}

function toScreen(x, y, width, height) {
  return [(x - shared.left) * shared.zoom * width, (y - shared.top) * shared.zoom * height];
}

// Dark under light is seen on any photo.
function outline(context, path, pixels) {
  context.lineCap = "square";
  for (const [colour, width] of [[DARK, 3.5], [LIGHT, 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = width * pixels;
    context.stroke(path);
  }
}

function pointAt(place) {
  shared.place = place && { x: clamp(place.x, 0, 1 - 1e-9), y: clamp(place.y, 0, 1 - 1e-9) };
  redraw();
}

function zoomBy(kind) {
  const before = shared.zoom;
  const wanted = { in: before * ZOOM_STEP, out: before / ZOOM_STEP, all: 1 }[kind];
  const middle = 0.5 / before;
  const kept = shared.place || { x: shared.left + middle, y: shared.top + middle };
  shared.zoom = clamp(wanted, 1, MOST_ZOOM);
  // What is pointed at stays where it is.
  shared.left = kept.x - ((kept.x - shared.left) * before) / shared.zoom;
  shared.top = kept.y - ((kept.y - shared.top) * before) / shared.zoom;
  keepInside();
  redraw();
}

// Pan so far that a place is seen.
function follow(place) {
  const size = 1 / shared.zoom;
  shared.left = clamp(shared.left, place.x - size, place.x);
  shared.top = clamp(shared.top, place.y - size, place.y);
  keepInside();
}

function keepInside() {
  const most = 1 - 1 / shared.zoom;
  shared.left = clamp(shared.left, 0, most);
  shared.top = clamp(shared.top, 0, most);
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

let waiting = false;

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const panel of panels.values()) {
      panel.draw();
      panel.read();
    }
  });
}

async function load(source) {
  const picture = new Image();
  picture.src = source;
  await picture.decode();
  return picture;
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}
