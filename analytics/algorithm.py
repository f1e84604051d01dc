"""The contract of an algorithm: a versioned analysis with typed inputs and outputs.

An algorithm is one file in `analytics/algorithms/`; `analytics.algorithms.discover` finds it. It
reads rows only through the `analytics.reader.Reader` that it is handed, which holds the walls of
whoever asks, and tells how far it is by a `Progress`, which is also how it is stopped. Each one is
an OGC API process (OGC 18-062r2), a command and a method in a notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from layers.errors import OnemapError
from layers.text import Text

if TYPE_CHECKING:
    from analytics.reader import Reader

JSON = "application/json"
GEOJSON = "application/geo+json"
CSV = "text/csv"
TEXT = "text/plain"
# What an input is, beyond its JSON type: a layer or raster of the city may be named or given by
# reference, a box comes with its reference system.
Kind = Literal["value", "layer", "raster", "bbox"]
_ABOUT = "onemap"
# As the standard describes boxes (OGC 18-062r2, table 13).
BBOX: dict[str, Any] = {
    "allOf": [
        {"format": "ogc-bbox"},
        {
            "$ref": "https://schemas.opengis.net/ogcapi/processes/part1/1.0/openapi/schemas/bbox.yaml"
        },
    ]
}


class InputError(OnemapError):
    """An input that can't be used.

    Parameters
    ----------
    name : the input at fault, "" where it is all of them together.
    reason : what was found and what was expected.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name}: {reason}" if name else reason)


class StoppedError(Exception):
    """The run was dismissed, or is out of time; the message says which."""


class Progress(Protocol):
    """How a run tells how far it is, and learns that it is to stop."""

    def __call__(self, fraction: float, words: str = "") -> None:
        """Tell the share that is done, 0–1, and what is being done.

        Raises
        ------
        StoppedError
            where the run was dismissed or is out of time.
        """

    def pause(self, seconds: float) -> None:
        """Wait; StoppedError as soon as the run is to stop."""


class Silent:
    """A progress that nobody watches and nothing stops."""

    def __call__(self, fraction: float, words: str = "") -> None:
        """Do nothing."""

    def pause(self, seconds: float) -> None:
        """Do not wait."""


class Inputs(BaseModel):
    """Base of an algorithm's typed inputs; units stand in the names.

    JSON types are not turned into each other: a text is no number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


@dataclass(frozen=True)
class About:
    """What a description says of an input beside its schema.

    Attributes
    ----------
    title : short name.
    kind : see `Kind`.
    most : values taken; more than one come as a list.
    schema : JSON Schema to publish in the place of the one made from the type.
    """

    title: Text
    kind: Kind = "value"
    most: int = 1
    schema: dict[str, Any] | None = None


def given(
    en: str,
    zh: str,
    default: Any = ...,
    *,
    kind: Kind = "value",
    most: int = 1,
    schema: dict[str, Any] | None = None,
    **limits: Any,
) -> Any:
    """Declare one input: its names, its default (none: it must be given) and its limits.

    Parameters
    ----------
    en, zh : short name.
    kind, most, schema : see `About`.
    limits : as pydantic's ``Field`` takes them, such as ``ge`` and ``max_length``.
    """
    about = About(Text(en=en, zh=zh), kind, most, schema)
    if most > 1:
        limits.setdefault("max_length", most)
    return Field(default, json_schema_extra={_ABOUT: about}, **limits)  # type: ignore[dict-item]


def about(info: FieldInfo) -> About:
    """Return what `given` said of an input."""
    extra = info.json_schema_extra
    assert isinstance(extra, dict), "inputs are declared with `given`"
    told: Any = extra[_ABOUT]
    assert isinstance(told, About)
    return told


@dataclass(frozen=True)
class Output:
    """What an algorithm gives.

    Attributes
    ----------
    title : short name.
    schema : JSON Schema of the value.
    media : media types it can be had in, the usual one first; values of `analytics.table.Table` can
        be had as GeoJSON and CSV.
    """

    title: Text
    schema: Mapping[str, Any]
    media: tuple[str, ...] = (JSON,)


# Outputs by name: plain JSON values, and tables (`analytics.table.Table`).
Outputs = dict[str, Any]
Run = Callable[["Reader", Any, Progress], Outputs]


@dataclass(frozen=True)
class Algorithm:
    """One analysis.

    Attributes
    ----------
    id : short name, part of its address.
    version : changes with every change of what comes out.
    inputs : model of its inputs.
    outputs : by name.
    run : takes a reader, the inputs and a progress.
    """

    id: str
    version: str
    title: Text
    description: Text
    inputs: type[Inputs]
    outputs: Mapping[str, Output]
    run: Run
    keywords: tuple[str, ...] = field(default=())

    def read(self, values: Mapping[str, Any]) -> Inputs:
        """Check inputs given as JSON values.

        Raises
        ------
        InputError
            naming the first input that is unknown, missing or of another type than declared.
        """
        for name in values:
            if name not in self.inputs.model_fields:
                known = ", ".join(self.inputs.model_fields)
                raise InputError(_short(name), f"is no input of '{self.id}'; there are {known}")
        try:
            return self.inputs.model_validate_json(orjson.dumps(values))
        except ValidationError as failure:
            raise _refusal(failure) from failure
        except (TypeError, ValueError) as failure:
            raise InputError("", "the inputs are not JSON values") from failure

    def provenance(self, inputs: Inputs) -> dict[str, Any]:
        """Return what a result says of its making: algorithm, version and all parameters."""
        parameters = inputs.model_dump(mode="json")
        return {"process": self.id, "version": self.version, "parameters": parameters}


def _refusal(failure: ValidationError) -> InputError:
    first = failure.errors()[0]
    # A model's own check has no place; members of unions are no names of inputs.
    at = [str(part) for part in first["loc"]]
    name = at[0] if at else ""
    inner = f" (at {'.'.join(at[1:4])})" if len(at) > 1 else ""
    if first["type"] == "missing" and len(at) == 1:
        return InputError(name, "is missing")
    found = first.get("input")
    shown = "" if isinstance(found, dict | list) else f", found {_short(found)!r}"
    return InputError(name, f"{first['msg']}{inner}{shown}")


def _short(value: Any) -> Any:
    return value if not isinstance(value, str) or len(value) <= 60 else f"{value[:60]}…"


ALGORITHMS: dict[str, Algorithm] = {}
_F = TypeVar("_F", bound=Run)


def algorithm(
    key: str,
    version: str,
    title: Text,
    description: Text,
    inputs: type[Inputs],
    outputs: Mapping[str, Output],
    *,
    keywords: tuple[str, ...] = (),
) -> Callable[[_F], _F]:
    """Make a function an algorithm (see `Algorithm` for the parameters)."""

    def register(run: _F) -> _F:
        if key in ALGORITHMS:
            raise ValueError(f"algorithm '{key}' is registered twice")
        ALGORITHMS[key] = Algorithm(
            key, version, title, description, inputs, outputs, run, keywords
        )
        return run

    return register
