"""``make bench``: every measurement in one run; what was measured is kept in RESULTS.md.

``python -m benchmarks bench_items`` measures some of them anew and leaves the others' figures. Each
part says when it was measured and how busy the machine was with other work when it began.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

RESULTS = Path(__file__).parent / "RESULTS.md"
KEPT = Path(__file__).parent / "results.json"
MODULES = (
    "bench_ingest",
    "bench_decode",
    "bench_live",
    "bench_terminals",
    "bench_live_trucks",
    "bench_store",
    "bench_items",
    "bench_export",
    "bench_rules",
    "bench_vessels",
    "bench_trucks",
    "bench_haulage",
    "bench_matching",
    "bench_movers",
    "bench_positions",
    "bench_tiles",
    "bench_cells",
    "bench_catalogue",
    "bench_cases",
)
_ROWS = "--rows"
LIBRARIES = ("pygeoapi", "pyais", "shapely", "pyogrio", "SQLAlchemy", "numpy", "pandas", "h3")


def main(chosen: list[str]) -> int:
    """Run the named measurements, all by default; exit status 1 if one failed."""
    console = Console()
    kept: dict[str, Any] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    failed = []
    for name in chosen or MODULES:
        console.print(f"[bold]{name}[/bold]")
        busy = os.getloadavg()[0]
        # A process each, so that peak memory is its own.
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", _ROWS, name], stdout=subprocess.PIPE, check=False
        )
        if done.returncode:
            failed.append(name)
            continue
        rows = json.loads(done.stdout.splitlines()[-1])
        for row in rows:
            console.print("  " + "  ".join(f"{key}: {_cell(row[key])}" for key in row))
        kept[name] = {"when": f"{datetime.now(UTC):%Y-%m-%d}", "load": round(busy, 1), "rows": rows}
        KEPT.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", "utf-8")
        RESULTS.write_text(_markdown(kept), encoding="utf-8")
    console.print(f"kept in {RESULTS.name}")
    for name in failed:
        console.print(f"[red]{name} failed[/red]")
    return 1 if failed else 0


def _markdown(kept: dict[str, Any]) -> str:
    heads = ["what", "data", "value", "unit", "peer", "peer_value", "ratio", "peak_mb"]
    lines = [
        "# Last results of `make bench`",
        "",
        f"{os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
        + ".",
        "All data are synthetic unless the row says otherwise; a part is one run on one machine.",
    ]
    for name in filter(kept.__contains__, MODULES):
        part = kept[name]
        lines += ["", f"## {name}", "", f"{part['when']}, load at the beginning {part['load']}", ""]
        lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        lines += [
            "| " + " | ".join(_cell(row.get(head)) for head in heads) + " |" for row in part["rows"]
        ]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    if sys.argv[1:2] == [_ROWS]:
        print(json.dumps(importlib.import_module(f"benchmarks.{sys.argv[2]}").run()))
    else:
        sys.exit(main(sys.argv[1:]))
