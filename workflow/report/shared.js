"use strict";
// What all pages for people share. Text from catalogues and users is set as text, never as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (selector) => document.querySelector(selector);

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function checksum(text) {
  let sum = 5381;
  for (let i = 0; i < text.length; i++) sum = (sum * 33 + text.charCodeAt(i)) >>> 0;
  return sum.toString(16);
}

const MISSING = "\u2013";
const minus = (text) => text.replace("-", "\u2212");

function format(value, digits) {
  if (value === null || value === undefined) return MISSING;
  const size = Math.abs(value);
  const text = value.toFixed(size >= 100 ? 0 : size >= 10 ? Math.min(digits, 1) : digits);
  return minus(Number(text) === 0 ? text.replace("-", "") : text);
}

let timer = 0;
function say(text, bad = false) {
  const box = $("#status");
  box.textContent = text;
  box.classList.toggle("bad", bad);
  clearTimeout(timer);
  if (text) timer = setTimeout(() => { box.textContent = ""; }, bad ? 12000 : 5000);
}

// A part of a file's name from any text.
const safe = (text) => text.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 40);

function saveFile(name, text, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// A key pressed while writing into a field is meant for the field.
function isWriting(target) {
  if (/^(TEXTAREA|SELECT)$/.test(target.tagName)) return true;
  return target.tagName === "INPUT" && !/^(checkbox|radio|range|button)$/.test(target.type);
}

// Put new content into a part of the page: its scroll, its open details and the focus stay.
function renew(box, ...children) {
  const controls = () => [...box.querySelectorAll("button, input, select, textarea, summary")];
  const top = box.scrollTop, was = document.activeElement, focused = controls().indexOf(was);
  // The same control, if it is still there: others may have come before it.
  const told = (one) => [one.tagName, one.getAttribute("aria-label"), one.tagName === "SELECT" ? "" : one.textContent].join("|");
  const unfolded = new Set([...box.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
  box.replaceChildren(...children);
  for (const one of box.querySelectorAll("details > summary")) if (unfolded.has(one.textContent)) one.parentElement.open = true;
  box.scrollTop = top;
  if (focused < 0) return;
  const same = controls().filter((one) => told(one) === told(was)), again = same.includes(controls()[focused]) ? controls()[focused] : same[0];
  if (again) again.focus({ preventScroll: true });
}
