const hasMagnitude = data.quantities.some((quantity) => quantity.key === "MAG" && quantity.sample);
const byNumber = new Map(data.groups.map((group) => [group.number, group]));
const standard = data.classes.filter((one) => !one.own);
// ---- the user's choices, and their history ----

function initialState() {
  const groups = {};
  for (const group of data.groups) {
    const entry = {};
    for (const key of ["class", "note", "merge", "split"]) {
      if (group[key] !== null && group[key] !== "") entry[key] = group[key];
    }
    if (Object.keys(entry).length) groups[group.number] = entry;
  }
  const classes = {};
  for (const one of data.classes) if (one.own) classes[one.name] = one.meaning;
  return { who: data.who, note: data.note, classes, groups };
}

const initial = JSON.stringify(initialState());
const place = `morphovote names ${data.field} ${data.regrouped} ${checksum(initial)}`;
let state = JSON.parse(initial);
let saved = initial;
let past = [];
let forgetful = false;
let current = 0;
let closer = 1; // 2 shows the middle half of every picture

function keep() {
  try {
    localStorage.setItem(place, JSON.stringify(state));
  } catch (error) { forgetful = true; /* the browser forbids storage: only the file is left */ }
}

function restore() {
  try {
    const text = localStorage.getItem(place);
    if (text && text !== initial) {
      state = JSON.parse(text);
      say("Your earlier choices are back; they are not in a file yet unless you saved them.");
    }
  } catch (error) { /* nothing stored, or it cannot be read */ }
}

function change(edit) {
  const before = JSON.stringify(state);
  edit();
  for (const [number, one] of Object.entries(state.groups)) if (!Object.keys(one).length) delete state.groups[number];
  if (JSON.stringify(state) === before) return;
  past.push(before);
  keep();
  draw();
}

function undo() {
  if (!past.length) return say("Nothing to undo.");
  state = JSON.parse(past.pop());
  keep();
  draw();
}

function entry(number) {
  return state.groups[number] || {};
}

function set(number, key, value) {
  change(() => {
    const one = { ...entry(number) };
    if (value === null || value === "") delete one[key];
    else one[key] = value;
    if (key === "class" && value) { delete one.merge; dropSplit(one); }
    if (key === "merge" && value !== null) { delete one.class; dropSplit(one); }
    state.groups[number] = one;
  });
}

function dropSplit(one) {
  for (const part of one.split || []) {
    delete state.groups[part];
    for (const other of Object.values(state.groups)) if (other.merge === part) delete other.merge;
  }
  delete one.split;
}

function split(number, count) {
  change(() => {
    const one = { ...entry(number) };
    dropSplit(one);
    if (count > 1) {
      delete one.class;
      delete one.merge;
      for (const other of Object.values(state.groups)) if (other.merge === number) delete other.merge;
      const used = Object.values(state.groups).flatMap((other) => other.split || []);
      const next = Math.max(data.fitted - 1, ...data.groups.map((group) => group.number), ...used) + 1;
      one.split = Array.from({ length: count }, (_, i) => next + i);
    }
    state.groups[number] = one;
  });
}

function root(number) {
  const seen = new Set();
  while (entry(number).merge !== undefined && !seen.has(number)) {
    seen.add(number);
    number = entry(number).merge;
  }
  return number;
}

const parentOf = (number) => Object.keys(state.groups).map(Number).find((n) => (entry(n).split || []).includes(number));
// Groups with members in this vote; the others were joined or split before it.
const live = (group) => group.galaxies > 0;
const shown = [...data.groups.filter(live), ...data.groups.filter((group) => !live(group))]
  .filter((group) => live(group) || group.merge !== null || group.split !== null);
const decided = (number) => entry(number).class || entry(number).split || entry(number).merge !== undefined;

function classList() {
  const own = Object.entries(state.classes).map(([name, meaning], i) => {
    const known = data.classes.find((one) => one.name === name);
    return { name, meaning, own: true, colour: known ? known.colour : data.spare[i % data.spare.length] };
  });
  return [...standard, ...own];
}

