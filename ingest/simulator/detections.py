"""What street cameras report of a day: boxes in images, made from things on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson
import shapely

from ingest.simulator.cameras import to_ground, to_pixels
from ingest.simulator.feed_plan import CameraPlan
from ingest.simulator.geography import Camera, Geography, Shop

Floats = npt.NDArray[np.float64]
_ROUNDS = 5
_TALL = 1.1
_INSIDE_M = (-0.6, -0.1)
_SURE = (0.5, 0.95)
_PERSON_TALL = 3.0
_PASSERS = ("person", "person", "person", "bicycle", "tricycle")


@dataclass(frozen=True)
class Detection:
    """One box; ``t`` in Unix seconds, ``box`` in pixels (x0, y0, x1, y1), y downwards."""

    camera: str
    t: float
    track: str
    label: str
    confidence: float
    box: tuple[float, float, float, float]


class OutOfViewError(ValueError):
    """A thing on the ground that the camera can't see."""


@dataclass(frozen=True)
class Frontage:
    """A shop as one camera sees it.

    Attributes
    ----------
    origin, along, outward : first end of the door line and its directions, metres, shape (2,).
    length : of the door line, metres.
    """

    shop: Shop
    camera: Camera
    origin: Floats
    along: Floats
    outward: Floats
    length: float

    @classmethod
    def of(cls, shop: Shop, camera: Camera) -> Frontage:
        """Take the directions from the door line."""
        first, last = shapely.get_coordinates(shop.door_line)[[0, -1]]
        length = float(np.hypot(*(last - first)))
        along = (last - first) / length
        side = 1.0 if shop.outside == "left" else -1.0
        outward = np.array([-along[1], along[0]]) * side
        return cls(shop, camera, first, along, outward, length)

    def out_of(self, points: Floats) -> Floats:
        """How far points lie past the door line, metres, negative inside."""
        return np.asarray((points - self.origin) @ self.outward)

    def foot(self, box: tuple[float, float, float, float]) -> Floats:
        """The foot edge of a box on the ground, shape (2, 2)."""
        matrix = np.array(self.camera.homography)
        return to_ground(matrix, np.array([[box[0], box[3]], [box[2], box[3]]]))

    def box(
        self,
        share: float,
        out_m: float,
        width_m: float,
        *,
        farthest: bool,
        tall: float = _TALL,
    ) -> tuple[float, float, float, float]:
        """The box of a thing before the shop.

        Parameters
        ----------
        share : where along the door line, 0 to 1.
        out_m : how far past the line its foot edge lies, by its farthest or its nearest end.
        width_m : length of the foot edge.
        tall : height of the box by its width.

        Raises
        ------
        OutOfViewError
            where the box leaves the image.
        """
        matrix = np.array(self.camera.homography)
        place = self.origin + self.along * share * self.length + self.outward * out_m
        for _ in range(_ROUNDS):
            u, v = to_pixels(matrix, place[None])[0]
            ends = to_ground(matrix, np.array([[u - 5, v], [u + 5, v]]))
            half = width_m / 2 * 10 / float(np.hypot(*(ends[1] - ends[0])))
            box = (u - half, max(0.0, v - 2 * half * tall), u + half, v)
            reached = self.out_of(self.foot(box))
            off = out_m - float(reached.max() if farthest else reached.min())
            place = place + self.outward * off
        if not np.isfinite(box).all() or not self._in_image(box):
            raise OutOfViewError(
                f"{self.shop.id} at {out_m:.1f} m is not in view of {self.camera.id}"
            )
        x0, y0, x1, y1 = (round(float(value), 1) for value in box)
        return x0, y0, x1, y1

    def _in_image(self, box: tuple[float, float, float, float]) -> bool:
        x0, y0, x1, y1 = box
        return x0 >= 0 and y0 >= 0 and x1 <= self.camera.width_px and y1 <= self.camera.height_px


def frontages(geography: Geography) -> list[Frontage]:
    """Every shop that a camera sees, by its first camera."""
    shops = {shop.id: shop for shop in geography.shops}
    seen: dict[str, Frontage] = {}
    for camera in geography.cameras:
        for shop in camera.sees:
            if shop not in seen:
                seen[shop] = Frontage.of(shops[shop], camera)
    return list(seen.values())


