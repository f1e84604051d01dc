/* One case: what it is, what was done, and big buttons for what can be done next. */
import { actionOf, ahead, one, titleOf } from "./cases.js";
import { clock, far, h, metres, say, t, timeLeft } from "./dom.js";
import { reasonOf, stateWords } from "./lists.js";
import { picture } from "./photo.js";
import { drawMap, known, locate } from "./place.js";
import { add, open } from "./queue.js";
import { ask } from "./server.js";

/* Fills the page; returns the buttons of the bar at the bottom. */
export async function showCase(page, id) {
  const found = await one(id);
  if (!found) { page.append(h("p", { class: "empty" }, t(found === null ? "not_loaded" : "gone"))); return []; }
  const queued = await open(id);
  const row = ahead(found, queued);
  const left = timeLeft(row.deadline);
  const facts = h("dl", {});
  const fact = (title, value, bad) => { if (value) { facts.append(h("dt", {}, title), h("dd", { class: bad ? "bad" : "" }, value)); } };
  fact(t("due"), row.deadline ? clock(row.deadline) + " · " + left.words : "", left.late);
  fact(t("where"), placeWords(row));
  fact(t("department"), row.department ? say(row.department.title) : "");
  fact(t("found"), row.origin ? t("o_" + row.origin) : "");
  fact(t("opened"), row.opened_at ? clock(row.opened_at) : "");
  page.append(
    h("h2", {}, titleOf(row)),
    h("p", { class: "facts" }, h("span", { class: "chip" }, say(row.state_title)),
      row.local ? h("span", { class: "chip wait" }, t("local")) : null,
      row.assignee ? h("span", {}, t("by_who", { who: row.assignee })) : null),
    queued.length ? waiting(queued) : "",
    row.note ? h("p", { class: "note" }, row.note) : "", photos(row.photos), facts);
  if (row.point) { page.append(mapButton(row)); }
  if (found.log) { page.append(h("h3", {}, t("log")), h("ol", { class: "log" }, ...[...found.log].reverse().map(logEntry))); }
  return (row.actions || []).map((action) => button(action, row));
}

function waiting(queued) {
  const worst = queued.find((entry) => entry.state === "refused") || queued[0];
  return h("a", { class: "card " + worst.state, href: "#sending" }, ...queued.map((entry) => h("p", {},
    h("b", {}, entry.action ? say(actionOf(entry.action).title) : t("report")), " · " + stateWords(entry),
    entry.state === "refused" ? h("span", { class: "bad block" }, reasonOf(entry)) : null)));
}

function placeWords(row) {
  const me = known();
  const away = me && row.point ? t("away", { d: far(metres(me.place, row.point)) }) : "";
  return [say(row.place), away].filter(Boolean).join(" · ");
}

function mapButton(row) {
  const box = h("div", { class: "map" });
  const show = h("button", { class: "wide", onclick: () => {
    show.replaceWith(box);
    drawMap(box, [{ place: row.point, late: timeLeft(row.deadline).late, title: titleOf(row), open: () => {} }]);
  } }, t("map"));
  return show;
}

export function logEntry(entry) {
  const action = actionOf(entry.action);
  return h("li", {}, h("b", {}, action ? say(action.title) : entry.action), " ", h("span", { class: "quiet" }, clock(entry.at) + " · " + entry.actor),
    entry.why ? h("p", {}, entry.why) : null, photos(entry.photos));
}

/* Pictures need the name of who asks, so they are fetched by the page. */
export function photos(list) {
  const box = h("div", { class: "photos" });
  for (const photo of list || []) {
    const image = h("img", { alt: t("photo"), class: "loading" });
    box.append(image);
    ask(photo.href)
      .then((answer) => (answer.ok ? answer.blob() : Promise.reject(answer.status)))
      .then(picture).then((data) => { image.src = data; image.classList.remove("loading"); }).catch(() => {});
  }
  return box;
}

function button(action, row) {
  const simple = !action.needs.length;
  const act = async (event) => {
    event.target.disabled = true;
    if (!simple) { location.hash = "do/" + encodeURIComponent(row.id) + "/" + action.id; return; }
    const me = known() || (action.right === "handle" ? await quick() : null);
    event.target.disabled = await add(entryOf(row, action, me ? { where: me.place } : {}, []));
  };
  return h("button", { class: simple || action.id === "done" ? "main" : "", onclick: act }, say(action.title));
}

/* The place matters less than that the button answers at once. */
const quick = () => Promise.race([locate(), new Promise((done) => setTimeout(done, 1500, null))]);

export function entryOf(row, action, body, taken) {
  const path = "/cases/" + encodeURIComponent(row.id) + "/" + action.id;
  const details = { ...(body.details || {}), tapped_at: new Date().toISOString() };
  return { case: row.id, action: action.id, path, title: row.title, photos: taken,
    body: { ...body, details, expectedVersion: row.version } };
}