function colourOf(name) {
  const found = classList().find((one) => one.name === name);
  return found ? found.colour : "#8a8a8a";
}

// ---- drawing ----

function picture(group, line, column, half, close = closer) {
  // In per cent of the background's overhang, which centres one tile.
  const at = (tile, tiles) => (100 * (close * tile + (close - 1) / 2)) / (close * tiles - 1);
  return make("div", {
    className: `pic g${group.number}`,
    style: {
      "background-size": `${100 * close * data.shown}% ${600 * close}%`,
      "background-position": `${at(column, data.shown)}% ${at(2 * line + half, 6)}%`,
    },
  });
}

function describe(one) {
  return `${one.id}: ${one.mag === null ? "" : `magnitude ${format(one.mag, 1)}, `}S/N ${format(one.snr, 1)}, vote fraction ${format(one.vote, 2)}` +
    (one.second >= 0 ? `, next group ${one.second}` : "");
}

function strip(group, line, title, hint) {
  const figures = group.members[line].map((one, column) => {
    const figure = make("figure", { role: "img", tabIndex: -1, "aria-label": `galaxy ${describe(one)}` },
      picture(group, line, column, 0), picture(group, line, column, 1),
      make("figcaption", {}, ...(one.mag === null ? ["S/N "] : [make("b", {}, format(one.mag, 1)), " \u00b7 "]), format(one.snr, one.snr < 10 ? 1 : 0)));
    figure.addEventListener("mouseenter", () => zoom(figure, group, line, column, one));
    figure.addEventListener("mouseleave", () => { $("#zoom").hidden = true; });
    return figure;
  });
  return make("section", {}, make("h3", {}, title, make("span", {}, ` ${hint}`)),
    make("div", { className: "strip" }, ...figures));
}

function zoom(figure, group, line, column, one) {
  const box = $("#zoom");
  const pair = make("div", { className: "two" }, picture(group, line, column, 0, 1), picture(group, line, column, 1, 1));
  box.replaceChildren(pair, make("p", {}, describe(one)),
    make("small", {}, "Left: the data. Right: denoised, in the same stretch."));
  box.hidden = false;
  const near = figure.getBoundingClientRect();
  const high = box.offsetHeight, wide = box.offsetWidth;
  const top = near.bottom + high + 6 < innerHeight ? near.bottom + 4 : Math.max(4, near.top - high - 4);
  box.style.left = `${Math.max(6, Math.min(near.left + near.width / 2 - wide / 2, innerWidth - wide - 6))}px`;
  box.style.top = `${top}px`;
}

function drawList() {
  const buttons = shown.map((group, i) => {
    const one = entry(group.number);
    let chip = make("span", { className: "chip maybe", title: "suggested" }, group.suggested);
    let mark = "";
    const name = one.class || entry(root(group.number)).class;
    if (one.split) { chip = make("span", { className: "chip" }, "split"); mark = `\u2192 ${one.split.join(", ")}`; }
    else if (one.merge !== undefined) mark = `\u2192 ${root(group.number)}`;
    if (!one.split && name) chip = make("span", { className: "chip", style: { "--c": colourOf(name) } }, name);
    if (one.merge !== undefined && !name) chip = make("span", { className: "chip" }, "joined");
    if (!one.split && one.merge === undefined) mark = [group.alone.length ? "!" : "", one.note ? "note" : ""].filter(Boolean).join(" ");
    const button = make("button", { "aria-current": String(i === current), title: [...group.alone, one.note || ""].filter(Boolean).join("; ") },
      make("b", {}, String(group.number)), chip, make("span", { className: "mark" }, mark),
      make("span", { className: "size" }, live(group) ? group.galaxies.toLocaleString("en") : ""));
    button.addEventListener("click", () => go(i));
    return button;
  });
  const gone = shown.findIndex((group) => !live(group));
  if (gone >= 0) buttons.splice(gone, 0, make("h2", {}, "joined or split before"));
  $("nav").replaceChildren(...buttons);
  const now = $("nav [aria-current='true']");
  if (now) now.scrollIntoView({ block: "nearest" });
}

