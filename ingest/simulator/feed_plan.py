"""The sections of ``demo.yaml`` that say which feeds a demo city has and what is planted in them.

A story is a small thing that happens: it is expected either to raise an event or to stay silent (a
near miss). Stories without a place or time get one from the seed, where they fit.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

ShopStoryKind = Literal[
    "goods_out",
    "passer_by",
    "goods_inside",
    "goods_near_line",
    "goods_brief",
    "goods_twice_brief",
    "low_confidence",
    "permit",
]


class _Plan(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def on_day(time: datetime, day_start: float) -> float:
    """Move a declared moment to another day at the same time of the clock, Unix seconds.

    Parameters
    ----------
    time : with the zone of the city.
    day_start : local midnight of the day, Unix seconds.
    """
    clock = timedelta(hours=time.hour, minutes=time.minute, seconds=time.second)
    return day_start + clock.total_seconds()


class VesselStory(_Plan):
    """Vessels with a story.

    Attributes
    ----------
    story : one of `ingest.simulator.stories.discover`.
    count : how many vessels have it.
    name, mmsi : given, or chosen by the seed.
    at : (lon, lat) of a fix, EPSG:4326, that the vessel reports exactly.
    time : of that fix, with zone; the vessel's first one. Other days take its time of the clock.
    zone : marine zone that the story goes to, ``destination`` : what the vessel says of it.
    """

    story: str = Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")
    count: int = Field(default=1, ge=1, le=200)
    name: str | None = Field(default=None, pattern=r"^[A-Z0-9 %.-]{1,20}$")
    mmsi: int | None = Field(default=None, ge=200_000_000, le=799_999_999)
    at: tuple[float, float] | None = None
    time: AwareDatetime | None = None
    zone: str | None = None
    destination: str | None = Field(default=None, pattern=r"^[A-Z0-9 <>/.-]{1,20}$")


class BaseStation(_Plan):
    """A shore station that hears the ships."""

    id: str = Field(pattern=r"^[A-Za-z0-9]{1,15}$")
    mmsi: int = Field(ge=1_000_000, le=9_999_999)
    at: tuple[float, float]


class AisPlan(_Plan):
    """A day of AIS.

    Attributes
    ----------
    vessels : ships in all, without those with a story.
    fishing_name, fishing_name_zh : patterns of registered names, with a five-digit number.
    mids : first three digits of the MMSIs, the city's own first.
    ship_words : words of other ships' names, one list per word; a number follows.
    ports : destinations that ships tell.
    aids : buoys and lights that report themselves.
    broken_share : share of sentences spoiled on the way.
    """

    vessels: int = Field(ge=20, le=5000)
    fishing_name: str = Field(pattern=r"^[A-Z ]*\{\}$")
    fishing_name_zh: str = Field(pattern=r"\{\}")
    mids: tuple[int, ...] = Field(min_length=1)
    ship_words: tuple[tuple[str, ...], ...] = Field(min_length=1)
    ports: tuple[str, ...] = Field(min_length=1)
    stations: tuple[BaseStation, ...] = Field(min_length=2)
    aids: int = Field(default=12, ge=1)
    broken_share: float = Field(default=0.001, ge=0, le=0.1)
    stories: tuple[VesselStory, ...] = ()


class RegistryPlan(_Plan):
    """The register of fishing vessels.

    Attributes
    ----------
    gears : what boats work with; ``allowed_gears`` are those of boats at sea in a closed season.
    """

    vessels: int = Field(ge=20)
    home_ports: tuple[str, ...] = Field(min_length=1)
    gears: tuple[str, ...] = Field(min_length=1)
    allowed_gears: tuple[str, ...] = ()


class TruckStory(_Plan):
    """Trucks with a story: one of `ingest.simulator.truck_stories.discover`, and how many."""

    story: str = Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")
    count: int = Field(default=1, ge=1, le=50)


class TruckPlan(_Plan):
    """A day of truck positions.

    Attributes
    ----------
    muck : trucks that haul muck as their permits say.
    plate_prefixes : what number plates begin with; five characters follow.
    broken_share : share of rows spoiled on the way.
    """

    trucks: int = Field(ge=10)
    muck: int = Field(default=0, ge=0)
    stories: tuple[TruckStory, ...] = ()
    plate_prefixes: tuple[str, ...] = Field(min_length=1)
    broken_share: float = Field(default=0.001, ge=0, le=0.1)


class MassLimit(_Plan):
    """A limit of gross mass that the simulator plants by, independent of the rule's own file."""

    vehicle_kind: Literal["rigid", "combination"]
    axles: int = Field(ge=2, le=8)
    single_drive_axle: bool = False
    limit_kg: int = Field(gt=0)


class AxleLimits(_Plan):
    """Limits of groups of axles that the simulator plants by, kg.

    Attributes
    ----------
    steering_kg : for each front axle; ``drive_kg`` is the single axle behind it.
    error_share : of the instrument, for groups of axles.
    planted : how many times each kind of story is planted.
    """

    steering_kg: int = Field(gt=0)
    single_kg: int = Field(gt=0)
    drive_kg: int = Field(gt=0)
    tandem_kg: int = Field(gt=0)
    tridem_kg: int = Field(gt=0)
    error_share: float = Field(gt=0, lt=1)
    planted: int = Field(default=1, ge=0, le=10)


class WeighingPlan(_Plan):
    """Weigh-in-motion records, and by which limits overloads are planted."""

    records: int = Field(ge=20)
    limits: tuple[MassLimit, ...] = Field(min_length=1)
    axles: AxleLimits
    planted_per_limit: int = Field(default=2, ge=1, le=10)
    broken: int = Field(default=20, ge=0)


class ShopStory(_Plan):
    """What a camera sees at a shop.

    Attributes
    ----------
    shop_zh : part of the shop's Chinese name, or chosen by the seed.
    time : of the first detection, with zone. Other days take its time of the clock.
    """

    story: ShopStoryKind
    count: int = Field(default=1, ge=1, le=100)
    shop_zh: str | None = None
    time: AwareDatetime | None = None


class CameraPlan(_Plan):
    """Detections of street cameras.

    Attributes
    ----------
    offset_m : how far past the door line goods may stand, by which stories are planted.
    dwell_s : how long they may stand further out.
    goods_label : the detector's word for goods.
    """

    detections: int = Field(ge=20)
    offset_m: float = Field(gt=0)
    dwell_s: float = Field(gt=0)
    goods_label: str
    broken: int = Field(default=10, ge=0)
    stories: tuple[ShopStory, ...] = ()


class FeedPlan(_Plan):
    """The ``feeds`` section of ``demo.yaml``."""

    ais: AisPlan
    registry: RegistryPlan
    trucks: TruckPlan
    weighings: WeighingPlan
    camera: CameraPlan
