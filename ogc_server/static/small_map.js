/* Draws the rows of the page on a small map; reads them from the page's own address as GeoJSON. */
"use strict";
(function () {
  const box = document.getElementById("small-map");
  const colour = box.dataset.colour;
  const map = L.map(box, { attributionControl: false, preferCanvas: true });
  /* Lines of the city's units, for a reader to see where the rows lie. */
  map.createPane("under").style.zIndex = 300;
  if (box.dataset.under) {
    fetch(box.dataset.under).then((answer) => answer.json()).then((units) => {
      L.geoJSON(units, { pane: "under", renderer: L.canvas({ pane: "under" }), interactive: false,
        style: { color: "#8fa3b0", weight: 1, fillColor: "#f7f6f1", fillOpacity: 1 } }).addTo(map);
    });
  }
  fetch(box.dataset.items).then((answer) => answer.json()).then((rows) => {
    const layer = L.geoJSON(rows, {
      style: { color: colour, weight: 2 },
      pointToLayer: (feature, place) => L.circleMarker(place, { radius: 5, color: colour, fillOpacity: 0.7 }),
      onEachFeature: (feature, drawn) => {
        const words = document.createElement("span");
        words.textContent = String(feature.id);
        drawn.bindPopup(words);
      },
    }).addTo(map);
    const bounds = layer.getBounds();
    if (bounds.isValid()) { map.fitBounds(bounds, { maxZoom: 16, padding: [20, 20] }); }
  });
})();