function drawGroup() {
  const group = shown[current], one = entry(group.number);
  const head = make("div", { className: "head" }, make("h2", {}, `Group ${group.number}`),
    make("span", {}, `${group.galaxies.toLocaleString("en")} galaxies \u00b7 ${group.kept.toLocaleString("en")} kept \u00b7 ` +
      `median vote fraction ${format(group.vote, 2)}`),
    live(group) ? make("span", { className: "why" }, "suggested ", make("b", {}, group.suggested),
      group.weak ? make("b", { className: "weak" }, " (weak)") : null, `: ${group.because}`) : null);
  const buttons = classList().map((choice, i) => {
    const button = make("button", {
      className: live(group) && choice.name === group.suggested && !decided(group.number) ? "suggested" : "",
      title: choice.meaning, "aria-pressed": String(one.class === choice.name), style: { "--c": choice.colour },
    }, i < 9 ? make("kbd", {}, String(i + 1)) : null, make("span", { className: "chip", style: { "--c": choice.colour } }, choice.name));
    button.addEventListener("click", () => choose(choice.name));
    return button;
  });
  const rows = [head, make("div", { className: "classes", role: "group", "aria-label": "class of this group" }, ...buttons)];
  if (group.alone.length && live(group)) rows.push(make("p", { className: "notice" }, `Look closely: ${group.alone.join("; ")}.`));
  if (group.unmatched) rows.push(make("p", { className: "notice" }, "This group is new: no group named in the other vote is near it."));
  if (one.merge !== undefined) rows.push(make("p", { className: "notice" }, `Joined to group ${one.merge}: its galaxies count there and get that group's class.`));
  if (one.split && live(group)) rows.push(make("p", { className: "notice" }, `To be split: in the next run its parts are groups ${one.split.join(", ")}; name them then.`));
  if (live(group)) {
    rows.push(strip(group, 0, "Most typical", `upper: data, lower: denoised; below: ${hasMagnitude ? "magnitude \u00b7 " : ""}S/N`),
      strip(group, 1, "Random", "what the group contains"),
      strip(group, 2, "Least certain", "lowest vote fraction"));
  } else {
    rows.push(make("p", { className: "empty" }, one.split
      ? `This group was split into groups ${one.split.join(", ")} when the votes were cast. To undo it, set Split to none and run the workflow again.`
      : "This group was joined to another when the votes were cast. To undo it, set Join to none and run the workflow again."));
  }
  $("main").replaceChildren(...rows);
  $("#zoom").hidden = true;
}

