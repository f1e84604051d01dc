/*
 * Puts the alerts of the list on a map, shows the path of the mover that the chosen one is about, and adds those
 * that the server tells of while the page is open. Text from rows is only ever set as textContent.
 */
"use strict";
(function () {
  const settings = JSON.parse(document.getElementById("watch-settings").textContent);
  const list = document.getElementById("alerts");
  const live = document.getElementById("live");
  const box = document.getElementById("watch-map");
  const words = settings.words;
  const home = settings.base + "/collections/alert/items";
  const clock = new Intl.DateTimeFormat(settings.language === "zh" ? "zh-CN" : "en-GB",
    { timeZone: settings.zone, dateStyle: "medium", timeStyle: "medium" });
  const colours = { minor: "#5b6876", moderate: "#e0a100", severe: "#d62728", extreme: "#7a0d12" };
  const AROUND_MS = 3600000;

  const map = L.map(box, { attributionControl: false, preferCanvas: true });
  const [west, south, east, north] = settings.view;
  map.fitBounds([[south, west], [north, east]]);
  settings.background.forEach((layer, place) => {
    const pane = "under" + place;
    map.createPane(pane).style.zIndex = 300 + place;
    fetch(layer.items).then((answer) => answer.json()).then((rows) => {
      L.geoJSON(rows, { pane, renderer: L.canvas({ pane }), interactive: false,
        style: { color: layer.colour, weight: 1, opacity: 0.6, fillColor: layer.colour, fillOpacity: layer.opacity * 0.5 } }).addTo(map);
    });
  });
  const drawn = new Map();
  const path = L.layerGroup().addTo(map);
  let chosen = null;

  function show(feature) {
    if (!feature.geometry) { return; }
    if (drawn.has(feature.id)) { drawn.get(feature.id).remove(); }
    const colour = colours[feature.properties.severity] || colours.minor;
    const style = { color: colour, weight: 2 };
    const layer = L.geoJSON(feature, {
      style,
      pointToLayer: (_, place) => L.circleMarker(place,
        { radius: 7, color: "#fff", weight: 1, fillColor: colour, fillOpacity: 0.95 }),
    }).on("click", () => choose(feature.id, true)).addTo(map);
    layer.feature = feature;
    drawn.set(feature.id, layer);
  }

  /* The mover's path from an hour before to an hour after what was found. */
  async function drawPath(feature) {
    path.clearLayers();
    const told = feature.properties;
    const rule = settings.rules[told.rule];
    if (!rule || !rule.movers) { return; }
    const end = told.end_time || told.start_time;
    const span = [Date.parse(told.start_time) - AROUND_MS, Date.parse(end) + AROUND_MS]
      .map((t) => new Date(t).toISOString()).join("/");
    for (const mover of (told.evidence && told.evidence.subjects) || [told.subject]) {
      const answer = await fetch(settings.base + "/collections/" + rule.movers + "/items/" + encodeURIComponent(mover) +
        "/tgsequence?subTrajectory=true&datetime=" + encodeURIComponent(span));
      if (!answer.ok || chosen !== feature.id) { continue; }
      for (const run of (await answer.json()).geometrySequence || []) {
        const places = run.coordinates.map(([lon, lat]) => [lat, lon]);
        path.addLayer(L.polyline(places, { color: "#0b5cad", weight: 2, opacity: 0.8 }));
        places.forEach((place) => path.addLayer(
          L.circleMarker(place, { radius: 2, color: "#0b5cad", weight: 0, fillOpacity: 0.8 })));
      }
    }
  }

  function choose(id, scroll) {
    chosen = id;
    for (const row of list.children) { row.classList.toggle("chosen", row.dataset.id === id); }
    const row = list.querySelector("[data-id='" + CSS.escape(id) + "']");
    if (row && scroll) { row.scrollIntoView({ block: "nearest" }); }
    const layer = drawn.get(id);
    if (!layer) { return; }
    map.fitBounds(layer.getBounds(), { maxZoom: 12, padding: [60, 60] });
    drawPath(layer.feature);
  }

  list.addEventListener("click", (click) => {
    const row = click.target.closest("li[data-id]");
    if (!row || click.target.closest("a")) { return; }
    choose(row.dataset.id, false);
  });

  function addRow(feature) {
    const told = feature.properties;
    const row = document.createElement("li");
    row.className = "alert fresh " + (told.severity || "");
    row.dataset.id = feature.id;
    const link = document.createElement("a");
    link.href = home + "/" + encodeURIComponent(feature.id) + "?f=html&lang=" + settings.language;
    const rule = document.createElement("b");
    rule.textContent = (settings.rules[told.rule] || { title: told.rule }).title;
    const time = document.createElement("time");
    time.textContent = clock.format(new Date(told.start_time));
    link.append(rule, " · " + told.subject, document.createElement("br"), time);
    const sentence = document.createElement("p");
    sentence.textContent = told["sentence_" + settings.language] || "";
    row.append(link, sentence);
    list.querySelectorAll(".none").forEach((none) => none.remove());
    list.prepend(row);
    while (list.children.length > settings.newest) { list.lastElementChild.remove(); }
  }

  function wanted(feature) {
    return !settings.chosen.length || settings.chosen.includes(feature.properties.rule);
  }

  const query = new URLSearchParams({ limit: settings.newest, sortby: "-start_time" });
  if (settings.chosen.length) {
    query.set("filter", "rule IN (" + settings.chosen.map((rule) => "'" + rule + "'").join(",") + ")");
  }
  fetch(home + "?" + query).then((answer) => answer.json()).then((rows) => {
    rows.features.forEach(show);
    box.dataset.ready = "yes";
  });

  if (!settings.live) { return; }
  const events = new EventSource(settings.base + "/events?collections=alert");
  events.onopen = () => { live.className = "live on"; live.textContent = words.live_on; };
  events.onerror = () => { live.className = "live"; live.textContent = words.live_off; };
  events.addEventListener("change", (message) => {
    const event = JSON.parse(message.data);
    if (event.type.endsWith(".deleted")) {
      const gone = list.querySelector("[data-id='" + CSS.escape(event.subject) + "']");
      if (gone) { gone.remove(); }
      if (drawn.has(event.subject)) { drawn.get(event.subject).remove(); drawn.delete(event.subject); }
      return;
    }
    if (!event.data || !wanted(event.data)) { return; }
    show(event.data);
    if (!list.querySelector("[data-id='" + CSS.escape(event.data.id) + "']")) { addRow(event.data); }
  });
})();