def goods(
    front: Frontage,
    label: str,
    track: str,
    moments: Floats,
    out_m: tuple[float, float],
    confidence: tuple[float, float],
    rng: np.random.Generator,
    *,
    farthest: bool,
) -> list[Detection]:
    """A thing that stays where it is, seen again and again.

    Parameters
    ----------
    out_m : between which distances past the door line it stands, metres, negative inside.
    farthest : whether its farthest end keeps that distance and the rest lies nearer to the shop,
        or its nearest end and the rest lies further out.
    """
    width = float(rng.uniform(0.4, 0.8))
    share = float(rng.uniform(0.35, 0.65))
    out = float(rng.uniform(*out_m))
    made = []
    for t in moments:
        shaken = out + float(rng.uniform(-0.02, 0.0) if farthest else rng.uniform(0.0, 0.02))
        box = front.box(share, shaken, width, farthest=farthest)
        sure = round(float(rng.uniform(*confidence)), 3)
        made.append(Detection(front.camera.id, float(t), track, label, sure, box))
    return made


def passer_by(
    front: Frontage, label: str, track: str, start: float, lasts: float, rng: np.random.Generator
) -> list[Detection]:
    """Somebody who walks past the shop on the pavement."""
    out = float(rng.uniform(0.7, 1.6))
    moments = np.floor(np.linspace(start, start + lasts, 7))
    shares = np.linspace(0.05, 0.95, len(moments))[:: int(rng.choice([-1, 1]))]
    made = []
    for t, share in zip(moments, shares, strict=True):
        box = front.box(float(share), out, 0.5, farthest=False, tall=_PERSON_TALL)
        sure = round(float(rng.uniform(0.6, 0.98)), 3)
        made.append(Detection(front.camera.id, float(t), track, label, sure, box))
    return made


def everyday(
    count: int,
    fronts: list[Frontage],
    plan: CameraPlan,
    day: tuple[int, int],
    rng: np.random.Generator,
) -> list[Detection]:
    """Detections that mean nothing: people passing, and goods that stand inside."""
    made: list[Detection] = []
    number = 0
    while len(made) < count:
        number += 1
        front = fronts[int(rng.integers(len(fronts)))]
        start = float(np.floor(day[0] + rng.uniform(0.27, 0.93) * (day[1] - day[0])))
        track = f"d{number:05d}"
        try:
            if rng.random() < 0.6:
                label = str(rng.choice(_PASSERS))
                made += passer_by(front, label, track, start, float(rng.uniform(8, 30)), rng)
            else:
                moments = np.asarray(start + np.arange(int(rng.integers(2, 8))) * 25.0, np.float64)
                made += goods(
                    front, plan.goods_label, track, moments, _INSIDE_M, _SURE, rng, farthest=True
                )
        except OutOfViewError:
            continue
    return made[:count]


def write_detections(
    detections: list[Detection],
    plan: CameraPlan,
    day_name: str,
    clock: npt.NDArray[np.str_],
    day_start: int,
    rng: np.random.Generator,
) -> tuple[bytes, int]:
    """All detections as JSON lines in the order of time, and the number of lines."""
    ordered = sorted(detections, key=lambda d: (d.t, d.camera, d.track))
    lines = []
    for number, one in enumerate(ordered, start=1):
        row = {
            "detection_id": f"D{day_name}-{number:06d}",
            "camera_id": one.camera,
            "time": str(clock[int(one.t) - day_start]),
            "track": one.track,
            "label": one.label,
            "confidence": one.confidence,
            "box": one.box,
        }
        lines.append(orjson.dumps(row))
    for row_number in sorted(rng.permutation(len(lines))[: plan.broken].tolist(), reverse=True):
        lines.insert(row_number, _broken(lines[row_number], int(rng.integers(5))))
    return b"\n".join(lines) + b"\n", len(lines)


def _broken(line: bytes, way: int) -> bytes:
    """A line that no reader may take in."""
    row = orjson.loads(line)
    row["detection_id"] += "X"
    if way == 0:
        return orjson.dumps(row | {"confidence": "@"}).replace(b'"@"', b"NaN")
    if way == 1:
        return orjson.dumps(row | {"box": [x + 9000 for x in row["box"]]})
    if way == 2:
        return orjson.dumps(row | {"confidence": 1.7})
    if way == 3:
        return orjson.dumps(row | {"camera_id": "CAM-NOWHERE"})
    return orjson.dumps(row)[:-25]
