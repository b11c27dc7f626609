// The map: points in typed arrays, stamped into the pixels of one canvas; a grid of cells to find the
// point under the mouse; pan, zoom, lasso and box.

// All pixels are written anew in each frame: a canvas in memory takes them fastest.
const canvas = $("#plot canvas"), brush = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
const visible = new Uint8Array(N).fill(1), selected = new Uint8Array(N);
const px = new Float32Array(N), py = new Float32Array(N); // places in units of the axes' range
const plot = {
  x: mapAxes[0].name, y: mapAxes[1].name, log: { x: false, y: false }, range: { x: [0, 1], y: [0, 1] },
  k: 1, ox: 0, oy: 0, thinned: false, wide: 1, high: 1, ratio: 1, tool: "pan", pictures: true, colour: "class", hover: -1,
};
// No more points than this are drawn; of more in view those of a sample, and what is selected.
const MOST = 20000;
// Pictures appear on the map where no more galaxies than this are in view.
const FEW = 250;
const MARGIN = { left: 52, right: 12, top: 10, bottom: 34 };
let pixels = null, image = null, dirty = false, path = null, ink = new Uint32Array(N), shape = new Uint8Array(N), legendItems = [];

const isMap = () => Boolean(axisOf(plot.x).isMap && axisOf(plot.y).isMap);
const inner = () => ({
  left: isMap() ? 8 : MARGIN.left, top: MARGIN.top,
  wide: Math.max(plot.wide - (isMap() ? 16 : MARGIN.left + MARGIN.right), 10),
  high: Math.max(plot.high - MARGIN.top - (isMap() ? 8 : MARGIN.bottom), 10),
});

function rangeOf(axis, log) {
  let values = axis.values;
  if (log) values = Float64Array.from(values, (v) => (v > 0 ? Math.log10(v) : NaN));
  const [low, high] = quantiles(values, axis.isMap ? [0, 1] : [0.002, 0.998]);
  if (!Number.isFinite(low)) return [0, 1];
  const margin = high > low ? 0.04 * (high - low) : Math.abs(low) * 0.1 || 1;
  return [low - margin, high + margin];
}

// Names on an axis become numbers; positions are set anew.
function layOut() {
  const xAxis = axisOf(plot.x), yAxis = axisOf(plot.y);
  for (const [key, axis, target] of [["x", xAxis, px], ["y", yAxis, py]]) {
    let [low, high] = rangeOf(axis, plot.log[key]);
    plot.range[key] = [low, high];
    for (let i = 0; i < N; i++) {
      const value = plot.log[key] ? (axis.values[i] > 0 ? Math.log10(axis.values[i]) : NaN) : axis.values[i];
      target[i] = (value - low) / (high - low);
    }
  }
  home();
  index();
  $("#plot .legend").classList.toggle("axes", !isMap());
}

function home() { Object.assign(plot, { k: 1, ox: 0, oy: 0 }); later(); }

// Scale and offset from places to pixels of the page.
function transform() {
  const box = inner();
  let sx = box.wide, sy = box.high, cx = 0, cy = 0;
  if (isMap()) {
    const [w, h] = ["x", "y"].map((key) => plot.range[key][1] - plot.range[key][0]);
    const scale = Math.min(box.wide / w, box.high / h);
    [sx, sy] = [scale * w, scale * h];
    cx = (box.wide - sx) / 2;
    cy = (box.high - sy) / 2;
  }
  return {
    kx: sx * plot.k, ky: -sy * plot.k,
    x0: box.left + (cx - box.wide / 2) * plot.k + box.wide / 2 + plot.ox,
    y0: box.top + (cy + sy - box.high / 2) * plot.k + box.high / 2 + plot.oy,
  };
}

// ---- cells to find points ----

const CELLS = 96;
let starts = new Uint32Array(CELLS * CELLS + 1), members = new Uint32Array(0);
const cellOf = (p) => Math.max(0, Math.min(CELLS - 1, Math.floor(p * CELLS)));

