// Label galaxies by eye, one at a time: number keys, undo, skip, cannot tell. The labels stay in the
// browser until they are saved as labels.csv.

const CANNOT = "cannot tell";
const labels = { who: "", given: [], skipped: [], own: [], source: "", other: null, redraw: null, forgetful: false };
const labelPlace = `morphovote labels ${data.field} ${data.identity}`;
const SOURCES = [["suggested", "as the workflow suggests"], ["random", "at random"], ["selected", "the selected ones"]];
labels.source = data.toLabel.length ? "suggested" : "random";

function keepLabels() {
  try {
    const { who, given, skipped, own, source } = labels;
    localStorage.setItem(labelPlace, JSON.stringify({ who, given: given.map((one) => ({ ...one, i: ids[one.i] })), skipped: skipped.map((i) => ids[i]), own, source }));
  } catch (error) { labels.forgetful = true; /* the browser forbids storage: only the file is left */ }
}

function restoreLabels() {
  try {
    const found = JSON.parse(localStorage.getItem(labelPlace) || "null");
    if (!found) return;
    const known = (id) => placeOf.has(id);
    Object.assign(labels, { who: String(found.who || ""), own: found.own.map(String), source: found.source,
      given: found.given.filter((one) => known(one.i)).map((one) => ({ ...one, i: placeOf.get(one.i) })), skipped: found.skipped.filter(known).map((id) => placeOf.get(id)) });
    if (!SOURCES.some(([name]) => name === labels.source) || (labels.source === "suggested" && !data.toLabel.length)) labels.source = "random";
    if (labels.given.length) say(`${labels.given.length} labels of an earlier visit are back.`);
  } catch (error) { /* nothing stored, or it cannot be read */ }
}

