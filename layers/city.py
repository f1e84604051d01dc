"""A city is a folder of declarations; nothing in code knows one by name.

::

    data/<city>/city.yaml             name, zone, CRS, domains, departments, outline, contents
    data/<city>/jurisdictions.yaml    the tree: district, towns, villages with codes, names, centres
    data/<city>/layers/<id>.yaml      one layer each
    data/<city>/rules/<id>.yaml       thresholds of one rule each, dated and sourced
    data/<city>/event_types.yaml      code table of events
    data/<city>/sources.yaml          where feeds come from, in which datum and time zone
    data/<city>/content/…             declared rows, such as dated zones, loaded by `onemap init`
    data/<city>/demo.yaml             what the simulator builds (see `ingest.simulator`)
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from layers.declaration import Declaration, read
from layers.errors import DeclarationError, UnknownLayer
from layers.spec import LayerSpec
from layers.text import Text

SYSTEM_LAYERS = Path(__file__).parent / "system"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
    level: Literal["district", "town", "village"]
    kind: str = ""
    parent: str | None = None
    centre: tuple[float, float] | None = None
    provenance: str = "proposal"


class EventType(_Declared):
    """A class of events from the city's code table."""

    code: str
    title: Text
    group: Text | None = None
    handle_hours: float | None = None
    provenance: str = "proposal"


class Content(_Declared):
    """Declared rows that `onemap init` loads into a layer."""

    layer: str
    file: str
    crs: str = "EPSG:4326"


class Source(_Declared):
    """A feed: who sends it, in which datum and time zone, and how often.

    Attributes
    ----------
    feed : decoder family: ais, gps, wim, camera, layer or register.
    crs : datum of the coordinates as sent: EPSG code, ``GCJ-02`` or ``BD-09``.
    zone : IANA zone of times sent without one.
    columns : names in the file for our names, where they differ.
    """

    id: str
    title: Text
    feed: Literal["ais", "gps", "wim", "camera", "layer", "register"]
    crs: str = "EPSG:4326"
    zone: str = "UTC"
    owner: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    provenance: str = "proposal"


class CityDeclaration(_Declared):
    """The content of ``city.yaml``.

    Attributes
    ----------
    crs : projected CRS for distances in metres, such as ``EPSG:32651``.
    bounds : lon/lat box (minx, miny, maxx, maxy) in EPSG:4326 that every row must lie in.
    outline : GeoJSON of the land area, relative to the city folder.
    synthetic : words shown on every page where the city's data are made up, or None.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Text
    zone: str
    crs: str
    bounds: tuple[float, float, float, float]
    outline: str | None = None
    synthetic: Text | None = None
    domains: tuple[Domain, ...]
    departments: tuple[Department, ...]
    contents: tuple[Content, ...] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError) as failure:
            raise ValueError("not an IANA time zone, such as Asia/Shanghai") from failure
        return value

    @field_validator("bounds")
    @classmethod
    def _box(cls, value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        minx, miny, maxx, maxy = value
        if not (-180 <= minx < maxx <= 180 and -90 <= miny < maxy <= 90):
            raise ValueError("expected lon/lat as (min lon, min lat, max lon, max lat)")
        return value


class RuleDeclaration(_Declared):
    """The thresholds of one rule, dated and sourced.

    Attributes
    ----------
    id : name of the declaration; events carry it.
    kind : which rule of `analytics.rules` it configures; the id where it is left out.
    version : raised at every change; part of each event's identity.
    event_type : code of the events it raises.
    departments : who handles them, lead first.
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
    enabled: bool = True
    parameters: dict[str, Any]
    sources: dict[str, str] = Field(default_factory=dict)


