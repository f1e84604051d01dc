"""Map images of collections: rasters in their colours, layers as H3 aggregates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from layers.aggregates import cell_counts, finest_resolution
from layers.crs import STORAGE
from layers.errors import QueryError
from layers.jurisdictions import ADMINISTRATIVE_LAYERS
from layers.query import Box, TimeInterval
from layers.rasters.archive import Scene
from layers.spec import LayerSpec
from ogc_server.asked import Asked
from ogc_server.cells.cell_picture import around, fitting_resolution, paint_counts
from ogc_server.coverages.coverage import content_datetime, headers
from ogc_server.coverages.rasters import Raster, raster
from ogc_server.coverages.subsets import Part
from ogc_server.images.painting import Rgba, drawn_bands, over, paint
from ogc_server.images.viewport import Viewport
from ogc_server.problem import bad_parameter, not_found
from ogc_server.reference import CRS84, uri_of
from ogc_server.times import write_instant

Drawn = Raster | LayerSpec
_MARGIN = 0.03
_LEAST_DEG = 0.002
_MOST_COLLECTIONS = 20
# Layers are summed up to this resolution; coarser ones, such as districts, are no single things.
_SUMMED_AT = 9


@dataclass(frozen=True)
class Subject:
    """What a map shows.

    Attributes
    ----------
    drawn : collections, the lowest first.
    summed : whether all layers are drawn as one, by the sum of their counts.
    """

    drawn: tuple[Drawn, ...]
    summed: bool = False


def one(asked: Asked, key: str) -> Subject:
    """Return the raster or layer of an id; RequestError 404 where there is none to be drawn."""
    found = raster(asked.catalogue, key) if key not in asked.catalogue.city.layers else None
    return Subject((found or asked.catalogue.counted(key),))


def whole(asked: Asked) -> Subject:
    """Return what the map of the whole city shows: collections that are named, else all.

    All are the rows of all layers of single things, by their number in each cell.
    """
    catalogue = asked.catalogue
    if "collections" not in asked.values:
        behind = {*catalogue.city.declaration.background, *ADMINISTRATIVE_LAYERS}
        fine = (s for s in catalogue if (finest_resolution(s) or 0) >= _SUMMED_AT)
        things = [spec for spec in fine if spec.id not in behind]
        return Subject(tuple(things), summed=True)
    home = f"{asked.base}/collections/"
    text = asked.values["collections"]
    names = [name.strip().removeprefix(home) for name in text.split(",") if name.strip()]
    if not names or len(names) > _MOST_COLLECTIONS:
        raise bad_parameter("collections", f"expected 1 to {_MOST_COLLECTIONS} ids")
    return Subject(tuple(_named(asked, name) for name in dict.fromkeys(names)))


def _named(asked: Asked, name: str) -> Drawn:
    catalogue = asked.catalogue
    found = raster(catalogue, name) if name not in catalogue.city.layers else None
    if found is not None:
        return found
    spec = next((s for s in catalogue.city.layers.values() if s.id == name), None)
    if spec is None or not catalogue.audience.counts(spec) or not spec.has_geometry:
        raise bad_parameter("collections", f"no collection '{name}' that can be drawn")
    return catalogue.counted(name)


def state(asked: Asked, subject: Subject) -> tuple[object, ...]:
    """What a map depends on: equal states are equal maps."""
    revision = asked.catalogue.revision
    return tuple(
        drawn.state if isinstance(drawn, Raster) else (drawn.id, revision(drawn.id))
        for drawn in subject.drawn
    )


def home_box(asked: Asked, subject: Subject) -> tuple[Box, str]:
    """Box that a map shows where none is asked for, around its data; and the box's CRS."""
    first = subject.drawn[0] if len(subject.drawn) == 1 else None
    if isinstance(first, Raster) and first.scenes:
        return first.box(first.crs), first.crs
    return _around_all(asked, subject), STORAGE


def _around_all(asked: Asked, subject: Subject) -> Box:
    catalogue = asked.catalogue
    boxes = []
    for drawn in subject.drawn:
        if isinstance(drawn, Raster):
            boxes += [drawn.box()] if drawn.scenes else []
        elif catalogue.audience.sees(drawn):
            box = catalogue.extent(drawn.id)
            boxes += [_widened(box)] if box is not None else []
        else:
            # Even the box around them would tell where persons are.
            boxes.append(catalogue.city.bounds)
    if not boxes:
        return catalogue.city.bounds
    a, b, c, d = zip(*boxes, strict=True)
    west, south, east, north = catalogue.city.bounds
    found = max(min(a), west), max(min(b), south), min(max(c), east), min(max(d), north)
    return found if found[0] < found[2] and found[1] < found[3] else catalogue.city.bounds


