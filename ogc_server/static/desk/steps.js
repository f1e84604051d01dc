/* What a step of a case asks for: a reason, a department and who is sent, a unit, another case, another platform. */
import { titleOf } from "../micro/cases.js";
import { far, h, say, settings, t } from "../micro/dom.js";
import { fetchOf, field, formOf, select } from "./server.js";
import { below, unitName } from "./units.js";

const ASKED = { department: sending, unit: handingDown, case: merging };

export async function stepForm(row, action, again, close) {
  const needs = action.needs;
  const fields = [];
  const details = [];
  for (const need of needs.filter((one) => ASKED[one])) {
    const { nodes, value } = await ASKED[need](row);
    fields.push(...nodes);
    details.push(value);
  }
  const why = h("textarea", { name: "why", rows: 2, maxlength: 2000, required: needs.includes("reason") });
  fields.push(field(t("reason"), why, needs.includes("reason") ? "" : t("optional")));
  const path = "/cases/" + encodeURIComponent(row.id) + "/" + action.id;
  const fill = () => ({ path, body: { why: why.value.trim(), details: Object.assign({}, ...details.map((one) => one())), expectedVersion: row.version } });
  return formOf(say(action.title), fields, fill, again, close);
}

/* The best first, each with its reasons; choosing one fills in department and assignee. */
async function sending(row) {
  const { told } = await fetchOf("/cases/" + encodeURIComponent(row.id) + "/candidates");
  const department = select("department", settings.departments.map((one) => [one.id, say(one.title)]), row.department && row.department.id);
  const assignee = h("input", { name: "assignee", autocapitalize: "none", spellcheck: "false" });
  const take = (one) => { if (one.department) { department.value = one.department.id; } assignee.value = one.assignee || ""; };
  const found = (told ? told.candidates : []).map((one, number) => h("label", { class: "candidate" },
    h("input", { type: "radio", name: "candidate", value: one.kind + " " + one.id, onchange: () => take(one), checked: number === 0 }),
    h("span", {}, h("b", {}, say(one.title)), " ", h("span", { class: "chip" }, t("k_" + one.kind)), " ", h("span", { class: "quiet" }, t("minutes_cost", { n: one.minutes })),
      h("ul", {}, ...one.reasons.map((reason) => h("li", {}, say(reason)))))));
  if (told && told.candidates.length) { take(told.candidates[0]); }
  const list = h("fieldset", {}, h("legend", {}, t("who_why")), ...(found.length ? found : [h("p", { class: "quiet" }, t("no_candidates"))]));
  const value = () => ({ department: department.value, ...(assignee.value.trim() ? { assignee: assignee.value.trim() } : {}) });
  return { nodes: [list, field(t("department"), department), field(t("assignee"), assignee)], value };
}

async function handingDown(row) {
  const units = below(row.unit ? row.unit.code : "").map((one) => [one.code, unitName(one.code)]);
  const unit = select("unit", units);
  return { nodes: [field(t("unit"), unit)], value: () => ({ unit: unit.value }) };
}

/* Open cases near by, the nearest first. */
async function merging(row) {
  const near = row.point ? "&near=" + row.point.join(",") : "";
  const { told } = await fetchOf("/cases?limit=30" + near);
  const rows = (told ? told.cases : []).filter((one) => one.id !== row.id);
  const words = (one) => [titleOf(one), say(one.state_title), one.distance_m === null ? "" : far(one.distance_m)].filter(Boolean).join(" · ");
  const other = select("case", rows.map((one) => [one.id, words(one)]));
  return { nodes: [field(t("other"), other)], value: () => ({ case: other.value }) };
}

export function handOverForm(row, again, close) {
  const node = select("node", row.nodes.map((one) => [one.id, say(one.title)]), row.nodes.length === 1 ? row.nodes[0].id : "");
  const why = h("textarea", { name: "why", rows: 2, maxlength: 2000, required: true });
  const path = "/cases/" + encodeURIComponent(row.id) + "/hand_over";
  const fill = () => ({ path, body: { node: node.value, why: why.value.trim() } });
  return formOf(t("hand_over"), [field(t("node"), node), field(t("reason"), why)], fill, again, close);
}
