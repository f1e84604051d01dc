/* The page for phones: what is shown follows the address after #, and the bar at the bottom is for the thumb. */
import { inbox, list, one } from "./cases.js";
import { h, say, settings, speak, spoken, t } from "./dom.js";
import { reportForm, signInForm, stepForm } from "./forms.js";
import { messages, onMap, orders, sending } from "./lists.js";
import { showCase } from "./one.js";
import { open, send, whenChanged } from "./queue.js";
import { start, who } from "./server.js";
import { keep, kept } from "./store.js";

const LOOK_AGAIN_MS = 60000;
const top = document.getElementById("top");
const main = document.getElementById("main");
const bar = document.getElementById("bar");
const VIEWS = { orders, map: onMap, report: reportForm, messages, sending };
const LIVE = ["orders", "case", "messages", "sending"];
let turn = 0;

const parts = () => location.hash.slice(1).split("/").map(decodeURIComponent);

async function render() {
  const mine = ++turn;
  const page = h("div", {});
  if (!who()) {
    main.replaceChildren(page);
    bar.replaceChildren();
    await head("sign_in");
    signInForm(page, render);
    send();
    return;
  }
  const [name, id, action] = parts();
  const view = VIEWS[name] || name === "case" || name === "do" ? name : "orders";
  let buttons = [];
  const scroll = main.dataset.view === location.hash ? main.scrollTop : 0;
  const fill = async () => {
    if (view === "case") { buttons = await showCase(page, id); }
    else if (view === "do") { buttons = await stepForm(page, id, action); }
    else { buttons = (await VIEWS[view](page, render)) || []; }
  };
  if (view === "map") {
    main.replaceChildren(page);
    bar.replaceChildren(...tabs(view));
    await head(view);
  }
  await fill();
  if (mine !== turn) { return; }
  await head(view);
  main.replaceChildren(page);
  main.dataset.view = location.hash;
  main.scrollTop = scroll;
  bar.replaceChildren(...(view === "case" || view === "do" || buttons.length ? actions(view, buttons) : tabs(view)));
}

function actions(view, buttons) {
  const up = view === "do" ? "case/" + encodeURIComponent(parts()[1]) : "orders";
  const back = h("a", { class: "button back", href: "#" + up, "aria-label": t("back") }, "‹");
  return [back, h("div", { class: "actions" }, ...buttons)];
}

function tabs(view) {
  const tab = (id, icon) => h("a", { href: "#" + id, class: view === id ? "on" : "", "aria-current": view === id ? "page" : null },
    h("span", { class: "icon " + icon, "aria-hidden": "true" }), t(id), id === "messages" ? h("i", { id: "unseen", hidden: true }) : null);
  return [h("nav", {}, tab("orders", "list"), tab("map", "pin"), tab("report", "plus"), tab("messages", "bell"))];
}

async function head(view) {
  const titles = { case: "orders", do: "orders" };
  const turned = spoken() === "zh" ? "en" : "zh";
  const change = async () => { speak(turned); await keep("language", turned); history.replaceState(null, "", location.pathname + location.hash); render(); };
  top.replaceChildren(h("h1", {}, t(titles[view] || view)), who() ? await pill() : "",
    h("button", { lang: turned, onclick: change }, turned === "zh" ? "中文" : "English"));
}

/* Always in sight: whether there is a network, and what has not arrived yet. */
async function pill() {
  const rows = await open();
  const bad = rows.filter((one) => one.state === "refused" || one.state === "held").length;
  const waiting = rows.length - bad;
  const words = bad ? t("n_refused", { n: bad }) : waiting ? t("n_waiting", { n: waiting }) : t(navigator.onLine ? "all_sent" : "offline");
  const kind = bad ? "refused" : waiting || !navigator.onLine ? "waiting" : "sent";
  return h("a", { id: "pill", class: "chip " + kind, href: "#sending", role: "status" }, (navigator.onLine ? "● " : "○ ") + words);
}

async function pillOnly() {
  const standing = document.getElementById("pill");
  if (standing) { standing.replaceWith(await pill()); }
}

/* After something arrived, what was read before is old. */
async function changed(arrived = false) {
  await pillOnly();
  const [name, id] = parts();
  const view = name || "orders";
  if (arrived && navigator.onLine) {
    await Promise.all([list(true), view === "case" ? one(id, true) : null]);
  }
  if (LIVE.includes(view)) { await render(); }
}

async function unseen(fresh = false) {
  const told = who() ? await inbox(fresh) : null;
  const mark = document.getElementById("unseen");
  if (mark) { mark.hidden = !(told && told.unseen); mark.textContent = told ? told.unseen : ""; }
}

function listen() {
  whenChanged(changed);
  addEventListener("hashchange", async () => { await render(); unseen(); });
  addEventListener("online", async () => { if (!who()) { await start(); } await pillOnly(); send(); });
  addEventListener("offline", pillOnly);
  document.addEventListener("seen", () => unseen(true));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { send(); unseen(); } });
  if (!("serviceWorker" in navigator)) { return; }
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    const view = parts()[0] || "orders";
    if (data.fresh && LIVE.includes(view)) { render(); }
    if (data.fresh && data.fresh.endsWith("/inbox")) { unseen(); }
  });
  navigator.serviceWorker.register(settings.base + "/micro/worker.js", { scope: settings.base + "/micro" });
}

async function begin() {
  const asked = new URLSearchParams(location.search).get("lang");
  const first = asked || (await kept("language")) || navigator.language;
  speak(first.startsWith("zh") ? "zh" : "en");
  document.title = t("orders") + " – " + say(settings.city);
  listen();
  await start();
  await render();
  send();
  unseen();
  if (navigator.storage && navigator.storage.persist) { navigator.storage.persist(); }
  setInterval(() => { if (!document.hidden && (parts()[0] || "orders") === "orders") { render(); unseen(); } }, LOOK_AGAIN_MS);
  document.documentElement.dataset.ready = "yes";
}

begin();
