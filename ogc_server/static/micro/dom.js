/* Elements, times and words. Text from data is only ever set as text. */
import { WORDS } from "./words.js";

export const settings = JSON.parse(document.getElementById("page-settings").textContent);
let language = "en";

/* Words of a page that uses these modules beside the one for phones. */
export const learn = (more) => Object.assign(WORDS, more);

export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
}

export const spoken = () => language;

/* A text of both languages in the language of the page. */
export const say = (text) => (text ? text[language] || text.en || text.zh || "" : "");

export function t(key, values = {}) {
  const words = WORDS[key][language === "zh" ? 1 : 0];
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) { continue; }
    if (name.startsWith("on")) { made.addEventListener(name.slice(2), value); }
    else if (name === "value") { made.value = value; }
    else { made.setAttribute(name, value === true ? "" : value); }
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function clock(text) {
  const other = new Date(text).getFullYear() !== new Date().getFullYear();
  const format = { year: other ? "numeric" : undefined, timeZone: settings.zone, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false };
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", format).format(new Date(text));
}

function span(ms) {
  const minutes = Math.max(0, Math.round(Math.abs(ms) / 60000));
  if (minutes < 60) { return t("minutes", { n: minutes }); }
  if (minutes < 48 * 60) { return t("hours", { n: Math.round(minutes / 60) }); }
  return t("days", { n: Math.round(minutes / 1440) });
}

export function timeLeft(deadline) {
  if (!deadline) { return { words: t("no_limit"), late: false, soon: false }; }
  const ms = Date.parse(deadline) - Date.now();
  return { words: t(ms < 0 ? "overdue" : "left", { t: span(ms) }), late: ms < 0, soon: ms < 3600000 };
}

/* Great-circle distance, metres. */
export function metres(a, b) {
  const rad = Math.PI / 180;
  const x = Math.sin((b[1] - a[1]) * rad / 2) ** 2
    + Math.cos(a[1] * rad) * Math.cos(b[1] * rad) * Math.sin((b[0] - a[0]) * rad / 2) ** 2;
  return 2 * 6371008.8 * Math.asin(Math.sqrt(Math.min(1, x)));
}

export function far(m) {
  const [near, long] = language === "zh" ? ["米", "公里"] : [" m", " km"];
  return m < 995 ? Math.round(m / 10) * 10 + near : (m / 1000).toFixed(m < 9950 ? 1 : 0) + long;
}
