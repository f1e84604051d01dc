/*
 * Everything a person does is first written down on the phone, with a key of its own, and then sent in order.
 * The key makes the server do it once however often it is sent. An entry leaves the list only when the server
 * has answered for it, or when the person discards it.
 */
import { t } from "./dom.js";
import { ask, expired, who } from "./server.js";
import { entries, put, remove } from "./store.js";

const AGAIN_MS = 15000;
const SHOWN_SENT = 20;
const LATER = [408, 425, 429];
let changed = () => {};
let timer = null;

export const whenChanged = (call) => { changed = call; };

/* Whether it is kept; a phone that is full says so at once. */
export async function add(entry) {
  try {
    await put({ ...entry, key: fresh(), by: who().name, state: "waiting", tapped: new Date().toISOString() });
  } catch (failure) {
    alert(t("not_kept"));
    return false;
  }
  changed();
  send();
  return true;
}

const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/* Entries that are not done, of one case or of all. */
export async function open(caseId = null) {
  return (await entries()).filter((one) => one.state !== "sent" && (caseId === null || one.case === caseId));
}

export async function again(entry) {
  await put({ ...entry, state: "waiting", reason: null, faster: null, free: true });
  await release(entry.case);
}

export async function discard(entry) {
  await remove(entry.seq);
  await release(entry.case);
}

async function release(caseId) {
  for (const one of await entries()) {
    if (one.case === caseId && one.state === "held") { await put({ ...one, state: "waiting", free: true }); }
  }
  changed();
  send();
}

/* One sender at a time, whatever tabs are open. */
export async function send() {
  clearTimeout(timer);
  const work = async (lock) => { if (lock) { await sendAll(); } };
  if (navigator.locks) { await navigator.locks.request("onemap-send", { ifAvailable: true }, work); }
  else { await work(true); }
  if ((await open()).some((one) => one.state === "waiting" || one.state === "sending")) {
    timer = setTimeout(send, AGAIN_MS);
  }
}

async function sendAll() {
  let did = false;
  for (let one = await next(); one; one = await next()) {
    await put({ ...one, state: "sending", tried: true });
    changed();
    const after = await sendOne(one);
    await put(after);
    if (after.state === "waiting") { changed(); break; }
    did = true;
    if (after.state === "refused") { await hold(after); }
    changed();
  }
  if (did) { await tidy(); changed(true); }
}

async function next() {
  const me = who();
  if (!me) { return null; }
  return (await entries()).find((one) => one.by === me.name && (one.state === "waiting" || one.state === "sending")) || null;
}

/* The steps that follow a refused one on the same case make no sense before somebody has looked. */
async function hold(refused) {
  for (const one of await entries()) {
    if (refused.case && one.case === refused.case && one.state === "waiting") { await put({ ...one, state: "held" }); }
  }
}

async function sendOne(one) {
  try {
    const digests = [];
    for (const photo of one.photos) {
      if (!photo.digest) {
        const answer = await upload(photo);
        if (!answer.ok) { return judged(one, answer); }
        photo.digest = (await answer.json()).digest;
        await put({ ...one, state: "sending", tried: true });
      }
      digests.push(photo.digest);
    }
    const body = { ...one.body, photos: digests };
    if (one.free) { delete body.expectedVersion; }
    const answer = await ask(one.path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": one.key },
      body: JSON.stringify(body),
    });
    if (!answer.ok) { return judged(one, answer); }
    const done = await answer.json();
    return { ...one, photos: [], state: "sent", sent: new Date().toISOString(), case: done.case.id };
  } catch (failure) {
    return { ...one, state: "waiting", tried: true };
  }
}

function upload(photo) {
  const told = new URLSearchParams({ taken: photo.taken });
  if (photo.place) { told.set("lon", photo.place[0]); told.set("lat", photo.place[1]); }
  return ask("/photos?" + told, { method: "POST", headers: { "Content-Type": "image/jpeg" }, body: photo.blob });
}

/* Refused for good, or to be tried again: what the server could not do now, it may later. */
async function judged(one, answer) {
  const status = answer.status;
  if (status === 401) { expired(); }
  if (status === 401 || status >= 500 || LATER.includes(status)) { return { ...one, state: "waiting", tried: true }; }
  let told = {};
  try { told = await answer.json(); } catch (failure) { /* No words came with it. */ }
  const plain = told.detail || "HTTP " + status;
  const faster = told.actor && { actor: told.actor, action: told.action, at: told.at };
  return { ...one, state: "refused", status, faster, type: told.type || "", reason: told.texts || { en: plain, zh: plain } };
}

async function tidy() {
  const sent = (await entries()).filter((one) => one.state === "sent");
  for (const one of sent.slice(0, -SHOWN_SENT)) { await remove(one.seq); }
}
