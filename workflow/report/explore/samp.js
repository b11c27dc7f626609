// SAMP (IVOA, version 1.3), Web Profile: XML-RPC to the hub on this computer, from the page.

const HUB = "http://localhost:21012/";
const samp = { key: null, sent: new Map(), last: null, number: 0, busy: false };

function encode(value) {
  if (Array.isArray(value)) return `<array><data>${value.map((one) => `<value>${encode(one)}</value>`).join("")}</data></array>`;
  if (value !== null && typeof value === "object") return `<struct>${Object.entries(value).map(([name, one]) => `<member><name>${xml(name)}</name><value>${encode(one)}</value></member>`).join("")}</struct>`;
  return `<string>${xml(value)}</string>`;
}

function decode(node) {
  const inner = node.firstElementChild;
  if (!inner) return node.textContent;
  if (inner.tagName === "array") return [...inner.querySelectorAll(":scope > data > value")].map(decode);
  if (inner.tagName === "struct") return Object.fromEntries([...inner.children].map((member) => [member.querySelector(":scope > name").textContent, decode(member.querySelector(":scope > value"))]));
  return inner.textContent;
}

async function call(method, ...values) {
  const body = `<?xml version="1.0"?><methodCall><methodName>samp.webhub.${method}</methodName><params>${values.map((one) => `<param><value>${encode(one)}</value></param>`).join("")}</params></methodCall>`;
  // text/plain would need no question in advance, but hubs expect XML.
  const answer = await fetch(HUB, { method: "POST", body, headers: { "Content-Type": "text/xml" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/xml");
  const fault = page.querySelector("methodResponse > fault > value");
  if (fault) throw Error(String(decode(fault).faultString || "the hub refused"));
  const found = page.querySelector("methodResponse > params > param > value");
  return found ? decode(found) : null;
}

async function connect() {
  if (samp.key) return samp.key;
  let answer;
  try {
    say("Asking the SAMP hub: allow it there.");
    answer = await call("register", { "samp.name": `morphovote ${data.field}` });
  } catch (error) {
    throw Error(error instanceof TypeError ? "No SAMP hub answers. Start TOPCAT or Aladin first (in TOPCAT: Interop, Start hub with the Web Profile)." : `The SAMP hub says: ${error.message}`);
  }
  samp.key = answer["samp.private-key"];
  await call("declareMetadata", samp.key, { "samp.name": `morphovote ${data.field}`, "samp.description.text": "Galaxies by shape" });
  await call("declareSubscriptions", samp.key, { "table.select.rowList": {}, "table.highlight.row": {}, "coord.pointAt.sky": {}, "samp.hub.event.shutdown": {}, "samp.hub.disconnect": {} });
  await call("allowReverseCallbacks", samp.key, "1");
  listen();
  say("Connected to the SAMP hub.");
  drawFilters();
  return samp.key;
}

function lose() { samp.key = null; drawFilters(); say("The SAMP hub has gone."); }

async function listen() {
  while (samp.key) {
    try {
      const calls = await call("pullCallbacks", samp.key, "10");
      for (const one of calls) await receive(one["samp.methodName"], one["samp.params"]);
      // Some hubs answer at once instead of waiting.
      if (!calls.length) await new Promise((done) => { setTimeout(done, 400); });
    } catch (error) {
      if (samp.key) lose();
    }
  }
}

async function receive(method, values) {
  // Notifications have the sender and the message, calls also a number that asks for an answer.
  const message = values[values.length - 1], type = message["samp.mtype"], given = message["samp.params"] || {};
  if (type === "samp.hub.event.shutdown" || type === "samp.hub.disconnect") return lose();
  heed(type, given);
  if (method === "receiveCall") await call("reply", samp.key, values[1], { "samp.status": "samp.ok", "samp.result": {} });
}

// Rows of a table that this page has sent, or of the field's catalogue.
function tableRows(given) {
  const sent = samp.sent.get(given["table-id"]) || samp.sent.get(given.url);
  if (sent) return (row) => sent[row] ?? -1;
  const name = /([^/]*)$/.exec(given.url || given["table-id"] || "")[1];
  if (!/^catalogue\.(fits|vot|parquet)/.test(name)) return null;
  const byRow = new Map(Array.from(rowOf, (row, i) => [row, i]));
  return (row) => byRow.get(row) ?? -1;
}

function heed(type, given) {
  if (type === "coord.pointAt.sky") return pointAt(Number(given.ra), Number(given.dec));
  const rows = tableRows(given);
  if (!rows) return;
  if (type === "table.highlight.row") { const i = rows(Number(given.row)); if (i >= 0) go(i); return; }
  const list = [].concat(given["row-list"] || []).map((row) => rows(Number(row))).filter((i) => i >= 0);
  choose(list);
  say(`${list.length} galaxies selected by another program.`);
}

function pointAt(ra, dec) {
  const [a, d] = [column("RA"), column("DEC")], across = Math.cos((dec * Math.PI) / 180);
  let best = -1, least = (5 / 3600) ** 2;
  for (let i = 0; a && d && i < N; i++) {
    const turn = ((((a.values[i] - ra) % 360) + 540) % 360) - 180, far = (turn * across) ** 2 + (d.values[i] - dec) ** 2;
    if (far < least) { least = far; best = i; }
  }
  if (best >= 0) go(best);
}

async function notify(type, given) {
  const key = await connect();
  const heard = await call("notifyAll", key, { "samp.mtype": type, "samp.params": given });
  return Array.isArray(heard) ? heard.length : 0;
}

async function attempt(act) {
  if (samp.busy) return;
  samp.busy = true;
  try { await act(); } catch (error) { say(error.message, true); }
  samp.busy = false;
}

const sendTable = () => attempt(async () => {
  const list = inOrder(subject()), id = `morphovote ${data.identity} ${++samp.number}`;
  const coded = new TextEncoder().encode(toVotable(list));
  let binary = "";
  for (let k = 0; k < coded.length; k += 8192) binary += String.fromCharCode(...coded.subarray(k, k + 8192));
  const url = `data:application/x-votable+xml;base64,${btoa(binary)}`;
  samp.sent.set(id, list);
  samp.last = id;
  const heard = await notify("table.load.votable", { url, name: `${data.field}: ${list.length} galaxies`, "table-id": id });
  say(heard ? `Sent ${list.length} galaxies to ${heard} program${heard > 1 ? "s" : ""}.` : "No program at the hub takes tables.", !heard);
});

async function offerCatalogue() {
  const url = new URL("catalogue.vot", location.href).href;
  const heard = await notify("table.load.votable", { url, name: data.field, "table-id": url });
  samp.last = url;
  samp.sent.set(url, Object.assign([], Object.fromEntries(Array.from(rowOf, (row, i) => [row, i]))));
  say(heard ? "Sent the whole catalogue, which has to lie beside this page." : "No program at the hub takes tables.", !heard);
}

const sendCatalogue = () => attempt(offerCatalogue);

const sendRows = () => attempt(async () => {
  if (!samp.last) await offerCatalogue();
  const sent = samp.sent.get(samp.last), rows = [];
  sent.forEach((i, row) => { if (selected[i]) rows.push(String(row)); });
  const given = { "table-id": samp.last, "row-list": rows };
  if (/^[a-z]+:/.test(samp.last)) given.url = samp.last;
  const heard = await notify("table.select.rowList", given);
  say(heard ? `Highlighted ${rows.length} rows.` : "No program at the hub takes selections of rows.", !heard);
});

function sampButtons(many) {
  const button = (text, act, title, off) => {
    const one = make("button", { title, disabled: off, className: "samp" }, text);
    one.addEventListener("click", act);
    return one;
  };
  return [button("Send as a table", sendTable, "table.load.votable", !many), button("Send whole catalogue", sendCatalogue, "the file catalogue.vot beside this page", false),
    button("Highlight rows", sendRows, "table.select.rowList, in the table that was sent last; without one, in the whole catalogue", !chosenCount)];
}
addEventListener("pagehide", () => { if (samp.key) { const key = samp.key; samp.key = null; call("unregister", key).catch(() => null); } });
