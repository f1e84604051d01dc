/* The units that one answers for, and the one that the page looks at. */
import { h, say, settings, t } from "../micro/dom.js";
import { who } from "../micro/server.js";
import { keep, kept } from "../micro/store.js";

const LEVELS = ["district", "town", "village"];
const known = new Map(settings.units.map((one) => [one.code, one]));
let chosen = "";

const mine = () => {
  const prefixes = who() && who().units;
  return settings.units.filter((one) => !prefixes || prefixes.some((prefix) => one.code.startsWith(prefix)));
};

export const unitName = (code) => (known.has(code) ? say(known.get(code).title) : code === "*" ? say(settings.city) : code);

export function below(code) {
  const under = (one) => { for (let up = known.get(one.parent); up; up = known.get(up.parent)) { if (up.code === code) { return true; } } return false; };
  return settings.units.filter(under);
}

export async function recall() {
  const before = await kept("desk-unit");
  chosen = mine().some((one) => one.code === before) ? before : "";
}

/* With the unit that is looked at, as the servers' doors take it. */
export const withUnit = (path) => (chosen ? path + (path.includes("?") ? "&" : "?") + "unit=" + encodeURIComponent(chosen) : path);

export function unitPicker(again) {
  const groups = LEVELS.map((level) => [level, mine().filter((one) => one.level === level)]).filter(([, rows]) => rows.length);
  const made = h("select", { id: "unit", onchange: async (event) => { chosen = event.target.value; await keep("desk-unit", chosen); again(); } },
    h("option", { value: "" }, t("all_mine")),
    ...groups.map(([level, rows]) => h("optgroup", { label: t(level) }, ...rows.map((one) => h("option", { value: one.code }, say(one.title))))));
  made.value = chosen;
  return h("label", { class: "within" }, h("span", {}, t("within")), made);
}
