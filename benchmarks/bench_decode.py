"""Speed of decoding alone: NMEA blocks to columns, beside our decoder of lines and beside pyais.

Our figures hold everything that a batch has: positions and identities as columns with their ids and
cells, the account, refused lines with their reasons. pyais reads and decodes, and keeps nothing.
The three run in turns, and each gives its best of three, as processor time; the loops are compiled
before. The synthetic log is the simulator's; the real ones are repeated, since they are short, and
what they repeat is kept, since a duplicate leaves nothing to make columns of. Most of the real
lines are other sentences of one ship's bus, so the AIS sentences are also measured alone.
"""

from __future__ import annotations

import gzip
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyais
from pyais.exceptions import AISBaseException
from pyais.stream import FileReaderStream

from benchmarks.bench_ingest import CITY, SEED, _log
from ingest.decoders.ais import AisDecoder, AisOptions
from ingest.decoders.ais_blocks import BlockDecoder
from ingest.sources.block import read_line_blocks
from ingest.sources.file import read_lines
from ingest.sources.line import rounds
from layers.city import City

REAL = Path(__file__).parents[2] / "shared" / "data" / "ais_nmea"
REAL_LINES = 300_000
# No message is a duplicate, and each has a time.
KEEP = AisOptions(duplicate_ms=-1, base_time_ms=1_600_000_000_000)
_LINES_AT_ONCE = 20_000
_TIMES = 3


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows += _rows("synthetic NMEA", _log(City(CITY), Path(folder)), f", seed {SEED}")
        if REAL.is_dir():
            real = _real(Path(folder))
            rows += _rows("real NMEA, all files repeated", real, "", KEEP)
            rows += _rows("real AIS sentences alone, repeated", _sentences(real), "", KEEP)
    return rows


def _rows(
    what: str, log: Path, more: str, options: AisOptions | None = None
) -> list[dict[str, Any]]:
    count = log.read_bytes().count(b"\n")
    _blocks(log, options)
    best = {work: float("inf") for work in (_blocks, _lines, _peer)}
    for _ in range(_TIMES):
        for work in best:
            best[work] = min(best[work], _seconds(work, log, options))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = f"pyais {pyais.__version__}, stream and decode, nothing kept"
    return [
        {
            "what": title,
            "data": f"{what}, {count:,} lines{more}",
            "value": round(count / best[work]),
            "unit": "lines/s",
            "peer": name,
            "peer_value": round(count / best[_peer]),
            "ratio": round(best[_peer] / best[work], 2),
            "peak_mb": round(peak),
        }
        for title, work in (("NMEA blocks to columns", _blocks), ("NMEA lines to columns", _lines))
    ]


def _real(folder: Path) -> Path:
    skipped = (".json", ".jsonl.gz", ".md", ".csv.gz")
    files = sorted(path for path in REAL.iterdir() if not path.name.endswith(skipped))
    parts = [
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in files
    ]
    once = b"\n".join(parts) + b"\n"
    log = folder / "real.nmea"
    log.write_bytes(once * (REAL_LINES // once.count(b"\n") + 1))
    return log


def _sentences(real: Path) -> Path:
    wanted = [line for line in real.read_bytes().split(b"\n") if b"VDM," in line or b"VDO," in line]
    log = real.with_name("sentences.nmea")
    log.write_bytes(b"\n".join(wanted * (REAL_LINES // len(wanted) + 1)) + b"\n")
    return log


def _seconds(
    work: Callable[[Path, AisOptions | None], None], log: Path, options: AisOptions | None
) -> float:
    start = time.process_time()
    work(log, options)
    return time.process_time() - start


def _blocks(log: Path, options: AisOptions | None) -> None:
    decoder = BlockDecoder(options)
    for block in read_line_blocks(log):
        decoder.decode_block(block)
    decoder.finish()


def _lines(log: Path, options: AisOptions | None) -> None:
    decoder = AisDecoder(options)
    for lines in rounds(read_lines(log), _LINES_AT_ONCE):
        decoder.decode(lines)
    decoder.finish()


def _peer(log: Path, options: AisOptions | None) -> None:
    with FileReaderStream(str(log)) as stream:
        for message in stream:
            try:
                message.decode()
            except AISBaseException:
                continue
