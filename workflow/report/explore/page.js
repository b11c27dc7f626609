// The page as a whole: views, axes, search, keys.

const VIEWS = ["map", "pictures", "label"];

function open(view) {
  for (const name of VIEWS) {
    $(`#${name}`).hidden = name !== view;
    $(`#tab-${name}`).setAttribute("aria-selected", String(name === view));
  }
  document.body.dataset.view = view;
  drawCounts();
  if (view === "map") { resize(); if (panel.current >= 0) centreOn(panel.current); }
  if (view === "pictures") drawGallery();
  if (view === "label") drawLabel();
}
for (const name of VIEWS) $(`#tab-${name}`).addEventListener("click", () => open(name));

const PAIRS = [[mapAxes[0].name, mapAxes[1].name], ["GINI", "M20"], ["R_E", "SERSIC_N"], ["V_J", "U_V"], ["CONCENTRATION", "ASYMMETRY"], ["component 1", "component 2"]];

function drawAxesBar() {
  const names = [...mapAxes.map((one) => one.name), ...numeric.map((one) => one.name)];
  const chooser = (key) => {
    const one = make("select", { "aria-label": `${key} axis`, id: `axis-${key}` }, ...names.map((name) => make("option", { value: name, selected: plot[key] === name }, name)));
    one.addEventListener("change", () => { plot[key] = one.value; plot.log[key] = wantsLog(one.value); layOut(); drawAxesBar(); });
    return one;
  };
  const log = (key) => {
    const box = make("input", { type: "checkbox", checked: plot.log[key], disabled: Boolean(axisOf(plot[key]).isMap), "aria-label": `logarithmic ${key} axis` });
    box.addEventListener("change", () => { plot.log[key] = box.checked; layOut(); });
    return make("label", { className: "tick" }, box, "log");
  };
  const pairs = make("select", { "aria-label": "pairs of axes" }, make("option", { value: "" }, "pairs\u2026"),
    ...PAIRS.filter((pair) => pair.every((name) => axisOf(name))).map((pair, k) => make("option", { value: pair.join("\n") }, k ? `${pair[1]} against ${pair[0]}` : `map (${data.map})`)));
  pairs.addEventListener("change", () => { if (!pairs.value) return; const [x, y] = pairs.value.split("\n"); setAxes(x, y); });
  const colour = make("select", { "aria-label": "colour", id: "colour" }, make("option", { value: "class", selected: plot.colour === "class" }, "class"),
    ...["GROUP", "VOTE_FRACTION", "CLASS_PROB"].filter(column).map((name) => make("option", { value: name, selected: plot.colour === name }, name)),
    make("optgroup", { label: "other columns" }, ...columns.filter((one) => !["GROUP", "VOTE_FRACTION", "CLASS_PROB"].includes(one.name) && !(one.texts && one.texts.length > 60))
      .map((one) => make("option", { value: one.name, selected: plot.colour === one.name }, one.name))));
  colour.addEventListener("change", () => { plot.colour = colour.value; paint(); });
  const shown = make("input", { type: "checkbox", checked: plot.pictures });
  shown.addEventListener("change", () => { plot.pictures = shown.checked; later(); });
  $("#axes").replaceChildren(make("label", {}, "x ", chooser("x")), log("x"), make("label", {}, "y ", chooser("y")), log("y"), pairs,
    make("label", {}, make("kbd", {}, "c"), " colour ", colour), make("label", { className: "tick", title: "where few galaxies are in view" }, shown, "pictures"),
    make("span", { id: "few", className: "quiet", hidden: true }, `zoom in for them: at most ${FEW} galaxies in view`));
}

function wantsLog(name) {
  const one = axisOf(name);
  if (one.isMap || one.whole) return false;
  const [low, high] = quantiles(one.values, [0.01, 0.99]);
  return low > 0 && high / low > 50;
}

function setAxes(x, y) {
  Object.assign(plot, { x, y, log: { x: wantsLog(x), y: wantsLog(y) } });
  layOut();
  drawAxesBar();
}

const TOOLS = [["pan", "v", "Pan"], ["lasso", "a", "Lasso"], ["box", "x", "Box"]];
function drawTools() {
  const buttons = TOOLS.map(([name, key, text]) => {
    const one = make("button", { "aria-pressed": String(plot.tool === name), title: name === "pan" ? "drag to move, wheel to zoom" : "drag to select; with Shift adds, with Alt removes" }, make("kbd", {}, key), ` ${text}`);
    one.addEventListener("click", () => setTool(name));
    return one;
  });
  for (const [text, act, title] of [["+", () => zoomBy(1.6), "zoom in"], ["\u2212", () => zoomBy(1 / 1.6), "zoom out"], ["\u2302", home, "whole map (h)"]]) {
    const one = make("button", { title, "aria-label": title }, text);
    one.addEventListener("click", act);
    buttons.push(one);
  }
  $("#plot .tools").replaceChildren(...buttons);
}

function setTool(name) { plot.tool = name; canvas.style.cursor = name === "pan" ? "grab" : "crosshair"; drawTools(); }