function shape(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function meter(quantity, medians) {
  const [low, , , , high] = quantity.sample;
  const scale = (value) => (quantity.log && low > 0 ? Math.log(value) : value);
  const at = (value) => {
    const x = (scale(Math.max(value, quantity.log && low > 0 ? low / 10 : -1e30)) - scale(low)) / (scale(high) - scale(low) || 1);
    return 4 + 92 * Math.min(1.03, Math.max(-0.03, x));
  };
  const svg = shape("svg", { viewBox: "0 0 100 18", preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(shape("rect", { x: at(quantity.sample[1]), y: 5, width: at(quantity.sample[3]) - at(quantity.sample[1]), height: 8, fill: "#dcdcdc" }),
    shape("rect", { x: at(quantity.sample[2]) - 0.5, y: 3, width: 1, height: 12, fill: "#7a7a7a" }));
  if (medians) {
    svg.append(shape("rect", { x: at(medians[0]), y: 8, width: Math.max(0.5, at(medians[2]) - at(medians[0])), height: 2, fill: "#0072b2" }),
      shape("rect", { x: at(medians[1]) - 1.6, y: 4, width: 3.2, height: 10, fill: "#0072b2" }));
  }
  return svg;
}

function drawPanel() {
  const group = shown[current], one = entry(group.number);
  const rows = [make("h3", {}, "Measured medians"),
    make("div", { className: "row top" }, make("span", {}, ""), make("span", {}, ""), make("span", {}, "group"), make("span", {}, "all"))];
  for (const quantity of data.quantities) {
    if (!quantity.sample) continue;
    const medians = group.medians[quantity.key];
    rows.push(make("div", { className: "row" },
      make("span", {}, quantity.name + (quantity.unit ? ` (${quantity.unit})` : "")), meter(quantity, medians),
      make("span", {}, format(medians && medians[1], quantity.digits)),
      make("span", { className: "all" }, format(quantity.sample[2], quantity.digits))));
  }
  rows.push(make("p", { className: "hint" }, "Blue: median and middle 68 % of the group's kept members (of all, if fewer than three are kept); grey: of all galaxies. Bad measurements are left out."));

  const join = make("select", { id: "join" }, make("option", { value: "" }, "none"));
  for (const other of shown) {
    const free = other !== group && (live(other) || one.merge === other.number) && !entry(other.number).split && root(other.number) !== group.number;
    if (!free) continue;
    const name = entry(root(other.number)).class;
    join.append(make("option", { value: String(other.number), selected: one.merge === other.number },
      `group ${other.number}${name ? ` \u00b7 ${name}` : ""} \u00b7 ${other.galaxies.toLocaleString("en")}`));
  }
  join.addEventListener("change", () => set(group.number, "merge", join.value === "" ? null : Number(join.value)));
  const parent = parentOf(group.number);
  const parts = make("select", { id: "split", disabled: parent !== undefined }, make("option", { value: "1" }, parent === undefined ? "none" : `is a part of ${parent}`));
  for (const count of [2, 3, 4]) {
    const small = live(group) && group.galaxies < data.fewest * count;
    parts.append(make("option", { value: String(count), disabled: small, selected: (one.split || []).length === count },
      `into ${count}${small ? ` (needs ${data.fewest * count} galaxies)` : ""}`));
  }
  parts.addEventListener("change", () => split(group.number, Number(parts.value)));
  const note = make("textarea", { id: "note", value: one.note || "", maxLength: 400, placeholder: "what you see, for whoever reads the file" });
  note.addEventListener("change", () => set(group.number, "note", note.value.split(/\s+/).join(" ").trim()));
  const own = make("input", { id: "own", maxLength: 12, placeholder: "name", "aria-label": "name of a class of your own" });
  const meaning = make("input", { id: "meaning", maxLength: 60, placeholder: "what it means", "aria-label": "what this class means" });
  const add = make("button", {}, "Add");
  add.addEventListener("click", () => addClass(own.value.trim(), meaning.value.trim()));
  for (const input of [own, meaning]) input.addEventListener("keydown", (event) => { if (event.key === "Enter") add.click(); });
  rows.push(make("div", { className: "field" }, make("label", { htmlFor: "join", style: { margin: 0 } }, "Join to"), join),
    make("div", { className: "field" }, make("label", { htmlFor: "split", style: { margin: 0 } }, "Split"), parts),
    make("label", {}, "Note", note),
    make("label", { htmlFor: "own" }, "A class of your own"),
    make("div", { className: "own" }, own, meaning, add));
  const keys = [["j k", "next, back"], ["1\u20139", "class"], ["Enter", "accept, next"], ["0", "no class"],
    ["g", "join"], ["s", "split"], ["n", "note"], ["u", "undo"], ["z", "look closer"]];
  rows.push(make("div", { className: "keys" }, ...keys.flatMap(([key, text]) => [
    make("span", {}, ...key.split(" ").flatMap((part, i) => [i ? " " : "", make("kbd", {}, part)])), make("span", {}, text)])));
  $("aside").replaceChildren(...rows);
}

function draw() {
  const all = shown.filter(live), done = all.filter((group) => decided(group.number)).length;
  $("#count").textContent = `${done} of ${all.length} decided`;
  $("#progress span").style.width = `${(100 * done) / Math.max(all.length, 1)}%`;
  $("#progress").setAttribute("aria-valuenow", String(done));
  $("#progress").setAttribute("aria-valuemax", String(all.length));
  if (document.activeElement !== $("#who")) $("#who").value = state.who;
  drawList();
  if (shown.length) { drawGroup(); drawPanel(); }
}

// ---- what the user does ----

function go(i) {
  if (document.activeElement && document.activeElement.id === "note") document.activeElement.blur();
  current = Math.max(0, Math.min(shown.length - 1, i));
  draw();
  $("main").scrollTop = 0;
}

function choose(name) {
  const group = shown[current];
  set(group.number, "class", entry(group.number).class === name ? null : name);
}

function accept() {
  const group = shown[current];
  if (!decided(group.number) && live(group)) set(group.number, "class", group.suggested);
  go(current + 1);
}

function addClass(name, meaning) {
  if (!/^[A-Za-z][A-Za-z0-9_+-]{0,11}$/.test(name) || name.toLowerCase() === "none") {
    return say("A class name starts with a letter, followed by up to 11 letters, digits, + - or _.", true);
  }
  if (standard.some((one) => one.name === name)) return say(`${name} exists already.`, true);
  change(() => { state.classes[name] = meaning; });
  choose(name);
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); save(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  if (event.key === "Escape" && target !== document.body) { target.blur(); return; }
  if (isWriting(target)) return;
  const button = target.tagName === "BUTTON";
  if (event.key === "j" || event.key === "ArrowDown") go(current + 1);
  else if (event.key === "k" || event.key === "ArrowUp") go(current - 1);
  else if (event.key === "Enter" && !button) accept();
  else if (/^[1-9]$/.test(event.key)) { const one = classList()[Number(event.key) - 1]; if (one) choose(one.name); else return; }
  else if (event.key === "0" || event.key === "Backspace") set(shown[current].number, "class", null);
  else if (event.key === "u") undo();
  else if (event.key === "z") { closer = 3 - closer; drawGroup(); }
  else if (event.key === "g") $("#join").focus();
  else if (event.key === "s") $("#split").focus();
  else if (event.key === "n") $("#note").focus();
  else return;
  event.preventDefault();
});

$("#who").addEventListener("change", () => change(() => { state.who = $("#who").value.trim(); }));
$("#save").addEventListener("click", save);
$("#import").addEventListener("click", () => $("#file").click());
$("#file").addEventListener("change", async () => {
  const file = $("#file").files[0];
  $("#file").value = "";
  if (file) load(await file.text(), file.name);
});
addEventListener("beforeunload", (event) => { if (forgetful && JSON.stringify(state) !== saved) event.preventDefault(); });

// ---- names.yaml ----

// A JSON string is a YAML string, except for characters that YAML requires to be escaped.
function quote(text) {
  return JSON.stringify(text.toWellFormed ? text.toWellFormed() : text)
    .replace(/[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

function toYaml() {
  const lines = ["version: 1", `voters: ${quote(data.voters)}`];
  if (data.pca) lines.push(`pca: ${quote(data.pca)}`);
  lines.push(`fitted: ${data.fitted}`);
  if (state.who) lines.push(`who: ${quote(state.who)}`);
  lines.push(`when: ${quote(new Date().toISOString().slice(0, 19) + "Z")}`);
  if (state.note) lines.push(`note: ${quote(state.note)}`);
  const used = new Set(Object.values(state.groups).map((one) => one.class));
  const own = Object.entries(state.classes).filter(([name]) => used.has(name));
  if (own.length) lines.push("classes:", ...own.map(([name, meaning]) => `  ${quote(name)}: ${quote(meaning)}`));
  const numbers = Object.keys(state.groups).map(Number).sort((a, b) => a - b);
  lines.push(numbers.length ? "groups:" : "groups: {}");
  for (const number of numbers) {
    const one = state.groups[number], parts = [];
    if (one.class) parts.push(`class: ${quote(one.class)}`);
    if (one.merge !== undefined) parts.push(`merge: ${one.merge}`);
    if (one.split) parts.push(`split: [${one.split.join(", ")}]`);
    if (one.note) parts.push(`note: ${quote(one.note)}`);
    const group = byNumber.get(number);
    if (group) parts.push(`galaxies: ${group.galaxies}`);
    lines.push(`  ${number}: {${parts.join(", ")}}`);
  }
  const centres = Object.entries(data.centres);
  if (centres.length) lines.push("centres:", ...centres.map(([number, row]) => `  ${number}: [${row.join(", ")}]`));
  return lines.join("\n") + "\n";
}

function save() {
  if (document.activeElement) document.activeElement.blur();
  const open = shown.filter((group) => live(group) && !decided(group.number)).length;
  const name = ["names", safe(data.field), safe(state.who)].filter(Boolean).join("_") + ".yaml";
  saveFile(name, toYaml(), "application/yaml");
  saved = JSON.stringify(state);
  say(`Saved ${name}: give its path to classes.names in the config.` +
    (open ? ` ${open} groups have no class and count as UNC.` : "") +
    (state.who ? "" : " The file does not say who named the groups: enter your name and save again."));
}

function load(text, name) {
  try {
    const next = fromYaml(text);
    change(() => { state = next; });
    say(`Opened ${name}.`);
  } catch (error) {
    say(`${name}: ${error.message}`, true);
  }
}

function fromYaml(text) {
  const content = parseYaml(text);
  const isTable = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  if (!isTable(content) || !isTable(content.groups)) throw Error("has no table of groups.");
  if ("version" in content && content.version !== 1) throw Error(`version ${content.version} cannot be read by this page, which reads version 1.`);
  if (content.voters !== undefined && content.voters !== null && String(content.voters) !== data.voters) {
    throw Error(`was made for vote ${content.voters}, and this page shows vote ${data.voters}. ` +
      "Give the file to classes.names: the workflow finds the groups again.");
  }
  const next = { who: String(content.who ?? ""), note: String(content.note ?? ""), classes: {}, groups: {} };
  for (const [own, meaning] of Object.entries(content.classes || {})) next.classes[own] = String(meaning ?? "");
  const known = new Set([...standard.map((one) => one.name), ...Object.keys(next.classes)]);
  const entries = Object.entries(content.groups).map(([key, value]) => [Number(key), isTable(value) ? value : { class: value }]);
  const parts = new Set(entries.flatMap(([, one]) => (Array.isArray(one.split) ? one.split : [])));
  for (const [number, one] of entries) {
    if (!(number >= 0 && number < data.fitted) && !parts.has(number)) throw Error(`there is no group ${number}.`);
    const entry = {};
    const given = one.merge === undefined && one.split === undefined && !/^(left out of|no named group)/.test(one.reason ?? "");
    if (one.class !== undefined && given) {
      if (!known.has(one.class)) throw Error(`class ${one.class} of group ${number} is none of ${[...known].join(", ")}.`);
      entry.class = one.class;
    }
    if (Number.isInteger(one.merge)) entry.merge = one.merge;
    if (Array.isArray(one.split)) entry.split = one.split;
    if (one.note) entry.note = String(one.note);
    if (Object.keys(entry).length) next.groups[number] = entry;
  }
  return next;
}

// The part of YAML used in files of names: tables by indentation, and values on one line.
function parseYaml(text) {
  const lines = [];
  text.replace(/^\ufeff/, "").split(/\r?\n/).forEach((full, i) => {
    const body = uncomment(full).trimEnd();
    if (body.trim() && body !== "---") lines.push({ number: i + 1, indent: body.length - body.trimStart().length, body: body.trim() });
  });
  let at = 0;
  const fail = (line) => { throw Error(`line ${line.number} cannot be read by this page; the workflow may still read it.`); };

  function table(indent) {
    const found = {};
    while (at < lines.length && lines[at].indent === indent) {
      const line = lines[at++];
      const match = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'{}[\],&*!|>%@`#-][^:{}]*?):(?:\s+(.*))?$/.exec(line.body);
      if (!match) fail(line);
      const key = String(value(match[1], line, true));
      const deeper = at < lines.length && lines[at].indent > indent;
      if (match[2] !== undefined && match[2] !== "") {
        if (deeper) fail(lines[at]);
        found[key] = value(match[2], line);
      } else found[key] = deeper ? table(lines[at].indent) : null;
    }
    if (at < lines.length && lines[at].indent > indent) fail(lines[at]);
    return found;
  }

  function value(source, line, isKey = false) {
    let i = 0;
    const skip = () => { while (source[i] === " ") i++; };
    function one(inside) {
      skip();
      if (source[i] === "{" || source[i] === "[") return collection(source[i] === "{");
      if (source[i] === '"' || source[i] === "'") {
        const quoted = (source[i] === '"' ? /^"(?:[^"\\]|\\.)*"/ : /^'(?:[^']|'')*'/).exec(source.slice(i));
        if (!quoted) fail(line);
        i += quoted[0].length;
        if (quoted[0][0] === "'") return quoted[0].slice(1, -1).replaceAll("''", "'");
        return unquote(quoted[0].slice(1, -1));
      }
      const plain = (inside ? /^(?:[^,{}[\]:]|:(?! ))*/ : /^.*/).exec(source.slice(i))[0];
      i += plain.length;
      return isKey ? plain : scalar(plain.trim(), line);
    }
    function collection(isTable) {
      const result = isTable ? {} : [];
      i++;
      for (skip(); source[i] !== (isTable ? "}" : "]"); skip()) {
        if (i >= source.length) fail(line);
        const item = one(true);
        skip();
        if (isTable) {
          if (source[i] !== ":") fail(line);
          i++;
          result[String(item)] = one(true);
          skip();
        } else result.push(item);
        if (source[i] === ",") i++;
        else if (source[i] !== (isTable ? "}" : "]")) fail(line);
      }
      i++;
      return result;
    }
    const found = one(false);
    skip();
    if (i < source.length) fail(line);
    return found;
  }

  function scalar(plain, line) {
    if (plain === "" || plain === "~" || plain === "null") return null;
    if (/^-?\d+$/.test(plain)) return Number(plain);
    if (/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(plain) && /[.]/.test(plain)) return Number(plain);
    if (plain === "true" || plain === "false") return plain === "true";
    if (/^[&*!|>%@`]/.test(plain)) fail(line);
    return plain;
  }

  if (!lines.length) return {};
  const found = table(lines[0].indent);
  if (at < lines.length) fail(lines[at]);
  return found;
}

const ESCAPES = { 0: "\0", a: "\x07", b: "\b", t: "\t", n: "\n", v: "\v", f: "\f", r: "\r", e: "\x1b",
  N: "\x85", _: "\xa0", L: "\u2028", P: "\u2029" };

function unquote(text) {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/g, (_, x, u, wide, one) =>
    one === undefined ? String.fromCodePoint(parseInt(x || u || wide, 16)) : ESCAPES[one] ?? one);
}

function uncomment(line) {
  let quoted = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (quoted) {
      if ((c === "\\" && quoted === '"') || (c === "'" && quoted === "'" && line[i + 1] === "'")) i++;
      else if (c === quoted) quoted = "";
    } else if ((c === '"' || c === "'") && (i === 0 || /[\s{[,:]/.test(line[i - 1]))) quoted = c;
    else if (c === "#" && (i === 0 || /\s/.test(line[i - 1]))) return line.slice(0, i);
  }
  return line;
}

$("h1").append(data.field, make("span", {}, " \u00b7 name the groups"));
restore();
draw();
