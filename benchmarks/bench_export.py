"""Rows a second and memory of whole layers sent in one answer, in every format.

Run ``python -m benchmarks.bench_export`` from the root. A GeoPackage of 1,000,000 synthetic points
(seed 7) is served by one uvicorn process for each measurement, which this process on the same
machine reads to the end. Peak memory is the server's, at a tenth of the rows and at all of them:
what they differ by is mostly SQLite's page cache (64 MB), which a tenth of the rows does not fill.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.servers import CITY, OURS_GEOPACKAGE, running
from layers.city import City
from layers.store import open_store
from ogc_server.exporting.exports import EXPORTS
from tests.ogc_server.rows import AT, rows

LAYER = "navigation_mark"
ROWS = int(os.environ.get("ONEMAP_BENCH_ROWS", "1000000"))
_AT_ONCE = 100_000
_PIECE = 1 << 20


def _fill(url: str) -> None:
    city = City(CITY)
    spec, store = city.layer(LAYER), open_store(url, city)
    store.create(spec)
    for start in range(0, ROWS, _AT_ONCE):
        part = rows(spec, city, min(_AT_ONCE, ROWS - start), seed=7 + start)
        part[spec.id_field] = [f"{LAYER}-{start + i:07d}" for i in range(len(part))]
        with store.transaction() as writing:
            writing.upsert(spec, part, at=AT, source="bench")
    store.close()


def _read(port: int, path: str) -> tuple[float, int]:
    """Seconds and bytes of one answer, read to its end."""
    start, size = time.perf_counter(), 0
    link = HTTPConnection("127.0.0.1", port, timeout=600)
    link.request("GET", path)
    answer = link.getresponse()
    if answer.status != 200:
        raise RuntimeError(answer.read().decode())
    # An answer that breaks off raises IncompleteRead.
    while part := answer.read(_PIECE):
        size += len(part)
    link.close()
    return time.perf_counter() - start, size


def compare() -> list[dict[str, Any]]:
    """Measure all formats.

    Returns
    -------
    One dict for each format: ``rows_per_s``, ``mb`` sent, ``peak_mb`` of the server with all rows,
    ``peak_tenth_mb`` with a tenth.
    """
    found = []
    with tempfile.TemporaryDirectory() as name:
        url = str(Path(name) / "city.gpkg")
        _fill(url)
        for f in EXPORTS:
            peaks, seconds, size = [], 0.0, 0
            for count in (ROWS // 10, ROWS):
                with running(OURS_GEOPACKAGE, url, (LAYER,), Path(name)) as server:
                    limit = "" if count == ROWS else f"&limit={count}"
                    path = f"{server.collections[LAYER]}?f={f}{limit}"
                    seconds, size = _read(server.port, path)
                    peaks.append(server.peak_mb)
            found.append(
                {
                    "format": f,
                    "rows_per_s": ROWS / seconds,
                    "mb": size / 1e6,
                    "peak_tenth_mb": peaks[0],
                    "peak_mb": peaks[1],
                }
            )
    return found


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    return [
        {
            "what": f"export of a whole layer, {row['format']}: onemap, GeoPackage",
            "data": f"{ROWS:,} synthetic points, one answer, one process",
            "value": round(row["rows_per_s"]),
            "unit": "rows/s",
            "peer": f"peak MB with {ROWS // 10:,} rows",
            "peer_value": round(row["peak_tenth_mb"]),
            "ratio": None,
            "peak_mb": round(row["peak_mb"]),
        }
        for row in compare()
    ]


def _print(found: list[dict[str, Any]]) -> None:
    print(
        f"{ROWS:,} synthetic points, seed 7, GeoPackage, one process each, "
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    print(f"{'format':<12}{'rows/s':>10}{'MB':>8}{'peak MB, tenth':>16}{'peak MB, all':>14}")
    for row in found:
        print(
            f"{row['format']:<12}{row['rows_per_s']:>10,.0f}{row['mb']:>8.0f}"
            f"{row['peak_tenth_mb']:>16.0f}{row['peak_mb']:>14.0f}"
        )


if __name__ == "__main__":
    _print(compare())
