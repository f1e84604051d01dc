"""Time from the lines between AIS sentences: Gatehouse stamps, GPS sentences of a ship's bus."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

# Receivers did not exist before, and clocks that run past 2100 are broken.
EARLIEST_MS = 631_152_000_000
LATEST_MS = 4_102_444_800_000
_CENTURY_PIVOT = 80


@dataclass
class Clock:
    """The last time that a line of its own gave; it holds until the next such line.

    Attributes
    ----------
    ms : None as long as nothing gave the time.
    station : receiver named by that line.
    line : that line, kept so that a refused sentence can be fed again with its time.
    """

    ms: int | None = None
    station: str = ""
    line: bytes = b""

    def set(self, ms: int, station: str, line: bytes) -> None:
        """Take a new time."""
        self.ms, self.station, self.line = ms, station, line


def plausible(ms: int) -> bool:
    """Whether a receiver may have said this: from 1990 to 2100."""
    return EARLIEST_MS <= ms < LATEST_MS


def gatehouse(fields: list[str]) -> tuple[int, str] | None:
    """Time and base station of ``$PGHP,1,year,month,day,h,min,s,ms,country,region,station,…``."""
    try:
        year, month, day, hour, minute, second, ms = map(int, fields[2:9])
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    if not 0 <= ms < 1000:
        return None
    station = fields[11] if len(fields) > 11 and fields[11] else ""
    return int(at.timestamp()) * 1000 + ms, station


def gps_time(fields: list[str]) -> int | None:
    """UTC ms of a ZDA sentence, or of a valid RMC sentence that carries its date."""
    kind = fields[0][-3:]
    try:
        if kind == "ZDA":
            return _utc(fields[1], int(fields[4]), int(fields[3]), int(fields[2]))
        if kind == "RMC" and fields[2] == "A" and len(fields[9]) == 6:
            day, month, year = (int(fields[9][i : i + 2]) for i in (0, 2, 4))
            return _utc(fields[1], year + (1900 if year >= _CENTURY_PIVOT else 2000), month, day)
    except (ValueError, IndexError):
        return None
    return None


def _utc(clock: str, year: int, month: int, day: int) -> int:
    at = datetime(year, month, day, int(clock[:2]), int(clock[2:4]), int(clock[4:6]), tzinfo=UTC)
    part = clock[6:]
    return int(at.timestamp()) * 1000 + (int(float(part) * 1000) if part.startswith(".") else 0)
