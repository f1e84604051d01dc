/* Where the phone is, and a small map that is fetched only when somebody opens it. */
import { h, settings, t } from "./dom.js";

let last = null;
export const known = () => last;

/* Position as {place: [lon, lat], accuracy}, null where there is none. */
export function locate(maximumAge = 60000) {
  return new Promise((done) => {
    if (!navigator.geolocation) { done(null); return; }
    navigator.geolocation.getCurrentPosition(
      (found) => {
        const { longitude, latitude, accuracy } = found.coords;
        last = { place: [round(longitude), round(latitude)], accuracy: Math.round(accuracy) };
        done(last);
      },
      () => done(null),
      { enableHighAccuracy: true, timeout: 10000, maximumAge },
    );
  });
}

const round = (degrees) => Math.round(degrees * 1e6) / 1e6;
let leaflet = null;

function load() {
  leaflet ||= new Promise((done, failed) => {
    const home = settings.base + "/static/leaflet/leaflet";
    const script = h("script", { src: home + ".js", onload: () => done(self.L), onerror: () => { leaflet = null; failed(); } });
    document.head.append(h("link", { rel: "stylesheet", href: home + ".css" }), script);
  });
  return leaflet;
}

/*
 * A map in a box: points are {place, late, title, open}; `tapped` is called with the place of a tap.
 */
export async function drawMap(box, points, { tapped = null, mark = null } = {}) {
  let L;
  try { L = await load(); } catch (failure) { box.textContent = t("no_net"); return; }
  if (!box.isConnected) { return; }
  const map = L.map(box, { attributionControl: false, preferCanvas: true, zoomControl: true });
  const [west, south, east, north] = settings.view;
  map.fitBounds([[south, west], [north, east]], { animate: false });
  settings.background.forEach((layer) => {
    fetch(layer.items).then((answer) => answer.json()).then((rows) => {
      L.geoJSON(rows, { interactive: false, style: { color: layer.colour, weight: 1, fillColor: layer.colour, fillOpacity: layer.opacity * 0.4 } })
        .addTo(map).bringToBack();
    }).catch(() => {});
  });
  const drawn = [];
  const me = known();
  if (me) {
    const ring = L.circleMarker([me.place[1], me.place[0]], { radius: 15, color: "#1a8f3c", weight: 3, fillColor: "#1a8f3c", fillOpacity: 0.3 });
    drawn.push(ring.bindTooltip(h("span", {}, t("here"))).addTo(map));
  }
  for (const { place, late, title, open } of points) {
    const dot = L.circleMarker([place[1], place[0]],
      { radius: 11, color: "#fff", weight: 2, fillColor: late ? "#c3201f" : "#0b5cad", fillOpacity: 1 });
    drawn.push(dot.bindTooltip(h("span", {}, title)).on("click", open).addTo(map));
  }
  if (drawn.length) { map.fitBounds(L.featureGroup(drawn).getBounds(), { maxZoom: 16, padding: [40, 40], animate: false }); }
  if (tapped) {
    let pin = null;
    const show = (place) => {
      if (pin) { pin.remove(); }
      pin = L.circleMarker([place[1], place[0]], { radius: 12, color: "#fff", weight: 3, fillColor: "#d97700", fillOpacity: 1 }).addTo(map);
    };
    if (mark) { show(mark); }
    map.on("click", ({ latlng }) => {
      const place = [round(latlng.lng), round(latlng.lat)];
      show(place);
      tapped(place);
    });
  }
  box.dataset.ready = "yes";
}
