"""What a raster is: one YAML file in ``data/<city>/rasters/`` declares one.

Everything that the platform knows of it (checks of its files, its coverage, its colours) follows
from this declaration.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from layers.rasters.moment import Step
from layers.text import Text

NAME = r"^[a-z][a-z0-9_]{0,62}$"
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
PixelType = Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
# A palette of more classes could not be told apart, nor be listed in a schema.
_MOST_CLASSES = 256


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PixelClass(_Declared):
    """One class of a classified band: its value, title and colour."""

    value: int
    title: Text
    colour: Colour


class Stop(_Declared):
    """A value of a colour ramp and the colour that it has; between two stops colours are mixed."""

    value: float
    colour: Colour


class Band(_Declared):
    """One band: what its pixel values mean.

    Attributes
    ----------
    name : field name in schemas and requests, snake_case.
    type : of the pixels in the file.
    unit : UCUM code of the unit, or None.
    classes : the only values allowed, of a classified band.
    ramp : colours of a measured band, in rising order of values.
    minimum, maximum : values drawn black and white where there is no ramp; 0 and 255 for uint8.
    """

    name: str = Field(pattern=NAME)
    title: Text
    description: Text | None = None
    type: PixelType
    unit: str | None = None
    classes: tuple[PixelClass, ...] = Field(default=(), max_length=_MOST_CLASSES)
    ramp: tuple[Stop, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _drawable(self) -> Band:
        if self.classes:
            self._check_classes()
        elif self.ramp:
            values = [stop.value for stop in self.ramp]
            if len(values) < 2 or any(a >= b for a, b in pairwise(values)):
                raise ValueError("a ramp has two or more stops with rising values")
        elif self.limits[0] >= self.limits[1]:
            raise ValueError(f"band '{self.name}' needs classes, a ramp, or minimum and maximum")
        return self

    def _check_classes(self) -> None:
        if self.ramp or self.type.startswith("float"):
            raise ValueError("classes are for bands of whole numbers, without a ramp")
        values = [row.value for row in self.classes]
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"class {value} is given twice")
            if not fits(value, self.type):
                raise ValueError(f"class {value} does not fit into {self.type}")

    @property
    def limits(self) -> tuple[float, float]:
        """Values drawn darkest and lightest; equal where nothing says them."""
        if self.ramp:
            return self.ramp[0].value, self.ramp[-1].value
        low = 0.0 if self.minimum is None else self.minimum
        high = 255.0 if self.maximum is None and self.type == "uint8" else self.maximum
        return low, low if high is None else high

    @property
    def classified(self) -> bool:
        """Whether values name classes, which can't be averaged."""
        return bool(self.classes)


class RasterSpec(_Declared):
    """The declaration of one raster.

    Attributes
    ----------
    id : collection id, snake_case, of no layer.
    domain : key of one of the city's domains.
    owner : id of the department that answers for it.
    sensitivity : who may see it. There are no personal rasters: a pixel can't be suppressed as a
        small count can.
    time : how far apart its scenes are; None for a raster without time, which has one scene.
    bands : in the order of the file; all of one type, as GeoTIFF keeps them.
    nodata : value of pixels without value, in every band; None where there is none.
    composite : names of the bands drawn as red, green and blue; the first band alone by default.
    synthetic : whether its values are made up.
    update : how often the owner promises new data, in words.
    """

    id: str = Field(pattern=NAME)
    title: Text
    description: Text
    domain: str
    owner: str
    sensitivity: Literal["public", "internal", "restricted"] = "internal"
    time: Step | None = None
    bands: tuple[Band, ...] = Field(min_length=1, max_length=64)
    nodata: float | None = None
    composite: tuple[str, str, str] | None = None
    synthetic: bool = False
    update: Text | None = None
    provenance: str = "proposal"

    @model_validator(mode="after")
    def _consistent(self) -> RasterSpec:
        names = [band.name for band in self.bands]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"band given twice: {', '.join(doubled)}")
        kinds = sorted({band.type for band in self.bands})
        if len(kinds) > 1:
            raise ValueError(f"bands of one file have one type, found {', '.join(kinds)}")
        if self.nodata is not None and not fits(self.nodata, kinds[0]):
            raise ValueError(f"nodata {self.nodata:g} does not fit into {kinds[0]}")
        for band in self.bands:
            if self.nodata in [row.value for row in band.classes]:
                raise ValueError(f"nodata {self.nodata:g} is also a class of '{band.name}'")
        for name in self.composite or ():
            if name not in names:
                raise ValueError(f"composite: '{name}' is no band")
        return self

    @property
    def type(self) -> PixelType:
        """Type of the pixels of every band."""
        return self.bands[0].type

    @property
    def classified(self) -> bool:
        """Whether any band is classified, so that pixels are taken as they are, never averaged."""
        return any(band.classified for band in self.bands)

    def band(self, name: str) -> Band:
        """Return the band of that name; KeyError where there is none."""
        for band in self.bands:
            if band.name == name:
                return band
        raise KeyError(name)

    def number(self, name: str) -> int:
        """Return the 1-based number of a band in the file; KeyError where there is none."""
        self.band(name)
        return [band.name for band in self.bands].index(name) + 1


def fits(value: float, kind: PixelType) -> bool:
    """Whether a pixel of a type can hold a value exactly."""
    if kind.startswith("float"):
        return math.isfinite(value)
    bits = int(kind.removeprefix("u").removeprefix("int"))
    low = 0 if kind.startswith("u") else -(2 ** (bits - 1))
    high = 2 ** (bits if kind.startswith("u") else bits - 1) - 1
    return float(value).is_integer() and low <= value <= high
