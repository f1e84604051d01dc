/* Draws the rows of the page on a small map; reads them from the page's own address as GeoJSON. */
"use strict";
(function () {
  const box = document.getElementById("small-map");
  const colour = box.dataset.colour;
  const map = L.map(box, { attributionControl: false, preferCanvas: true });
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
