"""What a vessel claims to be, by the name and type that it sends."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from analytics.content import content_version
from analytics.names import Names, NameTables
from analytics.rule import Columns, Parameters, State, once

UNKNOWN, FISHING, OTHER = "unknown", "fishing", "other"


class Named(Protocol):
    """What tells of what a vessel claims to be: `Said`, or the static data of a preparation."""

    @property
    def name(self) -> str:
        """As it was sent, empty where it was not."""

    @property
    def ship_type(self) -> int:
        """Code of AIS, 0 where none was sent."""


class ClaimParameters(Parameters):
    """What both rules on fishing vessels declare.

    Attributes
    ----------
    names : tables about names.
    ship_types : AIS types that claim to be a fishing boat.
    identity_window_s : how long after it is needed a name may come and still count.
    silence_s : a vessel not heard for longer has to say again what it is.
    """

    names: NameTables
    ship_types: tuple[int, ...] = ()
    identity_window_s: float = Field(default=86_400, gt=0)
    silence_s: float = Field(default=172_800, gt=0)

    @model_validator(mode="after")
    def _silence_beyond_window(self) -> Self:
        if self.silence_s < self.identity_window_s:
            raise ValueError("silence_s must not be shorter than identity_window_s")
        return self


class Claims:
    """Decides what a vessel claims to be, and how long a claim outlives the vessel's silence.

    Attributes
    ----------
    key : equal where claims are decided alike.
    """

    def __init__(self, names: Names, parameters: ClaimParameters) -> None:
        self.names, self.ship_types = names, frozenset(parameters.ship_types)
        self.silence_ms = round(parameters.silence_s * 1000)
        tables = parameters.names.model_dump_json()
        self.key = content_version([tables, *sorted(self.ship_types)])
        self._decide = lru_cache(maxsize=65_536)(self._decided)

    def of(self, said: Named | None) -> str:
        """``fishing``, ``other``, or ``unknown`` while name or type may still decide it."""
        return UNKNOWN if said is None else self._decide(said.name, said.ship_type)

    def fishing(self, columns: Columns) -> npt.NDArray[np.bool_]:
        """Whether vessels claim to be fishing boats at each row of prepared columns; shape (n,)."""
        return once(columns, f"claims fishing {self.key}", lambda: self._fishing(columns))

    def _fishing(self, columns: Columns) -> npt.NDArray[np.bool_]:
        version = columns["version"]
        if not len(version):
            return np.zeros(0, bool)
        first = np.flatnonzero(np.concatenate([[True], version[1:] != version[:-1]]))
        claims = [self.of(said) == FISHING for said in columns["said"][first].tolist()]
        return np.repeat(np.array(claims), np.diff(np.append(first, len(version))))

    def forget(self, known: State, watermark_ms: int) -> None:
        """Drop what silent movers said, which `follow` would not use for any later row."""
        oldest = watermark_ms - self.silence_ms
        for mover in [name for name, said in known.items() if said[-1] < oldest]:
            del known[mover]

    def _decided(self, name: str, ship_type: int) -> str:
        if name and self.names.is_buoy(name):
            return OTHER
        if ship_type in self.ship_types or (name and self.names.claims_fishing(name)):
            return FISHING
        return UNKNOWN if not name or not ship_type else OTHER
