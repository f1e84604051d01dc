/* The work by step, with its numbers, as a list beside a map. */
import { titleOf } from "../micro/cases.js";
import { h, say, t, timeLeft } from "../micro/dom.js";
import { drawMap } from "../micro/place.js";
import { fetchOf, wrongBox } from "./server.js";
import { withUnit } from "./units.js";

const STEPS = [
  ["screen", "found,triage"], ["file", "verified"], ["send_out", "filed"], ["in_hand", "dispatched,accepted,handling"],
  ["check", "handled,checked"], ["late", null], ["paused", "suspended"],
];
const SHOWN = 100;

/* Numbers by step; by department for who sees some departments only. */
async function numbers() {
  let found = await fetchOf(withUnit("/cases/statistics?by=all"));
  if (found.status === 403) { found = await fetchOf(withUnit("/cases/statistics?by=department")); }
  const rows = found.told ? found.told.figures : [];
  const sum = (of) => rows.reduce((total, row) => total + of(row), 0);
  return Object.fromEntries(STEPS.map(([id, states]) => [id,
    states ? sum((row) => states.split(",").reduce((n, state) => n + (row.now[state] || 0), 0)) : sum((row) => row.overdue)]));
}

export async function work(page, [, chosen]) {
  const step = STEPS.find(([id]) => id === chosen) || STEPS[0];
  const query = (step[1] ? "state=" + step[1] : "overdue=true") + "&limit=" + SHOWN;
  const [counts, { told, wrong }] = await Promise.all([numbers(), fetchOf(withUnit("/cases?" + query))]);
  page.append(h("nav", { class: "steps", "aria-label": t("work") }, ...STEPS.map(([id]) =>
    h("a", { href: "#work/" + id, class: id === step[0] ? "on" : "", "aria-current": id === step[0] ? "page" : null, "data-step": id },
      t(id), " ", h("b", {}, String(counts[id]))))));
  if (wrong) { page.append(wrongBox(wrong)); return null; }
  const box = h("div", { class: "map", role: "img", "aria-label": t("map") });
  const list = h("ol", { class: "list" }, ...told.cases.map(card));
  if (!told.cases.length) { list.append(h("li", { class: "empty" }, t("no_cases"))); }
  if (told.numberMatched > told.numberReturned) {
    list.prepend(h("li", { class: "quiet" }, t("first_shown", { n: told.numberReturned, all: told.numberMatched })));
  }
  page.append(h("div", { class: "split" }, list, box));
  return () => drawMap(box, told.cases.filter((row) => row.point).map(pointOf));
}

export const pointOf = (row) => ({
  place: row.point, late: timeLeft(row.deadline).late, title: titleOf(row), open: () => { location.hash = "case/" + encodeURIComponent(row.id); },
});

function card(row) {
  const left = timeLeft(row.deadline);
  const facts = [say(row.place), row.department && say(row.department.title), row.assignee].filter(Boolean).join(" · ");
  return h("li", {}, h("a", { class: "card " + (row.overdue ? "late" : left.soon ? "soon" : ""), href: "#case/" + encodeURIComponent(row.id), "data-case": row.id },
    h("b", {}, titleOf(row)),
    h("span", { class: "facts" }, h("span", { class: "chip" }, say(row.state_title)), h("span", { class: left.late ? "bad" : "quiet" }, left.words)),
    h("span", { class: "quiet" }, facts)));
}
