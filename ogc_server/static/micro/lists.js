/* Lists: work orders, messages, and what waits to be sent. */
import { ahead, actionOf, inbox, kindTitle, list, sorted, titleOf } from "./cases.js";
import { clock, far, h, say, t, timeLeft } from "./dom.js";
import { drawMap, known, locate } from "./place.js";
import { again, discard, open } from "./queue.js";
import { ask, signOut, who } from "./server.js";
import { entries, keep, kept } from "./store.js";

export function card(row) {
  const left = timeLeft(row.deadline);
  return h("a", { class: "card " + (left.late ? "late" : left.soon ? "soon" : ""), href: "#case/" + encodeURIComponent(row.id) },
    h("b", {}, titleOf(row)),
    h("p", { class: "facts" },
      h("span", { class: "chip" }, say(row.state_title)),
      row.local ? h("span", { class: "chip wait" }, t("local")) : null,
      h("span", { class: left.late ? "bad" : "" }, left.words)),
    h("p", { class: "quiet" }, [say(row.place), Number.isFinite(row.away) ? t("away", { d: far(row.away) }) : ""].filter(Boolean).join(" · ")));
}

async function rows(fresh) {
  const found = await list(fresh);
  if (!found) { return found; }
  const queued = await open();
  return found.map((row) => ahead(row, queued));
}

export async function orders(page, again) {
  const way = (await kept("way")) || "time";
  const found = await rows();
  const choose = (chosen) => async () => {
    await keep("way", chosen);
    if (chosen === "place" && !known()) { await locate(); }
    again();
  };
  const tab = (id, words) => h("button", { class: way === id ? "on" : "", "aria-pressed": way === id ? "true" : "false", onclick: choose(id) }, words);
  page.append(h("div", { class: "tabs" }, tab("time", t("by_time")), tab("place", t("by_place"))));
  if (found === null) { page.append(empty(t("not_loaded"))); return; }
  if (!found || !found.length) { page.append(empty(t("no_orders"))); }
  page.append(...sorted(found || [], way).map(card));
  if (!known()) { locate().then((place) => { if (place && ["", "#orders"].includes(location.hash)) { again(); } }); }
}

const empty = (words) => h("p", { class: "empty" }, words);

export async function onMap(page) {
  const found = (await rows()) || [];
  const box = h("div", { class: "map tall" });
  page.append(box);
  if (!known()) { await locate(); }
  const points = found.filter((row) => row.point).map((row) => ({
    place: row.point,
    late: timeLeft(row.deadline).late,
    title: titleOf(row),
    open: () => { location.hash = "case/" + encodeURIComponent(row.id); },
  }));
  await drawMap(box, points);
}

/* The number of a case is for programs; the message leads to the case itself. */
const plain = ({ subject, case: id }) => subject.replace(id, "").replace(/\s+([:：])/, "$1").trim();

export async function messages(page) {
  const told = await inbox();
  if (!told) { page.append(empty(t("not_loaded"))); return; }
  if (!told.notices.length) { page.append(empty(t("no_messages"))); }
  for (const one of told.notices) {
    page.append(h("a", { class: "card" + (one.seen ? "" : " new"), href: "#case/" + encodeURIComponent(one.case) },
      h("b", {}, plain(one)), h("p", {}, one.body), h("p", { class: "quiet" }, clock(one.at))));
  }
  const unseen = told.notices.filter((one) => !one.seen).map((one) => one.key);
  if (unseen.length) {
    const body = JSON.stringify({ seen: unseen });
    ask("/inbox", { method: "POST", headers: { "Content-Type": "application/json" }, body })
      .then(() => document.dispatchEvent(new Event("seen"))).catch(() => {});
  }
}

const TODO = { conflict: "todo_conflict", "not-possible": "todo_conflict", "not-allowed": "todo_allowed",
  incomplete: "todo_incomplete", unknown: "todo_unknown" };

export function stateWords(entry) {
  const other = entry.by !== who().name && entry.state !== "sent";
  return other ? t("st_other", { name: entry.by }) : t("st_" + entry.state);
}

export function reasonOf({ faster, reason }) {
  const action = faster && actionOf(faster.action);
  return action ? t("faster", { who: faster.actor, what: say(action.title), when: clock(faster.at) }) : say(reason);
}

export async function sending(page, repeat) {
  const found = (await entries()).reverse();
  if (!found.length) { page.append(empty(t("nothing"))); }
  for (const entry of found) { page.append(sendingCard(entry, repeat)); }
  if (who().name === "local") { return; }
  const leave = async () => {
    const waits = (await open()).length;
    if (!waits || confirm(t("leave", { name: who().name }))) { await signOut(); repeat(); }
  };
  page.append(h("p", { class: "quiet" }, t("signed_in", { name: who().name })), h("button", { class: "wide", onclick: leave }, t("sign_out")));
}

function sendingCard(entry, repeat) {
  const what = entry.action ? say(actionOf(entry.action).title) + " · " + say(entry.title)
    : t("reported", { what: kindTitle(entry.body.kind) });
  const stuck = entry.state === "refused" || entry.state === "held";
  const untried = entry.state === "waiting" && !entry.tried;
  const todo = TODO[(entry.type || "").split(":").pop()] || "todo_else";
  const drop = async () => { if (confirm(t("sure"))) { await discard(entry); repeat(); } };
  return h("div", { class: "card " + entry.state },
    h("b", {}, what),
    h("p", { class: "facts" }, h("span", { class: "chip " + entry.state }, stateWords(entry)), h("span", { class: "quiet" }, clock(entry.tapped))),
    entry.body.why || entry.body.note ? h("p", {}, entry.body.why || entry.body.note) : null,
    entry.state === "refused" ? h("p", { class: "bad" }, reasonOf(entry)) : null,
    entry.state === "refused" ? h("p", {}, t(todo)) : null,
    h("div", { class: "row" },
      entry.case ? h("a", { class: "button", href: "#case/" + encodeURIComponent(entry.case) }, t("open")) : null,
      stuck ? h("button", { onclick: async () => { await again(entry); repeat(); } }, t("again")) : null,
      stuck || untried ? h("button", { class: "danger", onclick: drop }, t("discard")) : null));
}
