// Pictures: tiles of the sheets for thumbnails, and their pixels, in units of the sky's noise, for the
// large pictures, whose stretch can be changed.

const { side: SIDE, sheet: PER_SHEET, line: PER_LINE, width: WIDTH } = data.pictures;
const peaks = unpack(data.pictures.peak);
// The stretch with which the tiles were made; see stamps.stretch.
const FLOOR = 5, SOFT = 3, LOW = Math.asinh(-FLOOR / SOFT);
const look = { mode: "asinh", contrast: 0, dark: false };
const sheets = new Map(); // in the order of their last use
const ROOM = 48e6; // pixels that are kept decoded

function sheetOf(k, then) {
  let one = sheets.get(k);
  if (one) {
    sheets.delete(k);
    sheets.set(k, one);
    if (one.ready) return one;
    if (then) one.waiting.push(then);
    return null;
  }
  one = { image: new Image(), ready: false, waiting: then ? [then] : [], tile: null };
  sheets.set(k, one);
  one.image.onload = () => {
    one.ready = true;
    let total = 0;
    for (const other of sheets.values()) total += other.ready ? other.image.width * other.image.height : 0;
    for (const [key, other] of sheets) {
      if (total < ROOM || other === one) break;
      if (!other.ready) continue;
      total -= other.image.width * other.image.height;
      sheets.delete(key);
    }
    one.waiting.splice(0).forEach((call) => call());
  };
  if (data.pictures.folder) fetchSheet(k);
  else one.image.src = document.getElementById(`sheet${k}`).textContent.trim();
  return null;
}

// The pictures of very many galaxies lie in a folder. A page from disk may load nothing but scripts.
const FOLDER = data.pictures.folder;
function fetchSheet(k) {
  const piece = make("script", { src: `${FOLDER}/${String(k).padStart(5, "0")}.js` });
  piece.addEventListener("load", () => piece.remove());
  piece.addEventListener("error", () => {
    piece.remove();
    sheets.delete(k);
    say(`No pictures: the folder ${FOLDER} has to lie beside this page.`, true);
  });
  document.head.append(piece);
}

function takeSheet(key, k, uri) {
  if (key !== data.pictures.key) return say(`The pictures in the folder ${FOLDER} are of another run: take page and folder together.`, true);
  if (sheets.has(k)) sheets.get(k).image.src = uri;
}

// Where the picture of a galaxy is: half 0 is the data, 1 denoised. Null until it is decoded.
function tileOf(i, then, half = 0) {
  const one = sheetOf(Math.floor(i / PER_SHEET), then);
  if (!one) return null;
  if (!one.tile || one.dark !== look.dark) {
    const copy = one.tile || make("canvas", { width: one.image.width, height: one.image.height });
    const context = copy.getContext("2d");
    const turn = () => {
      context.globalCompositeOperation = "difference";
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, copy.width, copy.height);
    };
    context.globalCompositeOperation = "copy";
    context.drawImage(one.image, 0, 0);
    turn();
    // The tiles keep noise far below zero, for the residual: here the sky becomes plainer.
    context.globalCompositeOperation = "lighter";
    context.globalAlpha = 0.3;
    context.drawImage(copy, 0, 0);
    context.globalAlpha = 1;
    if (look.dark) turn();
    [one.tile, one.dark] = [copy, look.dark];
  }
  const place = i % PER_SHEET, line = Math.floor(place / PER_LINE);
  return { sheet: one.tile, x: (2 * (place - line * PER_LINE) + half) * SIDE, y: line * SIDE, side: SIDE };
}

// A small picture that draws itself when its sheet is decoded.
function thumb(i, half = 0) {
  const picture = make("canvas", { width: SIDE, height: SIDE, className: "thumb" });
  const show = () => {
    const tile = tileOf(i, show, half);
    if (tile) picture.getContext("2d").drawImage(tile.sheet, tile.x, tile.y, SIDE, SIDE, 0, 0, SIDE, SIDE);
  };
  picture.redraw = show;
  show();
  return picture;
}

// Data and denoised of a galaxy in units of the sky's noise, once its sheet is decoded.
function pixelsOf(i, then) {
  const one = sheetOf(Math.floor(i / PER_SHEET), then);
  if (!one) return null;
  const copy = make("canvas", { width: 2 * SIDE, height: SIDE }), context = copy.getContext("2d", { willReadFrequently: true });
  const place = i % PER_SHEET, line = Math.floor(place / PER_LINE);
  context.drawImage(one.image, 2 * (place - line * PER_LINE) * SIDE, line * SIDE, 2 * SIDE, SIDE, 0, 0, 2 * SIDE, SIDE);
  const grey = context.getImageData(0, 0, 2 * SIDE, SIDE).data, high = Math.asinh(peaks[i] / SOFT);
  const levels = Float32Array.from({ length: 256 }, (_, v) => SOFT * Math.sinh(LOW + (v / 255) * (high - LOW)));
  const halves = [0, 1].map((half) => {
    const found = new Float32Array(SIDE * SIDE);
    for (let y = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++) found[y * SIDE + x] = levels[grey[4 * (y * 2 * SIDE + half * SIDE + x)]];
    return found;
  });
  return { data: halves[0], clean: halves[1], peak: peaks[i] };
}

