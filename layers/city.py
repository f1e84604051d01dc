"""A city is a folder of declarations; nothing in code knows one by name.

::

    data/<city>/city.yaml             name, zone, CRS, domains, departments, outline, contents
    data/<city>/jurisdictions.yaml    the tree: district, towns, villages with codes, names, centres
    data/<city>/layers/<id>.yaml      one layer each
    data/<city>/rasters/<id>.yaml     one raster each
    data/<city>/preparation.yaml      what is done to positions before rules see them; may be absent
    data/<city>/rules/<id>.yaml       thresholds of one rule each, dated and sourced
    data/<city>/access.yaml           roles: who sees and does what; defaults where it is missing
    data/<city>/event_types.yaml      code table of events
    data/<city>/sources.yaml          where feeds come from, in which datum and time zone
    data/<city>/content/…             declared rows, such as dated zones, loaded by `onemap init`
    data/<city>/demo.yaml             what the simulator builds (see `ingest.simulator`)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from layers.city_declaration import (
    LEVELS,
    CityDeclaration,
    Content,
    Department,
    Domain,
    EventType,
    Jurisdiction,
    PreparationDeclaration,
    RuleDeclaration,
    Source,
)
from layers.declaration import Declaration, Location, read
from layers.errors import DeclarationError, UnknownLayerError
from layers.rasters.spec import RasterSpec
from layers.roles import DEFAULT_ROLES, Role, Roles
from layers.spec import LayerSpec
from layers.subtrees import prefixes
from layers.text import Text

__all__ = [
    "City",
    "CityDeclaration",
    "Content",
    "Department",
    "Domain",
    "EventType",
    "Jurisdiction",
    "RuleDeclaration",
    "Source",
]

SYSTEM_LAYERS = Path(__file__).parent / "system"
Row = TypeVar("Row", bound=BaseModel)


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
        self.event_types: dict[str, EventType] = self._table(
            "event_types.yaml", "event_types", EventType, "code"
        )
        self.jurisdictions: dict[str, Jurisdiction] = self._table(
            "jurisdictions.yaml", "jurisdictions", Jurisdiction, "code", self._check_tree
        )
        self.sources: dict[str, Source] = self._table(
            "sources.yaml", "sources", Source, "id", self._check_owners
        )
        roles = self._table("access.yaml", "roles", Role, "id") or self._default_roles()
        parents = {unit.code: unit.parent for unit in self.jurisdictions.values()}
        self.roles = Roles(roles, parents, frozenset(self._departments))
        self.layers = self._read_layers()
        self.rasters = self._read_rasters()
        self.rules = self._read_rules()
        self.preparation = self._read_preparation()
        self._check_files(declaration)

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
        """Return a layer's declaration; UnknownLayerError where there is none."""
        try:
            return self.layers[layer]
        except KeyError:
            raise UnknownLayerError(layer, list(self.layers)) from None

    def raster(self, raster: str) -> RasterSpec:
        """Return a raster's declaration; UnknownLayerError where there is none."""
        try:
            return self.rasters[raster]
        except KeyError:
            raise UnknownLayerError(raster, list(self.rasters), "raster") from None

    @cached_property
    def platform_layers(self) -> frozenset[str]:
        """Ids of the layers that the platform itself writes: alerts, cases, tracks, lineage."""
        return frozenset(path.stem for path in SYSTEM_LAYERS.glob("*.yaml"))

    def path(self, relative: str) -> Path:
        """Return a file inside the city's folder.

        Raises
        ------
        DeclarationError
            for a path that leaves the folder.
        """
        path = (self.folder / relative).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise DeclarationError(
                self.folder / "city.yaml", 0, relative, "leaves the city's folder"
            )
        return path

    @staticmethod
    def _check_unique(declaration: Declaration, field: str, ids: list[str]) -> None:
        for number, key in enumerate(ids):
            if key in ids[:number]:
                raise declaration.error((field, number), f"'{key}' is given twice")

    def _default_roles(self) -> dict[str, Role]:
        declaration = read(DEFAULT_ROLES)
        number = len(declaration.content["roles"])
        rows = [declaration.into(Role, ("roles", n)) for n in range(number)]
        return {role.id: role for role in rows}

    def _table(
        self,
        name: str,
        field: str,
        model: type[Row],
        key: str,
        check: Callable[[Declaration, dict[str, Row]], None] | None = None,
    ) -> dict[str, Row]:
        path = self.folder / name
        if not path.exists():
            return {}
        declaration = read(path)
        content = declaration.content if isinstance(declaration.content, dict) else {}
        for other in content:
            if other != field:
                raise declaration.error((other,), f"expected '{field}' only")
        rows = content.get(field)
        if not isinstance(rows, list):
            raise declaration.error((field,), f"expected a list under '{field}'")
        built = [declaration.into(model, (field, number)) for number in range(len(rows))]
        self._check_unique(declaration, field, [getattr(row, key) for row in built])
        table = {getattr(row, key): row for row in built}
        if check is not None:
            check(declaration, table)
        return table

    def _check_tree(self, declaration: Declaration, units: dict[str, Jurisdiction]) -> None:
        for number, unit in enumerate(units.values()):
            at: Location = ("jurisdictions", number)
            if unit.centre is not None and not self._in_bounds(unit.centre):
                raise declaration.error((*at, "centre"), "lies outside of the city's bounds")
            if unit.parent is None:
                continue
            parent = units.get(unit.parent)
            if parent is None:
                raise declaration.error((*at, "parent"), f"'{unit.parent}' is not declared")
            # Levels that only go up also rule out a unit that is its own ancestor.
            if LEVELS.index(parent.level) >= LEVELS.index(unit.level):
                reason = f"a {unit.level} can't lie in '{parent.code}', which is a {parent.level}"
                raise declaration.error((*at, "parent"), reason)
            if not unit.code.startswith(parent.code.rstrip("0")):
                reason = f"expected to start with its parent's '{parent.code}'"
                raise declaration.error((*at, "code"), reason)
        parents = {unit.code: unit.parent for unit in units.values()}
        for number, (code, prefix) in enumerate(prefixes(parents).items()):
            if prefix is None:
                reason = f"'{code}' doesn't mark off its units: a neighbour's code begins like it"
                raise declaration.error(("jurisdictions", number, "code"), reason)

    def _in_bounds(self, point: tuple[float, float]) -> bool:
        minx, miny, maxx, maxy = self.bounds
        return minx <= point[0] <= maxx and miny <= point[1] <= maxy

    def _check_owners(self, declaration: Declaration, sources: dict[str, Source]) -> None:
        for number, source in enumerate(sources.values()):
            if source.owner is not None:
                self._check_department(declaration, ("sources", number, "owner"), source.owner)

    def _check_department(self, declaration: Declaration, at: Location, department: str) -> None:
        if department not in self._departments:
            raise declaration.error(at, f"no department '{department}' in city.yaml")

    def _check_files(self, declaration: Declaration) -> None:
        if self.declaration.outline is not None:
            self._check_file(declaration, ("outline",), self.declaration.outline)
        for number, content in enumerate(self.declaration.contents):
            at: Location = ("contents", number)
            if content.layer not in self.layers:
                raise declaration.error((*at, "layer"), f"no layer '{content.layer}' is declared")
            self._check_file(declaration, (*at, "file"), content.file)

    def _check_file(self, declaration: Declaration, at: Location, relative: str) -> None:
        try:
            found = self.path(relative).is_file()
        except (DeclarationError, ValueError) as failure:
            raise declaration.error(at, f"'{relative}' leaves the city's folder") from failure
        if not found:
            raise declaration.error(at, f"there is no file '{relative}' in the city's folder")

    def _files(self, folder: str) -> list[Path]:
        paths = sorted((self.folder / folder).glob("*.y*ml"))
        for path in paths:
            if path.suffix != ".yaml":
                raise DeclarationError(path, 0, "", "declarations end in .yaml; rename it")
        return paths

    def _read_layers(self) -> dict[str, LayerSpec]:
        layers: dict[str, LayerSpec] = {}
        for path in sorted(SYSTEM_LAYERS.glob("*.yaml")):
            layers[path.stem] = read(path).into(LayerSpec)
        for path in self._files("layers"):
            declaration = read(path)
            spec = declaration.into(LayerSpec)
            if spec.id != path.stem:
                reason = f"file is named '{path.stem}', its layer '{spec.id}'"
                raise declaration.error(("id",), reason)
            if spec.domain not in self._domains:
                raise declaration.error(("domain",), f"no domain '{spec.domain}' in city.yaml")
            self._check_department(declaration, ("owner",), spec.owner)
            if not spec.property(spec.id_field).required:
                raise declaration.error(("id_field",), f"property '{spec.id_field}' isn't required")
            if spec.id in layers:
                _check_extends(declaration, spec, layers[spec.id])
            layers[spec.id] = spec
        return layers

    def _read_rasters(self) -> dict[str, RasterSpec]:
        rasters: dict[str, RasterSpec] = {}
        for path in self._files("rasters"):
            declaration = read(path)
            spec = declaration.into(RasterSpec)
            if spec.id != path.stem:
                reason = f"file is named '{path.stem}', its raster '{spec.id}'"
                raise declaration.error(("id",), reason)
            if spec.id in self.layers:
                raise declaration.error(("id",), f"'{spec.id}' is a layer; choose another id")
            if spec.domain not in self._domains:
                raise declaration.error(("domain",), f"no domain '{spec.domain}' in city.yaml")
            self._check_department(declaration, ("owner",), spec.owner)
            rasters[spec.id] = spec
        return rasters

    def _read_preparation(self) -> PreparationDeclaration:
        path = self.folder / "preparation.yaml"
        return (
            read(path).into(PreparationDeclaration) if path.exists() else PreparationDeclaration()
        )

    def _read_rules(self) -> dict[str, RuleDeclaration]:
        rules: dict[str, RuleDeclaration] = {}
        for path in self._files("rules"):
            declaration = read(path)
            rule = declaration.into(RuleDeclaration)
            if rule.id != path.stem:
                reason = f"file is named '{path.stem}', its rule '{rule.id}'"
                raise declaration.error(("id",), reason)
            if self.event_types and rule.event_type not in self.event_types:
                reason = f"no event type '{rule.event_type}' in event_types.yaml"
                raise declaration.error(("event_type",), reason)
            for number, department in enumerate(rule.departments):
                self._check_department(declaration, ("departments", number), department)
            rules[rule.id] = rule if rule.kind else rule.model_copy(update={"kind": rule.id})
        return rules


def _check_extends(declaration: Declaration, own: LayerSpec, system: LayerSpec) -> None:
    """Let a city add properties to one of the platform's layers, not drop or retype any."""
    types = {p.name: p.type for p in own.properties}
    for p in system.properties:
        if types.get(p.name) != p.type:
            reason = f"the platform's own layer needs '{p.name}' of type {p.type}"
            raise declaration.error(("properties",), reason)
    if (own.geometry, own.id_field) != (system.geometry, system.id_field):
        reason = f"the platform's own layer has {system.geometry} and id '{system.id_field}'"
        raise declaration.error(("geometry",), reason)
    if own.routed_by != system.routed_by:
        reason = f"the platform's own layer is routed by '{system.routed_by}'"
        raise declaration.error(("routed_by",), reason)
