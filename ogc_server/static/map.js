/*
 * Draws the layers of the one map: background first, findings last. Rows come from this server's own items
 * addresses, small layers once; large ones are drawn from its vector tiles, or, where the browser has no WebGL,
 * from rows for the part in view. Text from rows is only ever set as textContent.
 */
"use strict";
(function () {
  const settings = JSON.parse(document.getElementById("onemap-settings").textContent);
  const map = window.map_onemap;
  const words = settings.words;
  const status = document.getElementById("status");
  const layers = settings.groups.flatMap((group) => group.layers);
  const clock = new Intl.DateTimeFormat(settings.language === "zh" ? "zh-CN" : "en-GB",
    { timeZone: settings.zone, dateStyle: "medium", timeStyle: "medium" });

  const element = (name, attributes, ...children) => {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(...children);
    return made;
  };

  /* Panes keep the order: land, background, areas, lines, points, findings. */
  ["outline", "background", "area", "line", "point", "finding"].forEach((name, place) => {
    map.createPane(name).style.zIndex = 350 + 10 * place;
  });
  /* Between the background and the layers: vector tiles. */
  map.createPane("tiles").style.zIndex = 365;
  map.getPane("tiles").style.pointerEvents = "none";
  const renderers = {};
  const renderer = (pane) => (renderers[pane] = renderers[pane] || L.canvas({ pane, tolerance: 4 }));
  const isPoint = (layer) => layer.geometry === "Point" || layer.geometry === "MultiPoint";
  const isLine = (layer) => layer.geometry === "LineString" || layer.geometry === "MultiLineString";
  const paneOf = (layer) => {
    if (layer.role !== "layer") { return layer.role; }
    return isPoint(layer) ? "point" : isLine(layer) ? "line" : layer.geometry === "Geometry" ? "point" : "area";
  };

  const colourOf = (layer, properties) =>
    (layer.style.by && layer.style.colours[properties[layer.style.by]]) || layer.style.colour;

  function pathStyle(layer, properties) {
    const colour = colourOf(layer, properties);
    const quiet = layer.role === "background";
    const opacity = layer.style.opacity;
    return {
      color: colour, weight: quiet ? Math.min(layer.style.size_px, 1.2) : layer.style.size_px,
      opacity: isLine(layer) ? opacity : quiet ? 0.6 : 0.9,
      fill: !isLine(layer), fillColor: colour, fillOpacity: quiet && opacity < 0.3 ? opacity * 0.3 : opacity,
    };
  }

  function marker(layer, feature, place) {
    const colour = colourOf(layer, feature.properties);
    const pane = paneOf(layer);
    if (layer.id === "case_event") {
      return L.circleMarker(place, { renderer: renderer(pane), pane, radius: layer.style.size_px + 5, color: colour, weight: 3, fillOpacity: 0.05 });
    }
    return L.circleMarker(place, { renderer: renderer(pane), pane, radius: layer.style.size_px, color: "#fff", weight: 1, fillColor: colour, fillOpacity: 0.95 });
  }

  /* ---- popups ---- */
  const asNumber = (value) => Number(value).toLocaleString(settings.language, { maximumFractionDigits: 2 });
  function asText(value, property) {
    if (value === null || value === undefined) { return ""; }
    if (property && property.type === "datetime") { return clock.format(new Date(value)); }
    if (property && (property.type === "number" || property.type === "integer")) {
      return asNumber(value) + (property.unit ? " " + property.unit : "");
    }
    return plain(value);
  }
  /* A nested value as one line of text. */
  function plain(value) {
    if (value === null || value === undefined) { return ""; }
    if (typeof value === "boolean") { return value ? words.yes : words.no; }
    if (typeof value === "number") { return asNumber(value); }
    if (Array.isArray(value)) { return value.map(plain).join("; "); }
    if (typeof value !== "object") { return String(value); }
    return Object.entries(value).map(([name, part]) => [name.replaceAll("_", " "), plain(part)])
      .filter(([, text]) => text !== "").map(([name, text]) => name + ": " + text).join(", ");
  }
  const row = (title, text) => element("tr", {}, element("th", { textContent: title }), element("td", { textContent: text }));

  function propertyTable(layer, properties, skipped) {
    const table = element("table", {});
    for (const [name, property] of Object.entries(layer.properties)) {
      const text = asText(properties[name], property);
      if (text !== "" && !skipped.includes(name)) { table.append(row(property.title, text)); }
    }
    return table;
  }

  function evidenceParts(evidence) {
    const parts = [];
    const measures = (evidence.measures || []).filter((measure) => measure && measure.name);
    if (measures.length) {
      const table = element("table", {}, element("tr", {}, ...[words.measure, words.value, words.limit, words.margin]
        .map((title) => element("th", { textContent: title }))));
      for (const measure of measures) {
        const unit = measure.unit && measure.unit !== "1" ? " " + measure.unit.replace(/[{}]/g, "") : "";
        const cell = (value, kind) => element("td", { className: "number " + (kind || ""), textContent: value === undefined ? "" : asNumber(value) + unit });
        table.append(element("tr", {}, element("th", { textContent: measure.name.replaceAll("_", " ") }), cell(measure.value),
          cell(measure.limit), cell(measure.margin, measure.margin > 0 ? "beyond" : "")));
      }
      parts.push(element("div", { className: "wide" }, table));
    }
    const list = (title, lines) => lines.length
      ? parts.push(element("h4", { textContent: title }), element("ul", {}, ...lines.map((line) => element("li", { textContent: line }))))
      : 0;
    list(words.comparisons, (evidence.comparisons || []).filter((one) => one && one.notable)
      .map((one) => one.check.replaceAll("_", " ") + ": " + (one.found || "–") + " · " + one.against));
    list(words.references, (evidence.references || []).map(plain));
    list(words.doubts, (evidence.doubts || []).map((doubt) => doubt[settings.language] || doubt.en));
    list(words.quality, Object.entries(evidence.quality || {}).map(([name, value]) =>
      name.replaceAll("_", " ") + ": " + plain(value)));
    return parts;
  }

  const rowAddress = (layer, id) => settings.base + "/collections/" + layer.id + "/items/" + encodeURIComponent(id);

  function popup(layer, feature, at) {
    const properties = feature.properties;
    const body = element("div", { className: "popup" });
    body.append(element("div", { className: "kind", textContent: layer.title }));
    const heading = (layer.label && properties[layer.label]) || settings.rules[properties.rule] || String(feature.id);
    body.append(element("h3", { textContent: heading }));
    const sentence = properties["sentence_" + settings.language];
    if (sentence) { body.append(element("p", { className: "sentence", textContent: sentence })); }
    if (properties.rule && properties.rule_version) {
      body.append(element("p", { className: "kind", textContent: words.rule + " " + properties.rule + ", " + words.version + " " + properties.rule_version }));
    }
    const shown = ["evidence", "sentence_en", "sentence_zh", layer.label];
    if (layer.label) { shown.push("title_en", "title_zh"); }
    if (properties.evidence && typeof properties.evidence === "object") { body.append(...evidenceParts(properties.evidence)); }
    body.append(element("h4", { textContent: words.details }), propertyTable(layer, properties, shown));
    const link = (href, text) => element("p", {}, element("a", { target: "_blank", rel: "noopener", textContent: text, href }));
    const page = (home, id, text) => link(rowAddress(home, id) + "?f=html&lang=" + settings.language, text);
    body.append(page(layer, feature.id, words.see_row));
    body.append(link(settings.base + "/here?lon=" + at.lng.toFixed(6) + "&lat=" + at.lat.toFixed(6) + "&lang=" + settings.language, words.here));
    const alert = layers.find((one) => one.id === "alert");
    if (layer.id === "case_event" && alert && properties.alert_id) { body.append(page(alert, properties.alert_id, words.alert)); }
    return body;
  }

  function openPopup(layer, feature, place) {
    fetch(rowAddress(layer, feature.id))
      .then((answer) => answer.json())
      .then((full) => L.popup({ maxWidth: 420, minWidth: 260 }).setLatLng(place).setContent(popup(layer, full, place)).openOn(map));
  }

  /* ---- rows ---- */
  const shown = new Map();
  const messages = new Map();
  const tell = () => { status.textContent = [...messages.values()].join(" · "); };

  function drawn(layer, rows) {
    const labelled = layer.role === "background" && layer.label && !isLine(layer) && layer.rows > 1 && layer.rows <= 60;
    return L.geoJSON(rows, {
      pane: paneOf(layer), renderer: renderer(paneOf(layer)), interactive: layer.role !== "background",
      style: (feature) => (feature.geometry && feature.geometry.type.endsWith("Point") ? {} : pathStyle(layer, feature.properties)),
      pointToLayer: (feature, place) => marker(layer, feature, place),
      onEachFeature: (feature, shape) => {
        if (layer.role !== "background") {
          shape.on("click", (event) => { L.DomEvent.stop(event); openPopup(layer, feature, event.latlng); });
        } else if (labelled && feature.properties[layer.label]) {
          const label = element("span", { textContent: feature.properties[layer.label] });
          shape.bindTooltip(label, { permanent: true, direction: "center", className: "map-label" });
        }
      },
    });
  }

  /* A large layer of lines is asked for class by class, the most important first, while there is room. */
  function classesOf(layer, whole) {
    const classes = Object.keys(layer.style.colours);
    return !whole && isLine(layer) && layer.style.by && classes.length ? classes : [null];
  }

  const mostOf = (layer) => (layer.role === "background" ? 3 : 1) * settings.atOnce;

  async function rowsOf(layer, whole, signal) {
    const found = { type: "FeatureCollection", features: [], more: false };
    for (const one of classesOf(layer, whole)) {
      const answer = await fetch(address(layer, whole, one), { signal });
      if (!answer.ok) { throw new Error(answer.status); }
      const rows = await answer.json();
      const room = mostOf(layer) - found.features.length;
      if (one !== null && found.features.length && rows.numberMatched > room) { found.more = true; break; }
      found.features.push(...rows.features);
      found.more = found.more || rows.numberMatched > rows.numberReturned;
    }
    return found;
  }

  function address(layer, whole, one) {
    const wanted = [layer.label, layer.style.by].filter(Boolean).join(",");
    const query = new URLSearchParams({ limit: mostOf(layer), properties: wanted });
    if (one !== null) { query.set(layer.style.by, one); }
    if (!whole) {
      const view = map.getBounds().pad(0.15);
      const within = (value, low, high) => Math.min(Math.max(value, low), high).toFixed(6);
      query.set("bbox", [within(view.getWest(), -180, 180), within(view.getSouth(), -90, 90),
        within(view.getEast(), -180, 180), within(view.getNorth(), -90, 90)].join(","));
    }
    return settings.base + "/collections/" + layer.id + "/items?" + query;
  }

  /* ---- large layers: vector tiles, drawn by MapLibre GL beneath what is drawn row by row ---- */
  const isLarge = (layer) => layer.rows > mostOf(layer);
  const glFailed = !window.maplibregl || !window.L.maplibreGL || !hasWebGL();
  let gl = null;
  function hasWebGL() {
    const context = document.createElement("canvas").getContext("webgl2");
    if (!context) { return false; }
    const losing = context.getExtension("WEBGL_lose_context");
    if (losing) { losing.loseContext(); }
    return true;
  }
  const ranks = { background: 0, area: 1, line: 2, point: 3, finding: 4 };
  function glStyle() {
    const large = layers.filter((layer) => shown.has(layer.id) && shown.get(layer.id).style)
      .sort((a, b) => ranks[paneOf(a)] - ranks[paneOf(b)] || a.order - b.order);
    const style = { version: 8, sources: {}, layers: [] };
    for (const layer of large) {
      Object.assign(style.sources, shown.get(layer.id).style.sources);
      style.layers.push(...shown.get(layer.id).style.layers);
    }
    const text = style.layers.filter((one) => one.type === "symbol");
    style.layers = [...style.layers.filter((one) => one.type !== "symbol"), ...text];
    return style;
  }
  /* What lies under all layers is quiet. */
  function quieten(layer, style) {
    if (layer.role !== "background") { return style; }
    style.layers = style.layers.filter((one) => !one["source-layer"].endsWith("_cells") && one.type !== "symbol");
    for (const one of style.layers) {
      if (one.type === "line") { Object.assign(one.paint, { "line-width": ["interpolate", ["linear"], ["zoom"], 9, 0.4, 14, 1.2], "line-opacity": 0.6 }); }
    }
    return style;
  }
  function drawTiles() {
    const style = glStyle();
    if (!style.layers.length) {
      if (gl) { map.removeLayer(gl); gl = null; }
      return Promise.resolve();
    }
    if (gl) { gl.getMaplibreMap().setStyle(style); } else {
      window.maplibregl.setWorkerUrl(settings.base + "/static/maplibre/maplibre-gl-csp-worker.js");
      gl = L.maplibreGL({ style, pane: "tiles", interactive: false, fadeDuration: 0 }).addTo(map);
      gl.getMaplibreMap().on("error", (event) => {
        const layer = layers.find((one) => one.id === event.sourceId);
        if (layer) { messages.set(layer.id, layer.title + " " + words.failed); tell(); }
      });
    }
    const drawnOnce = new Promise((done) => gl.getMaplibreMap().once("idle", done));
    return Promise.race([drawnOnce, new Promise((done) => setTimeout(done, 5000))]);
  }
  function loadTiles(layer, state) {
    if (state.style) { return Promise.resolve(); }
    return fetch(settings.base + "/styles/" + layer.id + "?f=mapbox&lang=" + settings.language)
      .then((answer) => { if (!answer.ok) { throw new Error(answer.status); } return answer.json(); })
      .then((style) => {
        if (shown.get(layer.id) !== state) { return undefined; }
        state.style = quieten(layer, style);
        return drawTiles();
      })
      .catch(() => { messages.set(layer.id, layer.title + " " + words.failed); tell(); });
  }
  map.on("click", (event) => {
    if (!gl) { return; }
    const own = gl.getMaplibreMap();
    const { x, y } = own.project([event.latlng.lng, event.latlng.lat]);
    const hits = own.queryRenderedFeatures([[x - 4, y - 4], [x + 4, y + 4]])
      .map((hit) => ({ hit, layer: layers.find((one) => one.id === hit.source) }))
      .filter(({ layer }) => layer && layer.role !== "background");
    /* What is pointed at by its place comes before what only lies beneath. */
    const one = hits.find(({ hit }) => hit.properties.fid !== undefined) || hits[0];
    if (!one) { return; }
    if (one.hit.properties.fid !== undefined) { openPopup(one.layer, { id: one.hit.properties.fid }, event.latlng); return; }
    const found = one.hit.properties, by = one.layer.style.by;
    const table = element("table", {}, row(words.rows_in_cell, asNumber(found.count)));
    if (by && found[by] !== undefined) { table.append(row(words.prevailing + " · " + one.layer.properties[by].title, plain(found[by]))); }
    const body = element("div", { className: "popup" }, element("div", { className: "kind", textContent: "H3 " + found.h3 }),
      element("h3", { textContent: one.layer.title }), table);
    L.popup({ maxWidth: 420, minWidth: 200 }).setLatLng(event.latlng).setContent(body).openOn(map);
  });

  function load(layer) {
    const state = shown.get(layer.id);
    if (state && isLarge(layer) && !glFailed) { return loadTiles(layer, state); }
    const whole = layer.rows <= mostOf(layer);
    if (!state || (whole && state.group)) { return Promise.resolve(); }
    if (state.stop) { state.stop.abort(); }
    state.stop = new AbortController();
    return rowsOf(layer, whole, state.stop.signal)
      .then((rows) => {
        if (shown.get(layer.id) !== state) { return; }
        const group = drawn(layer, rows).addTo(map);
        if (state.group) { map.removeLayer(state.group); }
        state.group = group;
        if (layer.role === "background") { declutter(); }
        if (rows.more) { messages.set(layer.id, layer.title + " " + asNumber(rows.features.length) + " / " + asNumber(layer.rows) + " · " + words.zoom_in); }
        else { messages.delete(layer.id); }
        tell();
      })
      .catch((failure) => {
        if (failure.name !== "AbortError") { messages.set(layer.id, layer.title + " " + words.failed); tell(); }
      });
  }

  function show(layer) { shown.set(layer.id, {}); return load(layer); }
  function hide(layer) {
    const state = shown.get(layer.id);
    shown.delete(layer.id);
    if (state && state.stop) { state.stop.abort(); }
    if (state && state.group) { map.removeLayer(state.group); }
    if (state && state.style) { drawTiles(); }
    messages.delete(layer.id);
    tell();
  }

  /* Of labels that would lie upon each other only the first is shown. */
  function declutter() {
    const kept = [];
    for (const label of document.querySelectorAll(".map-label")) {
      label.style.visibility = "";
      const own = label.getBoundingClientRect();
      const hidden = kept.some((other) => own.left < other.right && own.right > other.left && own.top < other.bottom && own.bottom > other.top);
      if (hidden) { label.style.visibility = "hidden"; } else { kept.push(own); }
    }
  }
  map.on("zoomend", () => window.requestAnimationFrame(declutter));

  /* ---- panel ---- */
  function keyOf(layer) {
    const key = element("span", { className: "key" });
    key.style.background = layer.style.colour;
    key.style.borderColor = layer.style.colour;
    if (layer.id === "case_event") { key.classList.add("case"); }
    else if (isPoint(layer) || layer.geometry === "Geometry") { key.classList.add("point"); }
    else if (isLine(layer)) { key.classList.add("line"); }
    return key;
  }

  function toggle(layer) {
    const box = element("input", { type: "checkbox", checked: layer.on });
    box.dataset.layer = layer.id;
    box.addEventListener("change", () => (box.checked ? show(layer) : hide(layer)));
    return element("label", {}, box, keyOf(layer), element("span", { className: "name", textContent: layer.title }),
      element("span", { className: "rows", textContent: asNumber(layer.rows) }));
  }

  function panel() {
    const home = document.getElementById("layers");
    const part = (title, members, open) => {
      if (!members.length) { return; }
      home.append(element("details", { open }, element("summary", { textContent: title }), ...members.map(toggle)));
    };
    part(words.findings, layers.filter((layer) => layer.role === "finding"), true);
    for (const group of settings.groups) {
      const members = group.layers.filter((layer) => layer.role === "layer");
      part(group.title, members, members.some((layer) => layer.on));
    }
    part(words.background, layers.filter((layer) => layer.role === "background"), false);
    const fold = document.getElementById("fold"), box = document.getElementById("panel");
    const setFolded = (folded) => { box.classList.toggle("folded", folded); fold.setAttribute("aria-expanded", String(!folded)); };
    if (window.matchMedia("(max-width: 600px)").matches) { setFolded(true); }
    fold.addEventListener("click", () => setFolded(!box.classList.contains("folded")));
  }

  function frame() {
    const own = document.getElementById("map_onemap");
    /* Beyond a declared outline there is water; without one nobody knows. */
    own.classList.toggle("sea", Boolean(settings.outline));
    const panelBox = document.getElementById("panel");
    panelBox.style.top = own.offsetTop + 12 + "px";
    panelBox.style.maxHeight = "calc(100% - " + (own.offsetTop + 40) + "px)";
    map.invalidateSize({ animate: false });
    const [west, south, east, north] = settings.view;
    let view = L.latLngBounds([south, west], [north, east]);
    if (settings.outline) {
      const land = L.geoJSON(settings.outline, { pane: "outline", renderer: renderer("outline"), interactive: false,
        style: { color: "#8fa3b0", weight: 1.5, fillColor: "#f7f6f1", fillOpacity: 1 } }).addTo(map);
      if (land.getBounds().isValid()) { view = land.getBounds(); }
    }
    map.fitBounds(view, { padding: [10, 10], maxZoom: 16, animate: false });
  }

  L.control.scale({ imperial: false }).addTo(map);
  panel();
  frame();
  const first = layers.filter((layer) => layer.on).sort((a, b) => a.order - b.order);
  /* An address that ends with #layer/id opens at that row. */
  function linked() {
    const [name, ...rest] = window.location.hash.slice(1).split("/");
    const layer = layers.find((one) => one.id === name);
    if (!layer || !rest.length) { return Promise.resolve(); }
    return fetch(rowAddress(layer, decodeURIComponent(rest.join("/"))))
      .then((answer) => { if (!answer.ok) { throw new Error(answer.status); } return answer.json(); })
      .then((row) => {
        const bounds = L.geoJSON(row).getBounds();
        const place = bounds.isValid() ? bounds.getCenter() : map.getCenter();
        map.setView(place, 13, { animate: false });
        L.popup({ maxWidth: 420, minWidth: 260 }).setLatLng(place).setContent(popup(layer, row, place)).openOn(map);
      })
      .catch(() => { messages.set(name, layer.title + " " + words.failed); tell(); });
  }

  Promise.all(first.map(show)).then(linked).then(() => { document.body.dataset.ready = "yes"; });
  let waiting;
  map.on("moveend", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => layers.filter((layer) => shown.has(layer.id)).forEach(load), 150);
  });
})();
