"""GeoPackage binary geometries (OGC 12-128r18, 2.1.3): a ``GP`` header in front of WKB.

Points carry no envelope, everything else the XY envelope, always little-endian and in EPSG:4326.
What other programs wrote (big-endian, Z and M, other envelopes) is read as well.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely

Geometries = npt.NDArray[np.object_]
SRID = 4326
DECIMALS = 7
_ENVELOPE_BYTES = (0, 32, 48, 48, 64)
PLAIN_POINT = b"GP\x00\x01" + struct.pack("<i", SRID) + b"\x01\x01\x00\x00\x00"
_WITH_ENVELOPE = b"GP\x00\x03" + struct.pack("<i", SRID)
POINT_BYTES = len(PLAIN_POINT) + 16
_XY = struct.Struct("<dd")
_POINT_TYPE = 0


def encode(geometries: Geometries) -> list[bytes | None]:
    """GeoPackage blob of each geometry.

    Parameters
    ----------
    geometries : two-dimensional shapely geometries in EPSG:4326, not empty, or None; shape (n,).

    Returns
    -------
    n blobs; None for None.
    """
    blobs: list[bytes | None] = [None] * len(geometries)
    kinds = shapely.get_type_id(geometries)
    points = np.flatnonzero(kinds == _POINT_TYPE)
    if len(points):
        for i, blob in zip(points.tolist(), _encode_points(geometries[points]), strict=True):
            blobs[i] = blob
    others = np.flatnonzero(kinds > _POINT_TYPE)
    if len(others):
        bodies = shapely.to_wkb(geometries[others], byte_order=1)
        minx, miny, maxx, maxy = shapely.bounds(geometries[others]).T
        envelopes = np.column_stack([minx, maxx, miny, maxy]).astype("<f8")
        for i, envelope, body in zip(others.tolist(), envelopes, bodies, strict=True):
            blobs[i] = _WITH_ENVELOPE + envelope.tobytes() + body
    return blobs


def _encode_points(points: Geometries) -> list[bytes]:
    rows = np.empty((len(points), POINT_BYTES), np.uint8)
    rows[:, : len(PLAIN_POINT)] = np.frombuffer(PLAIN_POINT, np.uint8)
    xy = np.ascontiguousarray(shapely.get_coordinates(points), "<f8")
    rows[:, len(PLAIN_POINT) :] = xy.view(np.uint8).reshape(len(points), 16)
    whole = rows.tobytes()
    return [whole[i : i + POINT_BYTES] for i in range(0, len(whole), POINT_BYTES)]


def wkb_of(blob: bytes) -> bytes:
    """WKB behind the header of one blob."""
    return blob[8 + _ENVELOPE_BYTES[blob[3] >> 1 & 7] :]


def decode(blobs: Sequence[bytes | None]) -> Geometries:
    """Geometries of blobs; None stays None.

    Parameters
    ----------
    blobs : n GeoPackage blobs.
    """
    bodies = np.empty(len(blobs), object)
    bodies[:] = [None if blob is None else wkb_of(blob) for blob in blobs]
    return np.asarray(shapely.from_wkb(bodies), object)


def points(blobs: Sequence[bytes]) -> npt.NDArray[np.float64] | None:
    """Positions of blobs that are all points as `encode` writes them; shape (n, 2). Else None."""
    if any(len(blob) != POINT_BYTES for blob in blobs):
        return None
    rows = np.frombuffer(b"".join(blobs), np.uint8).reshape(-1, POINT_BYTES)
    if not (rows[:, : len(PLAIN_POINT)] == np.frombuffer(PLAIN_POINT, np.uint8)).all():
        return None
    return np.ascontiguousarray(rows[:, len(PLAIN_POINT) :]).view("<f8")


def decode_one(blob: bytes) -> shapely.Geometry:
    """Geometry of one blob."""
    return shapely.from_wkb(wkb_of(blob))


def bounds_of(blob: bytes) -> tuple[float, float, float, float] | None:
    """Box (minx, miny, maxx, maxy) of one blob, from its header where it has one; None if empty."""
    if len(blob) == POINT_BYTES and blob.startswith(PLAIN_POINT):
        x, y = _XY.unpack_from(blob, len(PLAIN_POINT))
        return x, y, x, y
    flags = blob[3]
    if flags & 0x10:
        return None
    if flags >> 1 & 7:
        minx, maxx, miny, maxy = struct.unpack_from("<dddd" if flags & 1 else ">dddd", blob, 8)
        return minx, miny, maxx, maxy
    return box_of(decode_one(blob))


def box_of(geometry: shapely.Geometry) -> tuple[float, float, float, float] | None:
    """Box (minx, miny, maxx, maxy) of a geometry; None if it is empty."""
    if shapely.is_empty(geometry):
        return None
    minx, miny, maxx, maxy = shapely.bounds(geometry).tolist()
    return minx, miny, maxx, maxy


def meet_box(blobs: Sequence[bytes], box: tuple[float, float, float, float]) -> list[bool]:
    """Whether each blob's geometry meets a closed box, border included; empty ones never do."""
    if not blobs:
        return []
    shapes = decode(blobs)
    bounds, minx, miny, maxx, maxy = shapely.bounds(shapes), *box
    low, high = bounds[:, :2], bounds[:, 2:]
    met = np.asarray(((low >= (minx, miny)) & (high <= (maxx, maxy))).all(axis=1))
    near = ((low <= (maxx, maxy)) & (high >= (minx, miny))).all(axis=1) & ~met
    area = shapely.box(*box)
    shapely.prepare(area)
    met[near] = shapely.intersects(area, shapes[near])
    answers: list[bool] = met.tolist()
    return answers


def geojson(blobs: Sequence[bytes | None]) -> list[str | None]:
    """GeoJSON text of each blob with 7 decimals (about 1 cm), lon/lat."""
    texts: list[str | None] = [None] * len(blobs)
    others: list[int] = []
    start, unpack = len(PLAIN_POINT), _XY.unpack_from
    points: list[int] = []
    pairs: list[tuple[float, float]] = []
    for i, blob in enumerate(blobs):
        if blob is None:
            continue
        if len(blob) == POINT_BYTES and blob.startswith(PLAIN_POINT):
            points.append(i)
            pairs.append(unpack(blob, start))
        else:
            others.append(i)
    if points:
        for i, (x, y) in zip(points, np.round(pairs, DECIMALS).tolist(), strict=True):
            texts[i] = f'{{"type":"Point","coordinates":[{x},{y}]}}'
    if others:
        for i, text in zip(others, geojson_of(decode([blobs[i] for i in others])), strict=True):
            texts[i] = text
    return texts


def geojson_of_wkb(bodies: Sequence[bytes | None]) -> list[str | None]:
    """GeoJSON text of each WKB; see `geojson`."""
    held = np.empty(len(bodies), object)
    held[:] = [None if body is None else bytes(body) for body in bodies]
    return geojson_of(np.asarray(shapely.from_wkb(held), object))


def geojson_of(geometries: Geometries) -> list[str | None]:
    """GeoJSON text of each geometry with 7 decimals; None stays None."""
    rounded = shapely.transform(geometries, lambda xy: np.round(xy, DECIMALS))
    return list(shapely.to_geojson(rounded))