function index() {
  const cell = new Int32Array(N).fill(-1);
  starts = new Uint32Array(CELLS * CELLS + 1);
  for (let i = 0; i < N; i++) {
    if (!visible[i] || !(px[i] === px[i] && py[i] === py[i])) continue;
    cell[i] = cellOf(py[i]) * CELLS + cellOf(px[i]);
    starts[cell[i] + 1]++;
  }
  for (let c = 0; c < CELLS * CELLS; c++) starts[c + 1] += starts[c];
  members = new Uint32Array(starts[CELLS * CELLS]);
  const next = starts.slice();
  for (let i = 0; i < N; i++) if (cell[i] >= 0) members[next[cell[i]]++] = i;
}

function inBox(x1, y1, x2, y2, see) {
  const t = transform();
  const [a, b] = [(x1 - t.x0) / t.kx, (x2 - t.x0) / t.kx], [c, d] = [(y2 - t.y0) / t.ky, (y1 - t.y0) / t.ky];
  for (let row = cellOf(c); row <= cellOf(d); row++) {
    for (let m = starts[row * CELLS + cellOf(a)], end = starts[row * CELLS + cellOf(b) + 1]; m < end; m++) {
      const i = members[m];
      if (px[i] >= a && px[i] <= b && py[i] >= c && py[i] <= d) see(i);
    }
  }
}

const isDrawn = (i) => !plot.thinned || candidate[i] > 0 || selected[i] > 0;

function pick(x, y, reach = 12) {
  const t = transform();
  let best = -1, least = reach * reach;
  inBox(x - reach, y - reach, x + reach, y + reach, (i) => {
    if (!isDrawn(i)) return;
    const far = (t.x0 + px[i] * t.kx - x) ** 2 + (t.y0 + py[i] * t.ky - y) ** 2;
    if (far < least) { least = far; best = i; }
  });
  return best;
}

// ---- colours ----

const rgb = (hex) => (255 << 24) | (parseInt(hex.slice(5, 7), 16) << 16) | (parseInt(hex.slice(3, 5), 16) << 8) | parseInt(hex.slice(1, 3), 16);
// Cividis (Nunez et al. 2018), from dark blue to yellow: alike for all colour vision, ordered in grey.
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];
const MARKERS = { o: 0, s: 1, D: 2, "^": 3, X: 4, v: 5, P: 6, "*": 7, p: 0 };
// Twelve hues that differ in lightness too; groups beyond take other shapes.
const HUES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#4d4d4d", "#b8a800", "#7a4fb3", "#8c3b1f", "#66c2a5", "#a6761d"];

function cividis(share) {
  const at = Math.max(0, Math.min(1, share)) * (CIVIDIS.length - 1), k = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const mix = (place) => {
    const [a, b] = [CIVIDIS[k], CIVIDIS[k + 1]].map((hex) => parseInt(hex.slice(place, place + 2), 16));
    return Math.round(a + (b - a) * (at - k)).toString(16).padStart(2, "0");
  };
  return `#${mix(1)}${mix(3)}${mix(5)}`;
}
const RAMP = Uint32Array.from({ length: 256 }, (_, k) => rgb(cividis(k / 255)));

function paint() {
  legendItems = [];
  if (plot.colour === "class") {
    const shades = classes.map((one) => rgb(one.colour));
    for (let i = 0; i < N; i++) { ink[i] = shades[classIndex[i]]; shape[i] = MARKERS[classes[classIndex[i]].marker] || 0; }
    const present = new Set(classIndex);
    legendItems = classes.map((one, k) => ({ text: one.name, colour: one.colour, marker: one.marker, k, title: one.meaning })).filter((one) => present.has(one.k));
  } else {
    const one = column(plot.colour), texts = one.texts;
    if (one === groupColumn || texts) {
      const value = (i) => (texts ? one.values[i] : one.values[i] < 0 ? -1 : one.values[i]);
      for (let i = 0; i < N; i++) {
        const v = value(i);
        ink[i] = rgb(v < 0 ? NO_CLASS.colour : HUES[v % HUES.length]);
        shape[i] = v < 0 ? 0 : Math.floor(v / HUES.length) % 5;
      }
      const found = [...new Set(Array.from({ length: N }, (_, i) => value(i)))].sort((a, b) => a - b).slice(0, 60);
      const marker = ["o", "s", "D", "^", "X"];
      legendItems = found.map((v) => ({
        text: v < 0 ? "none" : texts ? texts[v] || "(empty)" : `${v} ${data.groupClass[v] || ""}`,
        colour: v < 0 ? NO_CLASS.colour : HUES[v % HUES.length], marker: v < 0 ? "o" : marker[Math.floor(v / HUES.length) % 5],
      }));
    } else {
      const [low, high] = one.truth ? [0, 1] : quantiles(one.values, [0.01, 0.99]);
      const none = rgb("#d0d0d0");
      for (let i = 0; i < N; i++) {
        const share = (one.values[i] - low) / (high - low || 1);
        ink[i] = share === share ? RAMP[Math.max(0, Math.min(255, Math.round(share * 255)))] : none;
        shape[i] = 0;
      }
      legendItems = [{ bar: true, low, high, text: labelOf(one) }];
    }
  }
  drawLegend();
  later();
}

