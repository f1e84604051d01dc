"""What a city lets people report through Open311 GeoReport v2 (``open311.yaml``).

Terms are those of the specification, https://wiki.open311.org/GeoReport_v2: a service is a kind of
matter that can be reported, a service request one report of it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from layers.city import City
from layers.city_declaration import EventType
from layers.declaration import Declaration, read
from layers.text import Text

DEFAULT = Path(__file__).parent / "open311.yaml"
FILE = "open311.yaml"
Datatype = Literal["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]
_ENV = r"^[A-Z][A-Z0-9_]{2,60}$"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Key(_Declared):
    """An application that may report.

    Attributes
    ----------
    digest_env : environment variable with the SHA-256 of its key, in hexadecimal.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    digest_env: str = Field(pattern=_ENV)


class Addresses(_Declared):
    """The layer whose rows are addresses.

    Attributes
    ----------
    text : properties that make up an address, written one after another.
    """

    layer: str
    text: tuple[str, ...] = Field(min_length=1)


class Choice(_Declared):
    """One value of a list to choose from."""

    key: str = Field(min_length=1, max_length=40)
    name: Text


class Attribute(_Declared):
    """A further question about matters whose code begins with one of ``kinds``."""

    kinds: tuple[str, ...] = Field(min_length=1)
    code: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,40}$")
    title: Text
    datatype: Datatype
    required: bool = False
    values: tuple[Choice, ...] = ()

    @model_validator(mode="after")
    def _has_choices(self) -> Attribute:
        if self.datatype.endswith("list") != bool(self.values):
            raise ValueError("lists to choose from have values, other questions have none")
        return self


class Limits(_Declared):
    """How many reports are taken within an hour, from one network address and with one key."""

    address_per_hour: int = Field(ge=1)
    key_per_hour: int = Field(ge=1)


class Open311(_Declared):
    """The content of ``open311.yaml`` (see there)."""

    changeset: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$")
    jurisdiction_id: str | None
    contact: Text
    key_service: Text
    service_notice: Text
    kinds: tuple[str, ...] | None
    anonymous: bool
    keys: tuple[Key, ...]
    shown_unscreened: bool
    addresses: Addresses | None
    attributes: tuple[Attribute, ...]
    repeat_window_minutes: float = Field(gt=0)
    limits: Limits
    sources: dict[str, str]

    def services(self, city: City) -> list[EventType]:
        """Event types that people may report, in the order of the city's table."""
        return [one for code, one in city.event_types.items() if self.takes(code)]

    def takes(self, code: str) -> bool:
        """Whether an event type of this code may be reported."""
        return self.kinds is None or code.startswith(self.kinds)

    def questions(self, code: str) -> list[Attribute]:
        """Further questions about matters of a kind."""
        return [one for one in self.attributes if code.startswith(one.kinds)]

    def application(self, key: str, environment: Mapping[str, str]) -> str | None:
        """Id of the application whose key it is, None where it is nobody's.

        Parameters
        ----------
        environment : where digests of keys come from.
        """
        given = hashlib.sha256(key.encode()).hexdigest()
        found = None
        for one in self.keys:
            kept = environment.get(one.digest_env, "").strip().lower()
            if hmac.compare_digest(given, kept or "-"):
                found = one.id
        return found


@lru_cache(maxsize=16)
def read_open311(city: City) -> Open311:
    """Read what a city lets people report, the defaults where it says nothing.

    Raises
    ------
    DeclarationError
        naming file, line and field of what does not fit.
    """
    own = city.folder / FILE
    default = read(DEFAULT)
    if not own.exists():
        return default.into(Open311)
    declaration = read(own)
    given = declaration.content if isinstance(declaration.content, dict) else {}
    inherited: dict[str, Any] = {k: v for k, v in default.content.items() if k not in given}
    if isinstance(given.get("sources"), dict):
        inherited["sources"] = default.content["sources"] | given["sources"]
    declared = declaration.into(Open311, **inherited)
    _check(city, declaration, declared)
    return declared


def _check(city: City, declaration: Declaration, declared: Open311) -> None:
    for number, beginning in enumerate(declared.kinds or ()):
        if not any(code.startswith(beginning) for code in city.event_types):
            reason = f"no event type in event_types.yaml begins with '{beginning}'"
            raise declaration.error(("kinds", number), reason)
    if declared.addresses is not None:
        spec = city.layers.get(declared.addresses.layer)
        if spec is None or spec.geometry != "Point":
            reason = f"no layer of points '{declared.addresses.layer}' is declared"
            raise declaration.error(("addresses", "layer"), reason)
        names = {p.name for p in spec.properties if p.type == "string"}
        for number, name in enumerate(declared.addresses.text):
            if name not in names:
                reason = f"layer '{spec.id}' has no text '{name}'"
                raise declaration.error(("addresses", "text", number), reason)
    codes = [(kind, one.code) for one in declared.attributes for kind in one.kinds]
    if len(set(codes)) < len(codes):
        raise declaration.error(("attributes",), "two questions of a kind have the same code")
