"""Units of a city as cases see them: whose subtree holds a place, who is above whom."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from cases.refusals import NotAllowedError
from layers.city import City
from layers.city_declaration import LEVELS, Jurisdiction, Level
from layers.query import Scope
from layers.subtrees import prefixes
from layers.text import Text

# Everything, whatever its unit; what lies in no unit.
WHOLE, NOWHERE = "*", "-"


class Units:
    """The tree of a city's declared units."""

    def __init__(self, city: City) -> None:
        self._units = city.jurisdictions
        parents = {unit.code: unit.parent for unit in self._units.values()}
        marks = prefixes(parents)
        self._prefixes = {code: mark for code, mark in marks.items() if mark is not None}
        self._over: dict[str, list[Jurisdiction]] = {}

    def over(self, code: str | None) -> list[Jurisdiction]:
        """Declared units whose subtree holds a code, the highest first."""
        if code is None:
            return []
        known = self._over.get(code)
        if known is None:
            found = [self._units[u] for u, mark in self._prefixes.items() if code.startswith(mark)]
            known = sorted(found, key=lambda unit: LEVELS.index(unit.level))
            self._over[code] = known
        return known

    def counted(self, code: str | None) -> list[str]:
        """Codes of all units that a row of a code counts for; `NOWHERE` where there is none."""
        return [unit.code for unit in self.over(code)] or [NOWHERE]

    @property
    def whole(self) -> list[str]:
        """Codes that make up everything: those of the topmost units, and `NOWHERE`."""
        return [*(unit.code for unit in self.children(WHOLE)), NOWHERE]

    def in_hand(self, code: str | None, level: Level) -> Jurisdiction | None:
        """Unit of a level that answers for a code; the nearest above where there is none."""
        fitting = [u for u in self.over(code) if LEVELS.index(u.level) <= LEVELS.index(level)]
        return fitting[-1] if fitting else None

    def knows(self, code: str) -> bool:
        """Whether a unit is declared."""
        return code in self._units

    def parent(self, code: str | None) -> Jurisdiction | None:
        """Unit above a unit, None at the top."""
        unit = self._units.get(code or "")
        return None if unit is None or unit.parent is None else self._units[unit.parent]

    def children(self, code: str) -> list[Jurisdiction]:
        """Units right below a unit; the topmost ones for `WHOLE`."""
        parent = None if code == WHOLE else code
        return [unit for unit in self._units.values() if unit.parent == parent]

    def is_below(self, code: str, other: str) -> bool:
        """Whether a declared unit lies below another one."""
        above = self.parent(code)
        while above is not None and above.code != other:
            above = self.parent(above.code)
        return above is not None

    def holds(self, unit: str, code: str | None) -> bool:
        """Whether the subtree of a declared unit holds a code."""
        return code is not None and code.startswith(self._prefixes[unit])

    def roots(self, scope: Scope) -> list[str]:
        """Units whose subtrees make up a scope; `WHOLE` for one without bounds."""
        if scope.jurisdictions is None:
            return [WHOLE]
        mine = set(scope.jurisdictions)
        return sorted(code for code, mark in self._prefixes.items() if mark in mine)

    def within(self, scope: Scope, unit: str) -> Scope:
        """Narrow a scope to the subtree of one unit.

        Raises
        ------
        NotAllowedError
            for a unit that is not declared, or lies beyond the scope.
        """
        mark = self._prefixes.get(unit)
        mine = scope.jurisdictions
        if mark is None or (mine is not None and not mark.startswith(mine)):
            raise beyond(unit)
        return replace(scope, jurisdictions=(mark,))

    def level(self, scope: Scope) -> Level:
        """Highest level of the units of a scope."""
        levels = [self._units[code].level for code in self.roots(scope) if code != WHOLE]
        if scope.jurisdictions is None or not levels:
            return LEVELS[0] if scope.jurisdictions is None else LEVELS[-1]
        return min(levels, key=LEVELS.index)


def beyond(unit: str) -> NotAllowedError:
    """Refusal of a unit that is not within one's own."""
    text = Text(en=f"unit '{unit}' is not within yours", zh=f"单元“{unit}”不在您的管辖范围内")
    return NotAllowedError(text)


@lru_cache(maxsize=16)
def units_of(city: City) -> Units:
    """Return the units of a city."""
    return Units(city)
