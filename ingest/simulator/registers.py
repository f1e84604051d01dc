"""The register of fishing vessels as its keeper sends it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

import numpy as np

from ingest.simulator.feed_plan import AisPlan, RegistryPlan
from ingest.simulator.fleet import Entry, Shipyard

HEADING = (
    "registry_id",
    "name_zh",
    "name_pinyin",
    "mmsi",
    "callsign",
    "loa_m",
    "gear",
    "home_port",
    "registered_from",
    "registered_to",
)


def write_register(
    entries: Iterable[Entry],
    count: int,
    yard: Shipyard,
    plan: RegistryPlan,
    ais: AisPlan,
    rng: np.random.Generator,
) -> tuple[bytes, int]:
    """The register as CSV, in the order of names.

    Parameters
    ----------
    entries : boats that are at sea on the day, always in it.
    count : rows in all, at least one for each of the entries.
    yard : gives further boats, which stay ashore, their names.

    Returns
    -------
    The file's bytes (UTF-8), and the number of its rows without the heading.
    """
    rows = list(entries)
    at_sea = {entry.number for entry in rows}
    while len(rows) < count:
        rows.append(yard.entry(yard.fishing_number(), yard.mmsi()))
    rows.sort(key=lambda entry: entry.number)
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(HEADING)
    for number, entry in enumerate(rows, start=1):
        writer.writerow(
            (
                f"VR{number:06d}",
                ais.fishing_name_zh.format(f"{entry.number:05d}"),
                *(entry.name, entry.mmsi, entry.callsign, round(float(rng.uniform(11, 38)), 1)),
                _gear(entry, entry.number in at_sea, plan, rng),
                str(rng.choice(plan.home_ports)),
                *(entry.start.isoformat(), entry.end.isoformat() if entry.end else ""),
            )
        )
    return sink.getvalue().encode(), len(rows)


def _gear(entry: Entry, at_sea: bool, plan: RegistryPlan, rng: np.random.Generator) -> str:
    """Any gear for boats ashore; at sea one that is allowed, unless the boat breaks a season."""
    if not at_sea or not plan.allowed_gears:
        return str(rng.choice(plan.gears))
    barred = [gear for gear in plan.gears if gear not in plan.allowed_gears]
    return str(rng.choice(plan.allowed_gears if entry.allowed else barred))