function drawLegend() {
  const box = $("#plot .legend");
  box.classList.toggle("axes", !isMap());
  box.replaceChildren(...legendItems.map((one) => {
    if (!one.bar) return make("span", { title: one.title || "" }, marked(one.marker, one.colour), one.text);
    return make("span", { className: "ramp" }, brief(one.low),
      make("i", { style: { background: `linear-gradient(90deg, ${CIVIDIS.join(",")})` } }), brief(one.high), make("b", {}, one.text));
  }));
}

// ---- stamps: which pixels a point covers, by shape and radius ----

const stampCache = new Map();
function stampOf(kind, radius, ring) {
  const key = `${kind} ${radius} ${plot.wide * plot.ratio} ${ring}`;
  if (stampCache.has(key)) return stampCache.get(key);
  const inside = (x, y, r) => {
    if (kind === 1) return Math.max(Math.abs(x), Math.abs(y)) <= 0.86 * r;
    if (kind === 2) return Math.abs(x) + Math.abs(y) <= 1.25 * r;
    if (kind === 3) return y >= -1.1 * r && y <= 0.8 * r && Math.abs(x) <= (y + 1.1 * r) * 0.6;
    if (kind === 5) return -y >= -1.1 * r && -y <= 0.8 * r && Math.abs(x) <= (-y + 1.1 * r) * 0.6;
    if (kind === 4) return Math.abs(Math.abs(x) - Math.abs(y)) <= 0.45 * r && Math.max(Math.abs(x), Math.abs(y)) <= r;
    if (kind === 6) return Math.min(Math.abs(x), Math.abs(y)) <= 0.4 * r && Math.max(Math.abs(x), Math.abs(y)) <= r;
    if (kind === 7) return x * x + y * y <= r * r * (0.45 + 0.55 * Math.cos(2.5 * Math.atan2(x, -y)) ** 2) ** 2 * 1.3;
    return x * x + y * y <= r * r;
  };
  const offsets = [], reach = Math.ceil(radius * 1.4) + (ring ? 2 : 0), width = Math.round(plot.wide * plot.ratio);
  for (let y = -reach; y <= reach; y++) for (let x = -reach; x <= reach; x++) {
    const here = inside(x, y, radius);
    if (ring ? !here && inside(x, y, radius + 1.6 * plot.ratio) : here) offsets.push(y * width + x);
  }
  const found = { offsets: Int32Array.from(offsets), reach };
  if (stampCache.size > 200) stampCache.clear();
  stampCache.set(key, found);
  return found;
}

function later() {
  if (dirty) return;
  dirty = true;
  requestAnimationFrame(() => { dirty = false; draw(); });
}

function resize() {
  const box = $("#plot").getBoundingClientRect();
  if (!box.width) return;
  // More than 4 million pixels would not move smoothly.
  const most = Math.sqrt(4e6 / (box.width * box.height));
  plot.ratio = Math.max(1, Math.min(devicePixelRatio || 1, most));
  [plot.wide, plot.high] = [Math.floor(box.width), Math.floor(box.height)];
  canvas.width = Math.round(plot.wide * plot.ratio);
  canvas.height = Math.round(plot.high * plot.ratio);
  image = brush.createImageData(canvas.width, canvas.height);
  pixels = new Uint32Array(image.data.buffer);
  later();
}

