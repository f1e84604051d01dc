"""The picture of a package's places: shapes on paper, for whoever draws them.

Places are projected to the city's CRS (metres), so that the scale bar holds everywhere and north is
up to the CRS's convergence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import shapely

from cases.evidence.ground import frame_m
from cases.evidence.places import Feature, places
from layers.crs import project

WIDTH_MM = HEIGHT_MM = 174.0
Form = Literal["line", "area", "dot"]
Path = tuple[tuple[float, float], ...]
# A bar of about a fifth of the picture.
_BAR_SHARE = 0.22
_STEPS = (5, 2, 1)
_SIMPLER_MM = 0.05


@dataclass(frozen=True)
class Drawn:
    """One shape.

    Attributes
    ----------
    form : line, area (its outline closed, holes as further paths) or dot.
    paths : points in mm, x to the right and y up from the lower left corner.
    role : what it is (see `cases.evidence.places`); ``cited`` for a fix that an alert names.
    layer : layer of a row of the ground; "" for others.
    """

    form: Form
    paths: tuple[Path, ...]
    role: str
    layer: str = ""


@dataclass(frozen=True)
class Picture:
    """What is drawn.

    Attributes
    ----------
    shapes : the lowest first.
    bar_m, bar_mm : length of the scale bar on the ground and on paper.
    crs : that places are projected to.
    roles : that occur, in the order of `ROLES`.
    """

    shapes: tuple[Drawn, ...]
    bar_m: float
    bar_mm: float
    crs: str
    roles: tuple[str, ...]


# Stroke, width in mm, fill (None for none) and opacity of the fill.
Style = tuple[str, float, str | None, float]
ROLES: dict[str, Style] = {
    "reference": ("#b5179e", 0.5, "#b5179e", 0.08),
    "extra": ("#2a9d8f", 0.8, None, 0.0),
    "track": ("#1f4e9c", 0.45, None, 0.0),
    "fix": ("#1f4e9c", 0.15, "#ffffff", 1.0),
    "record": ("#6a4c00", 0.3, "#ffb703", 1.0),
    "alert": ("#c1121f", 0.6, "#c1121f", 0.25),
    "cited": ("#c1121f", 0.2, "#c1121f", 1.0),
}
GROUND: Style = ("#9aa5b1", 0.2, None, 0.0)
_GROUND_AREA: Style = ("#9aa5b1", 0.15, "#dfe7ee", 0.6)
RADIUS_MM = {"fix": 0.45, "cited": 0.8, "record": 1.6, "alert": 1.8}


def style_of(shape: Drawn) -> Style:
    """How a shape is drawn."""
    if shape.role == "ground":
        return _GROUND_AREA if shape.form == "area" else GROUND
    return ROLES[shape.role]


def picture(document: dict[str, Any]) -> Picture | None:
    """Draw the places of a package; None where nothing has one."""
    frame = frame_m(document)
    if frame is None:
        return None
    crs, side = document["city"]["crs"], frame[2] - frame[0]
    scale = WIDTH_MM / side
    shapes = [
        drawn
        for feature in places(document)["features"]
        if feature["geometry"] is not None and feature["properties"]["role"] != "case"
        for drawn in _drawn(feature, crs, frame, scale)
    ]
    shapes.sort(key=lambda one: _ORDER.get(one.role, 0))
    bar = _round_length(side * _BAR_SHARE)
    present = {shape.role for shape in shapes}
    roles = tuple(role for role in ROLES if role in present)
    return Picture(tuple(shapes), bar, bar * scale, crs, roles)


_ORDER = {role: 1 + number for number, role in enumerate(ROLES)}


def _round_length(length: float) -> float:
    """Largest of 1, 2 and 5 times a power of ten that is no longer."""
    power = 10 ** math.floor(math.log10(length))
    return float(next(step * power for step in _STEPS if step * power <= length))


def _drawn(
    feature: Feature, crs: str, frame: tuple[float, float, float, float], scale: float
) -> Iterator[Drawn]:
    about = feature["properties"]
    role = "cited" if about["role"] == "fix" and about.get("cited") else about["role"]
    shape = shapely.from_geojson(json.dumps(feature["geometry"]))
    on_ground = project(np.array([shape], object), crs)[0]
    cut = shapely.clip_by_rect(on_ground, *frame)
    paper = shapely.transform(cut, lambda xy: (xy - np.array(frame[:2])) * scale)
    paper = shapely.simplify(paper, _SIMPLER_MM)
    for part in shapely.get_parts(paper):
        if part.is_empty:
            continue
        if isinstance(part, shapely.Polygon):
            rings = (part.exterior, *part.interiors)
            yield Drawn("area", tuple(_path(ring) for ring in rings), role, about.get("layer", ""))
        else:
            form: Form = "dot" if isinstance(part, shapely.Point) else "line"
            yield Drawn(form, (_path(part),), role, about.get("layer", ""))


def _path(line: shapely.Geometry) -> Path:
    xy: npt.NDArray[np.float64] = np.round(shapely.get_coordinates(line), 2) + 0.0
    return tuple((float(x), float(y)) for x, y in xy)
