/*
 * Keeps the page itself, and what was read last, for when there is no network. Only reads pass here: what is done
 * waits in the page's own list (see queue.js). EDITION and SHELL are written by the server.
 */
"use strict";
const SHELL_CACHE = "onemap-shell-" + EDITION;
const DATA_CACHE = "onemap-data";
const BASE = self.location.href.replace(/\/micro\/worker\.js.*$/, "");

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL_CACHE)
    .then((cache) => cache.addAll(SHELL.map((path) => new Request(BASE + path, { cache: "reload" }))))
    .then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names
      .filter((name) => name.startsWith("onemap-shell-") && name !== SHELL_CACHE).map((name) => caches.delete(name))))
    .then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET" || !request.url.startsWith(BASE)) { return; }
  const path = request.url.slice(BASE.length).split("?")[0];
  if (path === "/micro") { event.respondWith(shell(request, BASE + "/micro")); }
  else if (path.startsWith("/static/") || path.startsWith("/micro/")) { event.respondWith(shell(request, request.url)); }
  else if (path.startsWith("/photos/")) { event.respondWith(first(request)); }
  else if (/^\/(cases|inbox|collections)(\/|$)/.test(path)) { event.respondWith(recent(request, event)); }
});

/* Of the edition that was installed as a whole; the map's files are kept when they are first used. */
async function shell(request, key) {
  const cache = await caches.open(SHELL_CACHE);
  const held = await cache.match(key, { ignoreVary: true });
  if (held) { return held; }
  const answer = await fetch(request);
  if (answer.ok) { await cache.put(key, answer.clone()); }
  return answer;
}

/* What never changes. */
async function first(request) {
  const cache = await caches.open(DATA_CACHE);
  const held = await cache.match(request.url, { ignoreVary: true });
  return held || refresh(cache, request);
}

/* What was read last at once, and what is new when it comes; `reload` asks for what is new. */
async function recent(request, event) {
  const cache = await caches.open(DATA_CACHE);
  const held = await cache.match(request.url, { ignoreVary: true });
  if (!held) { return refresh(cache, request); }
  if (request.cache === "reload" || request.cache === "no-store") { return refresh(cache, request).catch(() => held); }
  const before = held.clone();
  event.waitUntil(refresh(cache, request)
    .then(async (answer) => {
      if (answer.ok && await differs(before, answer)) { await tell(request.url); }
    })
    .catch(() => {}));
  return held;
}

async function refresh(cache, request) {
  const answer = await fetch(request);
  if (answer.ok) { await cache.put(request.url, answer.clone()); }
  else if (answer.status === 404 || answer.status === 401) { await cache.delete(request.url); }
  return answer;
}

async function differs(before, after) {
  const [a, b] = await Promise.all([before.text(), after.clone().text()]);
  const plain = (text) => text.replace(/"timeStamp":"[^"]*",?/, "");
  return plain(a) !== plain(b);
}

async function tell(url) {
  for (const client of await self.clients.matchAll()) { client.postMessage({ fresh: url }); }
}
