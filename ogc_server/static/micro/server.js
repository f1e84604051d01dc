/* Asking the server in the name of who signed in; the browser's own sign-in is never used. */
import { settings, spoken } from "./dom.js";
import { drop, keep, kept } from "./store.js";

let auth = null;
let me = null;

export const who = () => me;

/* The server does not know the name any more: it has to be given again; what waits stays. */
export const expired = () => { me = null; };

function header(name, secret) {
  const bytes = new TextEncoder().encode(name + ":" + secret);
  return "Basic " + btoa(String.fromCharCode(...bytes));
}

export function ask(path, options = {}) {
  const headers = { Accept: "application/json", "Accept-Language": spoken(), ...(options.headers || {}) };
  if (auth) { headers.Authorization = auth; }
  const url = path.startsWith("http") ? path : settings.base + path;
  return fetch(url, { ...options, headers, credentials: "omit", signal: AbortSignal.timeout(60000) });
}

/* A document; `fresh` goes past what the service worker keeps. null without network, undefined where it is refused. */
export async function read(path, fresh = false) {
  try {
    const answer = await ask(path, fresh ? { cache: "reload" } : {});
    return answer.ok ? await answer.json() : undefined;
  } catch (failure) {
    return null;
  }
}

export async function start() {
  auth = (await kept("auth")) || null;
  me = (await kept("me")) || null;
  const found = await look();
  if (found === 401) { me = null; }
  return me;
}

async function look() {
  try {
    const answer = await ask("/sign-in?f=json", { cache: "no-store" });
    if (answer.ok) {
      me = await answer.json();
      await keep("me", me);
    }
    return answer.status;
  } catch (failure) {
    return 0;
  }
}

/* 200, 401, or 0 without network. */
export async function signIn(name, secret) {
  const before = auth;
  auth = header(name, secret);
  const status = await look();
  if (status === 200) {
    await keep("auth", auth);
    await forget();
  } else {
    auth = before;
  }
  return status;
}

export async function signOut() {
  auth = me = null;
  await drop("auth");
  await drop("me");
  await forget();
}

/* What the one before has read is not for the next. */
async function forget() {
  for (const name of "caches" in self ? await caches.keys() : []) {
    if (name.startsWith("onemap-data")) { await caches.delete(name); }
  }
}
