"""Columns of one block: what compiled loops read and what was read line by line, put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.decoders import ais_positions as positions
from ingest.decoders import ais_scan as scan
from ingest.decoders import ais_statics as statics
from ingest.decoders.ais_batch import AisBatch, Collector, Origin
from ingest.decoders.ais_payload import Identity
from ingest.decoders.ais_unpack import FixColumns, identity_ids, raw_of_rows, text_hash
from ingest.sources.block import Block
from ingest.sources.line import Line
from layers.feeds import Tally
from layers.positions import IDENTITIES

Ints = npt.NDArray[np.int64]
_MOST_SAID = 100_000
_GROUPS = ("fast", "slow", "voyage", "class_b")


@dataclass
class BlockCollector(Collector):
    """A collector that notes at which line of the block each message was found.

    Attributes
    ----------
    places : of the messages read line by line, by kind; ``noted`` the number of them.
    """

    places: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in _GROUPS})
    noted: int = 0

    def note(self, place: int) -> None:
        """Note the line of the messages that were added since the last call."""
        origins = self.fast_origins, self.slow_origins, self.voyage_origins, self.class_b_origins
        total = sum(map(len, origins))
        if total == self.noted:
            return
        self.noted = total
        for known, found in zip(self.places.values(), origins, strict=True):
            known += [place] * (len(found) - len(known))

    def origins(self, group: str) -> list[Origin]:
        """Origins of one kind of messages."""
        found: list[Origin] = getattr(self, f"{group}_origins")
        return found


@dataclass(frozen=True)
class Said:
    """A static message, and the hashes that its ids are made from."""

    identity: Identity
    mover: str
    mover_hash: int
    content_hash: int

    @staticmethod
    def of(identity: Identity) -> Said:
        """Hash what an identity says."""
        content = text_hash("\x1f".join(map(str, identity)))
        mover = f"{identity[0]:09d}"
        return Said(identity, mover, text_hash(mover), content)


class Columns:
    """Makes batches of blocks; remembers what vessels said, since they say it every few minutes."""

    def __init__(self) -> None:
        self._fixes = FixColumns()
        self._said: dict[bytes, Said] = {}

    def batch(
        self,
        block: Block,
        data: npt.NDArray[np.uint8],
        rows: Ints,
        names: list[str],
        contexts: list[bytes],
        out: BlockCollector,
        newest_ms: int | None,
    ) -> AisBatch:
        """Make the columns; rows that can't be positions are counted or refused here.

        Parameters
        ----------
        block : and its bytes as uint8.
        rows : of `ais_walk.walk`, at its end.
        names, contexts : stations and clock lines that the rows refer to by number.
        out : what was read line by line.
        """
        texts = pa.array(names, pa.string())
        work = _Work(block, data, rows, texts, contexts, out)
        fixes, lines = self._positions(work)
        identities = self._identities(work)
        rejected = Counter(reject.reason for reject in out.rejects)
        tally = Tally(out.accepted, rejected)
        return AisBatch(fixes, identities, lines, tally, out.rejects, out.messages, newest_ms)

    def _positions(self, work: _Work) -> tuple[pa.Table, Ints]:
        fast, slow = work.merged("fast", scan.POSITION), work.merged("slow", scan.LONG)
        raw = np.concatenate(
            [
                _mixed(work, fast, positions.raw_of_payloads(work.out.fast)),
                _mixed(work, slow, positions.raw_of_fixes(work.out.slow)),
            ]
        )
        found = fast.joined(slow)
        verdict = positions.verdicts(raw)
        for code in (positions.POSITION, positions.UNAVAILABLE):
            if count := int((verdict == code).sum()):
                work.out.accepted[positions.VERDICTS[code]] += count
        for row in np.flatnonzero(verdict > positions.UNAVAILABLE).tolist():
            work.out.refuse_position(work.origin(found, row), raw[row], int(verdict[row]))
        chosen = np.flatnonzero(verdict == positions.POSITION)
        chosen = chosen[np.argsort(found.t[chosen], kind="stable")]
        receiver = texts_at(work.texts, found.station[chosen])
        table = self._fixes.table(raw[chosen], found.t[chosen], receiver, found.flags[chosen])
        return table, found.line[chosen]

    def _identities(self, work: _Work) -> pa.Table:
        out = work.out
        said = [Said.of(identity) for identity in out.identities]
        t = [origin.t for origin in out.identity_origins]
        receivers = [origin.receiver for origin in out.identity_origins]
        for group, kind in (("voyage", scan.VOYAGE), ("class_b", scan.CLASS_B)):
            found = work.merged(group, kind)
            payloads = work.payloads(found, group)
            stations = texts_at(work.texts, found.station).to_pylist()
            messages = self._messages(payloads, group)
            for row, (message, at) in enumerate(zip(messages, found.t.tolist(), strict=True)):
                mmsi = message.identity[0]
                if not 0 < mmsi <= positions.LAST_MMSI:
                    origin = work.origin(found, row)
                    out.refuse(origin.line, "bad_mmsi", f"MMSI {mmsi}", origin.raw)
                    continue
                said.append(message)
                t.append(at)
                receivers.append(stations[row])
        if fresh := len(said) - len(out.identities):
            out.accepted["static"] += fresh
        return _identity_table(said, t, receivers)

    def _messages(self, payloads: list[bytes], group: str) -> list[Said]:
        if len(self._said) > _MOST_SAID:
            self._said.clear()
        fresh = [key for key in dict.fromkeys(payloads) if key not in self._said]
        read = statics.voyage_identities if group == "voyage" else statics.class_b_identities
        for key, identity in zip(fresh, read(fresh), strict=True):
            self._said[key] = Said.of(identity)
        return [self._said[key] for key in payloads]


@dataclass(frozen=True)
class _Merged:
    """Messages of one kind in the order of their lines; ``own`` -1 or place among the origins."""

    place: Ints
    own: Ints
    t: Ints
    station: Ints
    flags: Ints
    line: Ints
    origins: list[Origin]

    def joined(self, other: _Merged) -> _Merged:
        """These, and others behind them."""
        both = [
            np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("place", "t", "station", "flags", "line")
        ]
        moved = np.where(other.own >= 0, other.own + len(self.origins), -1)
        own = np.concatenate([self.own, moved])
        place, t, station, flags, line = both
        return _Merged(place, own, t, station, flags, line, self.origins + other.origins)


class _Work:
    """One block on its way to columns."""

    def __init__(
        self,
        block: Block,
        data: npt.NDArray[np.uint8],
        rows: Ints,
        texts: pa.Array,
        contexts: list[bytes],
        out: BlockCollector,
    ) -> None:
        self.block, self.data, self.rows, self.out = block, data, rows, out
        self.contexts = contexts
        self._numbers: dict[str, int] = {}
        self.texts = texts
        extra = {o.receiver for group in _GROUPS for o in out.origins(group)}
        if extra:
            self._numbers = {name: len(texts) + k for k, name in enumerate(sorted(extra))}
            self.texts = pa.concat_arrays([texts, pa.array(sorted(extra), pa.string())])

    def merged(self, group: str, kind: int) -> _Merged:
        own = np.flatnonzero(self.rows[:, scan.KIND] == kind)
        taken = self.rows[own]
        t, station, flags = taken[:, scan.T], taken[:, scan.STATION], taken[:, scan.FLAGS]
        line = own + (self.block.number + 1)
        origins = self.out.origins(group)
        if not origins:
            return _Merged(own, np.full(len(own), -1), t, station, flags, line, [])
        place = np.concatenate([own, np.array(self.out.places[group], np.int64)])
        order = np.argsort(place, kind="stable")
        numbers = [self._numbers[o.receiver] for o in origins]
        columns = (
            place, np.concatenate([np.full(len(own), -1), np.arange(len(origins))]),
            _more(t, [o.t for o in origins]), _more(station, numbers),
            _more(flags, [o.flags for o in origins]),
            _more(line, [o.line.number for o in origins]),
        )  # fmt: skip
        place, number, t, station, flags, line = (column[order] for column in columns)
        return _Merged(place, number, t, station, flags, line, origins)

    def origin(self, found: _Merged, row: int) -> Origin:
        """Where a message came from, as `Collector` is told."""
        own = int(found.own[row])
        if own >= 0:
            return found.origins[own]
        place = int(found.place[row])
        line = self._line(place)
        kept, raw = self.rows[place], line.data
        context = self._context(int(kept[scan.CONTEXT]))
        if kept[scan.KIND] == scan.VOYAGE:
            raw = b"\n".join([context, self._line(int(kept[scan.FIRST])).data, raw]).strip()
        elif context:
            raw = context + b"\n" + raw
        receiver = self.texts[int(kept[scan.STATION])].as_py()
        return Origin(line, int(kept[scan.T]), receiver, int(kept[scan.FLAGS]), raw)

    def payloads(self, found: _Merged, group: str) -> list[bytes]:
        data, listed = self.block.data, getattr(self.out, _PAYLOADS[group])
        columns = (scan.PAYLOAD, scan.LENGTH)
        starts, sizes = (self.rows[found.place, column].tolist() for column in columns)
        texts = [data[a : a + n] for a, n in zip(starts, sizes, strict=True)]
        if group == "voyage":
            before = [
                self.rows[self.rows[found.place, scan.FIRST], column].tolist() for column in columns
            ]
            firsts = [data[a : a + n] for a, n in zip(*before, strict=True)]
            texts = [a + b for a, b in zip(firsts, texts, strict=True)]
        for row in np.flatnonzero(found.own >= 0).tolist():
            texts[row] = listed[int(found.own[row])]
        return texts if group == "voyage" else list(map(statics.full_class_b, texts))

    def _context(self, number: int) -> bytes:
        """The line that told the time of a message without one of its own."""
        return self.contexts[number] if number >= 0 else self._line(-1 - number).data

    def _line(self, place: int) -> Line:
        return self.block.line(place, *self.rows[place, [scan.START, scan.END]].tolist())


_PAYLOADS = {"voyage": "voyages", "class_b": "class_b"}


def texts_at(texts: pa.Array, places: Ints) -> pa.Array:
    """Texts by their numbers."""
    return texts.take(pa.array(places))


def _mixed(work: _Work, found: _Merged, listed: positions.Raw) -> positions.Raw:
    """Fields of all messages of one kind, in order."""
    raw = np.empty(len(found.own), positions.RAW)
    own = found.own < 0
    raw[own] = raw_of_rows(work.data, work.rows, found.place[own])
    raw[~own] = listed[found.own[~own]]
    return raw


def _more(values: Ints, others: list[int]) -> Ints:
    return np.concatenate([values, np.array(others, np.int64)])


def _identity_table(said: list[Said], t: list[int], receivers: Sequence[str | None]) -> pa.Table:
    times = np.array(t, np.int64)
    hashes = np.array([message.mover_hash for message in said], np.uint64)
    content = np.array([message.content_hash for message in said], np.uint64)
    rows = [message.identity for message in said]
    movers = [message.mover for message in said]
    columns = [[row[k] for row in rows] for k in range(1, 8)]
    ids = identity_ids(hashes, times, content)
    arrays = [movers, times, *columns, receivers, ids]
    cast = [pa.array(a, f.type) for a, f in zip(arrays, IDENTITIES, strict=True)]
    return pa.table(cast, schema=IDENTITIES).take(pa.array(np.argsort(times, kind="stable")))
