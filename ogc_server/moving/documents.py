"""Documents of moving features (OGC 22-003r3): what stands in them, and where they lead."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import shapely

from layers import mfjson
from layers.movers import Kind, Measured
from layers.query import Box
from layers.trajectory import Run, Series
from ogc_server.block import Links
from ogc_server.catalogue import Catalogue
from ogc_server.edr.observed import members, mover_parameters
from ogc_server.features import GEOJSON, HTML, JSON, Place, collection_url, link
from ogc_server.moving.movers import Movers, Seen
from ogc_server.reference import CRS84, uris

_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
# Shapes for drawing are this coarse, about 20 m; temporal geometries are exact.
_DRAWN_DEG = 0.0002
_NUMBER = re.compile(r"|[1-9][0-9]{0,5}")
DERIVED = {
    "distance": ("MTR", "Metres since the first position", "自首个位置起的距离（米）"),
    "velocity": ("MTS", "Speed to the next position, m/s", "到下一位置的速度（米每秒）"),
    "acceleration": ("MSK", "Change of speed, m/s²", "速度变化（米每二次方秒）"),
}


def collection(
    catalogue: Catalogue, movers: Movers, kind: Kind, base: str, language: str
) -> dict[str, Any]:
    """Describe a collection of moving features."""
    url = collection_url(base, kind.collection)
    whole = _around(movers.overview(kind).values())
    extent: dict[str, Any] = {"spatial": {"bbox": [list(catalogue.city.bounds)], "crs": CRS84}}
    if whole is not None:
        extent["spatial"]["bbox"] = [list(whole.box)]
        ends = _life(whole)
        extent["temporal"] = {"interval": [ends], "trs": _GREGORIAN}
    asked = members(kind.collection, mover_parameters(kind), ("locations", "items"), base, language)
    links = asked.pop("links")
    return {
        "id": kind.collection,
        "title": kind.title.say(language),
        "description": kind.description.say(language),
        "itemType": "movingfeature",
        "extent": extent,
        "crs": uris(catalogue.city),
        **asked,
        "links": [
            link("self", JSON, "This document", f"{url}?f=json"),
            link("alternate", HTML, "This document as HTML", f"{url}?f=html"),
            link("items", GEOJSON, "Moving features", f"{url}/items?f=json"),
            link("related", JSON, "Last positions", collection_url(base, kind.positions)),
            link("related", JSON, "Tracks for drawing", collection_url(base, kind.tracks)),
            link("root", JSON, "Landing page", f"{base}/?f=json"),
            *links,
        ],
    }


def _around(seen: Iterable[Seen]) -> Seen | None:
    whole: Seen | None = None
    for one in seen:
        whole = one if whole is None else whole | one
    return whole


def _life(seen: Seen) -> list[str]:
    return mfjson.write_times(np.array([seen.start, seen.end], np.int64))


def features(
    catalogue: Catalogue, kind: Kind, seen: dict[str, Seen], home: str
) -> dict[str, dict[str, Any]]:
    """Write what does not change of movers, by id.

    Parameters
    ----------
    seen : the movers, with where and when they were.
    home : URL of the collection.
    """
    told = _told(catalogue, kind, list(seen))
    return {
        mover: {
            "type": "Feature",
            "id": mover,
            "geometry": None,
            "properties": {kind.key: mover, **told.get(mover, {})},
            "bbox": list(one.box),
            "time": _life(one),
            "crs": mfjson.CRS,
            "trs": mfjson.TRS,
            "links": _feature_links(home, mover),
        }
        for mover, one in seen.items()
    }


def _told(catalogue: Catalogue, kind: Kind, movers: list[str]) -> dict[str, dict[str, Any]]:
    """Return what the layer of last positions says, as far as the reader sees its rows."""
    if not kind.told or not movers:
        return {}
    query = catalogue.everything(kind.positions).but(
        fids=tuple(movers), properties=kind.told, skip_geometry=True, limit=len(movers)
    )
    page = catalogue.store.page(query)
    return {
        fid: dict(zip(page.names, row, strict=True))
        for fid, row in zip(page.fids, page.rows, strict=True)
    }


def _feature_links(home: str, mover: str) -> Links:
    url = f"{home}/items/{quote(mover, safe='')}"
    return [
        link("self", GEOJSON, "Moving feature", url),
        link("related", JSON, "Temporal geometries", f"{url}/tgsequence"),
        link("related", JSON, "Temporal properties", f"{url}/tproperties"),
        link("collection", JSON, "Collection", home),
    ]


def shape(runs: Sequence[Run]) -> dict[str, Any] | None:
    """GeoJSON geometry of runs for drawing: lines, else points; None for no runs."""
    lines = [run for run in runs if len(run.t) > 1]
    places = [np.column_stack([run.lon.values, run.lat.values]) for run in lines or runs]
    if not places:
        return None
    if not lines:
        made: Any = shapely.multipoints(np.concatenate(places))
    else:
        made = shapely.multilinestrings([shapely.LineString(place) for place in places])
        made = shapely.simplify(made, _DRAWN_DEG, preserve_topology=False)
    made = shapely.get_geometry(made, 0) if shapely.get_num_geometries(made) == 1 else made
    read: dict[str, Any] = shapely.geometry.mapping(made)
    return read


def named(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """Runs with their ids; several that begin at one instant are numbered."""
    begun: Counter[int] = Counter()
    rows = []
    for run in runs:
        begun[run.first] += 1
        number = begun[run.first]
        name = mfjson.write_id(run.first)
        rows.append((name if number == 1 else f"{name}-{number}", run))
    return rows


def read_name(text: str) -> tuple[int, int] | None:
    """Instant and number that an id of `named` says, None for another text."""
    stamp, _, number = text.partition("-")
    first = mfjson.read_id(stamp)
    if first is None or not _NUMBER.fullmatch(number):
        return None
    return first, int(number) if number else 1


def geometry(name: str, run: Run) -> dict[str, Any]:
    """Write a run as a temporal primitive geometry with its id and systems."""
    return {"id": name, **mfjson.primitive(run), "crs": mfjson.CRS, "trs": mfjson.TRS}


def derived(name: str, run: Run) -> Series:
    """Distance, velocity or acceleration of a run."""
    made: Series = {"distance": run.distance, "velocity": run.velocity}.get(
        name, run.acceleration
    )()
    return made


def derived_property(name: str, parts: Sequence[Series], language: str) -> dict[str, Any]:
    """Write what is derived from a run as a temporal property."""
    form, en, zh = DERIVED[name]
    return {
        "name": name,
        "type": "TReal",
        "form": form,
        "description": zh if language == "zh" else en,
        "valueSequence": [mfjson.primitive_value(part) for part in parts if len(part.t)],
    }


def temporal_property(what: Measured, language: str) -> dict[str, Any]:
    """Write a temporal property without its values."""
    form = {"form": what.form} if what.form else {}
    return {
        "name": what.name,
        "type": what.type,
        **form,
        "description": what.title.say(language),
    }


def page_links(place: Place, media: str, offset: int, limit: int, more: bool) -> Links:
    """Links of a page: self, next and prev."""
    links = [link("self", media, "This document", place.url())]
    if more:
        href = place.url(offset=offset + limit)
        links.append(link("next", media, "Next page", href))
    if offset:
        links.append(link("prev", media, "Previous page", place.url(offset=max(0, offset - limit))))
    return links


def meets_box(run: Run, box: Box | None) -> bool:
    """Whether a run touches a box in lon/lat; minx > maxx crosses the antimeridian."""
    if box is None:
        return True
    places = np.column_stack([run.lon.values, run.lat.values])
    path = shapely.LineString(places) if len(places) > 1 else shapely.Point(places[0])
    minx, miny, maxx, maxy = box
    if minx <= maxx:
        return bool(shapely.box(*box).intersects(path))
    east, west = shapely.box(minx, miny, 180, maxy), shapely.box(-180, miny, maxx, maxy)
    return bool(east.intersects(path) or west.intersects(path))
