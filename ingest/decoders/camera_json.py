"""Camera detections in JSON lines to rows of the `camera_detection` layer.

The foot edge of the image box, its lower side, is where the thing stands; the camera's homography
brings it to the ground as a line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import shapely

from ingest.gate import Rows
from ingest.sources.line import Line
from layers.feeds import Reject
from layers.ground import Floats, to_ground

FEED = "camera"
_FIELDS = ("detection_id", "camera_id", "time", "label", "confidence", "box")
# Detectors round to whole pixels.
_EDGE_PX = 1.0
_NOT_NUMBERS = (b"NaN", b"Infinity")


@dataclass(frozen=True)
class CameraView:
    """A camera's calibration.

    Attributes
    ----------
    matrix : homography from pixels to metres in the city's CRS, shape (3, 3).
    width_px, height_px : size of the image.
    calibrated_at, valid_until : when the calibration holds; None for an open end.
    """

    matrix: Floats
    width_px: float
    height_px: float
    calibrated_at: datetime | None
    valid_until: datetime | None


class DetectionError(ValueError):
    """Why a detection is refused: field, reason and detail."""

    def __init__(self, field: str, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.reason, self.detail = field, reason, detail


def rows_of(
    lines: Sequence[Line], cameras: Mapping[str, CameraView]
) -> tuple[Rows, list[Reject], int]:
    """Convert lines for the gate.

    Returns
    -------
    Rows with the foot edges in metres of the city's CRS, the refused lines, and the number of blank
    lines.
    """
    rejects: list[Reject] = []
    kept: list[tuple[Line, dict[str, Any], shapely.LineString]] = []
    blank = 0
    for line in lines:
        if not line.data.strip():
            blank += 1
            continue
        try:
            values = _read(line)
            kept.append((line, values, _foot_edge(values, cameras)))
        except DetectionError as failure:
            raw = line.data.decode("utf-8", "backslashreplace")[: 1024 if not line.whole else None]
            fault = (failure.field, failure.reason, failure.detail[:500])
            rejects.append(Reject(FEED, line.file, line.number, *fault, raw))
    names = (*_FIELDS, "track")
    columns = {name: [values.get(name) for _, values, _ in kept] for name in names}
    edges = np.empty(len(kept), object)
    edges[:] = [edge for _, _, edge in kept]
    numbers = [line.number for line, _, _ in kept]
    return Rows(numbers, columns, edges, lambda i: kept[i][0].data.decode()), rejects, blank


def _read(line: Line) -> dict[str, Any]:
    if not line.whole:
        raise DetectionError("", "too_long", f"a line of more than {len(line.data):,} bytes")
    try:
        values = orjson.loads(line.data)
    except orjson.JSONDecodeError as failure:
        if any(word in line.data for word in _NOT_NUMBERS):
            raise DetectionError("", "not_finite", f"NaN is no JSON: {failure}") from failure
        raise DetectionError("", "malformed", f"no JSON: {failure}") from failure
    if not isinstance(values, dict):
        raise DetectionError("", "malformed", f"expected an object, found {type(values).__name__}")
    for name in _FIELDS:
        if values.get(name) is None:
            raise DetectionError(name, "missing_value", "expected a value")
    if isinstance(values["confidence"], bool | str):
        raise DetectionError("confidence", "bad_value", f"found {values['confidence']!r}")
    return values


def _foot_edge(values: dict[str, Any], cameras: Mapping[str, CameraView]) -> shapely.LineString:
    key = values["camera_id"]
    view = cameras.get(key) if isinstance(key, str) else None
    if view is None:
        detail = f"no calibrated camera {key!r} in the layer camera"
        raise DetectionError("camera_id", "unknown_camera", detail)
    _check_calibration(values["time"], view)
    x0, _, x1, y1 = _box(values["box"], view)
    foot = (view.width_px / 2, view.height_px)
    ends = to_ground(view.matrix, [(x0, y1), (x1, y1)], foot)
    if not np.isfinite(ends).all():
        detail = f"the foot of the box, v = {y1:g}, lies at or above the horizon"
        raise DetectionError("box", "behind_horizon", detail)
    return shapely.LineString(ends)


def _box(box: Any, view: CameraView) -> tuple[float, float, float, float]:
    if not isinstance(box, list) or len(box) != 4:
        raise DetectionError("box", "bad_value", f"expected [x0, y0, x1, y1], found {box!r}")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in box):
        raise DetectionError("box", "bad_value", f"expected four numbers, found {box!r}")
    x0, y0, x1, y1 = (float(v) for v in box)
    if not all(math.isfinite(v) for v in (x0, y0, x1, y1)):
        raise DetectionError("box", "not_finite", f"found {box!r}")
    if not (x0 < x1 and y0 < y1):
        detail = f"expected x0 < x1 and y0 < y1, found {box!r}"
        raise DetectionError("box", "bad_value", detail)
    width, height = view.width_px + _EDGE_PX, view.height_px + _EDGE_PX
    if min(x0, y0) < -_EDGE_PX or x1 > width or y1 > height:
        size = f"{view.width_px:g} by {view.height_px:g}"
        raise DetectionError("box", "outside_image", f"{box!r} leaves the image of {size} pixels")
    return x0, y0, x1, y1


def _check_calibration(time: Any, view: CameraView) -> None:
    try:
        moment = datetime.fromisoformat(time)
    except (TypeError, ValueError) as failure:
        raise DetectionError("time", "bad_value", f"found {time!r}") from failure
    if moment.tzinfo is None:
        raise DetectionError("time", "bad_value", f"expected a time with its zone, found {time!r}")
    if view.calibrated_at is not None and moment < view.calibrated_at:
        detail = f"the camera was calibrated later, at {view.calibrated_at.isoformat()}"
        raise DetectionError("time", "stale_calibration", detail)
    if view.valid_until is not None and moment > view.valid_until:
        detail = f"the calibration held until {view.valid_until.isoformat()}"
        raise DetectionError("time", "stale_calibration", detail)
