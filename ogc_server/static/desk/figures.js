/* How cases are dealt with, by unit, level and department, within one's own units. */
import { kindTitle } from "../micro/cases.js";
import { h, say, settings, t } from "../micro/dom.js";
import { who } from "../micro/server.js";
import { fetchOf, wrongBox } from "./server.js";
import { unitName, withUnit } from "./units.js";

const WAYS = ["unit", "level", "department", "event_type", "origin"];
const COLUMNS = ["opened", "filed", "closed", "in_time", "late", "share", "returned", "overdue"];
const DAYS = 30;
const chosen = { by: "unit", first: "", last: "" };

const percent = (row) => { const handled = row.in_time + row.late; return handled ? Math.round(100 * row.in_time / handled) : null; };

/* Today in the city's zone, and days before. */
function dayBefore(number) {
  const parts = new Intl.DateTimeFormat("en-CA", { timeZone: settings.zone, year: "numeric", month: "2-digit", day: "2-digit" });
  return parts.format(new Date(Date.now() - number * 86400000));
}

function nameOf(row) {
  if (chosen.by === "unit") { return unitName(row.unit); }
  if (!row.value) { return t("none"); }
  if (chosen.by === "level") { return t(row.value); }
  if (chosen.by === "origin") { return t("o_" + row.value); }
  if (chosen.by === "event_type") { return kindTitle(row.value); }
  const found = settings.departments.find((one) => one.id === row.value);
  return found ? say(found.title) : row.value;
}

export async function figures(page, parts, again) {
  const own = who() && who().departments;
  const ways = own ? ["department"] : WAYS;
  if (!ways.includes(chosen.by)) { chosen.by = ways[0]; }
  chosen.last ||= dayBefore(0);
  chosen.first ||= dayBefore(DAYS - 1);
  page.append(h("form", { class: "row asked", onsubmit: (event) => { event.preventDefault(); again(); } },
    day("first", "first_day"), day("last", "last_day"), wayPicker(ways, again), h("button", { type: "submit" }, t("show"))));
  const span = "&first=" + chosen.first + "&last=" + chosen.last;
  const [told, whole] = await Promise.all([fetchOf(withUnit("/cases/statistics?by=" + chosen.by + span)),
    own ? {} : fetchOf(withUnit("/cases/statistics?by=all" + span))]);
  if (told.wrong) { page.append(wrongBox(told.wrong)); return null; }
  const rows = told.told.figures.filter((row) => COLUMNS.some((key) => row[key]));
  if (!rows.length && !(whole.told && whole.told.figures.length)) { page.append(h("p", { class: "empty" }, t("no_figures"))); return null; }
  const most = Math.max(1, ...rows.map((row) => Math.max(row.opened, row.closed)));
  page.append(h("div", { class: "scroll" }, h("table", { class: "figures" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("by_" + chosen.by)), ...COLUMNS.map((key) => h("th", { scope: "col", class: "number" }, t("f_" + key))), h("th", { scope: "col" }, t("f_bar")))),
    h("tbody", {}, ...rows.map((row) => line(nameOf(row), row, most))),
    h("tfoot", {}, whole.told ? line(t("total"), sum(whole.told.figures), 0) : ""))));
  return null;
}

function sum(rows) {
  return Object.fromEntries(COLUMNS.map((key) => [key, rows.reduce((total, row) => total + (row[key] || 0), 0)]));
}

function line(name, row, most) {
  const cell = (key) => { const value = key === "share" ? percent(row) : row[key]; return h("td", { class: "number" + (key === "overdue" && value ? " bad" : ""), "data-figure": key }, value === null ? "–" : String(value)); };
  const bar = (kind, value) => h("progress", { class: kind, max: most, value, "aria-label": t("f_" + kind) + " " + value });
  return h("tr", {}, h("th", { scope: "row" }, name), ...COLUMNS.map(cell), h("td", {}, most ? [bar("opened", row.opened), bar("closed", row.closed)] : ""));
}

function day(key, title) {
  return h("label", {}, h("span", {}, t(title)), h("input", { type: "date", name: key, required: true, value: chosen[key], onchange: (event) => { chosen[key] = event.target.value; } }));
}

function wayPicker(ways, again) {
  const made = h("select", { name: "by", onchange: (event) => { chosen.by = event.target.value; again(); } }, ...ways.map((way) => h("option", { value: way }, t("by_" + way))));
  made.value = chosen.by;
  return h("label", {}, h("span", {}, t("apart")), made);
}
