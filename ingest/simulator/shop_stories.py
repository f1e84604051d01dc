"""Planted shops: goods past the door line for too long, and near misses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ingest.simulator.detections import Detection, Frontage, OutOfViewError, goods, passer_by
from ingest.simulator.feed_plan import CameraPlan, ShopStory, on_day
from ingest.simulator.truth import Planted
from layers.crs import to_lonlat
from layers.text import Text

Floats = npt.NDArray[np.float64]
RULE = "shopfront_encroachment"
_APART_S = 3600.0
_SURE = (0.6, 0.97)
_TRIES = 400

WHY = {
    "goods_out": Text(
        en="Goods on the pavement past the door line for longer than the limit",
        zh="物品越出门线占用人行道，超过时限",
    ),
    "passer_by": Text(en="Somebody walks past within 20 s", zh="行人在 20 秒内走过"),
    "goods_inside": Text(en="Goods stand inside the door line", zh="物品位于门线以内"),
    "goods_near_line": Text(
        en="Goods 0.2 m past the line, within the allowed distance",
        zh="物品超出门线 0.2 米，在允许距离内",
    ),
    "goods_brief": Text(
        en="Goods outside, but for less than the limit", zh="物品越出门线，但未达时限"
    ),
    "goods_twice_brief": Text(
        en="Goods outside twice, with a long break, each time for less than the limit",
        zh="物品两次越出门线，间隔较长，每次均未达时限",
    ),
    "low_confidence": Text(
        en="Goods outside, but the detector is not sure enough", zh="物品越出门线，但识别置信度不足"
    ),
    "permit": Text(en="Goods outside at a shop with an outdoor permit", zh="该店持有外摆许可"),
}


def tell(
    plan: CameraPlan,
    fronts: list[Frontage],
    crs: str,
    day: tuple[int, int],
    rng: np.random.Generator,
) -> Iterator[tuple[Planted, list[Detection]]]:
    """Plant all shop stories, each at a shop of its own where there are enough.

    Parameters
    ----------
    crs : of the door lines.

    Raises
    ------
    ValueError
        where no shop is found for one.
    """
    cast = _Cast(fronts, crs, day, rng)
    number = 0
    for story in sorted(plan.stories, key=lambda story: story.time is None):
        for _ in range(story.count):
            number += 1
            yield cast.play(plan, story, f"g{number:04d}")


class _Cast:
    def __init__(
        self,
        fronts: list[Frontage],
        crs: str,
        day: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        self._crs, self._day, self._rng = crs, day, rng
        order = rng.permutation(len(fronts)).tolist()
        self._fronts: list[Frontage] = [fronts[n] for n in order]
        self._used: dict[str, list[float]] = {}

    def play(
        self, plan: CameraPlan, story: ShopStory, track: str
    ) -> tuple[Planted, list[Detection]]:
        """Find a shop and an hour at which the story can be seen."""
        for attempt in range(_TRIES):
            front = self._front(story, attempt)
            start = self._hour(story, front)
            if start is None:
                continue
            try:
                seen = _ACTS[story.story](front, plan, track, start, self._rng)
            except OutOfViewError:
                continue
            self._used.setdefault(front.shop.id, []).append(start)
            return _truth(story, track, front, seen, self._crs), seen
        raise ValueError(f"no shop in view of a camera fits the story '{story.story}'")

    def _front(self, story: ShopStory, attempt: int) -> Frontage:
        fits = [
            front
            for front in self._fronts
            if (story.shop_zh or "") in front.shop.name_zh
            and front.shop.outdoor_permit == (story.story == "permit")
        ]
        if not fits:
            raise ValueError(f"no camera sees a shop for the story '{story.story}'")
        fits.sort(key=lambda front: len(self._used.get(front.shop.id, ())))
        return fits[attempt % len(fits)]

    def _hour(self, story: ShopStory, front: Frontage) -> float | None:
        if story.time:
            return on_day(story.time, self._day[0])
        length = self._day[1] - self._day[0]
        start = float(np.floor(self._day[0] + self._rng.uniform(0.28, 0.9) * length))
        used = self._used.get(front.shop.id, [])
        return start if all(abs(start - other) >= _APART_S for other in used) else None


def _truth(
    story: ShopStory, track: str, front: Frontage, seen: list[Detection], crs: str
) -> Planted:
    middle = front.shop.door_line.centroid
    lon, lat = to_lonlat([middle.x], [middle.y], crs)
    times = [one.t for one in seen]
    return Planted(
        f"{RULE}-{story.story}-{track}",
        RULE,
        front.shop.id,
        *(min(times), max(times), float(lon[0]), float(lat[0])),
        "event" if story.story == "goods_out" else "silent",
        WHY[story.story],
    )


def _moments(start: float, lasts: float, rng: np.random.Generator) -> Floats:
    """Times at which the detector reports, 15 to 30 s apart, the first and last exactly."""
    steps = np.cumsum(rng.integers(15, 31, int(lasts // 15) + 1))
    return np.asarray(start + np.concatenate(([0.0], steps[steps < lasts - 15], [lasts])))


_Act = Callable[[Frontage, CameraPlan, str, float, np.random.Generator], list[Detection]]


def _stand(
    out_m: tuple[float, float],
    dwells: tuple[float, float],
    confidence: tuple[float, float] = _SURE,
    *,
    beyond: bool = True,
    times: int = 1,
) -> _Act:
    """Goods that stand somewhere for a number of limits (``dwells``), once or again after a break.

    ``out_m`` counts from the allowed distance where ``beyond``, else from the door line.
    """

    def act(
        front: Frontage, plan: CameraPlan, track: str, start: float, rng: np.random.Generator
    ) -> list[Detection]:
        base = plan.offset_m if beyond else 0.0
        out = (out_m[0] + base, out_m[1] + base)
        seen = []
        for turn in range(times):
            lasts = float(round(plan.dwell_s * rng.uniform(*dwells)))
            moments = _moments(start + turn * 4 * plan.dwell_s, lasts, rng)
            label = plan.goods_label
            seen += goods(front, label, track, moments, out, confidence, rng, farthest=not beyond)
        return seen

    return act


def _pass(
    front: Frontage, plan: CameraPlan, track: str, start: float, rng: np.random.Generator
) -> list[Detection]:
    return passer_by(front, "person", track, start, 20.0, rng)


_ACTS: dict[str, _Act] = {
    "goods_out": _stand((0.3, 1.2), (1.4, 3.5)),
    "passer_by": _pass,
    "goods_inside": _stand((-0.5, -0.1), (2.0, 3.0), beyond=False),
    "goods_near_line": _stand((0.2, 0.2), (2.0, 3.0), beyond=False),
    "goods_brief": _stand((0.3, 1.0), (0.6, 0.85)),
    "goods_twice_brief": _stand((0.3, 1.0), (0.6, 0.85), times=2),
    "low_confidence": _stand((0.3, 1.0), (2.0, 3.0), (0.25, 0.45)),
    "permit": _stand((0.3, 1.0), (2.0, 3.0)),
}
