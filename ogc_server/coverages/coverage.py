"""Coverages as files: GeoTIFF and CoverageJSON (OGC 21-069r2) of a raster's scenes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from layers.rasters.archive import Scene
from layers.rasters.grid import Grid
from layers.rasters.spec import Band
from layers.rasters.window import Window
from ogc_server.coverages.rasters import Raster
from ogc_server.reference import is_geographic, proj_name, swaps_axes
from ogc_server.times import write_instant

GEOTIFF = "image/tiff; application=geotiff"
COVJSON = "application/vnd.cov+json"
_UCUM = "http://www.opengis.net/def/uom/UCUM/"
# Text of so many numbers takes some ten times the bytes of a GeoTIFF.
MOST_NUMBERS = 1 << 20


def geotiff(raster: Raster, window: Window, bands: Sequence[Band]) -> bytes:
    """Write a window as GeoTIFF: bands by name, nodata, and the colours of classes."""
    spec, grid = raster.spec, window.grid
    nodata = spec.nodata
    fill: float = 0 if nodata is None else nodata
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=grid.width,
            height=grid.height,
            count=len(bands),
            dtype=spec.type,
            crs=CRS.from_epsg(int(grid.crs.removeprefix("EPSG:"))),
            transform=grid.transform,
            nodata=nodata,
            compress="deflate",
        ) as file:
            file.write(window.values.filled(fill).astype(spec.type, copy=False))
            for number, band in enumerate(bands, start=1):
                file.set_band_description(number, band.name)
                if band.unit is not None:
                    file.set_band_unit(number, band.unit)
            if nodata is None and np.ma.is_masked(window.values):
                file.write_mask(~np.ma.getmaskarray(window.values).all(axis=0))
            if len(bands) == 1 and bands[0].classes and spec.type in ("uint8", "uint16"):
                file.write_colormap(1, _palette(bands[0]))
        return bytes(memory.read())


def _palette(band: Band) -> dict[int, tuple[int, ...]]:
    return {row.value: (*bytes.fromhex(row.colour[1:]), 255) for row in band.classes}


def covjson(
    scenes: Sequence[Scene], windows: Sequence[Window], bands: Sequence[Band], uri: str
) -> dict[str, Any]:
    """Write windows on one grid as a CoverageJSON coverage.

    Parameters
    ----------
    scenes : of each window; those with a time make an axis ``t``.
    uri : of the windows' CRS.
    """
    grid = windows[0].grid
    moments = [scene.moment for scene in scenes if scene.moment is not None]
    axes, names = _axes(grid), ["y", "x"]
    systems = [{"coordinates": ["y", "x"] if swaps_axes(uri) else ["x", "y"], "system": _crs(uri)}]
    shape = [grid.height, grid.width]
    if moments:
        axes["t"] = {"values": [write_instant(moment.start) for moment in moments]}
        names, shape = ["t", *names], [len(moments), *shape]
        system = {"type": "TemporalRS", "calendar": "Gregorian"}
        systems.append({"coordinates": ["t"], "system": system})
    domain = {"type": "Domain", "domainType": "Grid", "axes": axes, "referencing": systems}
    stack = np.ma.stack([window.values for window in windows], axis=1)
    return {
        "type": "Coverage",
        "domain": domain,
        "parameters": {band.name: _parameter(band) for band in bands},
        "ranges": {
            band.name: {
                "type": "NdArray",
                "dataType": "float" if stack.dtype.kind == "f" else "integer",
                "axisNames": names,
                "shape": shape,
                "values": _values(stack[number]),
            }
            for number, band in enumerate(bands)
        },
    }


def _values(numbers: Any) -> list[float | int | None]:
    flat = numbers.ravel()
    # The shortest decimal of a float32 is kept, not the digits that its width adds.
    plain = np.asarray(flat.data.astype(str), object) if flat.dtype == np.float32 else flat.data
    values = [float(v) for v in plain] if flat.dtype == np.float32 else plain.tolist()
    hidden = np.ma.getmaskarray(flat)
    return [None if out else value for value, out in zip(values, hidden, strict=True)]


def _axes(grid: Grid) -> dict[str, Any]:
    west, south, east, north = grid.bounds
    dx, dy = grid.pixel
    return {
        "x": {"start": west + dx / 2, "stop": east - dx / 2, "num": grid.width},
        "y": {"start": north - dy / 2, "stop": south + dy / 2, "num": grid.height},
    }


def _crs(uri: str) -> dict[str, str]:
    return {"type": "GeographicCRS" if is_geographic(uri) else "ProjectedCRS", "id": uri}


def _parameter(band: Band) -> dict[str, Any]:
    said = {"en": band.title.en, "zh": band.title.zh}
    observed: dict[str, Any] = {"label": said}
    answer: dict[str, Any] = {"type": "Parameter", "observedProperty": observed}
    if band.description is not None:
        answer["description"] = {"en": band.description.en, "zh": band.description.zh}
    if band.classes:
        observed["categories"] = [
            {
                "id": f"{band.name}/{row.value}",
                "label": {"en": row.title.en, "zh": row.title.zh},
                "preferredColor": row.colour,
            }
            for row in band.classes
        ]
        answer["categoryEncoding"] = {f"{band.name}/{row.value}": row.value for row in band.classes}
    elif band.unit is not None:
        answer["unit"] = {"symbol": {"value": band.unit, "type": _UCUM}}
    return answer


def headers(scenes: Sequence[Scene], grid: Grid, uri: str) -> dict[str, str]:
    """``Content-Crs``, ``Content-Bbox`` and ``Content-Datetime`` of an answer (OGC 19-087, core).

    The box stands in the axis order of the CRS.
    """
    assert proj_name(uri) == grid.crs
    a, b, c, d = grid.bounds
    edges = (b, a, d, c) if swaps_axes(uri) else (a, b, c, d)
    answer = {"Content_Bbox": ",".join(f"{edge:.12g}" for edge in edges)}
    if not uri.endswith("CRS84"):
        answer["Content_Crs"] = f"<{uri}>"
    return answer | content_datetime(scenes)


def content_datetime(scenes: Sequence[Scene]) -> dict[str, str]:
    """``Content-Datetime``: the time of scenes, nothing for scenes without time."""
    moments = [scene.moment for scene in scenes if scene.moment is not None]
    if not moments:
        return {}
    start, end = min(m.start for m in moments), max(m.end for m in moments)
    words = [str(write_instant(at.replace(microsecond=0))) for at in (start, end)]
    return {"Content_Datetime": words[0] if start == end else "/".join(words)}