const WHITE = 0xffffffff, FAINT = rgb("#e2e2e2"), DARK = rgb("#111111");

function draw() {
  if (!pixels || $("#map").hidden) return;
  pixels.fill(WHITE);
  const t = transform(), r = plot.ratio, w = canvas.width, h = canvas.height;
  const kx = t.kx * r, ky = t.ky * r, x0 = t.x0 * r, y0 = t.y0 * r;
  const box = inner(), inView = [];
  inBox(box.left, box.top, box.left + box.wide, box.top + box.high, (i) => inView.push(i));
  plot.thinned = inView.length > MOST;
  const seen = plot.thinned ? inView.filter(isDrawn) : inView;
  $("#plot .thinned").hidden = !plot.thinned;
  if (plot.thinned) $("#plot .thinned").textContent = `${seen.length.toLocaleString("en")} of ${inView.length.toLocaleString("en")} in view are drawn: zoom in or filter for all`;
  const radius = Math.max(1.6, Math.min(6, 2.2 * Math.sqrt(2500 / (seen.length + 60)))) * r;
  const discs = [0, 1, 2, 3, 4, 5, 6, 7].map((kind) => stampOf(kind, radius, false));
  const rings = [0, 1, 2, 3, 4, 5, 6, 7].map((kind) => stampOf(kind, radius, true));
  const reach = Math.max(...rings.map((one) => one.reach));
  // What the filters hide stays as a faint ground.
  for (let i = 0; i < N; i++) {
    if (visible[i] || !candidate[i]) continue;
    const x = Math.round(x0 + px[i] * kx), y = Math.round(y0 + py[i] * ky);
    if (x > 0 && y > 0 && x < w - 1 && y < h - 1) { const at = y * w + x; pixels[at] = FAINT; pixels[at + 1] = FAINT; pixels[at + w] = FAINT; pixels[at + w + 1] = FAINT; }
  }
  const stamp = (i, one, colour) => {
    const x = Math.round(x0 + px[i] * kx), y = Math.round(y0 + py[i] * ky);
    if (x < reach || y < reach || x >= w - reach || y >= h - reach) return;
    const at = y * w + x, offsets = one.offsets;
    for (let k = 0; k < offsets.length; k++) pixels[at + offsets[k]] = colour;
  };
  let chosen = 0;
  for (let k = 0; k < seen.length; k++) { const i = seen[k]; if (selected[i]) chosen++; else stamp(i, discs[shape[i]], ink[i]); }
  if (chosen) for (let k = 0; k < seen.length; k++) { const i = seen[k]; if (selected[i]) { stamp(i, rings[shape[i]], DARK); stamp(i, discs[shape[i]], ink[i]); } }
  brush.putImageData(image, 0, 0);
  brush.setTransform(r, 0, 0, r, 0, 0);
  if (plot.pictures && seen.length <= FEW) drawThumbs(seen, t);
  $("#few").hidden = !plot.pictures || seen.length <= FEW;
  if (!isMap()) drawAxes(t, box);
  ringAround(plot.hover, t, 9, "#555555", 1.5);
  ringAround(panel.current, t, 11, "#000000", 2.5);
  if (path && path.length > 1) {
    brush.beginPath();
    path.forEach(([x, y], k) => (k ? brush.lineTo(x, y) : brush.moveTo(x, y)));
    brush.closePath();
    brush.fillStyle = "#0072b222";
    brush.fill();
    brush.strokeStyle = "#0072b2";
    brush.lineWidth = 1.5;
    brush.stroke();
  }
}

function ringAround(i, t, size, colour, width) {
  if (i < 0 || !(px[i] === px[i] && py[i] === py[i])) return;
  brush.beginPath();
  brush.arc(t.x0 + px[i] * t.kx, t.y0 + py[i] * t.ky, size, 0, 7);
  brush.strokeStyle = "#ffffff";
  brush.lineWidth = width + 2.5;
  brush.stroke();
  brush.strokeStyle = colour;
  brush.lineWidth = width;
  brush.stroke();
}

