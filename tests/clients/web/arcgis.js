// A page with one OGCFeatureLayer; what it saw is left in window.seen.
import config from "@arcgis/core/config.js";
import Map from "@arcgis/core/Map.js";
import Extent from "@arcgis/core/geometry/Extent.js";
import OGCFeatureLayer from "@arcgis/core/layers/OGCFeatureLayer.js";
import { whenOnce } from "@arcgis/core/core/reactiveUtils.js";
import MapView from "@arcgis/core/views/MapView.js";

const asked = new URLSearchParams(location.search);
config.assetsPath = new URL("assets", location.href).href;
const token = asked.get("token");
if (token) {
  config.request.interceptors.push({
    urls: asked.get("server"),
    before: ({ requestOptions }) => {
      requestOptions.headers = { ...requestOptions.headers, Authorization: `Bearer ${token}` };
    },
  });
}
const parameter = asked.get("parameter");
const marker = { type: "simple-marker", size: 9, color: [200, 0, 0], outline: null };

async function look() {
  const layer = new OGCFeatureLayer({
    url: asked.get("server"),
    collectionId: asked.get("collection"),
    renderer: { type: "simple", symbol: marker },
    // It is sent as ?token=…; one among customParameters is overwritten by the layer's own.
    ...(parameter ? { apiKey: parameter } : {}),
  });
  await layer.load();
  const view = new MapView({
    container: "map",
    map: new Map({ layers: [layer] }),
    extent: layer.fullExtent,
    ui: { components: [] },
  });
  const shown = await view.whenLayerView(layer);
  await whenOnce(() => view.stationary && !shown.updating);
  const within = asked.get("box").split(",").map(Number);
  const [xmin, ymin, xmax, ymax] = within;
  const geometry = new Extent({ xmin, ymin, xmax, ymax, spatialReference: { wkid: 4326 } });
  const found = await layer.queryFeatures({ geometry, num: 5000, outFields: ["*"] });
  return {
    title: layer.title,
    geometryType: layer.geometryType,
    objectIdField: layer.objectIdField,
    fields: layer.fields.map((field) => field.name),
    extent: layer.fullExtent.toJSON(),
    drawn: await shown.queryFeatureCount(),
    within: found.features.length,
    attributes: found.features[0]?.attributes ?? null,
  };
}

look().then(
  (seen) => (window.seen = seen),
  (failure) => (window.seen = { failure: String(failure?.message ?? failure), details: String(failure?.details?.error ?? "") }),
);
