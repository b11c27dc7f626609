// Selected galaxies: they stay selected whatever is shown. Files of them; and pictures of many.

let chosenCount = 0, before = null;
// The galaxy to which the selected ones are similar, -1 if they were selected otherwise: their file has the distances.
let likeness = -1, likenessBefore = -1;

function choose(list, how = "replace", of = -1) {
  before = selected.slice();
  likenessBefore = likeness;
  if (how === "replace" || of >= 0) likeness = of;
  if (how === "replace") selected.fill(0);
  for (const i of list) selected[i] = how === "remove" ? 0 : 1;
  afterChoice();
}

function toggle(i) { choose([i], selected[i] ? "remove" : "add"); }

function undoChoice() {
  if (!before) return say("Nothing to undo.");
  const now = selected.slice();
  selected.set(before);
  before = now;
  [likeness, likenessBefore] = [likenessBefore, likeness];
  afterChoice();
}

function afterChoice() {
  chosenCount = selected.reduce((sum, one) => sum + one, 0);
  drawCounts();
  drawFilters();
  drawPanel();
  markCurrent();
  if (gallery.kind === "selected") drawGallery();
  later();
}

const where = (mask) => Array.from(mask.keys()).filter((i) => mask[i]);
// What is saved or sent: the selected galaxies, or all shown ones if none is selected.
const subject = () => (chosenCount ? where(selected) : where(visible));
const inOrder = (list) => list.slice().sort((a, b) => rowOf[a] - rowOf[b]);

// The words for what is saved or sent.
function subjectText() {
  return chosenCount ? `${chosenCount.toLocaleString("en")} selected` : `all ${(filters.count || 0).toLocaleString("en")} shown`;
}

function drawCounts() {
  document.querySelectorAll("nav .subject").forEach((one) => { one.textContent = subjectText(); });
  document.querySelectorAll("nav .saves").forEach((one) => { one.disabled = !(chosenCount || filters.count); });
  const shown = filters.count ?? N;
  $("#count").textContent = `${shown.toLocaleString("en")} of ${N.toLocaleString("en")} shown \u00b7 ${chosenCount.toLocaleString("en")} selected` +
    (hiddenHere() ? ` \u00b7 ${hiddenHere().toLocaleString("en")} likely artefacts left out here` : "");
  $("#count").title = N < data.sources ? `The catalogue has ${data.sources.toLocaleString("en")} sources; this page has ${N.toLocaleString("en")} of those with usable pixels.` : "";
}

function findIds(text) {
  const parts = text.split(/[\r\n\t,;]+/).map((part) => part.trim()).filter(Boolean);
  // IDs with blanks in them are tried whole before they are taken apart.
  const names = parts.flatMap((part) => (placeOf.has(part) ? [part] : part.split(/\s+/)));
  const lost = names.filter((name) => !placeOf.has(name)), wanted = new Set(names);
  return { found: ids.flatMap((id, i) => (wanted.has(id) ? [i] : [])), lost };
}

function drawSelection() {
  const button = (text, act, title = "", off = false, className = "") => {
    const one = make("button", { title, disabled: off, className }, text);
    one.addEventListener("click", act);
    return one;
  };
  const many = chosenCount || filters.count || 0;
  const pasted = make("textarea", { placeholder: "IDs, one a line", "aria-label": "IDs to select" });
  return make("section", { className: "selection" },
    make("h3", {}, "Selection", make("span", {}, ` ${chosenCount.toLocaleString("en")}`)),
    make("div", { className: "buttons" }, button("Select shown", () => choose(where(visible)), "select all galaxies that the filters show"),
      button("Clear", () => choose([]), "", !chosenCount), button("Look at", () => showPictures({ kind: "selected" }), "their pictures", !chosenCount),
      button("Undo", undoChoice, "", !before)),
    make("p", { className: "quiet" }, "Save ", make("b", { className: "subject" }, subjectText()), " as"),
    make("div", { className: "buttons" }, button("CSV", saveCsv, "", !many, "saves"), button("VOTable", saveVotable, "", !many, "saves")),
    make("p", { className: "quiet" }, "Send them by SAMP (TOPCAT, Aladin)"),
    make("div", { className: "buttons" }, ...sampButtons(many)),
    make("details", {}, make("summary", {}, "Paste IDs"), pasted,
      button("Select them", () => {
        const { found, lost } = findIds(pasted.value);
        choose(found);
        say(`${found.length} selected` + (lost.length ? `; not on this page: ${lost.slice(0, 5).join(", ")}${lost.length > 5 ? ` and ${lost.length - 5} more` : ""}.` : "."), lost.length > 0);
      })));
}

