"""CoverageJSON: values at places, in cells and along paths (OGC 21-069r2).

A document is one coverage, or a collection of them with parameters and systems in common. ``x`` and
``y`` are the first and second axis of a map (longitude and latitude, or east and north); the order
that the system itself gives its axes stands in ``referencing``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from layers.text import Text

MEDIA_TYPE = "application/prs.coverage+json"
_UCUM = "http://www.opengis.net/def/uom/UCUM/"
Values = Mapping[str, Sequence[float | int | None]]


@dataclass(frozen=True)
class Parameter:
    """What was measured.

    Attributes
    ----------
    name : key of the parameter.
    property : URI or name of the observed property.
    unit : UCUM code.
    whole : values are whole numbers.
    """

    name: str
    title: Text
    property: str
    unit: str
    description: Text | None = None
    whole: bool = False

    def document(self) -> dict[str, Any]:
        """Write the parameter object (6.2)."""
        described = {} if self.description is None else {"description": _said(self.description)}
        return {
            "type": "Parameter",
            **described,
            "observedProperty": {"id": self.property, "label": _said(self.title)},
            "unit": {"label": {"en": self.unit}, "symbol": {"value": self.unit, "type": _UCUM}},
        }


def _said(text: Text) -> dict[str, str]:
    return {"en": text.en, "zh": text.zh}


@dataclass(frozen=True)
class System:
    """Reference system of places.

    Attributes
    ----------
    uri : of the system.
    swaps : its first axis is the latitude.
    projected : its axes are metres.
    """

    uri: str
    swaps: bool = False
    projected: bool = False


@dataclass(frozen=True)
class Writer:
    """Writes coverages of some parameters in one system.

    Attributes
    ----------
    parameters : by name.
    """

    parameters: Mapping[str, Parameter]
    system: System = field(
        default_factory=lambda: System("http://www.opengis.net/def/crs/OGC/1.3/CRS84")
    )

    def point(self, x: float, y: float, t: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values at one place, and one time if there is any (domain type *Point*)."""
        axes: dict[str, Any] = {"x": {"values": [x]}, "y": {"values": [y]}}
        if t is not None:
            axes["t"] = {"values": [t]}
        series = {name: [value] for name, value in values.items()}
        return self._coverage("Point", axes, series, [])

    def cells(self, outlines: Sequence[Any], values: Values) -> dict[str, Any]:
        """Values of areas (domain type *MultiPolygon*).

        Parameters
        ----------
        outlines : coordinates of GeoJSON polygons.
        """
        axis = {"dataType": "polygon", "coordinates": ["x", "y"], "values": list(outlines)}
        return self._coverage("MultiPolygon", {"composite": axis}, values, ["composite"])

    def path(
        self, places: Sequence[tuple[float, float]], t: Sequence[str] | None, values: Values
    ) -> dict[str, Any]:
        """Values along a path: *Trajectory* where it has times, *MultiPoint* where it has none."""
        if t is None:
            names, rows = ["x", "y"], [list(place) for place in places]
        else:
            names = ["t", "x", "y"]
            rows = [[at, *place] for at, place in zip(t, places, strict=True)]  # type: ignore[list-item]
        axis = {"dataType": "tuple", "coordinates": names, "values": rows}
        kind = "MultiPoint" if t is None else "Trajectory"
        return self._coverage(kind, {"composite": axis}, values, ["composite"])

    def _coverage(
        self, kind: str, axes: Mapping[str, Any], values: Values, over: list[str]
    ) -> dict[str, Any]:
        return {
            "type": "Coverage",
            "domain": {"type": "Domain", "domainType": kind, "axes": dict(axes)},
            "ranges": {name: self._range(name, row, over) for name, row in values.items()},
        }

    def _range(
        self, name: str, values: Sequence[float | int | None], over: list[str]
    ) -> dict[str, Any]:
        shape = {"axisNames": over, "shape": [len(values)]} if over else {}
        kind = "integer" if self.parameters[name].whole else "float"
        return {"type": "NdArray", "dataType": kind, **shape, "values": list(values)}

    def document(self, coverages: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Write one coverage as itself, others as a collection."""
        shared = {name: one.document() for name, one in self.parameters.items()}
        if len(coverages) != 1:
            return {
                "type": "CoverageCollection",
                "parameters": shared,
                "referencing": self._referencing(coverages),
                "coverages": list(coverages),
            }
        (only,) = coverages
        kept = {name: shared[name] for name in only["ranges"]}
        domain = {**only["domain"], "referencing": self._referencing(coverages)}
        return {**only, "domain": domain, "parameters": kept}

    def _referencing(self, coverages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        kind = "ProjectedCRS" if self.system.projected else "GeographicCRS"
        names = ["y", "x"] if self.system.swaps else ["x", "y"]
        rows = [{"coordinates": names, "system": {"type": kind, "id": self.system.uri}}]
        if any(_timed(one["domain"]["axes"]) for one in coverages):
            system = {"type": "TemporalRS", "calendar": "Gregorian"}
            rows.append({"coordinates": ["t"], "system": system})
        return rows


def _timed(axes: Mapping[str, Any]) -> bool:
    return "t" in axes or "t" in axes.get("composite", {}).get("coordinates", ())
