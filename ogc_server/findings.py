"""What was found, told at a glance: an alert with its rule, records and cases, a case's alert."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from cases.states import TITLES
from layers.query import Query
from ogc_server.catalogue import Catalogue
from ogc_server.features import collection_url
from ogc_server.problem import RequestError
from ogc_server.reading import Reader, is_evidence

CASE, ALERT = "case_event", "alert"
# Drawn above all others.
FINDINGS = (CASE, ALERT)
# Layers of records that an alert's points may be of.
_RECORDS = ("weighing", "camera_detection", "vessel_position", "truck_position")
_MOST = 100


def item_url(base: str, layer: str, fid: str, language: str) -> str:
    """Address of the page of one row."""
    return f"{collection_url(base, layer)}/items/{quote(fid)}?f=html&lang={language}"


class Findings:
    """Everything about one alert or case that stands in other layers or declarations.

    Parameters
    ----------
    catalogue : what the reader may see; no link leads elsewhere.
    """

    def __init__(self, catalogue: Catalogue, base: str, reader: Reader) -> None:
        self._catalogue, self._base, self._reader = catalogue, base, reader

    def about(self, layer: str, properties: dict[str, Any]) -> dict[str, Any] | None:
        """What the page of a row shows above its properties; None for other layers."""
        if layer == ALERT and is_evidence(properties.get("evidence")):
            return self._alert(properties)
        return self._case(properties) if layer == CASE else None

    def _alert(self, properties: dict[str, Any]) -> dict[str, Any]:
        rule = self._catalogue.city.rules.get(properties["rule"])
        evidence = properties["evidence"]
        return self._shared(properties) | {
            "sentence": properties.get(f"sentence_{self._reader.language}"),
            "rule": rule.title.say(self._reader.language) if rule else properties["rule"],
            "evidence": evidence,
            "points": self._points(evidence.get("points") or []),
            "references": [self._reference(one) for one in evidence.get("references") or []],
            "cases": [self._opened(case) for case in self._cases(properties)],
        }

    def _case(self, properties: dict[str, Any]) -> dict[str, Any]:
        key: str | None = properties.get("alert_id")
        keys = properties.get("alerts") or ([key] if key else [])
        alerts = self._alerts([one for one in keys if isinstance(one, str)][:_MOST])
        said = f"sentence_{self._reader.language}"
        sentence = alerts[0][said] if len(keys) == 1 and alerts else None
        return self._shared(properties) | {
            "sentence": sentence or properties.get(f"title_{self._reader.language}"),
            "alerts": [
                self._link(ALERT, alert["alert_id"]) | {"sentence": alert[said]} for alert in alerts
            ],
            "state": self._state(properties["state"]),
            "cases": [self._opened(case) for case in self._rows(CASE, _kin(properties))],
        }

    def _alerts(self, keys: list[str]) -> list[dict[str, Any]]:
        """Alerts of a case that the reader may see, in the case's order."""
        return sorted(self._rows(ALERT, keys), key=lambda row: keys.index(row["alert_id"]))

    def _rows(self, layer: str, fids: list[str]) -> list[dict[str, Any]]:
        query = self._seen(layer)
        if query is None or not fids:
            return []
        page = self._catalogue.store.page(query.but(fids=tuple(fids)))
        return [dict(zip(page.names, row, strict=True)) for row in page.rows]

    def _shared(self, properties: dict[str, Any]) -> dict[str, Any]:
        city, language = self._catalogue.city, self._reader.language
        kind = city.event_types.get(properties["event_type"])
        codes = [code for code in (properties.get("departments") or "").split(",") if code]
        known = city.departments
        return {
            "event_type": kind.title.say(language) if kind else properties["event_type"],
            "departments": [known[c].title.say(language) if c in known else c for c in codes],
        }

    def _state(self, state: str) -> str:
        titles = {str(key): title for key, title in TITLES.items()}
        return titles[state].say(self._reader.language) if state in titles else state

    def _opened(self, case: dict[str, Any]) -> dict[str, str]:
        link = self._link(CASE, case["case_id"])
        return link | {"state": self._state(case["state"])}

    def _link(self, layer: str, fid: str) -> dict[str, str]:
        return {"id": fid, "url": item_url(self._base, layer, fid, self._reader.language)}

    def _seen(self, layer: str) -> Query | None:
        """Return the question for a layer's rows, None where the reader has no such layer."""
        try:
            self._catalogue.layer(layer)
        except RequestError:
            return None
        return self._catalogue.everything(layer).but(skip_geometry=True, limit=_MOST)

    def _cases(self, alert: dict[str, Any]) -> list[dict[str, Any]]:
        """Cases that hold an alert; their time spans the alert's, which an index finds."""
        query = self._seen(CASE)
        if query is None:
            return []
        start = alert["start_time"]
        same = {"op": "=", "args": [{"property": "alert_id"}, alert["alert_id"]]}
        held = {"op": "a_contains", "args": [{"property": "alerts"}, [alert["alert_id"]]]}
        spans = [
            {"op": "<=", "args": [{"property": "first_time"}, start]},
            {"op": ">=", "args": [{"property": "last_time"}, alert.get("end_time") or start]},
        ]
        where = {"op": "or", "args": [same, {"op": "and", "args": [*spans, held]}]}
        page = self._catalogue.store.page(query.but(where=where))
        return [dict(zip(page.names, row, strict=True)) for row in page.rows]

    def _points(self, points: list[Any]) -> list[dict[str, str | None]]:
        """Ids of the records that an alert rests on, with the address of those kept as rows."""
        homes: dict[str, str] = {}
        wanted = tuple(point for point in points[:_MOST] if isinstance(point, str))
        for layer in _RECORDS if wanted else ():
            query = self._seen(layer)
            if query is not None:
                found = self._catalogue.store.page(query.but(fids=wanted, properties=()))
                homes |= dict.fromkeys(found.fids, layer)
        return [
            {"id": str(p), "url": self._link(homes[p], p)["url"] if p in homes else None}
            for p in points
        ]

    def _reference(self, one: dict[str, Any]) -> dict[str, Any]:
        """Name what an alert was held against: its address, and what else is told of it."""
        language, layer, fid = self._reader.language, one.get("layer"), one.get("id")
        other = "_en" if language == "zh" else "_zh"
        rest = {
            key: value
            for key, value in one.items()
            if key not in ("layer", "id", "id_zh")
            and not (key.endswith(other) and f"{key[:-3]}_{language}" in one)
        }
        name = str((one.get("id_zh") if language == "zh" else None) or fid or "")
        seen = self._catalogue.city.layers.get(layer) if layer and self._seen(layer) else None
        url = None
        if seen is not None:
            url = item_url(self._base, seen.id, str(fid), language) if fid else None
            url = url or f"{collection_url(self._base, seen.id)}?f=html&lang={language}"
        title = seen.title.say(language) if seen is not None else layer
        return {"layer": title, "id": name, "url": url, "rest": rest}


def _kin(case: dict[str, Any]) -> list[str]:
    """Cases that a case was merged into, or follows."""
    return [case[name] for name in ("parent_case", "follows") if case.get(name)]