// Pictures where there is room for them, of the galaxy looked at and of selected ones first.
function drawThumbs(seen, t) {
  const side = Math.max(36, Math.min(84, 1.3 * Math.sqrt((plot.wide * plot.high) / (seen.length + 8)))), drawn = [];
  const rank = (i) => (i === panel.current ? 0 : selected[i] ? 1 : 2);
  for (const i of seen.slice().sort((a, b) => rank(a) - rank(b) || a - b)) {
    const x = t.x0 + px[i] * t.kx, y = t.y0 + py[i] * t.ky;
    if (drawn.some(([a, b]) => Math.abs(a - x) < side + 3 && Math.abs(b - y) < side + 3)) continue;
    const tile = tileOf(i, later);
    if (!tile) continue;
    drawn.push([x, y]);
    brush.fillStyle = `#${[0, 8, 16].map((shift) => ((ink[i] >> shift) & 255).toString(16).padStart(2, "0")).join("")}`;
    const edge = selected[i] ? 4 : 2;
    brush.fillRect(x - side / 2 - edge, y - side / 2 - edge, side + 2 * edge, side + 2 * edge);
    brush.drawImage(tile.sheet, tile.x, tile.y, tile.side, tile.side, x - side / 2, y - side / 2, side, side);
  }
}

function ticksOf(low, high, count, log) {
  const found = [];
  if (log) {
    const steps = high - low > 2.5 ? [1] : high - low > 0.8 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
    for (let e = Math.floor(low); e <= high; e++) for (const s of steps) {
      const v = e + Math.log10(s);
      if (v >= low && v <= high) found.push([v, brief(s * 10 ** e)]);
    }
    return found;
  }
  const raw = (high - low) / count, unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find((s) => s * unit >= raw), digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push([v, minus((Math.abs(v) < step * 1e-6 ? 0 : v).toFixed(Math.min(digits, 8)))]);
  return found;
}

function drawAxes(t, box) {
  brush.fillStyle = "#ffffff";
  brush.fillRect(0, 0, box.left, plot.high);
  brush.fillRect(0, box.top + box.high, plot.wide, plot.high);
  brush.strokeStyle = "#9a9a9a";
  brush.lineWidth = 1;
  brush.strokeRect(box.left + 0.5, box.top + 0.5, box.wide, box.high);
  brush.fillStyle = "#333333";
  brush.font = "12px system-ui, sans-serif";
  const value = (key, p) => plot.range[key][0] + p * (plot.range[key][1] - plot.range[key][0]);
  const place = (key, v) => (v - plot.range[key][0]) / (plot.range[key][1] - plot.range[key][0]);
  const ends = { x: [(box.left - t.x0) / t.kx, (box.left + box.wide - t.x0) / t.kx], y: [(box.top + box.high - t.y0) / t.ky, (box.top - t.y0) / t.ky] };
  brush.textAlign = "center";
  brush.textBaseline = "top";
  for (const [v, text] of ticksOf(...ends.x.map((p) => value("x", p)), Math.max(3, box.wide / 110), plot.log.x)) {
    const x = t.x0 + place("x", v) * t.kx;
    brush.fillRect(x, box.top + box.high, 1, 4);
    brush.fillText(text, x, box.top + box.high + 5);
  }
  brush.fillText(labelOf(axisOf(plot.x)), box.left + box.wide / 2, box.top + box.high + 19);
  brush.textAlign = "right";
  brush.textBaseline = "middle";
  for (const [v, text] of ticksOf(...ends.y.map((p) => value("y", p)), Math.max(3, box.high / 70), plot.log.y)) {
    const y = t.y0 + place("y", v) * t.ky;
    brush.fillRect(box.left - 4, y, 4, 1);
    brush.fillText(text, box.left - 6, y);
  }
  brush.save();
  brush.translate(9, box.top + box.high / 2);
  brush.rotate(-Math.PI / 2);
  brush.textAlign = "center";
  brush.fillText(labelOf(axisOf(plot.y)), 0, 0);
  brush.restore();
}

