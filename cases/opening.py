"""Each event opens one case, once: what people have done with it since is left alone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import geopandas as gpd
import pandas as pd

from analytics.event import Event
from cases.states import OPENING
from layers.city import City
from layers.query import Query
from layers.store.base import Store, Transaction, WriteCount
from layers.text import Text

LAYER = "case_event"
# Namespace of case ids: uuid5 of the platform's name.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "onemap.case")
# How events that a rule found are called in the table of origins.
_ORIGIN = "smart"
# Ids asked for in one question.
_CHUNK = 500


def case_id(alert_id: str) -> str:
    """Id of the case that an alert opens: uuid5 of the alert's id."""
    return str(uuid.uuid5(NAMESPACE, alert_id))


def open_cases(city: City, events: Sequence[Event], *, at: datetime) -> gpd.GeoDataFrame:
    """Rows of the ``case_event`` layer, one for each event, sorted by id.

    Parameters
    ----------
    at : when the cases are opened (aware); the time allowed for handling runs from then.
    """
    rows = {case_id(event.id): event for event in events}
    ids = sorted(rows)
    ordered = [rows[key] for key in ids]
    titles = [_title(city, event) for event in ordered]
    due = pd.Series([_due(city, event, at) for event in ordered], dtype=object)
    columns = {
        "case_id": ids,
        "event_type": [event.event_type for event in ordered],
        "origin": [_ORIGIN] * len(ids),
        "alert_id": [event.id for event in ordered],
        "subject": [event.subject for event in ordered],
        "title_en": [title.en for title in titles],
        "title_zh": [title.zh for title in titles],
        "state": [OPENING] * len(ids),
        "severity": [event.severity for event in ordered],
        "opened_at": pd.to_datetime([at] * len(ids), utc=True),
        "due_at": pd.to_datetime(due, utc=True),
        "department": [event.departments[0] if event.departments else None for event in ordered],
        "departments": [",".join(event.departments) for event in ordered],
    }
    shapes = [event.geometry for event in ordered]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")


def write_cases(
    unit: Transaction, store: Store, city: City, cases: gpd.GeoDataFrame, *, at: datetime
) -> WriteCount:
    """Write the cases that are not there yet; those that are stay as people left them.

    Parameters
    ----------
    unit : the transaction of the alerts, so that no alert is without its case.
    store : where the cases that stand are looked up.
    cases : from `open_cases`.
    at : when this became true (aware).

    Returns
    -------
    how many were new; those that stood there count as unchanged.
    """
    standing = _standing(store, list(cases["case_id"]))
    new = cases.loc[~cases["case_id"].isin(standing)]
    count = WriteCount(unchanged=len(cases) - len(new))
    if len(new):
        count += unit.upsert(city.layer(LAYER), new, at=at, source="cases")
    return count


def _standing(store: Store, ids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), _CHUNK):
        asked = Query(LAYER, fids=tuple(ids[start : start + _CHUNK]), skip_geometry=True)
        found.update(store.page(asked.but(properties=("case_id",), limit=_CHUNK)).fids)
    return found


def _title(city: City, event: Event) -> Text:
    known = city.event_types.get(event.event_type)
    title = known.title if known is not None else Text(en=event.event_type, zh=event.event_type)
    return Text(en=f"{title.en}: {event.subject}", zh=f"{title.zh}：{event.subject}")


def _due(city: City, event: Event, at: datetime) -> datetime | None:
    known = city.event_types.get(event.event_type)
    hours = None if known is None else known.handle_hours
    return None if hours is None else at + timedelta(hours=hours)