// ---- files ----

// Text that a spreadsheet would take for a formula gets an apostrophe in front.
function cell(text, isText) {
  if (isText && /^\s*[=+\-@]/.test(text) && !/^[+-]?[0-9.]+([eE][+-]?[0-9]+)?$/.test(text)) text = `'${text}`;
  return quoted(text);
}
const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
// A galaxy and those similar to it, nearest first: [place on the page, distance].
const ranked = (i) => [[i, 0], ...similarTo(i)];
// The galaxy to which all of a list are similar, -1 if there is none.
function likenessOf(list) {
  if (likeness < 0 || !list.length) return -1;
  const near = new Set(ranked(likeness).map(([j]) => j));
  return list.every((i) => near.has(i)) ? likeness : -1;
}

// Columns of a file: those of the catalogue, after rank and distance where all are similar to one galaxy.
function written(of) {
  const those = columns.filter((one) => !one.extra);
  if (of < 0) return those;
  const rank = new Map(ranked(of).map(([j, far], k) => [j, [k, far]]));
  const free = (name) => (byName.has(name) ? free(`${name}_`) : name);
  return [
    { name: free("RANK"), whole: true, about: `Order by distance from galaxy ${ids[of]}, which is 0 itself`, exact: (i) => String(rank.get(i)[0]) },
    { name: free("DISTANCE"), single: true, about: `Distance from galaxy ${ids[of]} among the principal components`, exact: (i) => shortest(rank.get(i)[1]) },
    ...those];
}

// The galaxies of a list in the order of a file: that of the catalogue, or of the distance.
function inFileOrder(list, of) {
  if (of < 0) return inOrder(list);
  const wanted = new Set(list);
  return ranked(of).map(([j]) => j).filter((j) => wanted.has(j));
}

function toCsv(list, of = -1) {
  const those = written(of), lines = [["ID", ...those.map((one) => one.name)].map((name) => cell(name, true)).join(",")];
  for (const i of list) lines.push([cell(ids[i], true), ...those.map((one) => cell(one.exact(i), Boolean(one.texts)))].join(","));
  return lines.join("\r\n") + "\r\n";
}

// eslint-disable-next-line no-control-regex
const xml = (text) => String(text).replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\ud800-\udfff]/g, "\ufffd")
  .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("\r", "&#13;");

function toVotable(list, of = -1) {
  const those = written(of);
  const kind = (one) => (one.texts ? 'datatype="unicodeChar" arraysize="*"' : one.truth ? 'datatype="boolean"' : one.whole ? 'datatype="long"' : one.single ? 'datatype="float"' : 'datatype="double"');
  const field = (one, type) => `<FIELD name="${xml(one.name)}" ${type}${one.unit ? ` unit="${xml(one.unit)}"` : ""}${one.ucd ? ` ucd="${xml(one.ucd)}"` : ""}>` +
    (one.about ? `<DESCRIPTION>${xml(one.about)}</DESCRIPTION>` : "") + "</FIELD>";
  const value = (one, i) => { const text = one.exact(i); return one.texts || one.truth || one.whole || text !== "" ? xml(text) : "NaN"; };
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
    `<RESOURCE><INFO name="creator" value="morphovote ${xml(data.version)}"/><TABLE name="${xml(data.field)}" nrows="${list.length}">`,
    field({ name: "ID", unit: "", ucd: "meta.id;meta.main", about: "Identifier in the source catalogue" }, 'datatype="unicodeChar" arraysize="*"'),
    ...those.map((one) => field(one, kind(one))), "<DATA><TABLEDATA>",
    ...list.map((i) => `<TR><TD>${xml(ids[i])}</TD>${those.map((one) => `<TD>${value(one, i)}</TD>`).join("")}</TR>`),
    "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"].join("\n");
}

