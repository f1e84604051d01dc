"""Camera detections in JSON lines into the `camera_detection` layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ingest.decoders.camera_json import FEED, CameraView, rows_of
from ingest.gate import Gate, Rows
from ingest.sources.file import Progress, SourceError, read_lines
from ingest.sources.line import rounds
from ingest.take_in.receipt import Receipt, receipt
from ingest.take_in.rows import store_rows
from layers.city import City, Source
from layers.feeds import Tally
from layers.ground import HomographyError, homography
from layers.query import Query
from layers.store import Store

LAYER, CAMERAS = "camera_detection", "camera"
_LINES_AT_ONCE = 10_000


def take_in(
    city: City,
    store: Store,
    home: Path,
    paths: Sequence[Path],
    *,
    source: Source | None = None,
    at: datetime,
    progress: Progress | None = None,
) -> Tally:
    """Take files of detections in; calibrated cameras must stand in the layer ``camera`` before.

    Parameters
    ----------
    source : declared source; times always carry their zone and the ground is in the city's CRS.
    at : the clock.
    progress : called with (bytes read, bytes in all, file name).
    """
    cameras = _cameras(city, store)
    total = Tally()
    for path in paths:
        with receipt(home, FEED, path, total) as note:
            if note.sha256:
                gate = Gate(city, city.layer(LAYER), feed=FEED, file=path.name, crs=city.crs)
                batches = _read(path, cameras, note, progress)
                store_rows(city, store, LAYER, gate, batches, note, at=at)
    return total


def _read(
    path: Path, cameras: dict[str, CameraView], note: Receipt, progress: Progress | None
) -> Iterator[Rows]:
    lines = read_lines(path, progress=progress)
    try:
        for chunk in rounds(lines, _LINES_AT_ONCE):
            rows, rejects, blank = rows_of(chunk, cameras)
            note.add_unread(rejects, blank)
            yield rows
    except SourceError as failure:
        note.refuse_rest(0, failure)


def _cameras(city: City, store: Store) -> dict[str, CameraView]:
    if CAMERAS not in city.layers or CAMERAS not in store.layers():
        return {}
    found = {}
    for row in store.frame(Query(CAMERAS, skip_geometry=True)).to_dict("records"):
        view = _view(row)
        if view is not None:
            found[str(row["device_id"])] = view
    return found


def _view(row: dict[Any, Any]) -> CameraView | None:
    if any(row.get(name) is None or row[name] != row[name] for name in ("width_px", "height_px")):
        return None
    try:
        matrix = homography(row.get("homography"))
    except HomographyError:
        return None
    return CameraView(
        matrix,
        float(row["width_px"]),
        float(row["height_px"]),
        _moment(row.get("calibrated_at")),
        _moment(row.get("valid_until")),
    )


def _moment(value: Any) -> datetime | None:
    if value is None or pd.isna(value):
        return None
    moment: datetime = pd.Timestamp(value).to_pydatetime()
    return moment