// Brightness 0 to 1 of a value in units of the noise.
function shade(value, top) {
  if (look.mode === "linear") return (value + 1) / (top + 1);
  if (look.mode === "log") return Math.log10(Math.max(value + 2, 0.5) * 2) / Math.log10((top + 2) * 2);
  const low = Math.asinh(-1 / SOFT);
  return (Math.asinh(value / SOFT) - low) / (Math.asinh(top / SOFT) - low);
}

function fill(target, values, residual, peak) {
  const context = target.getContext("2d"), out = context.createImageData(SIDE, SIDE);
  const top = Math.max(2, peak * 10 ** -look.contrast), reach = Math.max(2, 8 * 10 ** -look.contrast);
  for (let p = 0; p < SIDE * SIDE; p++) {
    const bright = residual ? 0.5 + values[p] / (2 * reach) : shade(values[p], top);
    const level = 255 * Math.max(0, Math.min(1, look.dark ? bright : 1 - bright));
    out.data[4 * p] = out.data[4 * p + 1] = out.data[4 * p + 2] = level;
    out.data[4 * p + 3] = 255;
  }
  context.putImageData(out, 0, 0);
}

const KINDS = [["data", "the cutout"], ["denoised", "what the autoencoder keeps of it"], ["residual", "data minus denoised: grey is zero"]];

// The three pictures of a galaxy; `show(i)` puts another one into them. They have a zoom of their own.
function trio() {
  const frames = KINDS.map(([name, title]) => {
    const picture = make("canvas", { width: SIDE, height: SIDE });
    return { picture, element: make("figure", { title }, make("div", { className: "frame" }, picture), make("figcaption", {}, name)) };
  });
  const box = make("div", { className: "trio" }, ...frames.map((one) => one.element));
  let now = -1;
  box.zoom = 1;
  box.wide = () => (WIDTH ? `${(WIDTH / box.zoom).toFixed(1)}\u2033 wide` : "");
  box.show = (i) => {
    now = i;
    const found = pixelsOf(i, () => { if (now === i) box.show(i); });
    frames.forEach(({ picture }, k) => {
      picture.setAttribute("aria-label", `${KINDS[k][0]} of galaxy ${ids[i]}`);
      picture.setAttribute("role", "img");
      picture.style.width = `${100 * box.zoom}%`;
      picture.style.left = picture.style.top = `${-50 * (box.zoom - 1)}%`;
      if (!found) { picture.getContext("2d").clearRect(0, 0, SIDE, SIDE); return; }
      const values = k === 0 ? found.data : k === 1 ? found.clean : found.data.map((v, p) => v - found.clean[p]);
      fill(picture, values, k === 2, found.peak);
    });
  };
  return box;
}

// Stretch, contrast, inversion and zoom; all pictures follow.
function lookControls() {
  const mode = make("select", { "aria-label": "stretch" }, ...["asinh", "log", "linear"].map((name) => make("option", { value: name, selected: name === look.mode }, name)));
  const contrast = make("input", { type: "range", min: "-0.6", max: "2", step: "0.05", value: String(look.contrast), "aria-label": "contrast", title: "contrast" });
  const again = () => { if (panel.redraw) panel.redraw(); if (labels.redraw) labels.redraw(); };
  mode.addEventListener("change", () => { look.mode = mode.value; again(); });
  contrast.addEventListener("input", () => { look.contrast = Number(contrast.value); again(); });
  const flip = make("button", { title: "dark or bright sky" }, make("kbd", {}, "i"), " invert"), near = make("button", { title: "look closer" }, make("kbd", {}, "z"), " zoom");
  flip.addEventListener("click", invert);
  near.addEventListener("click", closer);
  return make("div", { className: "look" }, mode, contrast, flip, near);
}

function invert() { look.dark = !look.dark; redrawPictures(); }
function closer() {
  const now = $("#label").hidden ? large && large.pictures : labelPictures.trio;
  if (!now) return;
  now.zoom = now.zoom === 4 ? 1 : 2 * now.zoom;
  redrawPictures();
}

function redrawPictures() {
  document.querySelectorAll("canvas.thumb").forEach((one) => one.redraw());
  if (panel.redraw) panel.redraw();
  if (labels.redraw) labels.redraw();
  later();
}