function told(name, count, of) {
  const what = of >= 0 ? `galaxies like ${ids[of]}, with their distances,` : `${chosenCount ? "selected" : "shown"} galaxies`;
  say(`Saved the ${count.toLocaleString("en")} ${what} as ${name}.` + (data.leftOut.length ? ` ${data.leftOut.length} columns of the source catalogue are only in catalogue.fits.` : ""));
}

function save(list, of, end, text, type) {
  const kind = of >= 0 ? `similar_to_${safe(ids[of])}` : chosenCount ? "selected" : "shown", name = `${safe(data.field) || "field"}_${kind}.${end}`;
  const rows = inFileOrder(list, of);
  saveFile(name, text(rows, of), type);
  told(name, rows.length, of);
}

function saveCsv() { const list = subject(); save(list, chosenCount ? likenessOf(list) : -1, "csv", toCsv, "text/csv"); }
function saveVotable() { const list = subject(); save(list, chosenCount ? likenessOf(list) : -1, "vot", toVotable, "application/x-votable+xml"); }
// The similar galaxies of one, whatever is selected.
function saveSimilar(i) { save(ranked(i).map(([j]) => j), i, "csv", toCsv, "text/csv"); }

// ---- pictures of many ----

const gallery = { kind: "shown", of: -1, sort: "STRANGENESS", down: true, list: [], drawn: 0, skip: true };

// Whether the pictures are the strangest, and how many likely artefacts they leave out.
const isStrange = () => gallery.kind === "shown" && gallery.sort === "STRANGENESS";
const hiddenHere = () => ($("#pictures").hidden || !isStrange() || !gallery.skip ? 0 : where(visible).filter(isArtefact).length);

function listed() {
  if (gallery.kind === "similar") return ranked(gallery.of).map(([j]) => j);
  let list = gallery.kind === "selected" ? where(selected) : where(visible);
  if (gallery.skip && isStrange()) list = list.filter((i) => !isArtefact(i));
  // Galaxies beyond the whole reference have one rank; isolation tells them apart.
  const one = column(gallery.sort === "STRANGENESS" ? "ISOLATION" : gallery.sort), sign = gallery.down ? -1 : 1;
  if (!one) return list;
  const value = (i) => (Number.isFinite(one.values[i]) ? sign * one.values[i] : Infinity);
  return list.sort((a, b) => value(a) - value(b) || a - b);
}

function showPictures(change = {}) {
  Object.assign(gallery, change);
  open("pictures");
  drawGallery();
}

function showStrangest() { showPictures({ kind: "shown", sort: "STRANGENESS", down: true, skip: true }); }

