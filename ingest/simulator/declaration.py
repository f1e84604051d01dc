"""What a demo city is made of: the typed content of ``data/<city>/demo.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ingest.simulator.feed_plan import FeedPlan
from layers.city import City
from layers.declaration import read
from layers.text import Text

LonLat = tuple[float, float]
RoadClass = Literal["expressway", "arterial", "collector", "local"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DensityCentre(_Section):
    """A place that streets crowd around.

    Attributes
    ----------
    at : lon, lat, EPSG:4326.
    reach_m : distance at which its weight has fallen to 61 % (Gaussian).
    weight : 0–1, how built-up its middle is.
    """

    at: LonLat
    reach_m: float = Field(gt=0)
    weight: float = Field(gt=0, le=1)


class NamedLine(_Section):
    """A declared line with a name: an expressway or a waterway."""

    name: Text
    line: tuple[LonLat, ...] = Field(min_length=2)
    width_m: float = Field(default=30, gt=0)
    kind: str = ""


class Spacing(_Section):
    """Distance between roads, metres, at the densest and at the emptiest place."""

    superblock_m: tuple[float, float]
    block_m: tuple[float, float]


class Bend(_Section):
    """How far and over what length straight streets are bent, metres."""

    amplitude_m: float = Field(default=0, ge=0)
    wave_m: float = Field(default=9000, gt=0)


class NameLists(_Section):
    """Syllables that names are put together from, Chinese → English."""

    first: dict[str, str]
    second: dict[str, str]
    road_suffix: dict[RoadClass, Text]
    village: Text
    neighbourhood: Text
    shop_kinds: tuple[str, ...]
    firm_kinds: tuple[str, ...]


class PlantedStreet(_Section):
    """A street of a given name in a given town."""

    name: Text
    town: str
    road_class: RoadClass = "collector"


class PlantedShop(_Section):
    """A shop of a given name and number on a planted street; a camera sees it."""

    street: str
    town: str
    number: int = Field(gt=0)
    name_zh: str


class Shopping(_Section):
    """Shop streets and the cameras that watch them."""

    streets: int = Field(ge=0)
    shops: int = Field(ge=0)
    cameras: int = Field(ge=0)
    width_m: tuple[float, float] = (6, 14)
    permit_share: float = Field(default=0.08, ge=0, le=1)


class Weighing(_Section):
    """Weigh-in-motion stations; ``one_way`` of them weigh one direction of the road only."""

    stations: int = Field(ge=0)
    error_share: float = Field(gt=0, lt=1)
    one_way: int = Field(default=0, ge=0)


class HaulageSection(_Section):
    """Roads with limits for trucks, all few and chosen by the seed, and the business of muck.

    Attributes
    ----------
    banned, ban_hours : streets closed to trucks in some hours of the day.
    closed : streets closed to trucks at all hours.
    weak, weak_t : roads with a limit of mass; ``low``, ``low_m`` : with a limit of height.
    bridges, bridge_t, bridge_h_m : bridges with limits, of mass and of height in turn.
    sites, dumps, permits : where muck is dug up and dumped, and permits to haul it.
    hours : of the permits, in turn.
    plate_prefixes : of trucks with a permit.
    """

    banned: int = Field(default=0, ge=0)
    ban_hours: tuple[str, ...] = ("07:00-20:00",)
    closed: int = Field(default=0, ge=0)
    weak: int = Field(default=0, ge=0)
    weak_t: float = Field(default=10, gt=0)
    low: int = Field(default=0, ge=0)
    low_m: float = Field(default=3.2, gt=0)
    bridges: int = Field(default=0, ge=0)
    bridge_t: float = Field(default=20, gt=0)
    bridge_h_m: float = Field(default=3.5, gt=0)
    sites: int = Field(default=0, ge=0)
    dumps: int = Field(default=0, ge=0)
    permits: int = Field(default=0, ge=0)
    hours: tuple[str, ...] = ("20:00-06:00",)
    plate_prefixes: tuple[str, ...] = ("",)


class GeographySection(_Section):
    """The schematic place.

    Attributes
    ----------
    surroundings : GeoJSON of neighbouring land, so that the rest of the bounds is sea.
    countryside : density far from every centre, 0–1.
    town_weight, town_reach_m : how streets crowd around each town's centre.
    canal_share : share of the larger country roads with a canal beside them.
    """

    surroundings: str | None = None
    countryside: float = Field(default=0.05, ge=0, le=1)
    town_weight: float = Field(default=0.4, ge=0, le=1)
    town_reach_m: float = Field(default=1500, gt=0)
    centres: tuple[DensityCentre, ...]
    spacing: Spacing
    bend: Bend = Bend()
    expressways: tuple[NamedLine, ...] = ()
    waterways: tuple[NamedLine, ...] = ()
    rails: tuple[NamedLine, ...] = ()
    canal_share: float = Field(default=0, ge=0, le=1)
    canal_width_m: float = Field(default=14, gt=0)
    villages: int = Field(ge=0)
    names: NameLists
    streets: tuple[PlantedStreet, ...] = ()
    shops: tuple[PlantedShop, ...] = ()
    shopping: Shopping
    weighing: Weighing
    haulage: HaulageSection = HaulageSection()
    speed_limit_kmh: dict[RoadClass, int]


Placement = Literal[
    "district",
    "town",
    "village",
    "grid",
    "cell",
    "block",
    "permitted",
    "building",
    "compound",
    "road",
    "along_road",
    "beside_road",
    "junction",
    "across_road",
    "shopfront",
    "address",
    "door",
    "camera",
    "station",
    "waterway",
    "waterside",
    "town_centre",
    "dump",
    "permit",
    "rail",
    "shore",
    "sea",
]


class Recipe(_Section):
    """How one layer's features are placed.

    Attributes
    ----------
    layer : id of a declared layer.
    place : placement method of `ingest.simulator.placement`.
    count : features at scale 1; None takes as many as the place itself has (towns, roads …).
    size_m : smallest and largest extent of areas and lengths of lines.
    density : power by which built-up places are preferred; 0 spreads evenly, below 0 prefers
        open country.
    road_classes : roads that the layer keeps to.
    values : properties with a fixed choice, ``name: [values]`` (with repetition as weight).
    names : ending of ``name_zh`` by the feature's ``kind`` (or for every feature under ``any``).
    numbers : narrower bounds of numeric properties than the layer allows.
    formats : ``geojson`` or ``gpkg``.
    """

    layer: str
    place: Placement
    count: int | None = Field(default=None, ge=0)
    size_m: tuple[float, float] = (20, 60)
    density: float = 1
    road_classes: tuple[RoadClass, ...] = ("arterial", "collector", "local")
    values: dict[str, tuple[str | int | float | bool, ...]] = Field(default_factory=dict)
    names: dict[str, str] = Field(default_factory=dict)
    numbers: dict[str, tuple[float, float]] = Field(default_factory=dict)
    format: Literal["geojson", "gpkg"] = "geojson"


class RasterSection(_Section):
    """Land cover of several years; changes without a permit are planted. Height and population.

    Attributes
    ----------
    land_cover : id of the declared raster that the scenes of the years fill.
    elevation, population : ids of the rasters of heights in metres and of persons in each pixel;
        None where there are none.
    surface_pixel_m : side of their pixels.
    """

    land_cover: str
    elevation: str | None = None
    population: str | None = None
    surface_pixel_m: float = Field(default=100, gt=0)
    years: tuple[int, ...] = Field(min_length=1)
    pixel_m: float = Field(gt=0)
    illegal_buildings: int = Field(default=0, ge=0)
    permitted_buildings: int = Field(default=0, ge=0)


class MeterSection(_Section):
    """Daily meter readings of firms.

    Attributes
    ----------
    firms : number of firms at scale 1.
    days : length of the series that ends on the day before the demo day.
    drops : firms whose use falls and stays low (planted).
    holidays : dates on which everybody uses less; a fall on them is no drop.
    """

    firms: int = Field(gt=0)
    days: int = Field(gt=0)
    drops: int = Field(default=0, ge=0)
    near_misses: int = Field(default=0, ge=0)
    holidays: tuple[date, ...] = ()


class DemoDeclaration(_Section):
    """The content of ``demo.yaml``.

    Attributes
    ----------
    seed, day : used where the caller gives none.
    vocabulary : words for text properties, by property name, in any layer that has it.
    feeds : vessels, trucks, weighings, cameras and what is planted in them, or None.
    """

    seed: int = Field(ge=0)
    day: date
    geography: GeographySection
    vocabulary: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    layers: tuple[Recipe, ...] = ()
    rasters: RasterSection | None = None
    meters: MeterSection | None = None
    feeds: FeedPlan | None = None


@dataclass(frozen=True)
class ManifestEntry:
    """One written file, as the manifest lists it.

    Attributes
    ----------
    file : path relative to the demo folder.
    feed : decoder family: ais, gps, wim, camera, layer, register, meter, raster or truth.
    layer : id of the layer or raster that it fills, "" for none.
    rows : lines, rows or pixels, the spoiled ones included.
    sha256 : of the file's bytes, hexadecimal.
    crs : of its coordinates, "" for none.
    time : that a raster shows, "" for none.
    """

    file: str
    feed: str
    layer: str
    rows: int
    sha256: str
    crs: str = ""
    time: str = ""


def read_demo(city: City) -> DemoDeclaration:
    """Read a city's ``demo.yaml``.

    Raises
    ------
    DeclarationError
        naming file, line and field of the first thing that doesn't fit.
    """
    declaration = read(city.path("demo.yaml"))
    demo = declaration.into(DemoDeclaration)
    for number, recipe in enumerate(demo.layers):
        if recipe.layer not in city.layers:
            raise declaration.error(("layers", number, "layer"), f"no layer '{recipe.layer}'")
    for field in ("land_cover", "elevation", "population"):
        raster = getattr(demo.rasters, field, None)
        if raster is not None and raster not in city.rasters:
            raise declaration.error(("rasters", field), f"no raster '{raster}'")
    for number, street in enumerate(demo.geography.streets):
        if street.town not in city.jurisdictions:
            raise declaration.error(
                ("geography", "streets", number, "town"), f"no jurisdiction '{street.town}'"
            )
    return demo
