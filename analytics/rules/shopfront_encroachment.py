"""Goods stand past a shop's door line, on the pavement, for longer than the limit.

What a camera saw is known on the ground (the foot edge of its box). A detection counts where its
label is among the declared ones, its confidence high enough, and its foot edge lies further past
the door line than this shop may go. An episode is a run of such detections at one shop, by whatever
camera or track, with no gap over ``max_gap_s``; once it has lasted longer than ``dwell_s`` **the
event is fixed at that moment** (see `analytics.rules.closed_zone_presence` for why). Passers-by,
goods inside the line and shops with a permit raise nothing.

Rows are cut by time when they come in batches, since several cameras may see one shop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field

from analytics.calendar import city_days, local_time, utc_offset
from analytics.doorlines import DoorLines, Standing
from analytics.event import Event, Evidence, Measure
from analytics.references import Camera, Shopfront
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.wording import minutes
from layers.text import Text

_MOST_POINTS = 60


class ShopfrontEncroachmentParameters(Parameters):
    """Parameters of `ShopfrontEncroachment`.

    Attributes
    ----------
    labels : detector's words for what must not stand outside.
    min_confidence : of a detection, 0–1.
    offset_m : how far past the door line goods may stand, where the shop itself declares nothing.
    dwell_s : longest stay that is not told.
    max_gap_s : longest time between two detections of one stay.
    reach_m : further than this from a door line, a thing has nothing to do with the shop.
    """

    labels: tuple[str, ...] = Field(min_length=1)
    min_confidence: float = Field(ge=0, le=1)
    offset_m: float = Field(ge=0)
    dwell_s: float = Field(gt=0)
    max_gap_s: float = Field(gt=0)
    reach_m: float = Field(default=5, gt=0)


@register
class ShopfrontEncroachment(Rule):
    """See the module."""

    kind = "shopfront_encroachment"
    feed = "camera_detection"
    title = Text(en="Goods beyond the door line", zh="门线外溢识别")
    parameters_model = ShopfrontEncroachmentParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        shops = sorted(self.references.shopfronts, key=lambda shop: shop.shop_id)
        self._shops: tuple[Shopfront, ...] = tuple(shops)
        self._lines = DoorLines(self._shops, self.parameters.reach_m) if shops else None
        self._allowed = np.array([self._limit(shop) for shop in shops], np.float64)

    def start(self) -> State:
        """Nothing outside."""
        return {"shops": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take camera detections in (see `analytics.feeds`)."""
        if self._lines is None or not rows(columns):
            return []
        seen = self._candidates(columns)
        start = np.column_stack([columns["x0"][seen], columns["y0"][seen]])
        end = np.column_stack([columns["x1"][seen], columns["y1"][seen]])
        stands = self._lines.stand(start, end)
        beyond = stands.out_m > self._allowed[stands.shop]
        stands = Standing(stands.edge[beyond], stands.shop[beyond], stands.out_m[beyond])
        at = seen[stands.edge]
        order = np.lexsort((columns["detection_id"][at].astype(str), columns["t"][at], stands.shop))
        events: list[Event] = []
        for i in order.tolist():
            shop = self._shops[int(stands.shop[i])]
            detection = _detection(columns, int(at[i]), float(stands.out_m[i]))
            stay = self._step(state["shops"], shop.shop_id, detection)
            if stay is not None:
                events.append(self._tell(shop, stay))
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget stays that no later detection can prolong."""
        oldest = watermark_ms - self.parameters.max_gap_s * 1000
        state["shops"] = {s: stay for s, stay in state["shops"].items() if stay["last"] >= oldest}
        return []

    def _limit(self, shop: Shopfront) -> float:
        if shop.outdoor_permit:
            return float("inf")
        own = shop.allowed_offset_m
        return float(self.parameters.offset_m if own is None else own)

    def _candidates(self, columns: Columns) -> npt.NDArray[np.int64]:
        meant = np.isin(columns["label"].astype(str), self.parameters.labels)
        meant &= columns["confidence"] >= self.parameters.min_confidence
        meant &= np.isfinite(columns["x0"] + columns["y0"] + columns["x1"] + columns["y1"])
        meant &= self.applies(city_days(columns["t"], self.references.zone))
        return np.flatnonzero(meant)

    def _step(self, stays: State, shop_id: str, seen: State) -> State | None:
        """Prolong or begin the stay at a shop; the stay where this detection completes it."""
        stay = stays.get(shop_id)
        if stay is None or seen["t"] - stay["last"] > self.parameters.max_gap_s * 1000:
            stays[shop_id] = _new_stay(seen)
            return None
        if stay["told"]:
            stay["last"] = max(stay["last"], seen["t"])
            return None
        _prolong(stay, seen)
        if stay["last"] - stay["start"] <= self.parameters.dwell_s * 1000:
            return None
        told = dict(stay)
        stay.update(told=True, points=[])
        return told

    def _tell(self, shop: Shopfront, stay: State) -> Event:
        allowed, dwell = self._limit(shop), self.parameters.dwell_s
        lon, lat, out = stay["worst"]
        stayed = (stay["last"] - stay["start"]) / 1000
        evidence = Evidence(
            measures=(
                Measure("distance_past_door_line", out, "m", allowed, round(out - allowed, 3)),
                Measure("dwell", stayed, "s", dwell, round(stayed - dwell, 3)),
            ),
            points=tuple(stay["points"]),
            references=(
                shop.reference(),
                *(self._camera(camera).reference() for camera in stay["cameras"]),
            ),
            quality={
                "detections": stay["count"],
                "tracks": stay["tracks"],
                "worst_gap_s": round(stay["gap"] / 1000, 3),
                "mean_confidence": round(stay["confidence"] / stay["count"], 3),
            },
            doubts=_DOUBTS,
        )
        span = (stay["start"], stay["last"])
        sure = stay["confidence"] / stay["count"]
        at = shapely.Point(lon, lat)
        return self.event(shop.shop_id, span, at, sure, evidence, self._sentence(shop, stay))

    def _camera(self, camera_id: str) -> Camera:
        return self.references.cameras.get(camera_id) or Camera(camera_id)

    def _sentence(self, shop: Shopfront, stay: State) -> Text:
        zone = self.references.zone
        out, allowed = stay["worst"][2], self._limit(shop)
        begun, offset = local_time(stay["start"], zone), utc_offset(stay["start"], zone)
        stayed = minutes((stay["last"] - stay["start"]) / 1000)
        limit = minutes(self.parameters.dwell_s)
        where = f"{shop.name_zh}（{shop.address_zh}）" if shop.address_zh else shop.name_zh
        return Text(
            en=(
                f"Suspected trading outside the shop: at {where}, goods stood up to {out:.2f} m"
                f" past the door line (allowed {allowed:.2f} m) for {stayed.en} since {begun}"
                f" ({offset}), limit {limit.en}."
            ),
            zh=(
                f"疑似店外经营：{where}自{begun}（{offset}）起，物品超出门线最远{out:.2f}米"
                f"（允许{allowed:.2f}米），已持续{stayed.zh}，限时{limit.zh}。"
            ),
        )


_DOUBTS = (
    Text(
        en="The place on the ground rests on the camera's calibration and flat ground.",
        zh="地面位置依赖摄像机标定并假定地面平坦。",
    ),
    Text(
        en="Goods may be on delivery, or belong to someone else.",
        zh="物品可能正在装卸，或不属于该店。",
    ),
)


def _detection(columns: Columns, row: int, out_m: float) -> State:
    return {
        "t": int(columns["t"][row]),
        "id": str(columns["detection_id"][row]),
        "camera": str(columns["mover"][row]),
        "track": str(columns["track"][row]),
        "confidence": round(float(columns["confidence"][row]), 6),
        "place": [float(columns["lon"][row]), float(columns["lat"][row]), round(out_m, 3)],
    }


def _new_stay(seen: State) -> State:
    return {
        "start": seen["t"],
        "last": seen["t"],
        "count": 1,
        "gap": 0,
        "confidence": seen["confidence"],
        "worst": seen["place"],
        "points": [seen["id"]],
        "cameras": [seen["camera"]],
        "tracks": [seen["track"]] if seen["track"] else [],
        "told": False,
    }


def _prolong(stay: State, seen: State) -> None:
    stay["gap"] = max(stay["gap"], seen["t"] - stay["last"])
    stay["last"] = max(stay["last"], seen["t"])
    stay["count"] += 1
    stay["confidence"] += seen["confidence"]
    stay["cameras"] = sorted({*stay["cameras"], seen["camera"]})
    stay["tracks"] = sorted({*stay["tracks"], seen["track"]} - {""})
    if seen["place"][2] > stay["worst"][2]:
        stay["worst"] = seen["place"]
    stay["points"] = [*stay["points"][: _MOST_POINTS - 1], seen["id"]]
