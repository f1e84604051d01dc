"""What one round of decoding gives, collected row by row and made columns at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.decoders import ais_positions as positions
from ingest.decoders import ais_statics as statics
from ingest.decoders.ais_payload import Identity, Payload, RawFix
from ingest.sources.line import Line
from layers.feeds import Reject, Tally
from layers.positions import IDENTITIES, identity_ids


@dataclass(frozen=True)
class Message:
    """One message that was read, for checking against other decoders.

    Attributes
    ----------
    first_line, last_line : line numbers of its first and last part.
    payload : text and fill bits of each part.
    t : receiver time in ms, None where unknown.
    """

    first_line: int
    last_line: int
    payload: Payload
    t: int | None


@dataclass
class AisBatch:
    """Columns and counts of one round.

    Attributes
    ----------
    fixes, identities : tables with the columns of `layers.positions`.
    fix_lines : number of the line that completed each fix, shape (n,).
    tally : what became of each sentence or other line.
    rejects : the refused ones.
    messages : all messages read, duplicates too, where they were asked for.
    newest_ms : latest receiver time seen so far, None before the first.
    """

    fixes: pa.Table
    identities: pa.Table
    fix_lines: np.ndarray[tuple[int], np.dtype[np.int64]]
    tally: Tally
    rejects: list[Reject]
    messages: list[Message]
    newest_ms: int | None


@dataclass(slots=True)
class Origin:
    """Where a message came from: what its rows and rejects are marked with."""

    line: Line
    t: int
    receiver: str
    flags: int
    raw: bytes


@dataclass
class Collector:
    """Takes decoded messages one by one."""

    fast: list[bytes] = field(default_factory=list)
    fast_origins: list[Origin] = field(default_factory=list)
    slow: list[RawFix] = field(default_factory=list)
    slow_origins: list[Origin] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    identity_origins: list[Origin] = field(default_factory=list)
    voyages: list[bytes] = field(default_factory=list)
    voyage_origins: list[Origin] = field(default_factory=list)
    class_b: list[bytes] = field(default_factory=list)
    class_b_origins: list[Origin] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def refuse(self, line: Line, reason: str, detail: str, raw: bytes) -> None:
        """Keep a refused line with what is needed to feed it again."""
        text = raw.decode("utf-8", "backslashreplace")
        self.rejects.append(Reject("ais", line.file, line.number, "", reason, detail, text))

    def refuse_position(self, origin: Origin, fields: Any, verdict: int) -> None:
        """Refuse a message whose verdict is one of `ais_positions.VERDICTS`."""
        place = f"lon {fields['lon'] / 600_000:.6f}, lat {fields['lat'] / 600_000:.6f}"
        detail = f"MMSI {fields['mmsi']} at {place}"
        self.refuse(origin.line, positions.VERDICTS[verdict], detail, origin.raw)

    def close(self, newest_ms: int | None) -> AisBatch:
        """Make the columns; rows that can't be positions are counted or refused here."""
        origins = self.fast_origins + self.slow_origins
        raw = positions.raw_of_payloads(self.fast)
        if self.slow:
            raw = np.concatenate([raw, positions.raw_of_fixes(self.slow)])
        verdict = positions.verdicts(raw)
        self._judge(verdict, origins, raw)
        chosen = np.flatnonzero(verdict == positions.POSITION)
        good = [origins[row] for row in chosen.tolist()]
        t = np.array([origin.t for origin in good], np.int64)
        flags = np.array([origin.flags for origin in good], np.uint16)
        receiver = pa.array([origin.receiver for origin in good], pa.string())
        lines = np.array([origin.line.number for origin in good], np.int64)
        order = np.argsort(t, kind="stable")
        fixes = positions.fixes_of(raw[chosen], t, receiver, flags).take(pa.array(order))
        self._name()
        rejected = Counter(reject.reason for reject in self.rejects)
        return AisBatch(
            fixes, self._identities(), lines[order], Tally(self.accepted, rejected),
            self.rejects, self.messages, newest_ms,
        )  # fmt: skip

    def _judge(
        self,
        verdict: np.ndarray[tuple[int], np.dtype[np.int8]],
        origins: list[Origin],
        raw: positions.Raw,
    ) -> None:
        for code in (positions.POSITION, positions.UNAVAILABLE):
            if found := int((verdict == code).sum()):
                self.accepted[positions.VERDICTS[code]] += found
        for row in np.flatnonzero(verdict > positions.UNAVAILABLE).tolist():
            self.refuse_position(origins[row], raw[row], int(verdict[row]))

    def _name(self) -> None:
        """Decode the static messages of the usual lengths; the rest is decoded already."""
        for found, origins in (
            (statics.voyage_identities(self.voyages), self.voyage_origins),
            (statics.class_b_identities(self.class_b), self.class_b_origins),
        ):
            for identity, origin in zip(found, origins, strict=True):
                if not 0 < identity[0] <= positions.LAST_MMSI:
                    self.refuse(origin.line, "bad_mmsi", f"MMSI {identity[0]}", origin.raw)
                    continue
                self.accepted["static"] += 1
                self.identities.append(identity)
                self.identity_origins.append(origin)

    def _identities(self) -> pa.Table:
        mmsi = np.array([row[0] for row in self.identities], np.int64)
        t = np.array([origin.t for origin in self.identity_origins], np.int64)
        mover = positions.movers(mmsi)
        content = pa.array(["\x1f".join(map(str, row)) for row in self.identities], pa.string())
        columns = [pa.array([row[i] for row in self.identities]) for i in range(1, 8)]
        receiver = pa.array([origin.receiver for origin in self.identity_origins], pa.string())
        arrays = [mover, t, *columns, receiver, identity_ids(mover, t, content)]
        cast = [pa.array(a).cast(f.type) for a, f in zip(arrays, IDENTITIES, strict=True)]
        order = np.argsort(t, kind="stable")
        return pa.table(cast, schema=IDENTITIES).take(pa.array(order))
