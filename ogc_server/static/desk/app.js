/* The desk: what is shown follows the address after #; nothing here needs a mouse. */
import { h, learn, say, settings, speak, spoken, t } from "../micro/dom.js";
import { signInForm } from "../micro/forms.js";
import { signOut, start, who } from "../micro/server.js";
import { keep, kept } from "../micro/store.js";
import { oneCase } from "./case.js";
import { figures } from "./figures.js";
import { group, joint } from "./joint.js";
import { oneTask } from "./task.js";
import { recall, unitPicker } from "./units.js";
import { DESK } from "./words.js";
import { work } from "./work.js";

const LOOK_AGAIN_MS = 60000;
const VIEWS = { work, case: oneCase, joint, group, task: oneTask, figures };
const TABS = { work: ["work", "case"], joint: ["joint", "group", "task"], figures: ["figures"] };
const top = document.getElementById("top");
const main = document.getElementById("main");
let turn = 0;

const parts = () => { const found = location.hash.slice(1).split("/").map(decodeURIComponent); return VIEWS[found[0]] ? found : ["work"]; };

/* Who works by keyboard stays where he was when the page is drawn anew, or is led to what is new. */
function holder() {
  const { id, attributes } = document.activeElement || document.body;
  const href = attributes.href && attributes.href.value;
  const same = id ? "#" + CSS.escape(id) : href ? `a[href="${CSS.escape(href)}"]` : "#main";
  return () => { if (document.activeElement === document.body) { (document.querySelector(same) || main).focus({ preventScroll: true }); } };
}

async function render() {
  const mine = ++turn;
  const hold = holder();
  const page = h("div", { class: "page" });
  document.title = t("desk") + " – " + say(settings.city);
  head();
  if (!who()) {
    const box = h("div", { class: "entry" });
    signInForm(box, async () => { await recall(); render(); });
    main.replaceChildren(box);
    return;
  }
  const draw = await VIEWS[parts()[0]](page, parts(), render);
  if (mine !== turn) { return; }
  main.replaceChildren(page);
  hold();
  if (draw) { await draw(); }
  main.dataset.drawn = location.hash || "#work";
}

function head() {
  const here = parts()[0];
  const tab = (id) => { const on = TABS[id].includes(here); return h("a", { href: "#" + id, class: on ? "on" : "", "aria-current": on ? "page" : null }, t(id)); };
  const turned = spoken() === "zh" ? "en" : "zh";
  const change = async () => { await keep("language", turned); location.search = "lang=" + turned; };
  const out = async () => { await signOut(); await start(); render(); };
  top.replaceChildren(h("h1", {}, h("a", { href: settings.base + "/?f=html&lang=" + spoken() }, say(settings.city)), " · ", t("desk")),
    who() ? h("nav", { "aria-label": t("desk") }, ...Object.keys(TABS).map(tab)) : "",
    who() ? unitPicker(render) : "",
    h("span", { class: "end" }, who() ? h("span", { class: "quiet" }, who().name) : "",
      who() ? h("button", { onclick: out }, t("sign_out")) : "", h("button", { lang: turned, onclick: change }, turned === "zh" ? "中文" : "English")));
}

async function begin() {
  learn(DESK);
  const first = new URLSearchParams(location.search).get("lang") || (await kept("language")) || navigator.language;
  speak(first.startsWith("zh") ? "zh" : "en");
  addEventListener("hashchange", render);
  await start();
  await recall();
  await render();
  // A form that somebody fills in is never drawn anew under his hands.
  setInterval(() => { if (!document.hidden && ["work", "joint"].includes(parts()[0])) { render(); } }, LOOK_AGAIN_MS);
  document.documentElement.dataset.ready = "yes";
}

begin();
