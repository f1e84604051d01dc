"""What the files of a city folder may say, but for its layers (see `layers.spec`)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from layers import crs as reference
from layers.text import Text

Level = Literal["district", "town", "village"]
LEVELS: tuple[Level, ...] = ("district", "town", "village")


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as failure:
        raise ValueError("not an IANA time zone, such as Europe/Paris") from failure
    return value


def _known_crs(value: str) -> str:
    if not reference.known(value):
        raise ValueError("not a reference system: expected EPSG:<number>, GCJ-02 or BD-09")
    return value


def _lonlat(value: tuple[float, float]) -> tuple[float, float]:
    lon, lat = value
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError("expected degrees as (lon, lat); are they swapped?")
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]
Crs = Annotated[str, AfterValidator(_known_crs)]
LonLat = Annotated[tuple[float, float], AfterValidator(_lonlat)]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Domain(_Declared):
    """One of the city's governance domains (领域)."""

    id: str
    title: Text
    scope: Text | None = None
    provenance: str = "proposal"


class Department(_Declared):
    """An authority that owns layers and handles cases."""

    id: str
    title: Text
    provenance: str = "proposal"


class Jurisdiction(_Declared):
    """A unit of the tree district – town – village.

    Attributes
    ----------
    code : administrative code; a child's code starts with its parent's significant digits.
    level : district, town (subdistricts, towns, zones) or village (villages, neighbourhoods).
    centre : approximate (lon, lat) in EPSG:4326, or None.
    """

    code: str = Field(pattern=r"^[0-9A-Za-z-]{2,20}$")
    title: Text
    level: Level
    kind: str = ""
    parent: str | None = None
    centre: LonLat | None = None
    provenance: str = "proposal"


class EventType(_Declared):
    """A class of events from the city's code table.

    Attributes
    ----------
    handle_hours : time the table gives to handle such an event, None where it gives none.
    """

    code: str = Field(min_length=1)
    title: Text
    group: Text | None = None
    handle_hours: float | None = Field(default=None, gt=0)
    provenance: str = "proposal"


class Content(_Declared):
    """Declared rows that `onemap init` loads into a layer."""

    layer: str
    file: str
    crs: Crs = "EPSG:4326"


class Source(_Declared):
    """A feed: who sends it, in which datum and time zone, and how often.

    Attributes
    ----------
    feed : decoder family: ais, gps, wim, camera, layer or register.
    crs : datum of the coordinates as sent: EPSG code, ``GCJ-02`` or ``BD-09``.
    zone : IANA zone of times sent without one.
    encoding : of its text, such as ``gb18030``; UTF-8 where it is not declared.
    columns : name in the file by our name, where they differ: ``{plate: car_no}``.
    """

    id: str
    title: Text
    feed: Literal["ais", "gps", "wim", "camera", "layer", "register"]
    crs: Crs = "EPSG:4326"
    zone: Zone = "UTC"
    encoding: str = "utf-8"
    owner: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    provenance: str = "proposal"


class CasesDeclaration(_Declared):
    """How alerts become cases.

    Attributes
    ----------
    joint_gap_hours : alerts on the same mover by rules that declare the same ``joint`` are one case
        where no more time than this lies between them.
    """

    joint_gap_hours: float = Field(default=6, ge=0, le=8760)


class CityDeclaration(_Declared):
    """The content of ``city.yaml``.

    Attributes
    ----------
    crs : projected CRS for distances in metres, such as ``EPSG:32651``.
    bounds : lon/lat box (minx, miny, maxx, maxy) in EPSG:4326 that every row must lie in.
    outline : GeoJSON of the land area, relative to the city folder.
    background : layers that maps draw beneath all others, lowest first.
    synthetic : words shown on every page where the city's data are made up, or None.
    cases : how alerts become cases.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Text
    zone: Zone
    crs: Crs
    bounds: tuple[float, float, float, float]
    outline: str | None = None
    synthetic: Text | None = None
    background: tuple[str, ...] = ()
    domains: tuple[Domain, ...]
    departments: tuple[Department, ...]
    contents: tuple[Content, ...] = ()
    cases: CasesDeclaration = CasesDeclaration()

    @field_validator("crs")
    @classmethod
    def _in_metres(cls, value: str) -> str:
        if not reference.in_metres(value):
            raise ValueError("expected a projected system in metres, such as EPSG:32618")
        return value

    @field_validator("bounds")
    @classmethod
    def _box(cls, value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        minx, miny, maxx, maxy = value
        if not (-180 <= minx < maxx <= 180 and -90 <= miny < maxy <= 90):
            raise ValueError("expected lon/lat as (min lon, min lat, max lon, max lat)")
        return value


class PreparationDeclaration(_Declared):
    """What is done to positions before rules see them (``preparation.yaml``).

    Attributes
    ----------
    ais : parameters of the preparation of AIS rows, typed by `analytics.preparation`.
    gps : parameters of the matching of trucks to roads, typed by `analytics.roads`.
    land, water : layers of areas that are dry land, and of waters within it, for positions that no
        vessel can have.
    sources : for each parameter where its value comes from.
    """

    ais: dict[str, Any] = Field(default_factory=dict)
    gps: dict[str, Any] = Field(default_factory=dict)
    land: tuple[str, ...] = ()
    water: tuple[str, ...] = ()
    sources: dict[str, str] = Field(default_factory=dict)


class RuleDeclaration(_Declared):
    """The thresholds of one rule, dated and sourced.

    Attributes
    ----------
    id : name of the declaration; events carry it.
    kind : which rule of `analytics.rules` it configures; the id where it is left out.
    version : raised at every change; part of each event's identity.
    event_type : code of the events it raises.
    departments : who handles them, lead first.
    joint : what the rule is about, such as ``vessel``: its alerts and those of the other rules that
        declare the same, on the same movers and close in time, are one joint case; None for a case
        of each alert.
    parameters : typed by the rule itself, units in the keys.
    sources : for each parameter where its value comes from.
    """

    id: str
    kind: str = ""
    title: Text
    version: str
    event_type: str
    severity: Literal["minor", "moderate", "severe", "extreme"] = "moderate"
    in_force_from: date | None = None
    in_force_to: date | None = None
    departments: tuple[str, ...] = ()
    joint: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    enabled: bool = True
    parameters: dict[str, Any]
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _dates_in_order(self) -> RuleDeclaration:
        start, end = self.in_force_from, self.in_force_to
        if start is not None and end is not None and start > end:
            raise ValueError(f"in_force_from {start} is after in_force_to {end}")
        return self
