"""Who may see and do what: the walls of one group of readers, the same for every door.

Policy is role × jurisdiction subtree × department × sensitivity. What a reader may see of a layer's
rows is a `layers.query.Scope`, which the store itself puts into every question; whether a layer
exists for him at all, and whether he may change it, is answered here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from layers.query import EVERYTHING, Scope
from layers.spec import LayerSpec, Sensitivity

# What a role may do beyond reading: change rows, run processes, see and manage everybody's jobs;
# and to cases: confirm or reject them, send somebody, handle them, check what was done.
Right = Literal["edit", "run", "manage", "screen", "dispatch", "handle", "verify"]
RIGHTS: tuple[Right, ...] = (
    "edit",
    "run",
    "manage",
    "screen",
    "dispatch",
    "handle",
    "verify",
)


class Owned(Protocol):
    """What somebody answers for and not everybody may see: a layer, a raster."""

    @property
    def sensitivity(self) -> Sensitivity:
        """Who may see it."""

    @property
    def owner(self) -> str:
        """Department that answers for it."""


@dataclass(frozen=True)
class Audience:
    """A group of readers with the same walls.

    Attributes
    ----------
    name : short name, part of every cache key: two audiences with different walls never share one.
    sensitivities : layers of these are published as features; others don't exist for the reader.
    scope : rows that the readers may see.
    departments : restricted layers exist only if one of these departments owns them; None for all.
    rights : what they may do beyond reading.
    """

    name: str
    sensitivities: frozenset[Sensitivity]
    scope: Scope = EVERYTHING
    departments: frozenset[str] | None = None
    rights: frozenset[Right] = field(default=frozenset())

    def sees(self, spec: Owned) -> bool:
        """Whether a layer exists for these readers as rows, or a raster as pixels."""
        return spec.sensitivity in self.sensitivities and self._answers_for(spec, "restricted")

    def counts(self, spec: LayerSpec) -> bool:
        """Whether they may see how many rows a cell has: of what they see, and of personal layers.

        Counts of personal layers are kept small ones hidden (see `layers.aggregates`).
        """
        return self.sees(spec) or (spec.sensitivity == "personal" and self.internal)

    @property
    def internal(self) -> bool:
        """Whether they belong to the administration."""
        return "internal" in self.sensitivities

    def edits(self, spec: LayerSpec) -> bool:
        """Whether they may change rows of the layer: only what they see, and their own."""
        own = self.departments is None or spec.owner in self.departments
        return "edit" in self.rights and self.sees(spec) and own

    def may(self, right: Right) -> bool:
        """Whether they have a right."""
        return right in self.rights

    @property
    def walls(self) -> str:
        """What they see, as text: equal for audiences that see the same, whatever their names."""
        told = {
            "sensitivities": sorted(self.sensitivities),
            "jurisdictions": _listed(self.scope.jurisdictions),
            "departments": _listed(self.departments),
        }
        return json.dumps(told, sort_keys=True)

    def covers(self, walls: str) -> bool:
        """Whether they see all that readers behind some `walls` see."""
        other: dict[str, Any] = json.loads(walls)
        prefixes, departments = self.scope.jurisdictions, self.departments
        return (
            self.sensitivities >= set(other["sensitivities"])
            and (prefixes is None or _within(other["jurisdictions"], prefixes))
            and (departments is None or _among(other["departments"], departments))
        )

    def _answers_for(self, spec: Owned, level: Sensitivity) -> bool:
        if spec.sensitivity != level or self.departments is None:
            return True
        return spec.owner in self.departments


def _listed(names: Any) -> list[str] | None:
    return None if names is None else sorted(names)


def _among(names: list[str] | None, others: frozenset[str]) -> bool:
    return names is not None and others >= set(names)


def _within(codes: list[str] | None, prefixes: tuple[str, ...]) -> bool:
    return codes is not None and all(code.startswith(prefixes) for code in codes)


# Whoever sits at the machine itself. Personal layers are never features.
LOCAL = Audience("local", frozenset({"public", "internal", "restricted"}), rights=frozenset(RIGHTS))
PUBLIC = Audience("public", frozenset({"public"}))
