/* One joint task: each department's part, where they differ, the ruling, and the end. */
import { titleOf } from "../micro/cases.js";
import { clock, h, say, settings, t, timeLeft } from "../micro/dom.js";
import { drawMap } from "../micro/place.js";
import { fetchOf, field, formOf, wrongBox } from "./server.js";
import { pointOf } from "./work.js";

const departmentName = (id) => { const found = settings.departments.find((one) => one.id === id); return found ? say(found.title) : id; };

export async function oneTask(page, [, id], again) {
  const { told: task, wrong } = await fetchOf("/joint/" + encodeURIComponent(id));
  if (wrong) { page.append(wrongBox(wrong)); return null; }
  const left = timeLeft(task.state === "concluded" ? null : task.due_at);
  const place = h("div", { class: "form" });
  const put = (form) => { place.replaceChildren(form); form.querySelector("input, textarea").focus(); };
  const close = () => place.replaceChildren();
  const path = "/joint/" + encodeURIComponent(task.id) + "/";
  const box = h("div", { class: "map", role: "img", "aria-label": t("map") });
  page.append(h("h2", {}, say(task.title)),
    h("p", { class: "facts" }, h("span", { class: "chip " + task.state }, t("s_" + task.state)), h("span", { class: "quiet" }, t("n_cases", { n: task.members.length })),
      task.state === "concluded" ? null : h("span", { class: left.late ? "bad" : "quiet" }, left.words),
      task.lead ? h("span", { class: "quiet" }, t("lead") + t("colon") + say(task.lead.title)) : null),
    conflict(task), ended(task),
    h("div", { class: "scroll" }, partTable(task, (part) => put(partForm(task, part, path, again, close)))),
    h("div", { class: "buttons" }, ...leading(task, path, put, again, close)), place,
    h("div", { class: "split even" },
      h("div", {}, h("h3", {}, t("members")), h("ol", { class: "list" }, ...task.cases.map((row) => h("li", {},
        h("a", { class: "card", href: "#case/" + encodeURIComponent(row.id) }, h("b", {}, titleOf(row)), h("span", { class: "facts" }, h("span", { class: "chip" }, say(row.state_title)), h("span", { class: "quiet" }, [clock(row.opened_at), row.note].filter(Boolean).join(" · ")))))))),
      h("div", {}, box, h("h3", {}, t("log")), h("ol", { class: "log" }, ...[...task.log].reverse().map(entry)))));
  return () => drawMap(box, task.cases.filter((row) => row.point).map(pointOf));
}

/* Who found what, side by side. */
function conflict(task) {
  const found = Object.entries(task.findings);
  if (found.length < 2 || task.state !== "conflict") { return ""; }
  return h("section", { class: "conflict", role: "alert" }, h("b", {}, t("differ")), h("ul", {}, ...found.map(([finding, departments]) =>
    h("li", {}, h("b", {}, finding), t("colon") + departments.map(departmentName).join(t("comma"))))));
}

function ended(task) {
  if (!task.conclusion) { return ""; }
  return h("dl", {}, h("dt", {}, t("finding")), h("dd", {}, task.conclusion), ...(task.ruling ? [h("dt", {}, t("ruled")), h("dd", {}, task.ruling)] : []));
}

function partTable(task, open) {
  const mine = new Set(task.actions.filter((one) => one.id === "part").map((one) => one.department));
  const heads = ["department", "part_of", "finding", "reason", "by"].map((key) => h("th", { scope: "col" }, t(key)));
  const row = (part) => h("tr", { "data-department": part.department.id },
    h("th", { scope: "row" }, say(part.department.title) || part.department.id), h("td", {}, part.task || ""),
    h("td", {}, part.state === "concluded" ? h("b", {}, part.finding) : h("span", { class: "chip open" }, t("s_open"))),
    h("td", {}, part.why || ""), h("td", {}, part.actor || ""),
    h("td", {}, mine.has(part.department.id) ? h("button", { onclick: () => open(part) }, t(part.state === "concluded" ? "change_part" : "conclude_part")) : ""));
  return h("table", {}, h("thead", {}, h("tr", {}, ...heads, h("th", { scope: "col" }, t("act")))), h("tbody", {}, ...task.parts.map(row)));
}

/* The findings so far are offered: the same must be said in the same words. */
function findingField(task, value = "") {
  const known = h("datalist", { id: "findings" }, ...Object.keys(task.findings).map((one) => h("option", { value: one })));
  const input = h("input", { name: "finding", list: "findings", required: true, maxlength: 200, autocomplete: "off", value });
  return { input, nodes: [known, field(t("finding"), input)] };
}

const reason = () => h("textarea", { name: "why", rows: 2, maxlength: 2000, required: true });

function partForm(task, part, path, again, close) {
  const { input, nodes } = findingField(task, part.finding || "");
  const why = reason();
  const fill = () => ({ path: path + "part", body: { department: part.department.id, finding: input.value.trim(), why: why.value.trim() } });
  return formOf((say(part.department.title) || part.department.id) + " · " + t("conclude_part"), [...nodes, field(t("reason"), why)], fill, again, close);
}

function leading(task, path, put, again, close) {
  const may = new Set(task.actions.map((one) => one.id));
  const found = [];
  if (may.has("rule")) {
    found.push(h("button", { class: "main", onclick: () => {
      const { input, nodes } = findingField(task);
      const why = reason();
      put(formOf(t("rule"), [...nodes, field(t("reason"), why)], () => ({ path: path + "rule", body: { finding: input.value.trim(), why: why.value.trim() } }), again, close));
    } }, t("rule")));
  }
  if (may.has("conclude") && (task.conclusion || Object.keys(task.findings).length === 1)) {
    found.push(h("button", { class: "main", onclick: () => {
      const why = h("textarea", { name: "why", rows: 2, maxlength: 2000 });
      put(formOf(t("conclude"), [field(t("reason"), why, t("optional"))], () => ({ path: path + "conclude", body: { why: why.value.trim() } }), again, close));
    } }, t("conclude")));
  }
  return found;
}

const entry = (one) => h("li", {}, h("b", {}, t(one.action)), " ", h("span", { class: "quiet" }, clock(one.at) + " · " + one.actor),
  one.details && one.details.department ? h("p", {}, departmentName(one.details.department) + t("colon") + one.details.finding) : null,
  one.details && !one.details.department && one.details.finding ? h("p", {}, one.details.finding) : null,
  one.why ? h("p", { class: "quiet" }, one.why) : null);
