"""Read layers over OGC API – Features with QGIS and tell what was seen, as JSON.

Run by the system's Python, where QGIS lives.
"""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsDataSourceUri,
    QgsFeatureRequest,
    QgsRectangle,
    QgsVectorLayer,
)


def source(url, name):
    uri = QgsDataSourceUri()
    uri.setParam("url", url + "/")
    uri.setParam("typename", name)
    return uri.uri(False)


def look(url, name):
    layer = QgsVectorLayer(source(url, name), name, "OAPIF")
    if not layer.isValid():
        return {"valid": False, "error": layer.error().message()}
    seen, box = 0, QgsRectangle()
    box.setMinimal()
    for feature in layer.getFeatures():
        seen += 1
        if feature.hasGeometry():
            box.combineExtentWith(feature.geometry().boundingBox())
    extent = layer.extent()
    return {
        "valid": True,
        "seen": seen,
        "counted": layer.featureCount(),
        "fields": [field.name() for field in layer.fields()],
        "box": [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()],
        "extent": [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()],
        "crs": layer.crs().authid(),
    }


def within(url, name, box):
    layer = QgsVectorLayer(source(url, name), name, "OAPIF")
    request = QgsFeatureRequest().setFilterRect(QgsRectangle(*box))
    return sum(1 for _ in layer.getFeatures(request))


def main():
    url, names, counted, box = sys.argv[1], sys.argv[2].split(","), sys.argv[3], sys.argv[4]
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    told = {name: look(url, name) for name in names}
    told["within"] = within(url, counted, [float(part) for part in box.split(",")])
    print("RESULT " + json.dumps(told), flush=True)
    # Leaving through exitQgis can crash in offscreen mode after all is said.
    os._exit(0)


main()
