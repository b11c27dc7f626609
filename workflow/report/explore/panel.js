// The galaxy that is looked at: pictures, position, numbers, probabilities, votes, flags, similar ones.

const panel = { current: -1, drawn: -1, past: [], redraw: null };

function marked(marker, colour) {
  const d = { o: "M8 2a6 6 0 1 0 .01 0z", s: "M3 3h10v10H3z", D: "M8 1l7 7-7 7-7-7z", "^": "M8 2l6.5 11.5h-13z", v: "M8 14l6.5-11.5h-13z",
    X: "M3 1l5 5 5-5 2 2-5 5 5 5-2 2-5-5-5 5-2-2 5-5-5-5z", P: "M6 2h4v4h4v4h-4v4H6v-4H2V6h4z", "*": "M8 1l2 5h5l-4 3.5 1.5 5L8 11.500l-4.500 3 1.500-5L1 6h5z" }[marker] || "M8 2a6 6 0 1 0 .01 0z";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 16 16", class: "mark", "aria-hidden": "true" })) svg.setAttribute(name, value);
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", d);
  shape.setAttribute("fill", colour);
  svg.append(shape);
  return svg;
}

// Show a galaxy; walking back leads to the one before.
function go(i, back = false) {
  if (i < 0 || i >= N) return;
  if (!back && panel.current >= 0 && panel.current !== i) panel.past.push(panel.current);
  panel.current = i;
  drawPanel();
  if (!$("#map").hidden) centreOn(i);
  markCurrent();
}

function goBack() {
  if (!panel.past.length) return say("This is where you started.");
  go(panel.past.pop(), true);
}

const bar = (share, colour) => make("span", { className: "bar" }, make("i", { style: { width: `${Math.max(0, Math.min(1, share || 0)) * 100}%`, background: colour } }));

function head(i) {
  const one = classes[classIndex[i]], star = make("button", { className: "pickone", "aria-pressed": String(Boolean(selected[i])) }, make("kbd", {}, "s"), selected[i] ? " selected" : " select");
  star.addEventListener("click", () => toggle(i));
  const back = make("button", { disabled: !panel.past.length, title: "the galaxy before" }, make("kbd", {}, "b"), " back");
  back.addEventListener("click", goBack);
  const chance = valueOf("CLASS_PROB", i);
  return [make("div", { className: "head" }, make("h2", {}, ids[i]), back, star),
    make("p", { className: "class", title: one.meaning }, marked(one.marker, one.colour), make("b", {}, one.name),
      Number.isFinite(chance) ? ` ${Math.round(100 * chance)} %` : "",
      column("CLASS_SECOND") && column("CLASS_SECOND").exact(i) ? make("span", {}, `, else ${column("CLASS_SECOND").exact(i)}`) : null,
      groupColumn && groupColumn.values[i] >= 0 ? make("span", {}, ` \u00b7 group ${groupColumn.values[i]}`) : null,
      column("CLASS_REASON") && column("CLASS_REASON").exact(i) ? make("span", {}, ` \u00b7 ${column("CLASS_REASON").exact(i)}`) : null)];
}

function position(i) {
  const ra = valueOf("RA", i), dec = valueOf("DEC", i);
  if (!Number.isFinite(ra) || !Number.isFinite(dec)) return make("p", { className: "where" }, "no position on the sky");
  const text = `${ra.toFixed(6)} ${dec.toFixed(6)}`;
  const copy = make("button", { title: "copy the position" }, text);
  copy.addEventListener("click", () => copyText(text));
  const sky = make("a", { href: `https://aladin.cds.unistra.fr/AladinLite/?target=${ra.toFixed(6)}%20${dec.toFixed(6)}&fov=0.01`, target: "_blank", rel: "noreferrer noopener", title: "needs a network" }, "Aladin Lite \u2197");
  return make("p", { className: "where" }, copy, make("span", {}, `${sexagesimal(ra / 15, 24, 2, "")} ${sexagesimal(dec, 360, 1, "+")}`), sky);
}

function copyText(text) {
  const done = () => say(`Copied ${text}`);
  const fallback = () => {
    const box = make("textarea", { value: text });
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
    done();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, fallback);
  else fallback();
}

function chances(i) {
  const rows = classes.filter((one) => column(`P_${one.name}`)).map((one) => [one, valueOf(`P_${one.name}`, i)]);
  if (!rows.length) return null;
  return make("section", {}, make("h3", {}, "Probability of each class"), make("div", { className: "bars" }, ...rows.flatMap(([one, share]) => [
    make("span", { title: one.meaning }, marked(one.marker, one.colour), one.name), bar(share, one.colour), make("span", { className: "number" }, Number.isFinite(share) ? `${Math.round(100 * share)} %` : MISSING)])));
}

