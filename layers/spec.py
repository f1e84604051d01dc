"""What a layer is: the declaration of one governance element (治理要素).

One YAML file in ``data/<city>/layers/`` declares one layer; everything that the platform knows of
it (table, validation, OGC collection, style) follows from this declaration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from layers.text import Text

PropertyType = Literal["string", "integer", "number", "boolean", "date", "datetime", "json"]
GeometryType = Literal[
    "Point",
    "LineString",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "Geometry",
    "None",
]
Sensitivity = Literal["public", "internal", "restricted", "personal"]

# Columns that every layer's table has beside its declared properties (see `layers.store.tables`).
SYSTEM_COLUMNS = (
    "gid",
    "fid",
    "geometry",
    "h3",
    "jurisdiction",
    "valid_from",
    "valid_to",
    "updated_at",
    "source",
)
# Names of tables that the stores and their formats need for themselves.
_RESERVED_TABLES = re.compile(
    r"(gpkg|rtree|sqlite|pg|postgis|idx)_.*|.*_history|cell_cover|spatial_ref_sys"
)
_NAME = r"^[a-z][a-z0-9_]{0,62}$"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class _Declared(BaseModel):
    # NaN as a bound would let every value through.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PropertySpec(_Declared):
    """One attribute of a layer.

    Attributes
    ----------
    name : column name, snake_case.
    type : JSON-like type; ``json`` is a nested value kept as text.
    unit : UCUM code of the unit (``m``, ``kg``, ``km/h``) or None.
    required : a row without it is refused.
    minimum, maximum : inclusive bounds of a number.
    values : the only values allowed.
    pattern : regular expression a text must match as a whole.
    items : type of the elements of a nested value that is a list; filters may ask for them.
    """

    name: str = Field(pattern=_NAME)
    type: PropertyType
    title: Text
    description: Text | None = None
    unit: str | None = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str | int | float, ...] | None = None
    pattern: str | None = None
    items: Literal["string", "integer", "number", "boolean"] | None = None

    @model_validator(mode="after")
    def _fits(self) -> PropertySpec:
        if self.name in SYSTEM_COLUMNS:
            raise ValueError(f"'{self.name}' is a column that every layer has; choose another name")
        numeric = self.type in ("integer", "number")
        if not numeric and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"minimum and maximum are for numbers, '{self.name}' is a {self.type}")
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low > high:
            raise ValueError(f"minimum {low:g} is above maximum {high:g}")
        if self.items is not None and self.type != "json":
            raise ValueError(f"items are of type json, '{self.name}' is a {self.type}")
        if self.pattern is not None:
            self._check_pattern(self.pattern)
        if self.values is not None:
            self._check_values(self.values)
        return self

    def _check_pattern(self, pattern: str) -> None:
        if self.type != "string":
            raise ValueError(f"pattern is for strings, '{self.name}' is a {self.type}")
        try:
            re.compile(pattern)
        except re.error as failure:
            raise ValueError(f"pattern is no regular expression: {failure}") from failure

    def _check_values(self, values: tuple[str | int | float, ...]) -> None:
        kinds: dict[str, tuple[type, ...]] = {
            "string": (str,),
            "integer": (int,),
            "number": (int, float),
        }
        if self.type not in kinds:
            raise ValueError(f"values are for texts and numbers, '{self.name}' is a {self.type}")
        if not values:
            raise ValueError("values are empty, so no value would be allowed")
        for value in values:
            if not isinstance(value, kinds[self.type]):
                raise ValueError(f"value {value!r} is not a {self.type}")


class Standard(_Declared):
    """Which code table the layer follows; codes are never invented, only quoted.

    Attributes
    ----------
    scheme : name of the code table, such as ``GB/T 30428.2``.
    codes : classes of that table that the layer holds.
    provenance : how far the codes were checked.
    """

    scheme: str
    codes: tuple[str, ...] = ()
    provenance: str


class Style(_Declared):
    """How the layer is drawn: colours as ``#rrggbb``, sizes in CSS pixels.

    ``by`` names a property whose values choose the colour from ``colours``, ``label`` the one that
    is written beside a row, ``overview`` those that vector tiles carry far off, beside these two.
    """

    colour: str = Field(default="#3366cc", pattern=r"^#[0-9a-fA-F]{6}$")
    size_px: float = Field(default=4, gt=0, le=40)
    opacity: float = Field(default=0.8, ge=0, le=1)
    by: str | None = None
    colours: dict[str, str] = Field(default_factory=dict)
    label: str | None = None
    overview: tuple[str, ...] = ()

    @field_validator("colours")
    @classmethod
    def _written_as_hex(cls, value: dict[str, str]) -> dict[str, str]:
        for key, colour in value.items():
            if not _COLOUR.fullmatch(colour):
                raise ValueError(f"colour of '{key}' should look like #3366cc, found {colour!r}")
        return value


class Quality(_Declared):
    """Rules that a batch must meet to be taken in.

    Attributes
    ----------
    inside_city : refuse rows further than ``tolerance_m`` outside of the city's extent.
    valid_geometry : refuse invalid rings instead of keeping them.
    max_age_days : rows older than this count as stale in the freshness figures.
    stated_place : properties that repeat a point's lon and lat; rows whose geometry lies further
        than ``stated_within_m`` from there are refused.
    """

    inside_city: bool = True
    tolerance_m: float = Field(default=1000, ge=0)
    valid_geometry: bool = True
    max_age_days: float | None = Field(default=None, gt=0)
    stated_place: tuple[str, str] | None = None
    stated_within_m: float = Field(default=10, gt=0)


class LayerSpec(_Declared):
    """The declaration of one layer.

    Attributes
    ----------
    id : table and collection id, snake_case.
    domain : key of one of the city's domains.
    kind : person, house, enterprise, thing, place or event (人房企物地事).
    geometry : OGC geometry type, ``None`` for a register without places.
    id_field : property that identifies a row; it becomes the row's ``fid``.
    time_field : property that ``datetime=`` filters on; None for timeless layers.
    routed_by : property with the ids of the departments that a row is routed to, comma-separated;
        None where rows are everybody's who sees the layer.
    indexed : properties whose ranges are asked for often; each has an index.
    append_only : rows are never changed or taken away, by whatever door.
    located : a row's unit is found by its place; False where whoever writes it says which it is.
    h3_resolution : resolution of the cell kept on each row, 0–15; None only without geometry.
    sensitivity : who may see rows; ``personal`` leaves the store as cell counts only.
    owner : id of the department that answers for the layer.
    update : how often the owner promises new data, in words.
    provenance : where the declaration comes from (seed, verified, proposal, memory).
    """

    id: str = Field(pattern=_NAME)
    title: Text
    description: Text
    domain: str
    kind: Literal["person", "house", "enterprise", "thing", "place", "event"]
    geometry: GeometryType
    properties: tuple[PropertySpec, ...]
    id_field: str
    time_field: str | None = None
    routed_by: str | None = None
    indexed: tuple[str, ...] = ()
    append_only: bool = False
    located: bool = True
    h3_resolution: int | None = Field(default=None, ge=0, le=15)
    sensitivity: Sensitivity = "internal"
    owner: str
    standard: Standard | None = None
    update: Text | None = None
    quality: Quality = Quality()
    style: Style = Style()
    provenance: str = "proposal"

    @model_validator(mode="after")
    def _consistent(self) -> LayerSpec:
        if _RESERVED_TABLES.fullmatch(self.id):
            raise ValueError(f"'{self.id}' is a table name that the stores need; choose another")
        names = [p.name for p in self.properties]
        doubled = sorted({n for n in names if names.count(n) > 1})
        if doubled:
            raise ValueError(f"property given twice: {', '.join(doubled)}")
        if self.id_field not in names:
            raise ValueError(f"id_field '{self.id_field}' is not a property")
        if self.property(self.id_field).type not in ("string", "integer"):
            raise ValueError(f"id_field '{self.id_field}' is neither string nor integer")
        self._check_time_field(names)
        self._check_routed_by(names)
        for name in self.indexed:
            if name not in names or self.property(name).type == "json":
                raise ValueError(f"indexed: '{name}' is no property, or a nested value")
        for name in self.quality.stated_place or ():
            if name not in names or self.property(name).type != "number":
                raise ValueError(f"quality.stated_place: '{name}' is no property of type number")
        if (self.h3_resolution is None) != (self.geometry == "None"):
            raise ValueError("h3_resolution is for layers with geometry, and needed there")
        style = self.style
        for key, named in (("by", style.by), ("label", style.label)):
            if named is not None and named not in names:
                raise ValueError(f"style.{key} '{named}' is not a property")
        for named in style.overview:
            if named not in names:
                raise ValueError(f"style.overview '{named}' is not a property")
        return self

    def _check_time_field(self, names: list[str]) -> None:
        if self.time_field is None:
            return
        if self.time_field not in names:
            raise ValueError(f"time_field '{self.time_field}' is not a property")
        if self.property(self.time_field).type not in ("date", "datetime"):
            raise ValueError(f"time_field '{self.time_field}' is neither date nor datetime")

    def _check_routed_by(self, names: list[str]) -> None:
        if self.routed_by is None:
            return
        if self.routed_by not in names:
            raise ValueError(f"routed_by '{self.routed_by}' is not a property")
        if self.property(self.routed_by).type != "string":
            raise ValueError(f"routed_by '{self.routed_by}' is not a string")

    @property
    def has_geometry(self) -> bool:
        """Whether rows have a place."""
        return self.geometry != "None"

    @property
    def has_cover(self) -> bool:
        """Whether rows are found by a set of covering cells, as lines and areas are."""
        return self.geometry not in ("None", "Point")

    def property(self, name: str) -> PropertySpec:
        """Return the property of that name; KeyError where there is none."""
        for spec in self.properties:
            if spec.name == name:
                return spec
        raise KeyError(name)


JSON_TYPES: Mapping[PropertyType, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "json": {},
}


def json_type(p: PropertySpec) -> dict[str, Any]:
    """JSON Schema of a property's type alone."""
    if p.items is not None:
        return {"type": "array", "items": dict(JSON_TYPES[p.items])}
    return dict(JSON_TYPES[p.type])


def json_schema(spec: LayerSpec, language: str = "en") -> dict[str, Any]:
    """JSON Schema (2020-12) of a row's properties, as OGC API – Features Part 5 publishes it."""
    properties: dict[str, Any] = {}
    for p in spec.properties:
        entry = {**json_type(p), "title": p.title.say(language)}
        optional = {
            "description": p.description.say(language) if p.description else None,
            "x-ogc-unit": p.unit,
            "minimum": p.minimum,
            "maximum": p.maximum,
            "enum": list(p.values) if p.values else None,
            "pattern": p.pattern,
        }
        entry |= {key: value for key, value in optional.items() if value is not None}
        if p.name == spec.id_field:
            entry["x-ogc-role"] = "id"
        elif p.name == spec.time_field:
            entry["x-ogc-role"] = "primary-instant"
        properties[p.name] = entry
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "title": spec.title.say(language),
        "description": spec.description.say(language),
        "properties": properties,
        "required": [p.name for p in spec.properties if p.required],
    }
