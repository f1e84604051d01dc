/* Reading and doing at the desk: nothing waits here, every refusal is shown in the server's words. */
import { h, say, t } from "../micro/dom.js";
import { ask } from "../micro/server.js";

/* Tells one doing from all others, however often it is sent. */
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/* {told} of what is there, {wrong} in words where it is refused. */
export async function fetchOf(path, options = {}) {
  let answer;
  try { answer = await ask(path, { cache: "no-store", ...options }); } catch (failure) { return { wrong: t("lost"), status: 0 }; }
  const told = await answer.json().catch(() => ({}));
  return answer.ok ? { told } : { wrong: say(told.texts) || told.detail || t("refused"), status: answer.status };
}

export const post = (path, body, key = newKey()) => fetchOf(path, {
  method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "Idempotency-Key": key },
});

export const wrongBox = (words) => h("p", { class: "bad", role: "alert" }, words);
export const field = (title, input, hint) => h("label", { class: "field" }, h("span", {}, title, hint ? h("i", {}, " " + hint) : null), input);
export const select = (name, rows, chosen = "", required = true) => {
  const made = h("select", { name, required }, h("option", { value: "" }, t("choose")), ...rows.map(([value, words]) => h("option", { value }, words)));
  made.value = chosen || "";
  return made;
};

/*
 * A form that sends once: `fill()` gives {path, body}; `done(told)` follows. What is refused stays in the form.
 */
export function formOf(title, fields, fill, done, cancelled) {
  const told = h("p", { class: "bad", role: "alert" });
  const key = newKey();
  const send = h("button", { class: "main", type: "submit" }, title);
  const go = async (event) => {
    event.preventDefault();
    told.textContent = "";
    send.disabled = true;
    const { path, body } = fill();
    const { told: answer, wrong } = await post(path, body, key);
    send.disabled = false;
    if (wrong) { told.textContent = wrong; } else { done(answer); }
  };
  return h("form", { class: "panel", onsubmit: go }, h("h3", {}, title), ...fields, told,
    h("div", { class: "row" }, send, cancelled ? h("button", { type: "button", onclick: cancelled }, t("cancel")) : null));
}
