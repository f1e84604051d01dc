"""What a live feed keeps between commits, in parts: each is written once, then only dropped.

Payloads heard lately and positions that wait to be put in order are thousands of rows, of which a
commit adds a few. Each commit's rows are a *chunk*, which stays as it is until none of it is needed
any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import numpy as np
import orjson
import pyarrow as pa

from ingest.decoders.ais import AisDecoder, AisOptions

# More chunks than that become one: a feed whose clock stands still drops none.
_MOST = 64
_T = TypeVar("_T")
Heard = dict[bytes, int]


class Chunks(Generic[_T]):
    """Rows kept as packed chunks, numbered in the order in which they came.

    Parameters
    ----------
    name : what the chunks are called: ``<name>/<number>``.
    pack, unpack : a chunk's rows to bytes and back.
    """

    def __init__(
        self, name: str, pack: Callable[[_T], bytes], unpack: Callable[[bytes], _T]
    ) -> None:
        self.name, self._pack, self._unpack = name, pack, unpack
        self._next = 0
        self._kept: dict[str, tuple[int, bytes]] = {}

    def add(self, rows: _T, newest_ms: int, whole: Callable[[], tuple[_T, int]]) -> None:
        """Keep rows.

        Parameters
        ----------
        newest_ms : time of the newest of them.
        whole : gives all rows that are kept still, and the time of the newest.
        """
        if len(self._kept) >= _MOST:
            self._kept.clear()
            rows, newest_ms = whole()
        self._kept[f"{self.name}/{self._next:012d}"] = newest_ms, self._pack(rows)
        self._next += 1

    def drop(self, before_ms: int) -> None:
        """Forget chunks whose rows are all older than a time."""
        kept = self._kept.items()
        self._kept = {part: one for part, one in kept if one[0] >= before_ms}

    def parts(self) -> dict[str, bytes]:
        """Content of each chunk by its name."""
        return {part: content for part, (_, content) in self._kept.items()}

    def restore(self, parts: Mapping[str, bytes], newest: Callable[[_T], int]) -> list[_T]:
        """Go on from the `parts` of a state; give the rows of each, oldest first."""
        own = sorted(part for part in parts if part.startswith(f"{self.name}/"))
        rows = [self._unpack(parts[part]) for part in own]
        self._kept = {part: (newest(one), parts[part]) for part, one in zip(own, rows, strict=True)}
        self._next = 1 + int(own[-1].rpartition("/")[2]) if own else 0
        return rows


class NotingDecoder(AisDecoder):
    """A decoder that notes which payloads it remembered lately.

    Attributes
    ----------
    noted : payloads with the time of each, since it was last emptied.
    """

    def __init__(self, options: AisOptions | None = None) -> None:
        super().__init__(options)
        self.noted: Heard = {}

    def _remember(self, key: bytes, t: int) -> None:
        super()._remember(key, t)
        self.noted[key] = t


def pack_heard(heard: Heard) -> bytes:
    """Payloads, which are of ASCII letters, and their times as JSON."""
    t = np.fromiter(heard.values(), np.int64, len(heard))
    keys = b"\n".join(heard).decode("ascii")
    return orjson.dumps({"keys": keys, "t": t}, option=orjson.OPT_SERIALIZE_NUMPY)


def unpack_heard(content: bytes) -> Heard:
    """Read what `pack_heard` wrote."""
    values = orjson.loads(content)
    return dict(zip(values["keys"].encode("ascii").split(b"\n"), values["t"], strict=True))


def pack_table(table: pa.Table) -> bytes:
    """Rows as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def unpack_table(content: bytes) -> pa.Table:
    """Read what `pack_table` wrote."""
    return pa.ipc.open_stream(content).read_all()
