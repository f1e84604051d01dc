/* Joint tasks: what belongs together, making a task of it, and what runs. */
import { titleOf } from "../micro/cases.js";
import { clock, h, say, settings, t, timeLeft } from "../micro/dom.js";
import { drawMap } from "../micro/place.js";
import { fetchOf, field, formOf, select, wrongBox } from "./server.js";
import { withUnit } from "./units.js";
import { pointOf } from "./work.js";

export async function joint(page) {
  const [proposed, standing] = await Promise.all([fetchOf(withUnit("/joint/proposals")), fetchOf(withUnit("/joint"))]);
  if (standing.wrong) { page.append(wrongBox(standing.wrong)); return null; }
  const tasks = standing.told.tasks;
  const box = h("div", { class: "map", role: "img", "aria-label": t("map") });
  const list = h("div", {});
  if (proposed.told) {
    const groups = proposed.told.proposals;
    list.append(h("h2", {}, t("proposals")), ...groups.map(groupCard), groups.length ? "" : h("p", { class: "empty" }, t("no_proposals")));
  }
  list.append(h("h2", {}, t("tasks")), ...tasks.map(taskCard), tasks.length ? "" : h("p", { class: "empty" }, t("no_tasks")));
  page.append(h("div", { class: "split" }, list, box));
  const cases = (proposed.told ? proposed.told.proposals : []).flatMap((group) => group.cases);
  return () => drawMap(box, cases.filter((one) => one.point).map(pointOf));
}

function groupCard(group) {
  const address = "#group/" + encodeURIComponent(group.cases[0].id);
  return h("section", { class: "card plain" }, h("b", {}, titleOf(group.cases[0])), h("p", {}, say(group.why)),
    h("p", { class: "quiet" }, clock(group.first) + " – " + clock(group.last) + " · " + group.departments.map((one) => say(one.title)).join(t("comma"))),
    h("a", { class: "button", href: address }, t("make_task")));
}

function taskCard(task) {
  const left = timeLeft(task.state === "concluded" ? null : task.due_at);
  return h("a", { class: "card " + (task.state === "conflict" || task.overdue ? "late" : ""), href: "#task/" + encodeURIComponent(task.id) },
    h("b", {}, say(task.title)),
    h("span", { class: "facts" }, h("span", { class: "chip " + task.state }, t("s_" + task.state)), h("span", { class: "quiet" }, t("n_cases", { n: task.members.length })),
      task.state === "concluded" ? null : h("span", { class: left.late ? "bad" : "quiet" }, left.words)),
    h("span", { class: "quiet" }, task.parts.map((part) => say(part.department.title) || part.department.id).join(t("comma"))));
}

/* One proposal as a form: which cases, which departments with which part, and a title. */
export async function group(page, [, first]) {
  const { told, wrong } = await fetchOf(withUnit("/joint/proposals"));
  if (wrong) { page.append(wrongBox(wrong)); return null; }
  const found = told.proposals.find((one) => one.cases.some((row) => row.id === first));
  if (!found) { page.append(h("p", { class: "empty" }, t("no_proposals"))); return null; }
  const kind = settings.kinds.find((one) => one.code === found.event_type);
  const title = { en: kind ? kind.title.en : found.event_type, zh: kind ? kind.title.zh : found.event_type };
  const en = h("input", { name: "title_en", required: true, maxlength: 200, value: title.en + " – joint task" });
  const zh = h("input", { name: "title_zh", required: true, maxlength: 200, value: title.zh + "联合整治" });
  const boxes = found.cases.map((row) => h("input", { type: "checkbox", name: "case", value: row.id, checked: true }));
  const members = h("fieldset", {}, h("legend", {}, t("members")), ...found.cases.map((row, number) => h("label", { class: "check" }, boxes[number],
    h("span", {}, titleOf(row), " ", h("span", { class: "chip" }, say(row.state_title)), " ", h("span", { class: "quiet" }, [clock(row.opened_at), row.note].filter(Boolean).join(" · "))))));
  const parts = partRows(found.departments);
  const fill = () => ({ path: "/joint", body: {
    cases: boxes.filter((one) => one.checked).map((one) => one.value), departments: parts.value(),
    title: { en: en.value.trim(), zh: zh.value.trim() }, basis: found.basis, ...(found.subject ? { subject: found.subject } : {}), why: say(found.why),
  } });
  const box = h("div", { class: "map", role: "img", "aria-label": t("map") });
  const form = formOf(t("make_task"), [h("p", {}, say(found.why)), field(t("title_zh"), zh), field(t("title_en"), en), parts.node, members], fill,
    (task) => { location.hash = "task/" + encodeURIComponent(task.id); }, () => { location.hash = "joint"; });
  page.append(h("div", { class: "split even" }, form, box));
  return () => drawMap(box, found.cases.filter((row) => row.point).map(pointOf));
}

function partRows(departments) {
  const listed = h("div", {});
  const all = settings.departments.map((one) => [one.id, say(one.title)]);
  const add = (id = "") => {
    const department = select("part-department", all, id);
    department.setAttribute("aria-label", t("department"));
    const task = h("input", { name: "part-task", required: true, maxlength: 2000, placeholder: t("part_of"), "aria-label": t("part_of") });
    const row = h("div", { class: "part" }, department, task, h("button", { type: "button", onclick: () => row.remove() }, t("fewer")));
    listed.append(row);
  };
  departments.forEach((one) => add(one.id));
  if (!departments.length) { add(); }
  const node = h("fieldset", {}, h("legend", {}, t("parts")), listed, h("button", { type: "button", onclick: () => add() }, t("more_departments")));
  const value = () => [...listed.children].map((row) => ({ id: row.querySelector("select").value, task: row.querySelector("input").value.trim() }));
  return { node, value };
}
