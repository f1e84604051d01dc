"""Kinds of movers: which feed tells of them, which layers show them, what is measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from layers.city import City
from layers.text import Text

Interpolation = Literal["Linear", "Step", "Discrete"]
_METRE_PER_SECOND = "MTS"  # UN/CEFACT Recommendation 20
_DEGREE = "http://qudt.org/vocab/unit/DEG"
# What AIS and GPS readers write where a code is not available.
_NO_STATUS, _NO_IGNITION = 15, 255


@dataclass(frozen=True)
class Measured:
    """A property that changes while a mover moves.

    Attributes
    ----------
    name : of the temporal property.
    column : of the position store.
    unit : UCUM code, None where the values are codes.
    form : unit as MF-JSON names it: three letters of UN/CEFACT or a URI (OGC 19-045r3, 7.2.3).
    interpolation : how the value goes on between two fixes. Angles and codes jump.
    missing : value that stands for none, beside NaN.
    truth : values are 0 and 1, for false and true.
    """

    name: str
    column: str
    title: Text
    unit: str | None = None
    form: str | None = None
    interpolation: Interpolation = "Step"
    missing: int | None = None
    truth: bool = False

    @property
    def type(self) -> str:
        """Type of the temporal property (OGC 22-003r3, 9.8)."""
        if self.truth:
            return "TBoolean"
        return "TReal" if self.unit else "TInteger"


@dataclass(frozen=True)
class Kind:
    """How a feed's movers are kept.

    Attributes
    ----------
    feed : of the position store, and of the sources that send it.
    key : property that holds the mover in both layers.
    positions, tracks : layers of last positions and of tracks.
    collection : id of the collection of moving features.
    measured : what the feed's fixes hold beside place and time.
    told : properties of the layer of last positions that do not change from fix to fix.
    """

    feed: str
    key: str
    positions: str
    tracks: str
    collection: str
    title: Text
    description: Text
    measured: tuple[Measured, ...]
    told: tuple[str, ...] = ()

    def measures(self, name: str) -> Measured | None:
        """Return the property of that name, None where there is none."""
        return next((one for one in self.measured if one.name == name), None)


_SPEED = Measured(
    "sog",
    "sog_mps",
    Text(en="Speed over ground", zh="对地航速"),
    "m/s",
    _METRE_PER_SECOND,
    "Linear",
)
_COURSE = Measured("cog", "cog_deg", Text(en="Course over ground", zh="对地航向"), "deg", _DEGREE)
VESSELS = Kind(
    "ais",
    "mmsi",
    "vessel_position",
    "vessel_track",
    "vessels",
    Text(en="Vessels as moving features", zh="船舶（移动要素）"),
    Text(
        en="Positions of vessels over time, cut where a vessel was silent for long.",
        zh="船舶随时间变化的位置，在长时间无信号处断开。",
    ),
    (
        _SPEED,
        _COURSE,
        Measured("heading", "heading_deg", Text(en="Heading", zh="船首向"), "deg", _DEGREE),
        Measured("nav", "nav", Text(en="Navigational status", zh="航行状态"), missing=_NO_STATUS),
    ),
    ("name", "callsign", "ship_type"),
)
TRUCKS = Kind(
    "gps",
    "plate",
    "truck_position",
    "truck_track",
    "trucks",
    Text(en="Trucks as moving features", zh="货车（移动要素）"),
    Text(
        en="Positions of trucks over time, cut where a truck was silent for long.",
        zh="货车随时间变化的位置，在长时间无信号处断开。",
    ),
    (
        _SPEED,
        _COURSE,
        Measured(
            "ignition",
            "acc",
            Text(en="Ignition on", zh="点火"),
            missing=_NO_IGNITION,
            truth=True,
        ),
    ),
)
KINDS = (VESSELS, TRUCKS)


def declared(city: City) -> tuple[Kind, ...]:
    """Return the kinds of movers that a source of the city sends."""
    feeds = {source.feed for source in city.sources.values()}
    return tuple(kind for kind in KINDS if kind.feed in feeds)