function drawGallery() {
  if ($("#pictures").hidden) return;
  gallery.list = listed();
  gallery.drawn = 0;
  const kind = make("select", { "aria-label": "which galaxies" }, ...[["shown", "all shown"], ["selected", "the selected"], ...(gallery.of >= 0 ? [["similar", `similar to ${ids[gallery.of]}`]] : [])]
    .map(([value, text]) => make("option", { value, selected: value === gallery.kind }, text)));
  kind.addEventListener("change", () => showPictures({ kind: kind.value }));
  const sort = make("select", { "aria-label": "sorted by" }, ...numeric.map((one) => make("option", { value: one.name, selected: one.name === gallery.sort }, one.name)));
  sort.addEventListener("change", () => showPictures({ sort: sort.value }));
  const turn = make("button", { title: "the other way round" }, gallery.down ? "\u2193 falling" : "\u2191 rising");
  turn.addEventListener("click", () => showPictures({ down: !gallery.down }));
  const skip = make("input", { type: "checkbox", checked: gallery.skip, id: "skip" });
  skip.addEventListener("change", () => showPictures({ skip: skip.checked }));
  const all = make("button", {}, "Select these");
  all.addEventListener("click", () => choose(gallery.list, "replace", gallery.kind === "similar" ? gallery.of : -1));
  const file = make("button", { title: "a file of them with their distances" }, "CSV");
  file.addEventListener("click", () => saveSimilar(gallery.of));
  const grid = make("div", { className: "grid" });
  const whole = make("button", { title: "the filters on the left hide the others" }, `of ${(filters.count ?? N).toLocaleString("en")} shown: `, make("kbd", {}, "0"), " show all");
  whole.addEventListener("click", showAll);
  const hides = gallery.kind === "shown" && filters.count < N;
  $("#pictures").replaceChildren(make("div", { className: "bar" }, kind, gallery.kind === "similar" ? null : make("span", {}, "by"), gallery.kind === "similar" ? null : sort, gallery.kind === "similar" ? null : turn,
    isStrange() ? make("label", { className: "tick", title: "no data, edge, off centre, trail, failed measurement, S/N below 10, no larger than the PSF, or class UNC" }, skip, "without likely artefacts") : null,
    make("span", { className: "quiet" }, `${gallery.list.length.toLocaleString("en")} galaxies` +
      (hiddenHere() ? `, ${hiddenHere().toLocaleString("en")} likely artefacts left out` : "")), hides ? whole : null, all, gallery.kind === "similar" ? file : null), grid);
  drawCounts();
  if (!gallery.list.length) grid.append(make("p", { className: "empty" }, gallery.kind === "selected" ? "No galaxy is selected." : hiddenHere() ? "All that are shown are likely artefacts." : "No galaxy passes the filters."));
  moreCards();
  $("#pictures").scrollTop = 0;
}

function moreCards() {
  const grid = $("#pictures .grid"), one = column(gallery.sort), end = Math.min(gallery.drawn + 120, gallery.list.length);
  for (; gallery.drawn < end; gallery.drawn++) {
    const i = gallery.list[gallery.drawn], kind = classes[classIndex[i]];
    const note = gallery.kind === "similar" ? (gallery.drawn ? brief(distances()[gallery.of * NEAR + gallery.drawn - 1]) : "this one") : one ? one.shown(i) : "";
    const card = make("button", { className: "card", title: gallery.kind === "similar" ? `distance ${note}` : one ? `${labelOf(one)} ${note}` : "", "aria-label": `galaxy ${ids[i]}, ${kind.name}` }, thumb(i),
      make("span", { className: "name" }, ids[i]), make("span", { className: "note" }, marked(kind.marker, kind.colour), `${kind.name} ${note}`));
    card.dataset.galaxy = String(i);
    card.addEventListener("click", (event) => (event.shiftKey ? toggle(i) : go(i)));
    card.addEventListener("dblclick", () => toggle(i));
    grid.append(card);
  }
  markCurrent();
}

$("#pictures").addEventListener("scroll", () => {
  const box = $("#pictures");
  if (box.scrollTop + box.clientHeight > box.scrollHeight - 300 && gallery.drawn < gallery.list.length) moreCards();
});

function markCurrent() {
  document.querySelectorAll("[data-galaxy]").forEach((one) => {
    one.classList.toggle("now", Number(one.dataset.galaxy) === panel.current);
    one.classList.toggle("picked", Boolean(selected[Number(one.dataset.galaxy)]));
  });
}

function step(by) {
  if (!$("#pictures").hidden) {
    const at = gallery.list.indexOf(panel.current), next = gallery.list[Math.max(0, Math.min(gallery.list.length - 1, at + by))];
    if (next === undefined) return;
    while (gallery.drawn <= at + by && gallery.drawn < gallery.list.length) moreCards();
    go(next);
    const card = $(`#pictures [data-galaxy="${next}"]`);
    if (card) card.scrollIntoView({ block: "nearest" });
  } else if (panel.current >= 0) {
    const near = similarTo(panel.current);
    if (near.length) go(near[by > 0 ? 0 : Math.min(1, near.length - 1)][0]);
  }
}
