"""The vessel register as it stood on a day, found by name, MMSI and call sign, remembered."""

from __future__ import annotations

from functools import lru_cache

from analytics.calendar import date_of
from analytics.names import Names, RegisterIndex
from analytics.references import References

# Days whose register is kept in memory.
_REGISTERS = 16


class RegistersByDay:
    """Index of the register for each city day that is asked for."""

    def __init__(self, references: References, names: Names) -> None:
        self._references, self._names = references, names
        self.on = lru_cache(maxsize=_REGISTERS)(self._index)

    def _index(self, day: int) -> RegisterIndex:
        return RegisterIndex(self._references.register.on(date_of(day)), self._names)
