// The page's data: columns of numbers and text, and the galaxies' names.

function bytes(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text), found = new Uint8Array(binary.length);
  for (let i = 0; i < found.length; i++) found[i] = binary.charCodeAt(i);
  return found;
}

const TYPES = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array };
const unpack = (packed) => new TYPES[packed.type](bytes(packed.data).buffer);

const ids = data.ids, N = ids.length;
const placeOf = new Map();
ids.forEach((id, i) => { if (!placeOf.has(id)) placeOf.set(id, i); });
// Of more galaxies than fit on a map (or in the search for similar ones) a sample: 1 at random, 2 strange, 0 not.
const rowOf = unpack(data.row), candidate = unpack(data.candidate);
// What is needed for one galaxy at a time is unpacked when the first is looked at.
function lazily(packed) {
  let values = null;
  return () => {
    if (values === null) { values = unpack(packed); packed.data = ""; }
    return values;
  };
}
const neighbours = lazily(data.neighbour), distances = lazily(data.distance), votes = lazily(data.counts), NEAR = data.near;

// A column knows how to print a galaxy's value, and gives numbers for axes and colours.
const columns = data.columns.map((packed) => {
  const values = lazily(packed);
  const one = {
    name: packed.name, unit: packed.unit, ucd: packed.ucd, about: packed.about, own: packed.own, role: packed.role,
    extra: Boolean(packed.extra), truth: Boolean(packed.truth), whole: Boolean(packed.whole) || packed.type[0] !== "f",
    texts: packed.texts || null, single: packed.type === "f4",
    get values() { return values(); },
    // Text as it is, numbers with the digits that they have, "" where there is none.
    exact(i) {
      const value = one.values[i];
      if (one.texts) return one.texts[value];
      if (one.truth) return Number.isNaN(value) ? "" : value ? "True" : "False";
      if (!Number.isFinite(value)) return "";
      return one.single ? shortest(value) : String(value);
    },
    shown(i) {
      const value = one.values[i];
      if (one.texts) return one.texts[value] || MISSING;
      if (one.truth) return Number.isNaN(value) ? MISSING : value ? "yes" : "no";
      return one.whole && Number.isFinite(value) ? minus(String(value)) : brief(value);
    },
  };
  return one;
});
// Single precision: the fewest digits that give the same number again.
function shortest(value) {
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(9)));
}

function brief(value) {
  if (!Number.isFinite(value)) return MISSING;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return minus(value.toExponential(2));
  return format(value, size < 0.1 ? 4 : size < 1 ? 3 : 2);
}

const byName = new Map();
columns.forEach((one) => { if (!byName.has(one.name)) byName.set(one.name, one); });
const column = (name) => byName.get(name) || null;
const byRole = (role) => columns.find((one) => one.role === role) || null;
const numeric = columns.filter((one) => !one.texts);
const valueOf = (name, i) => { const one = column(name); return one ? one.values[i] : NaN; };
const labelOf = (one) => (one.unit ? `${one.name} (${one.unit})` : one.name);

const places = unpack(data.places);
const mapAxis = (k) => ({
  name: `${data.map} ${k + 1}`, unit: "", isMap: true, whole: false,
  values: Float32Array.from({ length: N }, (_, i) => places[2 * i + k]),
});
const mapAxes = [mapAxis(0), mapAxis(1)];
const axisOf = (name) => mapAxes.find((one) => one.name === name) || column(name);

const classColumn = column("CLASS"), groupColumn = column("GROUP");
const NO_CLASS = { name: "none", colour: "#b0b0b0", marker: "o", meaning: "no class", standard: true };
const classes = [...data.classes, NO_CLASS];
const classNumber = new Map(classes.map((one, k) => [one.name, k]));
// Which class each galaxy has, as a number.
const classIndex = new Uint8Array(N);
for (let i = 0; i < N; i++) {
  const name = classColumn ? classColumn.texts[classColumn.values[i]] : "";
  classIndex[i] = classNumber.has(name) ? classNumber.get(name) : classes.length - 1;
}
const flagsOf = (i) => valueOf("FLAGS", i) | 0;
const bitOf = Object.fromEntries(data.flags.map(([name, bit]) => [name, bit]));
// What the simulator and the measurements know as damaged or as like a star, not as a galaxy of a rare kind.
const ARTEFACT = ["no_data", "edge", "off_centre", "trail", "measure_failed", "low_snr", "psf_limited"].reduce((all, name) => all | (bitOf[name] || 0), 0);
const isArtefact = (i) => (flagsOf(i) & ARTEFACT) !== 0 || classes[classIndex[i]].name === "UNC";

function quantiles(values, shares) {
  const known = Float64Array.from(values).filter(Number.isFinite).sort();
  return shares.map((share) => (known.length ? known[Math.round(share * (known.length - 1))] : NaN));
}

const sexagesimal = (value, steps, digits, sign) => {
  let rest = Math.round(Math.abs(value) * 3600 * 10 ** digits);
  const unit = 10 ** digits, seconds = rest % (60 * unit);
  rest = (rest - seconds) / (60 * unit);
  const pad = (number, width = 2) => String(number).padStart(width, "0");
  return `${value < 0 ? "-" : sign}${pad((rest - (rest % 60)) / 60 % steps)}:${pad(rest % 60)}:${(seconds / unit).toFixed(digits).padStart(digits + 3, "0")}`;
};
