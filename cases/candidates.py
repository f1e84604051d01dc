"""Candidates for one case, from the layers and the open cases that somebody sees."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime

import geopandas as gpd

from cases.case_rows import CASE, Row
from cases.dispatch import Candidate, rank
from cases.process import process_of
from cases.states import FINAL
from layers.access import Audience
from layers.city import City
from layers.query import Box, Query
from layers.store.base import Store

BLOCKS, FORCES = "duty_grid", "field_force"
_BLOCK_FIELDS = ("duty_id", "name_zh", "department", "team", "officer_role", "shift")
_FORCE_FIELDS = ("force_id", "role", "team", "duty_id", "time", "state")
_DEGREE_M = 110_000.0
_LOADED = ("assignee", "unit", "department")


def candidates(
    store: Store, city: City, audience: Audience, matter: Row, *, at: datetime
) -> list[Candidate]:
    """Who could be sent to a case, the best first, with the reasons.

    Parameters
    ----------
    audience : whose walls hold: who doesn't see the positions of forces is told of blocks, the
        town's centre and the department alone.
    matter : row of the case.
    at : now (aware).

    Returns
    -------
    see `cases.dispatch.rank`; nobody for a case without a place.
    """
    shape = matter.get("geometry")
    if shape is None or shape.is_empty:
        return []
    choice = process_of(city).choice
    point = shape.representative_point()
    box = _around(point.x, point.y, choice.reach_m)
    return rank(
        matter,
        _near(store, city, audience, BLOCKS, _BLOCK_FIELDS, box),
        _near(store, city, audience, FORCES, _FORCE_FIELDS, box),
        load_of(store, audience, but=matter["case_id"]),
        city=city,
        choice=choice,
        at=at,
    )


def load_of(store: Store, audience: Audience, *, but: str) -> Counter[str]:
    """Count the open cases that somebody sees, by assignee, unit and department.

    Parameters
    ----------
    but : id of the case that is to be dispatched: it weighs on nobody yet.
    """
    still_open = {"op": "not", "args": [{"op": "in", "args": [{"property": "state"}, [*FINAL]]}]}
    asked = Query(CASE, where=still_open, skip_geometry=True, properties=("case_id", *_LOADED))
    page = store.page(asked.but(scope=audience.scope))
    key = page.names.index("case_id")
    columns = [page.names.index(name) for name in _LOADED]
    others = (row for row in page.rows if row[key] != but)
    return Counter(row[at] for row in others for at in columns if row[at])


def _around(lon: float, lat: float, metres: float) -> Box:
    """Box that holds a circle on the ground, a little larger."""
    high = metres / _DEGREE_M
    wide = high / max(math.cos(math.radians(lat)), 0.01)
    return lon - wide, lat - high, lon + wide, lat + high


def _near(
    store: Store, city: City, audience: Audience, layer: str, fields: tuple[str, ...], box: Box
) -> gpd.GeoDataFrame:
    spec = city.layers.get(layer)
    if spec is None or not audience.sees(spec) or layer not in store.layers():
        return gpd.GeoDataFrame({name: [] for name in fields}, geometry=[], crs="EPSG:4326")
    return store.frame(Query(layer, bbox=box, scope=audience.scope))
