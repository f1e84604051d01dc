/* Cases as the phone knows them: what the server told last, and what was done here since. */
import { metres, say, settings } from "./dom.js";
import { known } from "./place.js";
import { read, who } from "./server.js";

const LIST = "/cases?mine=true&limit=200";
const actions = new Map(settings.actions.map((one) => [one.id, one]));
export const actionOf = (id) => actions.get(id);

export const list = async (fresh) => told(await read(LIST, fresh), "cases");
export const one = (id, fresh) => read("/cases/" + encodeURIComponent(id), fresh);
export const inbox = (fresh) => read("/inbox", fresh);

const told = (document, name) => (document ? document[name] : document);

/*
 * The case as it will stand once what waits is sent: a guess, so that work goes on without network. Whether it
 * holds is the server's word. After a step of one right the next steps of the same right are offered.
 */
export function ahead(row, queued) {
  const steps = queued.filter((one) => one.case === row.id && one.action && one.state !== "refused" && one.state !== "held");
  let { state } = row;
  let offered = row.actions || [];
  for (const step of steps) {
    const done = actions.get(step.action);
    state = (done && done.steps[state]) || state;
    const rights = new Set([...offered.map((one) => one.right), done && done.right]);
    offered = settings.actions.filter((one) => one.right && rights.has(one.right) && one.steps[state] && !one.apart_from);
  }
  if (!steps.length) { return row; }
  const assignee = steps.some((one) => one.action === "take") ? who().name : row.assignee;
  return { ...row, state, state_title: settings.states[state], actions: offered, assignee, local: true,
    version: row.version + steps.length };
}

export function sorted(rows, way) {
  const me = known();
  const away = (row) => (me && row.point ? metres(me.place, row.point) : Infinity);
  const time = (row) => (row.deadline ? Date.parse(row.deadline) : Infinity);
  const found = rows.map((row) => ({ ...row, away: away(row) }));
  const [a, b] = way === "place" ? ["away", "time"] : ["time", "away"];
  const key = { away: (row) => row.away, time };
  const compare = (x, y) => (x === y ? 0 : x < y ? -1 : 1);
  return found.sort((p, q) => compare(key[a](p), key[a](q)) || compare(key[b](p), key[b](q)) || compare(p.id, q.id));
}

export const titleOf = (row) => say(row.title) || kindTitle(row.event_type);

export function kindTitle(code) {
  const kind = settings.kinds.find((one) => one.code === code);
  return kind ? say(kind.title) : code;
}
