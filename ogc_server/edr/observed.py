"""What can be asked of a collection: its parameters and queries (OGC 19-086r6, 8.2).

A layer of points observes its numbers that have a unit; every layer with places observes how many
rows each H3 cell has. Nothing is declared for it beside the layer itself.
"""

from __future__ import annotations

from typing import Any

from layers.aggregates import finest_resolution
from layers.covjson import Parameter
from layers.movers import Kind
from layers.rasters.spec import RasterSpec
from layers.spec import LayerSpec
from layers.text import Text
from ogc_server.features import GEOJSON, collection_url, link

COUNT = "count"
# Cells of about 0.7 km²: few enough to be drawn for a whole city.
_COARSEST_COUNTED = 8
FORMATS = ("CoverageJSON", "GeoJSON")
QUERIES = ("position", "radius", "area", "cube", "trajectory", "corridor", "locations")
RASTER_QUERIES = ("position", "trajectory")
WITHIN_UNITS = {"m": 1.0, "km": 1000.0, "mi": 1609.344, "ft": 0.3048}
_COUNTED = Text(en="Number of elements in the cell", zh="格网内要素数量")


def parameters(spec: LayerSpec) -> dict[str, Parameter]:
    """Parameters of a layer by name; none for a register without places."""
    if not spec.has_geometry:
        return {}
    measured = {
        p.name: Parameter(
            p.name,
            p.title,
            f"{spec.id}.{p.name}",
            p.unit,
            p.description,
            whole=p.type == "integer",
        )
        for p in spec.properties
        if spec.geometry == "Point"
        and p.type in ("integer", "number")
        and p.unit
        and p.name != COUNT
    }
    described = Text(
        en=f"Rows whose place lies in an H3 cell of resolution {resolution(spec)}.",
        zh=f"位于 {resolution(spec)} 级 H3 格网内的要素数量。",
    )
    return measured | {
        COUNT: Parameter(COUNT, _COUNTED, f"{spec.id}.{COUNT}", "1", described, whole=True)
    }


def resolution(spec: LayerSpec) -> int:
    """Resolution of the cells that rows are counted in."""
    return min(finest_resolution(spec) or 0, _COARSEST_COUNTED)


def mover_parameters(kind: Kind) -> dict[str, Parameter]:
    """Parameters of a collection of movers: what has a unit."""
    return {
        one.name: Parameter(one.name, one.title, f"{kind.collection}.{one.name}", one.unit)
        for one in kind.measured
        if one.unit
    }


def raster_parameters(spec: RasterSpec) -> dict[str, Parameter]:
    """Parameters of a raster: its bands."""
    return {
        band.name: Parameter(
            band.name,
            band.title,
            f"{spec.id}.{band.name}",
            band.unit or "1",
            band.description,
            whole=not band.type.startswith("float"),
        )
        for band in spec.bands
    }


def members(
    collection: str,
    observed: dict[str, Parameter],
    queries: tuple[str, ...],
    base: str,
    language: str,
) -> dict[str, Any]:
    """Members that queries add to the description of a collection, and ``links``."""
    home = collection_url(base, collection)
    return {
        "data_queries": {name: {"link": _query(home, name)} for name in queries},
        "parameter_names": {name: _parameter(one, language) for name, one in observed.items()},
        "output_formats": list(FORMATS),
        # One link is enough to tell that there are queries (8.2.1); where, they say themselves.
        "links": [link("data", GEOJSON, "Observed values", f"{home}/{queries[0]}")],
    }


def _query(home: str, name: str) -> dict[str, Any]:
    formats = ["GeoJSON"] if name == "items" else list(FORMATS)
    variables: dict[str, Any] = {
        "query_type": name,
        "output_formats": formats,
        "default_output_format": formats[0],
    }
    if name == "radius":
        variables["within_units"] = list(WITHIN_UNITS)
    if name == "corridor":
        variables |= {"width_units": list(WITHIN_UNITS), "height_units": ["m"]}
    return {"href": f"{home}/{name}", "rel": "data", "variables": variables}


def _parameter(one: Parameter, language: str) -> dict[str, Any]:
    """Write a parameter as EDR does: labels are texts of one language."""
    document = one.document()
    label = one.title.say(language)
    document["id"] = one.name
    document["data-type"] = "integer" if one.whole else "float"
    if one.description is not None:
        document["description"] = one.description.say(language)
    document["observedProperty"] = {"id": one.property, "label": label}
    document["unit"] = {**document["unit"], "label": one.unit}
    return document