function voted(i) {
  const counts = Array.from(votes().subarray(i * data.groups, (i + 1) * data.groups), (count, group) => [count, group]).filter(([count]) => count > 0);
  const total = counts.reduce((sum, [count]) => sum + count, 0);
  if (!total) return null;
  counts.sort((a, b) => b[0] - a[0]);
  return make("section", {}, make("h3", {}, "Votes", make("span", {}, ` of ${total}; ${valueOf("KEPT", i) ? "kept" : "not kept"}`)),
    make("div", { className: "bars" }, ...counts.slice(0, 5).flatMap(([count, group]) => [
      make("span", {}, `${group} ${data.groupClass[group] || ""}`), bar(count / total, "#777777"), make("span", { className: "number" }, String(count))])),
    counts.length > 5 ? make("p", { className: "quiet" }, `and ${counts.length - 5} more group${counts.length > 6 ? "s" : ""}`) : null);
}

function inWords(i) {
  const flag = flagsOf(i), measured = valueOf("MEASURE_FLAG", i);
  const found = [...data.flags.filter(([, bit]) => flag & bit), ...data.measureFlags.filter(([, bit]) => measured > 0 && measured & bit)];
  return make("section", {}, make("h3", {}, "Flags"), found.length ? make("ul", { className: "flags" }, ...found.map(([name, , meaning]) => make("li", {}, make("b", {}, name.replaceAll("_", " ")), ` ${meaning}`)))
    : make("p", { className: "quiet" }, "none"));
}

const APART = new Set(["RA", "DEC", "GROUP", "GROUP_SECOND", "KEPT", "CLASS", "CLASS_PROB", "CLASS_SECOND", "CLASS_REASON", "FLAGS", "MEASURE_FLAG"]);

function numbers(i) {
  const rows = (those) => those.flatMap((one) => {
    const error = column(`${one.name}_ERR`);
    const spread = error && one.shown(i) !== MISSING && Number.isFinite(error.values[i]) ? ` \u00b1 ${brief(error.values[i])}` : "";
    return [make("span", { title: one.about }, one.name), make("span", { className: "number" }, one.shown(i) + spread + (one.unit && one.shown(i) !== MISSING ? ` ${one.unit}` : ""))];
  });
  const own = columns.filter((one) => one.own && !APART.has(one.name) && !/^P_|_ERR$/.test(one.name));
  const theirs = columns.filter((one) => !one.own);
  const parts = [make("section", {}, make("h3", {}, "Measured and derived"), make("div", { className: "pairs" }, ...rows(own)))];
  if (theirs.length) parts.push(make("details", {}, make("summary", {}, `Source catalogue (${theirs.length} columns)`), make("div", { className: "pairs" }, ...rows(theirs))));
  return parts;
}

function similarTo(i) {
  return Array.from(neighbours().subarray(i * NEAR, (i + 1) * NEAR), (j, k) => [j, distances()[i * NEAR + k]]).filter(([j]) => j >= 0);
}

function similar(i) {
  const near = similarTo(i);
  const pick = make("button", { disabled: !near.length }, "Select all");
  pick.addEventListener("click", () => choose(near.map(([j]) => j), "add", i));
  const file = make("button", { disabled: !near.length, title: "a file of them with their distances" }, "CSV");
  file.addEventListener("click", () => saveSimilar(i));
  const large = make("button", { disabled: !near.length }, "Larger");
  large.addEventListener("click", () => showPictures({ kind: "similar", of: i }));
  return make("section", { className: "similar" }, make("h3", {}, "Similar", make("span", {}, ` ${near.length} nearest`), large, pick, file),
    make("div", { className: "near" }, ...near.map(([j, far]) => thumbButton(j, `distance ${brief(far)}`))));
}

function thumbButton(j, note) {
  const one = classes[classIndex[j]];
  const button = make("button", { title: `${ids[j]}: ${one.name}; ${note}`, "aria-label": `galaxy ${ids[j]}, ${one.name}, ${note}`, style: { "--c": one.colour } }, thumb(j));
  button.dataset.galaxy = String(j);
  button.addEventListener("click", () => go(j));
  return button;
}

let large = null;
function drawPanel() {
  const i = panel.current;
  if (i < 0) {
    $("aside").replaceChildren(make("p", { className: "empty" }, "Click a galaxy on the map, or find one by its ID. ", make("kbd", {}, "r"), " shows one at random."));
    return;
  }
  if (!large) large = { pictures: trio(), controls: lookControls() };
  const scale = make("p", { className: "quiet scale" }, large.pictures.wide());
  large.pictures.show(i);
  panel.redraw = () => { large.pictures.show(panel.current); scale.textContent = large.pictures.wide(); };
  renew($("aside"), ...head(i), large.pictures, make("div", { className: "below" }, large.controls, scale), position(i),
    similar(i), ...[chances(i), voted(i), inWords(i)].filter(Boolean), ...numbers(i));
  if (panel.drawn !== i) $("aside").scrollTop = 0;
  panel.drawn = i;
}