class City:
    """All declarations of one city, checked.

    Parameters
    ----------
    folder : the city's folder.

    Raises
    ------
    DeclarationError
        naming file, line and field of the first thing that doesn't fit.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        declaration = read(folder / "city.yaml")
        self.declaration = declaration.into(CityDeclaration)
        self._domains = {d.id for d in self.declaration.domains}
        self._departments = {d.id: d for d in self.declaration.departments}
        self._check_unique(declaration, "domains", [d.id for d in self.declaration.domains])
        self._check_unique(declaration, "departments", [d.id for d in self.declaration.departments])
        self.event_types = self._table("event_types.yaml", "event_types", EventType, "code")
        self.jurisdictions = self._table("jurisdictions.yaml", "jurisdictions", Jurisdiction, "code")
        self.sources = self._table("sources.yaml", "sources", Source, "id")
        self.layers = self._read_layers()
        self.rules = self._read_rules()
        self._check_tree()
        for number, content in enumerate(self.declaration.contents):
            if content.layer not in self.layers:
                raise declaration.error(("contents", number, "layer"), f"no layer '{content.layer}' is declared")

    @property
    def id(self) -> str:
        """Short name of the city, used for file names."""
        return self.declaration.id

    @property
    def title(self) -> Text:
        """Name of the city."""
        return self.declaration.title

    @property
    def crs(self) -> str:
        """Projected CRS in which distances are taken."""
        return self.declaration.crs

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Lon/lat box of everything the city looks at (EPSG:4326)."""
        return self.declaration.bounds

    @cached_property
    def zone(self) -> ZoneInfo:
        """Time zone for people; inside, time is UTC."""
        return ZoneInfo(self.declaration.zone)

    @property
    def departments(self) -> dict[str, Department]:
        """Departments by id."""
        return self._departments

    def layer(self, layer: str) -> LayerSpec:
        """Return a layer's declaration; UnknownLayer where there is none."""
        try:
            return self.layers[layer]
        except KeyError:
            raise UnknownLayer(layer, list(self.layers)) from None

    def path(self, relative: str) -> Path:
        """A file inside the city's folder.

        Raises
        ------
        DeclarationError
            for a path that leaves the folder.
        """
        path = (self.folder / relative).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise DeclarationError(self.folder / "city.yaml", 0, relative, "leaves the city's folder")
        return path

    @staticmethod
    def _check_unique(declaration: Declaration, field: str, ids: list[str]) -> None:
        for number, key in enumerate(ids):
            if key in ids[:number]:
                raise declaration.error((field, number), f"'{key}' is given twice")

    def _table(self, name: str, field: str, model: type[Any], key: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.exists():
            return {}
        declaration = read(path)
        rows = declaration.content.get(field) if isinstance(declaration.content, dict) else None
        if not isinstance(rows, list):
            raise declaration.error((field,), f"expected a list under '{field}'")
        built = [declaration.into(model, (field, number)) for number in range(len(rows))]
        self._check_unique(declaration, field, [getattr(row, key) for row in built])
        return {getattr(row, key): row for row in built}

    def _read_layers(self) -> dict[str, LayerSpec]:
        layers: dict[str, LayerSpec] = {}
        system = sorted(SYSTEM_LAYERS.glob("*.yaml"))
        for path in [*system, *sorted((self.folder / "layers").glob("*.yaml"))]:
            declaration = read(path)
            spec = declaration.into(LayerSpec)
            own = path.parent != SYSTEM_LAYERS
            if spec.id != path.stem:
                raise declaration.error(("id",), f"file is named '{path.stem}', its layer '{spec.id}'")
            if own and spec.domain not in self._domains:
                raise declaration.error(("domain",), f"no domain '{spec.domain}' in city.yaml")
            if own and spec.owner not in self._departments:
                raise declaration.error(("owner",), f"no department '{spec.owner}' in city.yaml")
            if own and spec.id in layers:
                missing = {p.name for p in layers[spec.id].properties} - {p.name for p in spec.properties}
                if missing:
                    raise declaration.error(
                        ("properties",), f"the platform's own layer also has {', '.join(sorted(missing))}"
                    )
            layers[spec.id] = spec
        return layers

    def _read_rules(self) -> dict[str, RuleDeclaration]:
        rules: dict[str, RuleDeclaration] = {}
        for path in sorted((self.folder / "rules").glob("*.yaml")):
            declaration = read(path)
            rule = declaration.into(RuleDeclaration)
            if rule.id != path.stem:
                raise declaration.error(("id",), f"file is named '{path.stem}', its rule '{rule.id}'")
            if self.event_types and rule.event_type not in self.event_types:
                raise declaration.error(("event_type",), f"no event type '{rule.event_type}' in event_types.yaml")
            for number, department in enumerate(rule.departments):
                if department not in self._departments:
                    raise declaration.error(("departments", number), f"no department '{department}' in city.yaml")
            rules[rule.id] = rule if rule.kind else rule.model_copy(update={"kind": rule.id})
        return rules

    def _check_tree(self) -> None:
        for unit in self.jurisdictions.values():
            if unit.parent is not None and unit.parent not in self.jurisdictions:
                raise DeclarationError(
                    self.folder / "jurisdictions.yaml", 0, unit.code, f"parent '{unit.parent}' is not declared"
                )
