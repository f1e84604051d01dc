"""AIS blocks to positions and identities, about a million lines a second.

Sentences of the usual forms go from bytes to columns in compiled loops; every other line is read by
`ingest.decoders.ais.AisDecoder` in its turn, since times, duplicates and parts depend on the lines
before. The answers are the ones that `AisDecoder.decode` gives for the same lines.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.decoders import ais_scan as scan
from ingest.decoders import ais_walk as walk
from ingest.decoders.ais import AisDecoder, AisOptions
from ingest.decoders.ais_around import NO_TIME
from ingest.decoders.ais_batch import AisBatch
from ingest.decoders.ais_heard import Heard
from ingest.decoders.ais_parts import Key
from ingest.decoders.ais_rows import BlockCollector, Columns
from ingest.decoders.ais_sentence import SENTENCE
from ingest.sources.block import Block
from ingest.sources.line import Line

_COUNTED = {
    scan.BASE_STATION: "base_station", scan.AID: "aid_to_navigation",
    scan.AIRCRAFT: "sar_aircraft", scan.MESSAGE: "other_message", scan.CLOCK: "time",
    scan.OTHER: "other_sentence", scan.BLANK: "blank", scan.COMMENT: "comment",
}  # fmt: skip
_LF = 10
# Another sentence alone on its line, such as one that tells the time.
_PLAIN = re.compile(rb"\$(?!..VD[MO],)[A-Z][A-Z0-9]{3,11},[ \"#%-)+-\[\]-~]*\*[0-9A-Fa-f]{2}")
_CHANNELS = {b"": 0, b"A": 1, b"B": 2, b"1": 3, b"2": 4}


class BlockDecoder(AisDecoder):
    """An `AisDecoder` that also takes blocks; both may be mixed in one feed."""

    def __init__(self, options: AisOptions | None = None) -> None:
        super().__init__(options)
        self._remembered = Heard(self.options.remembered)
        self._columns = Columns()
        self._desk = np.zeros(walk.DESK, np.int64)
        self._desk[walk.REMEMBERED] = self.options.remembered
        self._desk[walk.DUPLICATE_MS] = self.options.duplicate_ms
        self._opened = np.zeros(scan.KEYS, np.uint8)

    def decode_block(self, block: Block) -> AisBatch:
        """Decode the lines of a block; parts still waiting for others are counted later."""
        if self.options.keep_messages or block.dropped:
            return self.decode(block.split())
        out = self._out = BlockCollector()
        data = np.frombuffer(block.data, np.uint8)
        ends = np.flatnonzero(data == _LF)
        if block.data[-1:] not in (b"", b"\n"):
            ends = np.append(ends, len(data))
        rows = np.zeros((len(ends), scan.COLUMNS), np.int64)
        places = np.zeros((scan.MOST_NAMES, 2), np.int64)
        slots = np.zeros(scan.SLOTS + 1, np.int64)
        limits = self.options.part_window_ms, self.options.part_lines
        found = scan.scan(data, ends, rows, places, slots, *limits)
        names = [block.data[a : a + n].decode("ascii") for a, n in places[:found].tolist()]
        contexts = [b""]
        self._walk(block, data, rows, names, contexts, out)
        self._orphan(self._assembly.sweep(self.newest_ms))
        return self._columns.batch(block, data, rows, names, contexts, out, self.newest_ms)

    def heard(self) -> dict[bytes, int]:
        """See `AisDecoder.heard`."""
        every = dict(self._remembered.items())
        return {key: t for key, t in every.items() if t >= self.heard_since_ms}

    def hear(self, heard: dict[bytes, int]) -> None:
        """See `AisDecoder.hear`."""
        for key, t in heard.items():
            self._remembered.put(key, t)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`, of this decoder or of an `AisDecoder`."""
        super().restore({**state, "heard": []})
        self._remembered = Heard(self.options.remembered)
        self.hear({key.encode("ascii"): t for key, t in state["heard"]})

    def _walk(
        self,
        block: Block,
        data: npt.NDArray[np.uint8],
        rows: npt.NDArray[np.int64],
        names: list[str],
        contexts: list[bytes],
        out: BlockCollector,
    ) -> None:
        desk, heard, before = self._desk, self._remembered, self.lines
        counts = np.zeros(scan.KINDS, np.int64)
        desk[[walk.AT, walk.PARTS, walk.DUPLICATES]] = 0
        desk[walk.CLOCK_LINE] = walk.NO_LINE
        self._watch_parts()
        clock: tuple[object, ...] | None = None
        while True:
            now = (self._clock.ms, self._clock.line)
            if now != clock:
                clock = now
                self._fall_back(block, names, contexts)
            desk[walk.NEWEST] = NO_TIME if self.newest_ms is None else self.newest_ms
            desk[walk.COUNT], desk[walk.OTHERS] = heard.count, heard.others
            why = walk.walk(data, rows, desk, counts, heard.table, heard.before, self._opened)
            newest, heard.count = int(desk[walk.NEWEST]), int(desk[walk.COUNT])
            self.newest_ms = None if newest == NO_TIME else newest
            if desk[walk.CLOCK_LINE] != walk.NO_LINE:
                clock = self._set_clock(block, rows, names)
            if why == walk.UNUSUAL:
                place = int(desk[walk.AT])
                desk[walk.AT] += 1
                self.lines = before + place + 1
                row = rows[place]
                self._unusual(block.line(place, int(row[scan.START]), int(row[scan.END])))
                out.note(place)
            elif why == walk.FULL:
                heard.grow()
            elif why == walk.TURN:
                heard.turn()
            else:
                break
        self.lines = before + len(rows)
        for kind, name in _COUNTED.items():
            if counts[kind]:
                out.accepted[name] += int(counts[kind])
        for name, place in (("part", walk.PARTS), ("duplicate", walk.DUPLICATES)):
            if desk[place]:
                out.accepted[name] += int(desk[place])

    def _unusual(self, line: Line) -> None:
        if line.whole and _PLAIN.fullmatch(line.data):
            self._no_ais(line, line.data)
            return
        match = SENTENCE.fullmatch(line.data)
        if match is None or not line.whole:
            self._other(line)
            self._watch_parts()
            return
        self._sentence(line, match.groups())
        if match[4] == b"2":
            self._watch((match[4], match[6], match[7]))

    def _fall_back(self, block: Block, names: list[str], contexts: list[bytes]) -> None:
        """Tell the loops what time a sentence has that has none of its own."""
        desk = self._desk
        t, station, context = self._fallback(Line(block.file, 0, b"", block.received_ms))
        desk[walk.FALLBACK] = NO_TIME if t is None else t
        desk[walk.FALLBACK_STATION], desk[walk.FALLBACK_CONTEXT] = 0, 0
        if station:
            desk[walk.FALLBACK_STATION] = len(names)
            names.append(station)
        if context:
            desk[walk.FALLBACK_CONTEXT] = len(contexts)
            contexts.append(context)

    def _set_clock(
        self, block: Block, rows: npt.NDArray[np.int64], names: list[str]
    ) -> tuple[object, ...]:
        """Take the time that a line told the loops last; they know it already."""
        place = int(self._desk[walk.CLOCK_LINE])
        row = rows[place]
        line = block.line(place, int(row[scan.START]), int(row[scan.END]))
        self._clock.set(int(row[scan.T]), names[row[scan.STATION]], line.data)
        self._desk[walk.CLOCK_LINE] = walk.NO_LINE
        return self._clock.ms, self._clock.line

    def _watch_parts(self) -> None:
        """Note which parts wait for others: theirs are not joined by the loops."""
        self._opened[:] = 0
        for key in self._assembly.waiting():
            self._watch(key)

    def _watch(self, key: Key) -> None:
        total, sequence, channel = key
        if total == b"2" and len(sequence) < 2 and channel in _CHANNELS:
            place = 5 * (int(sequence) + 1 if sequence else 0) + _CHANNELS[channel]
            self._opened[place] = self._assembly.waits(key)

    def _is_duplicate(self, key: bytes, t: int) -> bool:
        last = self._remembered.last(key)
        return last is not None and abs(t - last) <= self.options.duplicate_ms

    def _remember(self, key: bytes, t: int) -> None:
        self._remembered.put(key, t)