// ---- the mouse ----

function zoomBy(factor, x = plot.wide / 2, y = plot.high / 2) {
  const box = inner(), k = Math.max(0.4, Math.min(400, plot.k * factor)), real = k / plot.k;
  const mx = x - box.left - box.wide / 2, my = y - box.top - box.high / 2;
  plot.ox = mx - (mx - plot.ox) * real;
  plot.oy = my - (my - plot.oy) * real;
  plot.k = k;
  later();
}

function panBy(dx, dy) { plot.ox += dx; plot.oy += dy; later(); }

function centreOn(i) {
  if (!(px[i] === px[i] && py[i] === py[i])) return;
  const t = transform(), box = inner(), x = t.x0 + px[i] * t.kx, y = t.y0 + py[i] * t.ky, edge = 40;
  if (x > box.left + edge && x < box.left + box.wide - edge && y > box.top + edge && y < box.top + box.high - edge) return later();
  panBy(box.left + box.wide / 2 - x, box.top + box.high / 2 - y);
}

function enclosed(outline) {
  const xs = outline.map((p) => p[0]), ys = outline.map((p) => p[1]), t = transform(), found = [];
  inBox(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), (i) => {
    const x = t.x0 + px[i] * t.kx, y = t.y0 + py[i] * t.ky;
    let inside = false;
    for (let a = 0, b = outline.length - 1; a < outline.length; b = a++) {
      const [xa, ya] = outline[a], [xb, yb] = outline[b];
      if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) inside = !inside;
    }
    if (inside) found.push(i);
  });
  return found;
}

let press = null;
const spot = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
canvas.addEventListener("pointerdown", (event) => {
  const [x, y] = spot(event);
  const tool = event.button === 1 ? "pan" : plot.tool;
  press = { x, y, lastX: x, lastY: y, tool, moved: false };
  if (tool !== "pan") path = [[x, y]];
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  const [x, y] = spot(event);
  if (!press) {
    const i = pick(x, y);
    if (i !== plot.hover) { plot.hover = i; showHover(i, x, y); later(); }
    return;
  }
  if (Math.hypot(x - press.x, y - press.y) > 4) press.moved = true;
  if (press.tool === "pan") { if (press.moved) panBy(x - press.lastX, y - press.lastY); }
  else if (press.tool === "lasso") path.push([x, y]);
  else path = [[press.x, press.y], [x, press.y], [x, y], [press.x, y]];
  [press.lastX, press.lastY] = [x, y];
  later();
});
canvas.addEventListener("pointerup", (event) => {
  if (!press) return;
  const outline = path, { moved, x, y } = press;
  press = null;
  path = null;
  if (!moved) { const i = pick(x, y); if (i >= 0) (event.shiftKey ? toggle(i) : go(i)); }
  else if (outline) choose(enclosed(outline), event.shiftKey ? "add" : event.altKey ? "remove" : "replace");
  later();
});
canvas.addEventListener("pointercancel", () => { press = null; path = null; later(); });
canvas.addEventListener("pointerleave", () => { plot.hover = -1; showHover(-1); later(); });
canvas.addEventListener("dblclick", (event) => zoomBy(2, ...spot(event)));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const step = event.deltaMode === 1 ? 16 : 1;
  zoomBy(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * step)) * 0.0022), ...spot(event));
}, { passive: false });
new ResizeObserver(resize).observe($("#plot"));

function showHover(i, x, y) {
  const box = $("#plot .hover");
  box.hidden = i < 0;
  canvas.style.cursor = i >= 0 ? "pointer" : plot.tool === "pan" ? "grab" : "crosshair";
  if (i < 0) return;
  const one = classes[classIndex[i]];
  box.replaceChildren(make("b", {}, ids[i]), ` ${one.name}`,
    Number.isFinite(valueOf("CLASS_PROB", i)) ? ` ${Math.round(100 * valueOf("CLASS_PROB", i))} %` : "");
  box.style.left = `${Math.min(x + 14, plot.wide - 170)}px`;
  box.style.top = `${y > 50 ? y - 36 : y + 16}px`;
}
