// What is shown: classes, the vote, flags, and ranges of any columns. The rest stays faint on the map.

const filters = { classes: new Set(classes.map((one) => one.name)), kept: false, groups: null, flags: new Map(), ranges: [] };
const counts = classes.map((_, k) => classIndex.reduce((sum, one) => sum + (one === k), 0));

function addRange(one) {
  if (!one || filters.ranges.some((range) => range.column === one)) return;
  filters.ranges.push({ column: one, low: null, high: null });
}
[column("SNR"), byRole("mag"), byRole("redshift")].forEach(addRange);

function parseGroups(text) {
  const found = new Set();
  for (const part of text.split(/[\s,;]+/).filter(Boolean)) {
    const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(part) || [];
    if (from === undefined) return null;
    for (let n = Number(from); n <= Math.min(Number(to ?? from), Number(from) + 9999); n++) found.add(n);
  }
  return found.size ? found : null;
}

function applyFilters() {
  // Who changes a filter wants to see what it leaves.
  if (gallery.kind === "similar") gallery.kind = "shown";
  const allowed = classes.map((one) => filters.classes.has(one.name));
  let without = 0, only = 0;
  for (const [bit, how] of filters.flags) { if (how === "without") without |= bit; else only |= bit; }
  const kept = column("KEPT");
  const ranges = filters.ranges.filter(({ low, high }) => low !== null || high !== null);
  let count = 0;
  for (let i = 0; i < N; i++) {
    const flag = flagsOf(i);
    let good = allowed[classIndex[i]] && !(flag & without) && (flag & only) === only && !(filters.kept && kept && !kept.values[i]);
    if (good && filters.groups) good = filters.groups.has(groupColumn.values[i]);
    for (let k = 0; good && k < ranges.length; k++) {
      const { column: one, low, high } = ranges[k], value = one.values[i];
      good = Number.isFinite(value) && (low === null || value >= low) && (high === null || value <= high);
    }
    visible[i] = good ? 1 : 0;
    count += visible[i];
  }
  filters.count = count;
  index();
  drawCounts();
  drawGallery();
  later();
}

function changed() { applyFilters(); drawFilters(); }

function field(label, element) { return make("label", { className: "field" }, make("span", {}, label), element); }

function drawClasses() {
  const all = make("button", {}, "all"), none = make("button", {}, "none");
  all.addEventListener("click", () => { filters.classes = new Set(classes.map((one) => one.name)); changed(); });
  none.addEventListener("click", () => { filters.classes = new Set(); changed(); });
  const rows = classes.map((one, k) => {
    if (!counts[k]) return null;
    const box = make("input", { type: "checkbox", checked: filters.classes.has(one.name), id: `class-${k}` });
    box.addEventListener("change", () => { if (box.checked) filters.classes.add(one.name); else filters.classes.delete(one.name); changed(); });
    const only = make("button", { title: `show ${one.name} alone` }, "only");
    only.addEventListener("click", () => { filters.classes = new Set([one.name]); changed(); });
    return make("div", { className: "row" }, make("label", { title: one.meaning }, box, marked(one.marker, one.colour), one.name), make("span", { className: "number" }, counts[k].toLocaleString("en")), only);
  });
  return make("section", {}, make("h3", {}, "Class", all, none), ...rows.filter(Boolean));
}

function drawRanges() {
  const rows = filters.ranges.map((range) => {
    const bound = (key, word) => {
      const input = make("input", { inputMode: "decimal", value: range[key] === null ? "" : String(range[key]), placeholder: word, "aria-label": `${word} ${range.column.name}` });
      // What is shown follows the typing; half a number is no mistake until the field is left.
      const apply = (last) => {
        const text = input.value.trim().replace(",", ".").replace("\u2212", "-");
        const value = text === "" ? null : Number(text);
        if (Number.isNaN(value)) { if (last) say(`${input.value} is not a number.`, true); return; }
        if (range[key] === value) return;
        range[key] = value;
        applyFilters();
      };
      input.addEventListener("input", () => apply(false));
      input.addEventListener("change", () => apply(true));
      return input;
    };
    const gone = make("button", { title: "remove this range", "aria-label": `remove the range of ${range.column.name}` }, "\u00d7");
    gone.addEventListener("click", () => { filters.ranges.splice(filters.ranges.indexOf(range), 1); changed(); });
    return make("div", { className: "range" }, make("span", { title: `${labelOf(range.column)}: ${range.column.about}` }, range.column.name), bound("low", "min"), bound("high", "max"), gone);
  });
  const more = make("select", { "aria-label": "add a range of another column" }, make("option", { value: "" }, "add a column\u2026"),
    ...numeric.filter((one) => !filters.ranges.some((range) => range.column === one)).map((one) => make("option", { value: one.name }, one.name)));
  more.addEventListener("change", () => { addRange(column(more.value)); drawFilters(); });
  return make("section", {}, make("h3", {}, "Ranges"), ...rows, more);
}

function drawFlags() {
  const rows = data.flags.map(([name, bit, meaning]) => {
    const total = countFlag(bit);
    if (!total) return null;
    const how = make("select", { "aria-label": `flag ${name}` }, ...["any", "without", "only"].map((word) => make("option", { value: word, selected: (filters.flags.get(bit) || "any") === word }, word)));
    how.addEventListener("change", () => { if (how.value === "any") filters.flags.delete(bit); else filters.flags.set(bit, how.value); applyFilters(); });
    return make("div", { className: "row" }, make("label", { title: meaning }, name.replaceAll("_", " ")), make("span", { className: "number" }, total.toLocaleString("en")), how);
  }).filter(Boolean);
  return make("details", { open: filters.flags.size > 0 }, make("summary", {}, "Flags"), ...(rows.length ? rows : [make("p", { className: "quiet" }, "no galaxy has one")]));
}

const flagCounts = new Map();
function countFlag(bit) {
  if (!flagCounts.has(bit)) {
    let total = 0;
    for (let i = 0; i < N; i++) if (flagsOf(i) & bit) total++;
    flagCounts.set(bit, total);
  }
  return flagCounts.get(bit);
}

function drawFilters() {
  const kept = make("input", { type: "checkbox", checked: filters.kept, id: "kept" });
  kept.addEventListener("change", () => { filters.kept = kept.checked; applyFilters(); });
  const groups = make("input", { placeholder: "all; or 3, 5-7", value: filters.groupText || "", "aria-label": "groups" });
  groups.addEventListener("change", () => {
    filters.groupText = groups.value.trim();
    filters.groups = parseGroups(filters.groupText);
    if (filters.groupText && !filters.groups) say(`${groups.value}: write the numbers of groups, such as 3, 5-7.`, true);
    applyFilters();
  });
  const reset = make("button", {}, make("kbd", {}, "0"), " show all");
  reset.addEventListener("click", showAll);
  renew($("nav"), make("div", { className: "top" }, make("h2", {}, "Shown"), reset), drawClasses(),
    make("section", {}, make("h3", {}, "Vote"), make("label", { className: "tick" }, kept, "kept by the vote only"), field("groups", groups)),
    drawRanges(), drawFlags(), drawSelection());
}

function showAll() {
  Object.assign(filters, { classes: new Set(classes.map((one) => one.name)), kept: false, groups: null, groupText: "" });
  filters.flags.clear();
  filters.ranges.forEach((range) => { range.low = range.high = null; });
  changed();
}
