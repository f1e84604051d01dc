/* Draws a zone of the grid and what lies in it; reads both from this server as GeoJSON. */
"use strict";
(function () {
  const box = document.getElementById("small-map");
  const colours = JSON.parse(box.dataset.colours);
  const map = L.map(box, { attributionControl: false, preferCanvas: true });
  fetch(box.dataset.zone).then((answer) => answer.json()).then((zone) => {
    const outline = L.geoJSON(zone, { interactive: false,
      style: { color: "#1c2733", weight: 2, fillColor: "#f7f6f1", fillOpacity: 1 } }).addTo(map);
    map.fitBounds(outline.getBounds(), { padding: [12, 12] });
    outline.bringToBack();
    return fetch(box.dataset.items);
  }).then((answer) => answer.json()).then((rows) => {
    const colour = (feature) => colours[feature.featureType] || "#3366cc";
    L.geoJSON(rows, {
      style: (feature) => ({ color: colour(feature), weight: 2, fillOpacity: 0.15 }),
      pointToLayer: (feature, place) => L.circleMarker(place,
        { radius: 5, color: colour(feature), fillOpacity: 0.7 }),
      onEachFeature: (feature, drawn) => {
        const words = document.createElement("span");
        words.textContent = feature.featureType + " " + feature.id;
        drawn.bindPopup(words);
      },
    }).addTo(map);
  });
})();
