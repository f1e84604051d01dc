"""AIS lines to positions and identities.

Every line comes out as accepted, by kind, or as rejected, by reason; a line that holds several
sentences counts once for each. The parts of a longer message count as ``part``, its last one as
what the message is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ingest.decoders import ais_payload as payloads
from ingest.decoders import ais_statics as statics
from ingest.decoders.ais_batch import AisBatch, Collector, Message, Origin
from ingest.decoders.ais_clock import Clock, gatehouse, gps_time, plausible
from ingest.decoders.ais_parts import Assembly, Part
from ingest.decoders.ais_payload import Payload, PayloadError
from ingest.decoders.ais_positions import FAST_CHARACTERS, FAST_TYPES, LAST_MMSI
from ingest.decoders.ais_sentence import (
    ANY_SENTENCE,
    NEXT_SENTENCE,
    ODD_TRAILER,
    SENTENCE,
    TAG_ALONE,
    checksum,
    explain,
    read_tag,
    read_trailer,
)
from ingest.sources.line import Line
from layers.positions import Quality

_LOOSE, _OWN = int(Quality.LOOSE_TIME), int(Quality.OWN_SHIP)


@dataclass(frozen=True)
class AisOptions:
    """Choices of the decoder.

    Attributes
    ----------
    duplicate_ms : the same payload again within this time is a duplicate, whoever heard it.
    base_time_ms : time of sentences that nothing else dates; None refuses them as ``no_time``.
    part_window_ms, part_lines : parts further apart don't belong together.
    remembered : payloads remembered for finding duplicates, at least.
    keep_messages : list every message read in the batch.
    """

    duplicate_ms: int = 10_000
    base_time_ms: int | None = None
    part_window_ms: int = 60_000
    part_lines: int = 20_000
    remembered: int = 100_000
    keep_messages: bool = False


class AisDecoder:
    """Decoder of one feed; state goes on from call to call.

    Attributes
    ----------
    lines : lines read so far.
    extra_sentences : sentences beyond the first on their lines, so once all parts are settled
        ``tally.read = lines + extra_sentences``.
    newest_ms, newest_of : latest receiver time so far, of all and of each named source.
    """

    def __init__(self, options: AisOptions | None = None) -> None:
        self.options = options or AisOptions()
        self.lines = self.extra_sentences = 0
        self.newest_ms: int | None = None
        self.newest_of: dict[str, int] = {}
        self._clock = Clock()
        self._assembly = Assembly(self.options.part_window_ms, self.options.part_lines)
        self._heard: dict[bytes, int] = {}
        self._heard_before: dict[bytes, int] = {}
        self._out = Collector()

    def decode(self, lines: Iterable[Line]) -> AisBatch:
        """Decode some lines; parts still waiting for others are counted in a later round."""
        self._out = Collector()
        for line in lines:
            self.lines += 1
            match = SENTENCE.fullmatch(line.data)
            if match is not None and line.whole:
                self._sentence(line, match.groups())
            else:
                self._other(line)
        self._orphan(self._assembly.sweep(self.newest_ms))
        return self._out.close(self.newest_ms)

    def finish(self) -> AisBatch:
        """Settle what still waits: parts without their others are refused as ``orphan_part``."""
        self._out = Collector()
        self._orphan(self._assembly.close())
        return self._out.close(self.newest_ms)

    def state(self) -> dict[str, Any]:
        """What is needed to go on behind the last line in another process, as plain JSON values."""
        heard = [[key.decode("ascii"), t] for key, t in self.heard().items()]
        return self.small_state() | {"heard": heard}

    def small_state(self) -> dict[str, Any]:
        """The same without the payloads that were heard lately (see `heard`)."""
        return {
            "lines": self.lines,
            "extra_sentences": self.extra_sentences,
            "newest_ms": self.newest_ms,
            "newest_of": self.newest_of,
            "clock": [self._clock.ms, self._clock.station, self._clock.line.decode("latin-1")],
            "parts": [part.as_json() for part in self._assembly.pending()],
            "heard": [],
        }

    @property
    def heard_since_ms(self) -> int:
        """Payloads heard before that time are no duplicates any more."""
        return (self.newest_ms or 0) - self.options.duplicate_ms

    def heard(self) -> dict[bytes, int]:
        """Payloads heard lately, with the time of each."""
        every = {**self._heard_before, **self._heard}
        return {key: t for key, t in every.items() if t >= self.heard_since_ms}

    def hear(self, heard: dict[bytes, int]) -> None:
        """Take payloads for heard."""
        self._heard |= heard

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.lines, self.extra_sentences = state["lines"], state["extra_sentences"]
        self.newest_ms = state["newest_ms"]
        self.newest_of = dict(state.get("newest_of", {}))
        ms, station, line = state["clock"]
        self._clock = Clock(ms, station, line.encode("latin-1"))
        self._heard = {key.encode("ascii"): t for key, t in state["heard"]}
        self._heard_before = {}
        for part in map(Part.from_json, state["parts"]):
            self._assembly.add(part, self.lines)

    def _sentence(self, line: Line, groups: tuple[bytes | None, ...]) -> None:
        tag, body, form, total, number, sequence, channel, payload, fill, check, trailer = groups
        assert body is not None and check is not None and payload is not None and fill is not None
        if checksum(body) != int(check, 16):
            detail = f"says *{check.decode()}, its bytes make *{checksum(body):02X}"
            self._out.refuse(line, "bad_checksum", detail, line.data)
            return
        t, station, group, doubtful = None, "", "", False
        if trailer:
            t, station = read_trailer(trailer)
        if tag is not None:
            read = read_tag(tag)
            t, station, group = read.time_ms or t, read.station or station, read.group
            doubtful = not read.sound
        if t is not None and not plausible(t):
            detail = f"the receiver's time {t} ms is not between 1990 and 2100"
            self._out.refuse(line, "bad_time", detail, line.data)
            return
        flags = (_OWN if form == b"VDO" else 0) | (_LOOSE if doubtful else 0)
        if total == b"1":
            self._whole(line, payload, int(fill), flags, t, station)
            return
        assert total and number and sequence is not None and channel is not None
        late = t is None
        at, station_of_clock, context = self._fallback(line) if late else (t, station, b"")
        part = Part(
            line, (total, sequence, channel), int(number), payload, int(fill), flags, at, late,
            station, group, context,
        )  # fmt: skip
        whole, orphans = self._assembly.add(part, self.lines)
        self._orphan(orphans)
        if whole:
            self._joined(whole, station or station_of_clock)

    def _fallback(self, line: Line) -> tuple[int | None, str, bytes]:
        if self._clock.ms is not None:
            return self._clock.ms, self._clock.station, self._clock.line
        if line.received_ms is not None:
            return line.received_ms, "", b""
        return self.options.base_time_ms, "", b""

    def _whole(
        self, line: Line, payload: bytes, fill: int, flags: int, t: int | None, station: str
    ) -> None:
        raw = line.data
        if t is None:
            t, clock_station, context = self._fallback(line)
            station = station or clock_station
            flags |= _LOOSE
            raw = context + b"\n" + raw if context else raw
        if self.options.keep_messages:
            self._out.messages.append(Message(line.number, line.number, ((payload, fill),), t))
        if t is None:
            self._undated(line, ((payload, fill),), raw)
            return
        self._advance(line, t)
        if self._is_duplicate(payload, t):
            self._out.accepted["duplicate"] += 1
            return
        origin = Origin(line, t, station, flags, raw)
        if len(payload) == FAST_CHARACTERS and payload[0] in FAST_TYPES:
            self._remember(payload, t)
            self._out.fast.append(payload)
            self._out.fast_origins.append(origin)
        elif statics.is_class_b(payload, fill):
            self._remember(payload, t)
            self._out.class_b.append(statics.full_class_b(payload))
            self._out.class_b_origins.append(origin)
        else:
            self._message(origin, ((payload, fill),), payload)

    def _joined(self, parts: list[Part], station: str) -> None:
        payload: Payload = tuple((part.payload, part.fill) for part in parts)
        last = max(parts, key=lambda part: (part.line.file, part.line.number))
        first = min(parts, key=lambda part: (part.line.file, part.line.number))
        dated = [part for part in parts if not part.loose] or [
            part for part in parts if part.t is not None
        ]
        t = dated[0].t if dated else None
        context = dated[0].context if dated else b""
        raw = b"\n".join([context, *(part.line.data for part in parts)]).strip()
        if self.options.keep_messages:
            self._out.messages.append(Message(first.line.number, last.line.number, payload, t))
        self._out.accepted["part"] += len(parts) - 1
        if t is None:
            self._undated(last.line, payload, raw)
            return
        self._advance(last.line, t)
        key = b"".join(part.payload for part in parts)
        if self._is_duplicate(key, t):
            self._out.accepted["duplicate"] += 1
            return
        flags = dated[0].flags | (_LOOSE if dated[0].loose else 0)
        receiver = next((part.station for part in parts if part.station), station)
        origin = Origin(last.line, t, receiver, flags, raw)
        if _is_voyage(payload, key):
            self._remember(key, t)
            self._out.voyages.append(key)
            self._out.voyage_origins.append(origin)
        else:
            self._message(origin, payload, key)

    def _advance(self, line: Line, t: int) -> None:
        if self.newest_ms is None or t > self.newest_ms:
            self.newest_ms = t
        if line.source:
            self.newest_of[line.source] = max(t, self.newest_of.get(line.source, t))

    def _is_duplicate(self, key: bytes, t: int) -> bool:
        last = self._heard.get(key)
        if last is None:
            last = self._heard_before.get(key)
            if last is None:
                return False
        return abs(t - last) <= self.options.duplicate_ms

    def _remember(self, key: bytes, t: int) -> None:
        self._heard[key] = t
        if len(self._heard) >= self.options.remembered:
            self._heard_before, self._heard = self._heard, {}

    def _undated(self, line: Line, payload: Payload, raw: bytes) -> None:
        try:
            message = payloads.decode(payload)
        except PayloadError as failure:
            self._out.refuse(line, "undecodable", str(failure), raw)
            return
        kind = int(message.msg_type)
        if kind in payloads.POSITIONS or kind in payloads.STATICS:
            detail = "nothing tells when it was received; give a base time"
            self._out.refuse(line, "no_time", detail, raw)
            return
        self._out.accepted[payloads.OTHER_KINDS.get(kind, "other_message")] += 1

    def _message(self, origin: Origin, payload: Payload, key: bytes) -> None:
        try:
            message = payloads.decode(payload)
        except PayloadError as failure:
            self._out.refuse(origin.line, "undecodable", str(failure), origin.raw)
            return
        self._remember(key, origin.t)
        kind = int(message.msg_type)
        if kind in payloads.STATICS and not 0 < int(message.mmsi) <= LAST_MMSI:
            self._out.refuse(origin.line, "bad_mmsi", f"MMSI {message.mmsi}", origin.raw)
            return
        if kind in payloads.STATICS:
            self._out.identities.append(payloads.identity_of(message))
            self._out.identity_origins.append(origin)
        if kind in payloads.POSITIONS:
            self._out.slow.append(payloads.fix_of(message))
            self._out.slow_origins.append(origin)
        elif kind in payloads.STATICS:
            self._out.accepted["static"] += 1
        else:
            self._out.accepted[payloads.OTHER_KINDS.get(kind, "other_message")] += 1

    def _orphan(self, parts: list[Part]) -> None:
        for part in parts:
            total = part.key[0].decode()
            detail = f"part {part.number} of {total}; the others did not come in time"
            raw = b"\n".join([part.context, part.line.data]).strip()
            self._out.refuse(part.line, "orphan_part", detail, raw)

    def _other(self, line: Line) -> None:
        data = line.data.strip(b" \t\0\r")
        if not line.whole:
            detail = f"a line of more than {len(line.data):,} bytes is no sentence"
            self._out.refuse(line, "too_long", detail, line.data[:1024])
        elif not data:
            self._out.accepted["blank"] += 1
        elif data.startswith(b"#"):
            self._out.accepted["comment"] += 1
        elif not data.isascii():
            at = next(place for place, byte in enumerate(data) if byte > 127)
            detail = f"byte {at + 1} is {data[at]:#04x}; NMEA 0183 is ASCII"
            self._out.refuse(line, "not_ascii", detail, line.data)
        elif len(pieces := NEXT_SENTENCE.split(data)) > 1:
            self._several(line, pieces)
        elif (match := ODD_TRAILER.fullmatch(data)) is not None:
            self._sentence(line._replace(data=data), match.groups())
        else:
            self._no_ais(line, data)

    def _several(self, line: Line, pieces: list[bytes]) -> None:
        self.extra_sentences += len(pieces) - 1
        for piece in pieces:
            part = line._replace(data=piece)
            match = SENTENCE.fullmatch(piece)
            if match is not None:
                self._sentence(part, match.groups())
            else:
                self._no_ais(part, piece)

    def _no_ais(self, line: Line, data: bytes) -> None:
        if alone := TAG_ALONE.fullmatch(data):
            tag = read_tag(alone[1])
            self._timed(tag.time_ms, tag.station, data)
            return
        if b"VDM," in data or b"VDO," in data:
            reason, detail = explain(data)
            self._out.refuse(line, reason, detail, line.data)
            return
        found = ANY_SENTENCE.fullmatch(data)
        if found is None:
            detail = f"neither a sentence nor a comment: {data[:40]!r}"
            self._out.refuse(line, "malformed", detail, line.data)
            return
        body, check = found.groups()
        if check is not None and int(check, 16) != checksum(body):
            detail = f"says *{check.decode()}, its bytes make *{checksum(body):02X}"
            self._out.refuse(line, "bad_checksum", detail, line.data)
            return
        self._bus(body.decode("ascii").split(","), data)

    def _bus(self, fields: list[str], data: bytes) -> None:
        if fields[0] == "PGHP":
            stamp = gatehouse(fields)
            self._timed(stamp[0] if stamp else None, stamp[1] if stamp else "", data)
        elif fields[0][-3:] in ("RMC", "ZDA"):
            self._timed(gps_time(fields), "", data)
        else:
            self._out.accepted["other_sentence"] += 1

    def _timed(self, ms: int | None, station: str, data: bytes) -> None:
        if ms is None or not plausible(ms):
            self._out.accepted["other_sentence"] += 1
            return
        self._clock.set(ms, station, data)
        self._out.accepted["time"] += 1


def _is_voyage(payload: Payload, key: bytes) -> bool:
    if key[0] != statics.VOYAGE_TYPE or len(key) != statics.VOYAGE_CHARACTERS:
        return False
    *before, (_, fill) = payload
    return fill == statics.VOYAGE_FILL and not any(padding for _, padding in before)
