// Keeps the household page live: one WebSocket, the whole state in every frame, read again after every reconnect.
import { enhanceAll } from "./chart.js";
import { age, moneyRate, power, price, share } from "./format.js";
import { connect } from "./live.js";

const page = document.querySelector("[data-live-url]");
const language = document.documentElement.lang;
const words = page ? JSON.parse(document.getElementById("flow-words").textContent) : {};
const currency = page ? page.dataset.currency : "EUR";
const IDLE = 5;
const STALE_AFTER = 60;
const SPEAK_EVERY = 30000;
const REFRESH_EVERY = 300000;
let seenAt = page && page.dataset.ageS !== "" ? Date.now() - Number(page.dataset.ageS) * 1000 : null;
let spokenAt = 0;
let ended = false;

const KINDS = {
  power: (value) => power(value, language),
  "power-size": (value) => power(value === null ? null : Math.abs(value), language),
  percent: (value) => share(value === null ? null : value / 100, language),
  price: (value) => price(value, currency, language),
  "money-rate": (value) => moneyRate(value === null ? null : Math.abs(value), currency, language),
};

// The same rule as myhouse/charts/flow.py.
export function headline(flow) {
  if (flow.home_w === null && flow.grid_w === null) return "none";
  const made = (flow.sun_w || 0) + (flow.wind_w || 0);
  const battery = flow.battery_w || 0;
  const grid = flow.grid_w || 0;
  const idle = 5 * IDLE;
  if (made > idle && grid <= idle) {
    if (grid < -idle) return "made-export";
    return battery < -idle ? "made-charge" : "made";
  }
  if (made > idle) return "made-part";
  if (battery > idle) return grid <= idle ? "battery" : "battery-part";
  return grid < -idle ? "grid-export" : "grid";
}

function wire(name, watts, inward, key) {
  const group = document.querySelector(`[data-wire="${name}"]`);
  if (!group) return;
  const size = watts === null ? 0 : Math.abs(watts);
  // A 14 px dash period; 40 px/s per kW, at least a crawl, at most what the eye can follow.
  const level = size < IDLE ? 0 : 1 + [50, 150, 400, 900, 1800, 3500, 7000].filter((limit) => size >= limit).length;
  group.setAttribute("class", `wire wire--${level} wire--${inward ? "in" : "out"} tint--${key}`);
  const speed = Math.min(60, Math.max(3, size * 0.02));
  const period = `${(14 / speed).toFixed(2)}s`;
  if (group.style.getPropertyValue("--period") !== period) group.style.setProperty("--period", period);
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function word(name, text) {
  for (const element of document.querySelectorAll(`[data-word="${name}"]`)) put(element, text);
}

export function show(flow) {
  for (const element of document.querySelectorAll("[data-live]")) {
    const kind = KINDS[element.dataset.kind];
    if (kind && element.dataset.live in flow) put(element, kind(flow[element.dataset.live]));
  }
  const imports = flow.grid_w === null || flow.grid_w >= 0;
  wire("sun", flow.sun_w, true, "sun");
  wire("wind", flow.wind_w, true, "sun");
  wire("grid", flow.grid_w, imports, imports ? "grid-import" : "grid-export");
  wire("battery", flow.battery_w, (flow.battery_w || 0) >= 0, "battery");
  word("grid", imports ? words["grid-in"] : words["grid-out"]);
  const charge = flow.battery_w || 0;
  word("battery", Math.abs(charge) < IDLE ? words["battery-rest"] : charge > 0 ? words["battery-in"] : words["battery-out"]);
  word("community", flow.community_w !== null && flow.community_w >= 0 ? words["community-in"] : words["community-out"]);
  const soc = document.querySelector("[data-soc]");
  if (soc && flow.soc_pct !== null) {
    soc.setAttribute("width", ((Number(soc.dataset.soc) * Math.min(100, Math.max(0, flow.soc_pct))) / 100).toFixed(1));
  }
  const sentence = words[headline(flow)];
  word("headline", sentence);
  const rate = flow.cost_rate_uct_h;
  word("money", rate === null ? words["money-none"] : rate < 0 ? words.earns : words.costs);
  reports(flow.stale_points || []);
  seenAt = flow.age_s === null || flow.age_s === undefined ? null : Date.now() - flow.age_s * 1000;
  if (Date.now() - spokenAt > SPEAK_EVERY) {
    spokenAt = Date.now();
    const spoken = document.querySelector("[data-spoken]");
    if (spoken) put(spoken, sentence);
  }
  tick();
}

function reports(silent) {
  const line = document.querySelector("[data-reports]");
  if (!line) return;
  const [state, names] = line.children;
  put(state, words[silent.length ? (silent.length === 1 ? "reports-1" : "reports-n") : "reports-all"].replace("{n}", silent.length));
  state.className = `tag ${silent.length ? "tag--warn" : "tag--good"}`;
  put(names, silent.join(", "));
}

// The sums and curves of the day are the server's: read again now and then, unless one is reading them.
async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const title = part.getAttribute("aria-labelledby");
    const other = fresh.querySelector(`[data-refresh][aria-labelledby="${title}"]`);
    const busy = part.contains(document.activeElement) || part.matches(":hover") || part.querySelector("details[open]");
    if (other && !busy) part.replaceWith(document.adoptNode(other));
  }
  enhanceAll();
}

function tick() {
  const fresh = document.querySelector("[data-fresh]");
  if (!fresh) return;
  const seconds = seenAt === null ? null : (Date.now() - seenAt) / 1000;
  if (ended) {
    put(fresh, words["signed-out"]);
  } else if (seconds === null) {
    put(fresh, words.never);
  } else {
    const [count, unit] = age(seconds);
    put(fresh, words[`ago-${unit}`].replace("{n}", count));
  }
  const stale = ended || seconds === null || seconds > STALE_AFTER;
  fresh.className = `tag fresh ${stale ? "tag--warn" : "tag--good"}`;
  page.dataset.flowState = stale ? "stale" : "live";
}

if (page) {
  tick();
  setInterval(tick, 1000);
  setInterval(() => refresh().catch(() => {}), REFRESH_EVERY);
  connect(page.dataset.liveUrl, {
    frame(news) {
      if (news.kind === "state") show(news.flow);
    },
    ended() {
      ended = true;
      tick();
      document.dispatchEvent(new CustomEvent("live-ended"));
    },
  });
}
