"""All rules on trucks at once, as ``onemap detect`` runs them: the demo city's trucks of a day.

The demo city is played in full, 850,000 positions with their roads, permits and weighings;
``ONEMAP_BENCH_STORE`` names a store that has been played already. What is read, matched
to roads and judged is measured in a process of its own, from Parquet files and layers to events, so
that its peak memory is theirs; the first batch is run once before, to load compiled code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from analytics import registry
from analytics.detect import run_batches
from analytics.reference_rows import load_references
from benchmarks.passes import peak_mb, timed
from layers.city import City
from layers.store import open_store
from onemap.home import Home
from onemap.pipeline import batches
from tests.running import onemap

CITY = Path(__file__).parents[1] / "data" / "pudong"
_PASS, _WARM_ROWS = "--pass", 20_000


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    standing = os.environ.get("ONEMAP_BENCH_STORE")
    if standing:
        return _apart(Path(standing))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "demo.gpkg"
        done = onemap("demo", "--inputs", Path(folder) / "in", city=CITY, store=store)
        if done.status:
            raise RuntimeError(done.error)
        return _apart(store)


def _apart(store: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_haulage", _PASS, str(store)],
        stdout=subprocess.PIPE,
        check=True,
    )
    told: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return told


def run_pass(path: Path) -> list[dict[str, Any]]:
    """References, rows, matching and all rules, once."""
    city = City(CITY)
    home = Home(CITY, str(path), path.parent)
    store = open_store(str(path), city)
    start = time.perf_counter()
    references = load_references(city, store)
    loaded = time.perf_counter() - start
    rules = [rule for rule in registry.build(city, references) if rule.feed == "gps"]
    stage = registry.stage(city, references, "gps")
    first = next(batches(city, store, home, "gps"))
    run_batches(rules, [{name: values[:_WARM_ROWS] for name, values in first.items()}], stage)
    del first
    before, built = peak_mb(), list[float]()
    start, spent = time.perf_counter(), time.process_time()
    events, read = run_batches(rules, timed(batches(city, store, home, "gps"), built), stage)
    passed, spent = time.perf_counter() - start, time.process_time() - spent
    count = sum(len(found) for found in events.values())
    data = f"{read:,} rows, {len(rules)} rules, {count:,} events; {before} MB before"
    timings = {
        "references loaded": loaded,
        "columns of the pass": sum(built),
        "matching and all rules": passed - sum(built),
        "the whole pass, for a million rows": passed * 1e6 / read,
        "processor time of it, for a million rows": spent * 1e6 / read,
    }
    return [
        {"what": what, "data": data, "value": round(value, 2), "unit": "s", "peak_mb": peak_mb()}
        for what, value in timings.items()
    ]


if __name__ == "__main__":
    measured = run_pass(Path(sys.argv[2])) if sys.argv[1:2] == [_PASS] else run()
    print(json.dumps(measured, ensure_ascii=False))