// A shuffled order that is the same on every visit.
function shuffled() {
  let seed = parseInt(data.identity.slice(0, 8), 16) || 1;
  const random = () => { seed = (Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0; return ((seed ^ (seed >>> 13)) >>> 0) / 2 ** 32; };
  const list = Array.from({ length: N }, (_, i) => i).filter((i) => candidate[i] === 1).sort((a, b) => rowOf[a] - rowOf[b]);
  for (let k = list.length - 1; k > 0; k--) { const other = Math.floor(random() * (k + 1)); [list[k], list[other]] = [list[other], list[k]]; }
  return list.map((i) => [i, true]);
}
let shuffle = null;

function queue() {
  if (labels.source === "suggested") return data.toLabel;
  if (labels.source === "selected") return where(selected).map((i) => [i, false]);
  return (shuffle ??= shuffled());
}

function nextToLabel() {
  const done = new Set([...labels.given.map((one) => one.i), ...labels.skipped]);
  return queue().find(([i]) => !done.has(i)) || null;
}

const labelClasses = () => [...data.classes.filter((one) => one.standard).map((one) => one.name), ...data.classes.filter((one) => !one.standard).map((one) => one.name), ...labels.own];

function giveLabel(name) {
  const next = nextToLabel();
  if (!next) return say("There is nothing left to label in this order.");
  labels.given.push({ i: next[0], class: name, when: new Date().toISOString().slice(0, 19) + "Z", random: Boolean(next[1]) });
  labels.last = "given";
  (labels.history ??= []).push("given");
  keepLabels();
  drawLabel();
}

function skipLabel() {
  const next = nextToLabel();
  if (!next) return;
  labels.skipped.push(next[0]);
  (labels.history ??= []).push("skipped");
  keepLabels();
  drawLabel();
}

function undoLabel() {
  const kind = (labels.history ??= []).pop() || (labels.given.length ? "given" : "skipped");
  if (!labels[kind].length) return say("Nothing to undo.");
  const gone = labels[kind].pop();
  keepLabels();
  drawLabel();
  say(`Taken back: ${ids[kind === "given" ? gone.i : gone]}.`);
}

function toLabels() {
  const lines = ["ID,CLASS,WHO,WHEN,RANDOM"];
  for (const one of labels.given) lines.push([ids[one.i], one.class, labels.who, one.when, one.random ? "True" : "False"].map((text) => quoted(String(text))).join(","));
  return lines.join("\r\n") + "\r\n";
}

function saveLabels() {
  if (!labels.given.length) return say("There are no labels yet.");
  if (!labels.who && !labels.nameless) {
    labels.nameless = true;
    return say("The file would not say who labelled: enter your name, or save once more to leave it out.", true);
  }
  const name = ["labels", safe(data.field), safe(labels.who)].filter(Boolean).join("_") + ".csv";
  saveFile(name, toLabels(), "text/csv");
  labels.savedCount = labels.given.length;
  say(`Saved ${labels.given.length} labels as ${name}: give its path to fields.${data.field}.labels in the config.`);
}

// ---- files of labels: one's own to go on, another's to compare ----

function parseCsv(text) {
  const rows = [[""]];
  let inside = false;
  text = text.replace(/^\ufeff/, "");
  for (let k = 0; k < text.length; k++) {
    const c = text[k], row = rows[rows.length - 1];
    if (inside) {
      if (c === '"' && text[k + 1] === '"') { row[row.length - 1] += c; k++; } else if (c === '"') inside = false; else row[row.length - 1] += c;
    } else if (c === '"' && row[row.length - 1] === "") inside = true;
    else if (c === ",") row.push("");
    else if (c === "\n" || c === "\r") { if (c === "\r" && text[k + 1] === "\n") k++; rows.push([""]); } else row[row.length - 1] += c;
  }
  return rows.filter((row) => row.length > 1 || row[0] !== "");
}

function readLabels(text) {
  const [names, ...rows] = parseCsv(text), at = Object.fromEntries((names || []).map((name, k) => [name.trim().toUpperCase(), k]));
  if (at.ID === undefined || at.CLASS === undefined) throw Error("has no columns ID and CLASS.");
  const found = [];
  let lost = 0;
  for (const row of rows) {
    const i = placeOf.get((row[at.ID] || "").trim()), name = (row[at.CLASS] || "").trim();
    if (i === undefined || !name) { lost++; continue; }
    found.push({ i, class: name, who: row[at.WHO] || "", when: row[at.WHEN] || "", random: /^(true|1|yes)$/i.test(row[at.RANDOM] || "") });
  }
  return { found, lost };
}

function openLabels(text, name) {
  try {
    const { found, lost } = readLabels(text);
    const whose = found.length ? found[0].who : "", note = lost ? ` ${lost} rows are of galaxies that are not on this page.` : "";
    // One's own file is gone on with; another's is compared.
    if (!labels.given.length || whose === labels.who) {
      if (!labels.who) labels.who = whose;
      const had = new Set(labels.given.map((one) => one.i));
      labels.given = [...found.filter((one) => !had.has(one.i)), ...labels.given];
      labels.own = [...new Set([...labels.own, ...found.map((one) => one.class).filter((one) => one !== CANNOT && !data.classes.some((known) => known.name === one))])];
      keepLabels();
      say(`Opened ${found.length} labels of ${name}.${note}`);
    } else {
      labels.other = { name, who: whose, by: new Map(found.map((one) => [one.i, one.class])) };
      say(`Comparing with ${found.length} labels of ${name}.${note}`);
    }
    drawLabel();
  } catch (error) {
    say(`${name}: ${error.message}`, true);
  }
}

function comparison() {
  if (!labels.other) return null;
  const both = labels.given.filter((one) => labels.other.by.has(one.i)), same = both.filter((one) => labels.other.by.get(one.i) === one.class);
  const differ = both.filter((one) => labels.other.by.get(one.i) !== one.class);
  return make("section", { className: "compare" }, make("h3", {}, `With ${labels.other.who || labels.other.name}`),
    make("p", {}, both.length ? `${same.length} of ${both.length} galaxies that both labelled have one class (${Math.round((100 * same.length) / both.length)} %).` : "No galaxy is labelled by both."),
    make("div", { className: "near" }, ...differ.slice(0, 48).map((one) => thumbButton(one.i, `you ${one.class}, they ${labels.other.by.get(one.i)}`))));
}

// ---- the view ----

const labelPictures = {};
const labelled = (i) => [ids[i], labelPictures.trio.wide()].filter(Boolean).join(" \u00b7 ");
function drawLabel() {
  if ($("#label").hidden) return;
  const next = nextToLabel(), all = queue().length, own = labels.given.filter((one) => one.class !== CANNOT).length;
  labelPictures.trio ??= trio();
  labelPictures.controls ??= lookControls();
  const who = make("input", { id: "who", maxLength: 80, value: labels.who, autocomplete: "name" });
  who.addEventListener("change", () => { labels.who = who.value.trim(); keepLabels(); });
  const source = make("select", { id: "source", "aria-label": "order" }, ...SOURCES.filter(([name]) => name !== "suggested" || data.toLabel.length).map(([name, text]) => make("option", { value: name, selected: name === labels.source }, text)));
  source.addEventListener("change", () => { labels.source = source.value; keepLabels(); drawLabel(); });
  const button = (text, act, key, className = "") => {
    const one = make("button", { className }, key ? make("kbd", {}, key) : null, key ? " " : "", text);
    one.addEventListener("click", act);
    return one;
  };
  const choices = labelClasses().map((name, k) => {
    const known = data.classes.find((one) => one.name === name);
    const one = make("button", { title: known ? known.meaning : "", className: "choice" }, k < 9 ? make("kbd", {}, String(k + 1)) : null, known ? marked(known.marker, known.colour) : null, make("b", {}, name),
      known && known.meaning ? make("span", {}, known.meaning) : null);
    one.addEventListener("click", () => giveLabel(name));
    return one;
  });
  const fresh = make("input", { id: "fresh", maxLength: 12, placeholder: "a class of your own", "aria-label": "a class of your own" });
  fresh.addEventListener("keydown", (event) => { if (event.key === "Enter") addOwn(fresh.value.trim()); });
  const file = make("input", { type: "file", accept: ".csv", hidden: true, id: "labelfile" });
  file.addEventListener("change", async () => { const one = file.files[0]; file.value = ""; if (one) openLabels(await one.text(), one.name); });
  const target = Math.max(100, Math.ceil((labels.given.length + 1) / 100) * 100), goal = Math.min(target, all || target);
  $("#label").replaceChildren(
    make("div", { className: "bar" }, make("label", {}, "order ", source), make("label", {}, "your name ", who),
      button("Open labels.csv", () => file.click()), file, button("Save labels.csv", saveLabels, "", "main")),
    make("div", { className: "progress", role: "progressbar", "aria-valuenow": String(labels.given.length), "aria-valuemax": String(goal), "aria-label": "labelled" }, make("i", { style: { width: `${Math.min(100, (100 * labels.given.length) / goal)}%` } })),
    make("p", { className: "quiet", id: "done" }, `${labels.given.length} labelled (${labels.given.length - own} cannot be told), ${labels.skipped.length} skipped, ${Math.max(0, all - labels.given.length - labels.skipped.length).toLocaleString("en")} to go` +
      (labels.source === "suggested" ? "" : labels.source === "random" ? " \u00b7 drawn at random: these labels also tell the accuracy" : " \u00b7 chosen, not random")),
    next ? make("div", { className: "one" }, labelPictures.trio, make("div", { className: "below" }, labelPictures.controls, make("p", { className: "quiet scale" }, labelled(next[0])))) : make("p", { className: "empty" }, "All of this order are labelled. Save the file, or choose another order."),
    make("div", { className: "choices", role: "group", "aria-label": "class" }, ...choices),
    make("div", { className: "bar" }, button(CANNOT, () => giveLabel(CANNOT), "0"), button("skip", skipLabel, "Space"), button("undo", undoLabel, "u"), fresh, button("Add", () => addOwn(fresh.value.trim()))),
    ...[comparison()].filter(Boolean));
  labels.redraw = () => {
    const now = nextToLabel();
    if (!now || $("#label").hidden) return;
    labelPictures.trio.show(now[0]);
    $("#label .scale").textContent = labelled(now[0]);
  };
  labels.redraw();
}

function addOwn(name) {
  if (!/^[A-Za-z][A-Za-z0-9_+-]{0,11}$/.test(name) || name.toLowerCase() === "none") return say("A class name starts with a letter, followed by up to 11 letters, digits, + - or _.", true);
  if (labelClasses().includes(name)) return say(`${name} exists already.`, true);
  labels.own.push(name);
  keepLabels();
  drawLabel();
}

addEventListener("beforeunload", (event) => { if (labels.forgetful && labels.given.length !== (labels.savedCount || 0)) event.preventDefault(); });
