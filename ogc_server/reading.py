"""Values as people read them: the city's clock, the page's language, nested values as tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from layers.spec import PropertySpec
from ogc_server.words import words

# All that a 64-bit float surely keeps.
_DIGITS = 15
_MEASURE_DECIMALS = 3
# UCUM writes what is counted in braces, and "1" where there is no unit.
_NO_UNIT = ("", "1")


@dataclass(frozen=True)
class Reader:
    """Who reads a page.

    Attributes
    ----------
    language : ``en`` or ``zh``.
    zone : the city's; JSON stays in UTC.
    """

    language: str
    zone: ZoneInfo

    def value(self, value: Any, p: PropertySpec | None = None) -> str:
        """One line of text for a JSON value; ``p`` tells a time or date from other texts."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return words(self.language)["yes" if value else "no"]
        if isinstance(value, float):
            return f"{value:.{_DIGITS}g}"
        if isinstance(value, dict):
            return ", ".join(
                f"{self.name(key)}: " + (f"({text})" if isinstance(part, dict) else text)
                for key, part in value.items()
                if (text := self.value(part))
            )
        if isinstance(value, list):
            return "; ".join(self.value(part) for part in value)
        if p is not None and p.type == "datetime":
            return self.instant(value)
        return str(value)

    def instant(self, text: str | None) -> str:
        """Write an RFC 3339 time by the city's clock: ``2020-07-01 03:42:20 +08:00``."""
        if text is None:
            return ""
        try:
            moment = datetime.fromisoformat(text).astimezone(self.zone)
        except (ValueError, OverflowError):
            return text
        written = moment.isoformat(" ", "seconds")
        return f"{written[:19]} {written[19:]}"

    def measure(self, value: float | None, unit: str | None) -> str:
        """Write a number with its unit: ``27,016.2 kg``; "" where there is none."""
        if not isinstance(value, int | float):
            return ""
        number = f"{value:,.{_MEASURE_DECIMALS}f}".rstrip("0").rstrip(".")
        unit = (unit or "").strip("{}")
        return number if unit in _NO_UNIT else f"{number} {unit}"

    @staticmethod
    def name(key: str) -> str:
        """Name of a member of a nested value, in words."""
        return str(key).replace("_", " ")

    def brief(self, value: Any, p: PropertySpec | None = None) -> str:
        """What fits in the cell of a table; of evidence the numbers against their limits."""
        if not is_evidence(value):
            return self.value(value, p)
        limited = [m for m in value["measures"] if m.get("limit") is not None]
        return "; ".join(self._against(m) for m in limited or value["measures"])

    def _against(self, m: dict[str, Any]) -> str:
        found, unit = self.measure(m.get("value"), m.get("unit")), m.get("unit")
        limit = self.measure(m.get("limit"), unit)
        limit = f" ({words(self.language)['limit']} {limit})" if limit else ""
        return f"{self.name(m['name'])} {found}{limit}"

    def said(self, texts: dict[str, Any]) -> str:
        """Text of a mapping by language."""
        return str(texts.get(self.language) or texts.get("en") or "")


def is_evidence(value: Any) -> bool:
    """Whether a nested value is the evidence of an event (`analytics.event.Evidence`)."""
    if not isinstance(value, dict) or "measures" not in value:
        return False
    lists = [value.get(part, []) for part in ("measures", "references", "comparisons", "doubts")]
    if not all(isinstance(rows, list) for rows in lists):
        return False
    return all(isinstance(row, dict) for rows in lists for row in rows) and all(
        {"name", "value"} <= row.keys() for row in lists[0]
    )
