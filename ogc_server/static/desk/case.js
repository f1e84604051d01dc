/* One case: what, where, why, what was done, its clock, and what can be done now. */
import { titleOf } from "../micro/cases.js";
import { clock, h, say, settings, spoken, t, timeLeft } from "../micro/dom.js";
import { logEntry, photos } from "../micro/one.js";
import { drawMap } from "../micro/place.js";
import { stepForm, handOverForm } from "./steps.js";
import { fetchOf, post, wrongBox } from "./server.js";
import { pointOf } from "./work.js";

export async function oneCase(page, [, id], again) {
  const { told: row, wrong } = await fetchOf("/cases/" + encodeURIComponent(id));
  if (wrong) { page.append(wrongBox(wrong)); return null; }
  const box = h("div", { class: "map", role: "img", "aria-label": t("map") });
  page.append(h("h2", {}, titleOf(row)),
    h("p", { class: "facts" }, h("span", { class: "chip" }, say(row.state_title)), row.overdue ? h("span", { class: "chip late" }, t("late")) : null),
    h("div", { class: "split even" },
      h("div", {}, actions(row, again), row.note ? h("p", { class: "note" }, row.note) : "", photos(row.photos), facts(row), await reasons(row)),
      h("div", {}, box, row.log ? h("h3", {}, t("log")) : "", h("ol", { class: "log" }, ...[...(row.log || [])].reverse().map(logEntry)))));
  return () => drawMap(box, row.point ? [pointOf(row)] : []);
}

function facts(row) {
  const left = timeLeft(row.deadline);
  const listed = h("dl", {});
  const fact = (title, value, bad) => { if (value) { listed.append(h("dt", {}, title), h("dd", { class: bad ? "bad" : "" }, value)); } };
  fact(t("due"), row.deadline ? clock(row.deadline) + " · " + left.words : "", row.overdue);
  fact(t("where"), [say(row.place), row.point && row.point[1].toFixed(5) + ", " + row.point[0].toFixed(5)].filter(Boolean).join(" · "));
  fact(t("in_unit"), row.unit && say(row.unit.title));
  fact(t("department"), row.department && say(row.department.title));
  fact(t("sent_to"), row.assignee);
  fact(t("found"), row.origin && t("o_" + row.origin));
  fact(t("reporter"), row.reporter);
  fact(t("opened"), row.opened_at && clock(row.opened_at));
  fact(t("in_task"), row.joint_task && h("a", { href: "#task/" + encodeURIComponent(row.joint_task) }, t("show")));
  fact(t("case_no"), row.id);
  return listed;
}

/* The sentences of the alerts that opened it. */
async function reasons(row) {
  const items = settings.base + "/collections/alert/items/";
  const found = await Promise.all((row.alerts || []).slice(0, 5).map((id) => fetchOf(items + encodeURIComponent(id) + "?f=json")));
  const told = found.map((one) => one.told).filter(Boolean);
  if (!told.length) { return ""; }
  return h("section", {}, h("h3", {}, t("evidence")), ...told.map((alert) => h("blockquote", {},
    h("p", {}, alert.properties["sentence_" + spoken()] || ""),
    h("a", { href: items + encodeURIComponent(alert.id) + "?f=html&lang=" + spoken() }, t("evidence_page")))));
}

function actions(row, again) {
  const place = h("div", { class: "form" });
  const put = (form) => { place.replaceChildren(form); const first = form.querySelector("input, select, textarea"); if (first) { first.focus(); } };
  const close = () => place.replaceChildren();
  const act = async (event, action) => {
    if (action.needs.length) { put(await stepForm(row, action, again, close)); return; }
    event.target.disabled = true;
    const { wrong } = await post("/cases/" + encodeURIComponent(row.id) + "/" + action.id, { expectedVersion: row.version });
    if (wrong) { event.target.disabled = false; place.replaceChildren(wrongBox(wrong)); } else { again(); }
  };
  const button = (action, first) => (action.needs.includes("photo")
    ? h("a", { class: "button", href: settings.base + "/micro#do/" + encodeURIComponent(row.id) + "/" + action.id }, t("on_the_spot", { what: say(action.title) }))
    : h("button", { class: first ? "main" : "", "data-action": action.id, onclick: (event) => act(event, action) }, say(action.title)));
  const buttons = (row.actions || []).map((action, number) => button(action, number === 0));
  if ((row.nodes || []).length) {
    buttons.push(h("button", { "data-action": "hand_over", onclick: () => put(handOverForm(row, again, close)) }, t("hand_over")));
  }
  return h("section", { "aria-label": t("can_do") }, h("div", { class: "buttons" }, ...buttons), buttons.length ? "" : h("p", { class: "quiet" }, t("can_nothing")), place);
}
