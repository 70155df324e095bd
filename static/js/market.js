// Keeps a market page live: news say what has changed, and the parts that show it are read again from the server.
// Also: an amount can be chosen by hand, and a form is sent once. Nothing here is needed to read or to trade.
import { connect } from "./live.js";
import { energy, number } from "./format.js";

const LEAST_MS = 300;
// Should the end of a press go unheard, the page goes on after this time.
const PRESS_MS = 5000;
const page = document.querySelector("[data-market-url]");
const language = document.documentElement.lang;
let due = new Set();
let timer = 0;
let next = 0;
let asked = 0;
let pressedUntil = 0;

function state(name) {
  const tag = document.querySelector("[data-market-fresh]");
  if (!tag) return;
  const text = `${name === "live" ? "●" : "▲"} ${page.dataset[`word${name[0].toUpperCase()}${name.slice(1)}`]}`;
  if (tag.textContent !== text) tag.textContent = text;
  tag.className = `tag ${name === "live" ? "tag--good" : "tag--warn"}`;
  tag.hidden = false;
  page.dataset.marketState = name;
}

function readAgain() {
  timer = 0;
  if (document.hidden) return;
  if (pressed()) {
    soon();
    return;
  }
  const kinds = due;
  due = new Set();
  asked = performance.now();
  next = asked + LEAST_MS;
  for (const part of document.querySelectorAll("[data-live]")) {
    if (part.dataset.live.split(" ").some((kind) => kinds.has(kind))) window.htmx.trigger(part, "news");
  }
}

function soon() {
  if (!timer && due.size) timer = setTimeout(readAgain, Math.max(0, Math.max(next, pressedUntil) - performance.now()));
}

function pressed() {
  return performance.now() < pressedUntil;
}

function released() {
  pressedUntil = 0;
  clearTimeout(timer);
  timer = 0;
  soon();
}

if (page && window.htmx) {
  connect(page.dataset.marketUrl, {
    frame(news) {
      state("live");
      due.add(news.kind);
      soon();
    },
    lost: () => state("away"),
    ended: () => state("ended"),
  });
  // A slow server is asked less often.
  document.addEventListener("htmx:afterRequest", () => {
    next = Math.max(next, performance.now() + Math.min(2000, performance.now() - asked));
  });
  document.addEventListener("visibilitychange", soon);
  // A press that ends on another element than it began on is no click: nothing is exchanged under a pointer that is down.
  document.addEventListener("pointerdown", (event) => {
    if (event.button === 0) pressedUntil = performance.now() + PRESS_MS;
  });
  // Only after the click, which comes next.
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(released));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { live } = event.target.dataset;
    if (!live || !pressed()) return;
    event.detail.shouldSwap = false;
    for (const kind of live.split(" ")) due.add(kind);
  });
}

// The slider: thousandths of what can be had, so that its end is exactly all of it.
function slider(field) {
  const range = field.querySelector("input");
  const typed = field.closest("form").elements.energy;
  const most = Number(field.dataset.amount);
  const mark = number(0.5, 1, language)[1];
  const told = () => range.setAttribute("aria-valuetext", energy(Math.round((most * range.value) / 1000), language));
  const follow = () => {
    const wattHours = Number(typed.value.replace(",", ".")) * 1000;
    if (Number.isFinite(wattHours)) range.value = Math.round((1000 * wattHours) / most);
    told();
  };
  range.addEventListener("input", () => {
    const wattHours = Math.max(1, Math.round((most * range.value) / 1000));
    typed.value = String(wattHours / 1000).replace(".", mark);
    told();
    typed.dispatchEvent(new Event("input", { bubbles: true }));
  });
  typed.addEventListener("input", (event) => {
    if (event.isTrusted) follow();
  });
  field.dataset.ready = "";
  follow();
}

for (const field of document.querySelectorAll("[data-amount]")) slider(field);

// The second click of two finds nothing to press; the server would not do it twice either.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-once]")) return;
  for (const button of event.target.querySelectorAll("button[type=submit]")) {
    setTimeout(() => {
      button.disabled = true;
    });
  }
});

window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-once] button[type=submit]")) button.disabled = false;
});
