"""Draw a layer's vector tiles with QGIS into a picture, and open layers with a name and a password.

Run by the system's Python, where QGIS lives: URL LAYER BOX PICTURE [URL LAYER NAME SECRET].
"""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsDataSourceUri,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsSymbol,
    QgsVectorLayer,
    QgsVectorTileBasicRenderer,
    QgsVectorTileBasicRendererStyle,
    QgsVectorTileLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def red(geometry):
    symbol = QgsSymbol.defaultSymbol(geometry)
    symbol.setColor(QColor(200, 0, 0))
    style = QgsVectorTileBasicRendererStyle("all", "", geometry)
    style.setSymbol(symbol)
    style.setEnabled(True)
    return style


def draw(url, name, box, picture):
    tiles = f"{url}/collections/{name}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}?f=mvt"
    encoded = tiles.replace("&", "%26").replace("=", "%3D")
    layer = QgsVectorTileLayer(f"type=xyz&url={encoded}&zmin=0&zmax=14", name)
    renderer = QgsVectorTileBasicRenderer()
    kinds = (QgsWkbTypes.PointGeometry, QgsWkbTypes.PolygonGeometry, QgsWkbTypes.LineGeometry)
    renderer.setStyles([red(kind) for kind in kinds])
    layer.setRenderer(renderer)
    target = QgsCoordinateReferenceSystem("EPSG:3857")
    move = QgsCoordinateTransform(
        QgsCoordinateReferenceSystem("EPSG:4326"), target, QgsProject.instance()
    )
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(target)
    settings.setExtent(move.transformBoundingBox(QgsRectangle(*box)))
    settings.setOutputSize(QSize(600, 600))
    settings.setBackgroundColor(QColor(255, 255, 255))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture)
    extent = settings.visibleExtent()
    return {
        "valid": layer.isValid(),
        "extent": [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()],
        "errors": [error.message for error in job.errors()],
    }


def opened(url, name, user=None, secret=None):
    uri = QgsDataSourceUri()
    uri.setParam("url", url + "/")
    uri.setParam("typename", name)
    if user is not None:
        uri.setUsername(user)
        uri.setPassword(secret)
    layer = QgsVectorLayer(uri.uri(False), name, "OAPIF")
    seen = sum(1 for _ in layer.getFeatures()) if layer.isValid() else 0
    return {"valid": layer.isValid(), "seen": seen}


def main():
    url, name, box, picture, guarded, internal, user, secret = sys.argv[1:]
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    told = {
        "tiles": draw(url, name, [float(part) for part in box.split(",")], picture),
        "with": opened(guarded, internal, user, secret),
        "without": opened(guarded, internal),
        "wrong": opened(guarded, internal, user, "wrong"),
    }
    print("RESULT " + json.dumps(told), flush=True)
    # Leaving through exitQgis can crash in offscreen mode after all is said.
    os._exit(0)


main()
