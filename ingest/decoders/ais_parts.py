"""Joining the parts of AIS messages that span several sentences."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ingest.sources.line import Line

Key = tuple[bytes, bytes, bytes]


@dataclass(frozen=True)
class Part:
    """One sentence of a longer message.

    Attributes
    ----------
    line : as it came.
    key : number of parts, sequence id and channel, as sent.
    number : 1-based place in the message.
    payload, fill : six-bit text and number of padding bits.
    flags : bits of `layers.positions.Quality` known so far.
    t : receiver time in ms, None where unknown; ``loose`` where it is not the sentence's own.
    station, group : of its tag block or trailer, "" where unknown.
    context : the line that the time was taken from, b"" for its own.
    """

    line: Line
    key: Key
    number: int
    payload: bytes
    fill: int
    flags: int
    t: int | None
    loose: bool
    station: str
    group: str
    context: bytes

    def as_json(self) -> dict[str, Any]:
        """The part as plain JSON values."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        line = values["line"]._asdict() | {"data": self.line.data.decode("latin-1")}
        texts = {name: values[name].decode("latin-1") for name in ("payload", "context")}
        key = [piece.decode("latin-1") for piece in self.key]
        return {**values, **texts, "line": line, "key": key}

    @staticmethod
    def from_json(values: dict[str, Any]) -> Part:
        """Read what `as_json` wrote."""
        line = Line(**{**values["line"], "data": values["line"]["data"].encode("latin-1")})
        total, sequence, channel = (piece.encode("latin-1") for piece in values["key"])
        texts = {name: values[name].encode("latin-1") for name in ("payload", "context")}
        return Part(**{**values, **texts, "line": line, "key": (total, sequence, channel)})


@dataclass
class Gathering:
    """Parts that belong together so far."""

    began: int
    parts: dict[int, Part] = field(default_factory=dict)

    def fits(self, part: Part) -> bool:
        """Whether a part may belong here: its place is free, source, station, group alike."""
        if part.number in self.parts:
            return False
        for other in self.parts.values():
            if part.line.source != other.line.source:
                return False
            if part.station and other.station and part.station != other.station:
                return False
            if part.group and other.group and part.group != other.group:
                return False
        return True

    def too_old(self, t: int | None, loose: bool, window_ms: int) -> bool:
        """Whether a part of that time comes too late to belong here.

        A sentence's own time and a neighbour's are never compared: often only the first part of a
        message has its own.
        """
        times = [p.t for p in self.parts.values() if p.t is not None and p.loose == loose]
        return t is not None and bool(times) and abs(t - times[0]) > window_ms


class Assembly:
    """Collects parts until a message is whole.

    Messages of the same sequence id and channel are told apart by station and tag-block group; a
    part goes to the youngest gathering that lacks it, since an older one has lost its part.

    Parameters
    ----------
    window_ms : parts further apart than this don't belong together.
    lines : nor do parts with more lines than this between them.
    """

    def __init__(self, window_ms: int = 60_000, lines: int = 20_000) -> None:
        self.window_ms, self.lines = window_ms, lines
        self.seen = 0
        self._open: dict[Key, list[Gathering]] = {}

    def add(self, part: Part, seen: int) -> tuple[list[Part] | None, list[Part]]:
        """Take a part of the ``seen``-th line.

        Returns
        -------
        The whole message in order where the part completes one, else None; and orphans given up.
        """
        self.seen = seen
        gatherings = self._open.setdefault(part.key, [])
        orphans = self._give_up(gatherings, part.t, part.loose)
        chosen = next((g for g in reversed(gatherings) if g.fits(part)), None)
        if chosen is None:
            chosen = Gathering(self.seen)
            gatherings.append(chosen)
        chosen.parts[part.number] = part
        if len(chosen.parts) < int(part.key[0]):
            return None, orphans
        gatherings.remove(chosen)
        if not gatherings:
            del self._open[part.key]
        return [chosen.parts[number] for number in sorted(chosen.parts)], orphans

    def _give_up(self, gatherings: list[Gathering], t: int | None, loose: bool) -> list[Part]:
        old = [
            g
            for g in gatherings
            if self.seen - g.began > self.lines or g.too_old(t, loose, self.window_ms)
        ]
        for gathering in old:
            gatherings.remove(gathering)
        return [part for gathering in old for part in gathering.parts.values()]

    def sweep(self, t: int | None) -> list[Part]:
        """Give up everything that has waited too long by now, the latest time seen."""
        orphans: list[Part] = []
        for key in list(self._open):
            orphans += self._give_up(self._open[key], t, False)
            if not self._open[key]:
                del self._open[key]
        return orphans

    def waits(self, key: Key) -> bool:
        """Whether any part of that key waits for others."""
        return key in self._open

    def waiting(self) -> list[Key]:
        """Keys of all parts that wait for others."""
        return list(self._open)

    def pending(self) -> list[Part]:
        """Parts that wait, in the order of their coming."""
        gatherings = [g for found in self._open.values() for g in found]
        parts = [part for gathering in gatherings for part in gathering.parts.values()]
        return sorted(parts, key=lambda part: (part.line.file, part.line.number))

    def close(self) -> list[Part]:
        """Give up all that wait."""
        orphans = self.pending()
        self._open.clear()
        return orphans
