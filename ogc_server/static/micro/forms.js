/* Forms: a step that needs more than a tap, a new matter, and signing in. */
import { actionOf, ahead, one } from "./cases.js";
import { h, say, settings, t } from "./dom.js";
import { entryOf } from "./one.js";
import { shrink } from "./photo.js";
import { drawMap, locate } from "./place.js";
import { add, open } from "./queue.js";
import { signIn } from "./server.js";

/* Place by satellite or by a tap on the map; `value()` is [lon, lat] or null. */
function placeField(start) {
  let place = null;
  const told = h("p", { class: "quiet", role: "status" }, t("no_place"));
  const box = h("div", { class: "map", hidden: true });
  const gps = async () => {
    told.textContent = t("finding");
    const found = await locate(5000);
    if (found) { place = found.place; }
    told.textContent = found ? words(found.place) + " " + t("accuracy", { n: found.accuracy }) : t("gps_off");
  };
  const pick = () => {
    if (!box.hidden) { return; }
    box.hidden = false;
    drawMap(box, [], { mark: place, tapped: (found) => { place = found; told.textContent = words(found) + " " + t("chosen"); } });
  };
  const words = ([lon, lat]) => lat.toFixed(5) + ", " + lon.toFixed(5);
  if (start) { gps(); }
  return {
    node: h("fieldset", {}, h("legend", {}, t("where")), told, box,
      h("div", { class: "row" }, h("button", { type: "button", onclick: gps }, t("from_gps")), h("button", { type: "button", onclick: pick }, t("from_map")))),
    value: () => place,
  };
}

/* Photos by the camera; `value(place)` gives them with place and time. */
function photoField() {
  const taken = [];
  const box = h("div", { class: "photos" });
  const words = h("span", {}, t("take_photo"));
  const failure = h("p", { class: "bad", role: "alert" });
  const pick = async (event) => {
    failure.textContent = "";
    for (const file of event.target.files) {
      try {
        const made = await shrink(file);
        taken.push(made);
        const image = h("img", { src: made.picture, alt: t("photo"), onclick: () => { taken.splice(taken.indexOf(made), 1); image.remove(); } });
        box.append(image);
        words.textContent = t("another");
      } catch (wrong) { failure.textContent = t("bad_photo"); }
    }
    event.target.value = "";
  };
  const input = h("input", { type: "file", accept: "image/*", capture: "environment", onchange: pick });
  return {
    node: h("fieldset", {}, h("legend", {}, t("photo")), box, failure, h("label", { class: "button wide" }, words, input)),
    value: (place) => taken.map(({ blob, taken: at }) => ({ blob, taken: at, place })),
  };
}

const field = (title, input) => h("label", { class: "field" }, h("span", {}, title), input);
const choice = (name, rows) => h("select", { name }, h("option", { value: "" }, t("choose")), ...rows);

/* Tells what is missing; true where nothing is. */
function complete(told, missing) {
  told.textContent = missing.length ? t("missing", { what: missing.join("、") }) : "";
  return !missing.length;
}

export async function stepForm(page, id, name) {
  const found = await one(id);
  const action = actionOf(name);
  if (!found || !action) { page.append(h("p", { class: "empty" }, t("not_loaded"))); return []; }
  const row = ahead(found, await open(id));
  const needs = new Set(action.needs);
  const place = placeField(true);
  const photo = photoField();
  const why = h("textarea", { rows: 3, maxlength: 2000, name: "why" });
  const department = choice("department", settings.departments.map((one) => h("option", { value: one.id }, say(one.title))));
  if (row.department) { department.value = row.department.id; }
  const unit = choice("unit", settings.units.map((one) => h("option", { value: one.code }, say(one.title))));
  const other = h("input", { name: "case" });
  const assignee = h("input", { name: "assignee", autocapitalize: "none" });
  const told = h("p", { class: "bad", role: "alert" });
  page.append(h("h2", {}, say(action.title)), h("p", { class: "quiet" }, say(row.title)));
  if (needs.has("photo")) { page.append(photo.node); }
  page.append(field(t("why"), why));
  if (needs.has("department")) { page.append(field(t("department"), department), field(t("assignee"), assignee)); }
  if (needs.has("unit")) { page.append(field(t("unit"), unit)); }
  if (needs.has("case")) { page.append(field(t("other_case"), other)); }
  if (needs.has("place")) { page.append(place.node); }
  page.append(told);
  const given = { department: department, unit, case: other, assignee };
  const go = async (event) => {
    const where = place.value();
    const taken = photo.value(where);
    const missing = [];
    const check = (need, there, title) => { if (needs.has(need) && !there) { missing.push(title); } };
    check("photo", taken.length, t("photo"));
    check("reason", why.value.trim(), t("why"));
    check("department", department.value, t("department"));
    check("unit", unit.value, t("unit"));
    check("case", other.value.trim(), t("other_case"));
    check("place", where, t("where"));
    if (!complete(told, missing)) { return; }
    event.target.disabled = true;
    const details = Object.fromEntries(Object.entries(given).map(([key, input]) => [key, input.value.trim()]).filter(([, value]) => value));
    if (!needs.has("department")) { delete details.department; delete details.assignee; }
    const body = { why: why.value.trim(), details, ...(where ? { where } : {}) };
    event.target.disabled = await add(entryOf(row, action, body, taken));
    if (event.target.disabled) { location.hash = "case/" + encodeURIComponent(id); }
  };
  return [h("button", { class: "main", onclick: go }, say(action.title))];
}

export async function reportForm(page) {
  const groups = new Map();
  for (const kind of settings.kinds) {
    const title = say(kind.group);
    if (!groups.has(title)) { groups.set(title, []); }
    groups.get(title).push(h("option", { value: kind.code }, say(kind.title)));
  }
  const kind = choice("kind", [...groups].map(([label, rows]) => h("optgroup", { label }, ...rows)));
  const place = placeField(true);
  const photo = photoField();
  const note = h("textarea", { rows: 3, maxlength: 2000, name: "note" });
  const told = h("p", { class: "bad", role: "alert" });
  page.append(photo.node, field(t("kind"), kind), place.node, field(t("note"), note), told);
  const go = async (event) => {
    const where = place.value();
    const missing = [];
    if (!kind.value) { missing.push(t("kind")); }
    if (!where) { missing.push(t("where")); }
    if (!complete(told, missing)) { return; }
    event.target.disabled = true;
    const body = { kind: kind.value, where, note: note.value.trim() };
    event.target.disabled = await add({ case: null, action: null, path: "/cases", title: null, photos: photo.value(where), body });
    if (event.target.disabled) { location.hash = "sending"; }
  };
  return [h("button", { class: "main", onclick: go }, t("send"))];
}

export function signInForm(page, done) {
  const name = h("input", { name: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
  const secret = h("input", { name: "secret", type: "password", autocomplete: "current-password" });
  const told = h("p", { class: "bad", role: "alert" });
  const go = async (event) => {
    event.preventDefault();
    const status = await signIn(name.value.trim(), secret.value.trim());
    if (status === 200) { done(); } else { told.textContent = t(status ? "wrong" : "no_net"); }
  };
  page.append(h("form", { onsubmit: go }, h("h2", {}, t("sign_in")), field(t("name"), name), field(t("secret"), secret), told,
    h("button", { class: "main wide", type: "submit" }, t("sign_in"))));
}