function search(text) {
  const wanted = text.trim();
  if (!wanted) return;
  let i = placeOf.has(wanted) ? placeOf.get(wanted) : -1;
  const low = wanted.toLowerCase();
  if (i < 0) i = ids.findIndex((id) => id.toLowerCase() === low);
  const near = i < 0 ? ids.flatMap((id, k) => (id.toLowerCase().includes(low) ? [k] : [])) : [];
  if (i < 0 && near.length) i = near[0];
  if (i < 0) return say(`No galaxy on this page has an ID with ${wanted} in it.` + (N < data.sources ? ` It shows ${N} of ${data.sources} sources.` : ""), true);
  if ($("#label").hidden === false) open("map");
  go(i);
  if (near.length > 1) say(`${near.length} IDs contain ${wanted}: this is the first.`);
  else if (!visible[i]) say("The filters hide this galaxy on the map.");
}

$("#search").addEventListener("keydown", (event) => { if (event.key === "Enter") { search($("#search").value); $("#search").blur(); } });
$("#strangest").addEventListener("click", showStrangest);
$("#help").addEventListener("click", help);

const HELP = [["m  p  l", "map, pictures, label"], ["/", "find an ID"], ["r", "a galaxy at random"], ["b", "back to the galaxy before"], ["n", "on the map: to the most similar galaxy"],
  ["\u2190  \u2192", "pictures: previous, next; map: move"], ["+  -  h", "zoom in, out, whole map"], ["v  a  x", "drag to: pan, lasso, box"], ["s", "select this galaxy"], ["g", "pictures of the strangest"],
  ["u", "undo the selection, or the label"], ["c", "choose the colour"], ["i  z", "invert, look closer"], ["0", "show all; label: cannot tell"], ["1\u20139", "label: class"], ["Space", "label: skip"], ["Ctrl+S", "save: labels, or the table as CSV"], ["Esc", "leave a field"]];
function help() {
  const close = make("button", { className: "main" }, "Close");
  close.addEventListener("click", () => $("#keys").close());
  $("#keys").replaceChildren(make("h2", {}, "Keys"), make("div", { className: "keys" }, ...HELP.flatMap(([keys, text]) => [make("span", {}, ...keys.split("  ").flatMap((key) => [make("kbd", {}, key), " "])), make("span", {}, text)])),
    make("p", { className: "quiet" }, "Click a galaxy to look at it, Shift-click to select it. On the map, the wheel zooms and dragging moves; with few galaxies in view their pictures appear. Point at any name to read what it means."),
    make("p", { className: "quiet" }, `Drawn: ${N.toLocaleString("en")} of ${data.sources.toLocaleString("en")} sources` + (data.leftOut.length ? `; ${data.leftOut.length} columns of the source catalogue did not fit.` : ".")), close);
  $("#keys").showModal();
}

const PAN = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
function mapKey(key) {
  if (PAN[key]) panBy(...PAN[key]);
  else if (key === "+" || key === "=") zoomBy(1.4);
  else if (key === "-") zoomBy(1 / 1.4);
  else if (key === "h") home();
  else if (key === "n") step(1);
  else return false;
  return true;
}

function pictureKey(key) {
  const wide = Math.max(1, Math.round(($("#pictures .grid").clientWidth + 8) / ((($("#pictures .card") || {}).offsetWidth || 100) + 8)));
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide, j: 1, k: -1 }[key];
  if (by === undefined) return false;
  step(by);
  return true;
}

function labelKey(key) {
  if (/^[1-9]$/.test(key)) { const name = labelClasses()[Number(key) - 1]; if (name) giveLabel(name); }
  else if (key === "0") giveLabel(CANNOT);
  else if (key === " ") skipLabel();
  else if (key === "u" || key === "Backspace") undoLabel();
  else return false;
  return true;
}

const ACTS = {
  m: () => open("map"), p: () => showPictures(), l: () => open("label"), "/": () => { $("#search").focus(); $("#search").select(); }, g: showStrangest, b: goBack, i: invert, z: closer,
  r: () => { const shown = where(visible); if (shown.length) go(shown[Math.floor(Math.random() * shown.length)]); }, s: () => { if (panel.current >= 0) toggle(panel.current); },
  u: undoChoice, c: () => { open("map"); $("#colour").focus(); }, v: () => setTool("pan"), a: () => setTool("lasso"), x: () => setTool("box"), 0: showAll, "?": help,
};

document.addEventListener("keydown", (event) => {
  const view = document.body.dataset.view, target = event.target;
  if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); target.blur(); (view === "label" ? saveLabels : saveCsv)(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || $("#keys").open) return;
  if (event.key === "Escape" && target !== document.body) { target.blur(); return; }
  if (isWriting(target)) return;
  if ((event.key === " " || event.key === "Enter") && target.tagName === "BUTTON" && !(view === "label" && event.key === " ")) return;
  const done = (view === "map" && mapKey(event.key)) || (view === "pictures" && pictureKey(event.key)) || (view === "label" && labelKey(event.key));
  if (!done && !(event.key in ACTS)) return;
  event.preventDefault();
  if (!done) ACTS[event.key]();
});

$("h1").append(data.field, make("span", {}, " \u00b7 explore the galaxies"));
restoreLabels();
drawAxesBar();
drawTools();
layOut();
applyFilters();
drawFilters();
paint();
drawPanel();
open("map");
