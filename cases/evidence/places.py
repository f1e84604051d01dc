"""The places of a package as GeoJSON: what lies where, each with its role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Feature = dict[str, Any]


def places(document: dict[str, Any]) -> dict[str, Any]:
    """All places of a package's document as a feature collection (RFC 7946).

    Features have a ``role``: ground, reference, record, track, fix, alert, case or extra. What is
    drawn below comes first. EPSG:4326, lon/lat.
    """
    features = [
        *_ground(document),
        *_references(document),
        *_tracks(document),
        *_extra(document),
        *_rows("record", document["records"]),
        *_rows("alert", document["alerts"]),
        *_rows("case", [document["case"]]),
    ]
    return {"type": "FeatureCollection", "features": features}


def _feature(role: str, key: str, geometry: Any, **properties: Any) -> Feature:
    about = {"role": role, **{k: v for k, v in properties.items() if v is not None}}
    return {
        "type": "Feature",
        "id": f"{role}/{key}",
        "geometry": geometry,
        "properties": about,
    }


def _ground(document: dict[str, Any]) -> Iterator[Feature]:
    for row in document["ground"]:
        yield _feature("ground", row["id"], row["geometry"], layer=row["layer"])


def _references(document: dict[str, Any]) -> Iterator[Feature]:
    drawn = set()
    for one in document["references"]:
        row = one["row"]
        key = f"{one['layer']}/{one['fid']}"
        if row is not None and row["geometry"] is not None and key not in drawn:
            drawn.add(key)
            yield _feature(
                "reference", key, row["geometry"], layer=one["layer"], fid=one["fid"],
                valid_from=row["valid_from"], valid_to=row["valid_to"],
            )  # fmt: skip


def _tracks(document: dict[str, Any]) -> Iterator[Feature]:
    for track in document["tracks"]:
        path = [[fix["lon"], fix["lat"]] for fix in track["fixes"]]
        about = {"feed": track["feed"], "subject": track["subject"]}
        if len(path) > 1:
            line = {"type": "LineString", "coordinates": path}
            span = {"start": track["start"], "end": track["end"]}
            yield _feature("track", track["id"], line, **about, **span)
        for fix, at in zip(track["fixes"], path, strict=True):
            told = {k: v for k, v in fix.items() if k not in ("id", "lon", "lat")}
            point = {"type": "Point", "coordinates": at}
            yield _feature("fix", f"{track['id']}/{fix['id']}", point, **about, **told)


def _extra(document: dict[str, Any]) -> Iterator[Feature]:
    for feature in document["extra"]:
        about = {**(feature.get("properties") or {}), "role": "extra"}
        yield {**feature, "id": f"extra/{feature.get('id', '')}", "properties": about}


def _rows(role: str, rows: list[dict[str, Any]]) -> Iterator[Feature]:
    for row in rows:
        key = f"{row['layer']}/{row['id']}"
        properties = row["properties"]
        told = {n: properties.get(n) for n in ("rule", "subject", "start_time", "end_time", "time")}
        yield _feature(role, key, row["geometry"], layer=row["layer"], fid=row["id"], **told)