def _widened(box: Box) -> Box:
    dx = max((box[2] - box[0]) * _MARGIN, _LEAST_DEG)
    dy = max((box[3] - box[1]) * _MARGIN, _LEAST_DEG)
    return box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy


def storage(subject: Subject) -> str:
    """URI of the CRS that a map has where none is asked for: that of its only collection."""
    first = subject.drawn[0] if len(subject.drawn) == 1 else None
    if isinstance(first, Raster) and first.scenes:
        return uri_of(first.crs)
    return CRS84


def draw(asked: Asked, subject: Subject, view: Viewport, part: Part) -> Rgba:
    """Draw the collections, each over those before it; shape (rows, columns, 4)."""
    image = np.zeros((view.grid.height, view.grid.width, 4), np.uint8)
    totals: dict[int, int] = {}
    shared = fitting_resolution(view, _SUMMED_AT)
    for drawn in subject.drawn:
        if isinstance(drawn, Raster):
            image = over(image, _pixels(drawn, view, part.time))
        elif subject.summed:
            for cell, number in _counts(asked, drawn, view, part.time, shared).items():
                totals[cell] = totals.get(cell, 0) + number
        else:
            own = fitting_resolution(view, finest_resolution(drawn) or 0)
            counts = _counts(asked, drawn, view, part.time, own)
            image = over(image, paint_counts(counts, view))
    return over(image, paint_counts(totals, view)) if totals else image


def _pixels(drawn: Raster, view: Viewport, span: TimeInterval | None) -> Rgba:
    scene = drawn.at(span)[-1]
    bands = drawn_bands(drawn.spec)
    numbers = tuple(drawn.spec.number(band.name) for band in bands)
    window = drawn.window(scene, view.grid, numbers, drawn.method)
    return paint(drawn.spec, bands, window.values)


def _counts(
    asked: Asked, spec: LayerSpec, view: Viewport, span: TimeInterval | None, resolution: int
) -> dict[int, int]:
    query = asked.catalogue.everything(spec.id)
    if spec.sensitivity != "personal":
        # Of a personal layer whole cells of one published table are drawn, whatever is in view.
        query = query.but(bbox=_in_view(asked, spec, view, resolution))
    if span is not None and spec.time_field is not None:
        query = query.but(time=span)
    try:
        return cell_counts(asked.catalogue.store, spec, query, resolution)
    except QueryError as failure:
        raise bad_parameter("datetime", str(failure)) from failure


def _in_view(asked: Asked, spec: LayerSpec, view: Viewport, resolution: int) -> Box | None:
    """Box that rows are read in, None where all are in view: then no index has to be asked."""
    box, whole_box = around(view.box, resolution), asked.catalogue.extent(spec.id)
    if box is None or whole_box is None:
        return None
    west, south, east, north = whole_box
    inside = box[0] <= west and box[1] <= south and box[2] >= east and box[3] >= north
    return None if inside else box


def scenes_of(subject: Subject, part: Part) -> tuple[Scene, ...]:
    """Scenes that a map shows; RequestError 404 where a raster has none at that time."""
    return tuple(drawn.at(part.time)[-1] for drawn in subject.drawn if isinstance(drawn, Raster))


def map_headers(
    asked: Asked, subject: Subject, scenes: Sequence[Scene], view: Viewport, part: Part
) -> dict[str, str]:
    """``Content-Crs``, ``Content-Bbox`` and ``Content-Datetime`` (OGC 20-058, core)."""
    answer = headers((), view.grid, view.uri)
    if not subject.summed and len(subject.drawn) == 1:
        answer |= content_datetime(scenes) or _span(asked, subject.drawn[0], part.time)
    return answer


def _span(asked: Asked, drawn: Drawn, span: TimeInterval | None) -> dict[str, str]:
    if isinstance(drawn, Raster) or not asked.catalogue.audience.sees(drawn):
        return {}
    whole_span = asked.catalogue.time_extent(drawn)
    if whole_span is None or whole_span.start is None or whole_span.end is None:
        return {}
    start = max(whole_span.start, span.start) if span and span.start else whole_span.start
    end = min(whole_span.end, span.end) if span and span.end else whole_span.end
    if start > end:
        raise not_found(f"a row of '{drawn.id}' at that time")
    words = [str(write_instant(moment)) for moment in (start, end)]
    return {"Content_Datetime": words[0] if start == end else "/".join(words)}


def own_pixel_m(subject: Subject) -> float | None:
    """Side of the pixels of the only raster shown, None where they are not in metres."""
    first: Sequence[Drawn] = subject.drawn[:1]
    if len(subject.drawn) == 1 and isinstance(first[0], Raster) and first[0].scenes:
        grid = first[0].scenes[-1].grid
        return None if grid.crs in ("EPSG:4326", "EPSG:4490") else max(grid.pixel)
    return None
