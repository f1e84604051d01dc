"""The register of trucks as its keeper sends it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import numpy as np

from ingest.simulator.codes import credit_code
from ingest.simulator.declaration import NameLists
from ingest.simulator.feed_plan import MassLimit
from ingest.simulator.geography import MuckPermit
from ingest.simulator.trucks import Truck, Vehicle, Yard

HEADING = (
    "truck_id",
    "plate",
    "firm_name",
    "firm_uscc",
    "vehicle_kind",
    "axles",
    "registered_gross_kg",
    "height_m",
    "use",
    "terminal_id",
    "registered_from",
    "registered_to",
)
# Credit codes of hauliers start here, so that they never meet those of shops and other firms.
_FIRST_FIRM = 90_000_000
_TRUCKS_PER_FIRM = 12


class _Firms:
    def __init__(
        self, lists: NameLists, district: str, count: int, rng: np.random.Generator
    ) -> None:
        stems = [[str(rng.choice(list(part))) for part in (lists.first, lists.second)]
                 for _ in range(count)]  # fmt: skip
        kinds = rng.choice(lists.firm_kinds, count).tolist()
        self._names = ["".join(stem) + kind for stem, kind in zip(stems, kinds, strict=True)]
        self._codes = [credit_code(district, _FIRST_FIRM + n) for n in range(count)]
        self._rng = rng

    def one(self) -> tuple[str, str]:
        """Name and credit code of any firm."""
        at = int(self._rng.integers(len(self._names)))
        return self._names[at], self._codes[at]


def write_truck_register(
    trucks: Iterable[Truck],
    permits: Iterable[MuckPermit],
    classes: Mapping[str, MassLimit],
    yard: Yard,
    lists: NameLists,
    district: str,
    day: date,
    rng: np.random.Generator,
) -> tuple[bytes, int]:
    """All trucks that send positions or have a permit, as CSV in the order of their plates.

    Parameters
    ----------
    classes : of the trucks that were weighed, by plate.
    district : code of the registering district, for the firms' credit codes.

    Returns
    -------
    The file's bytes (UTF-8), and the number of its rows without the heading.
    """
    known: dict[str, tuple[Vehicle, str]] = {}
    for truck in trucks:
        known.setdefault(truck.plate, (truck.vehicle, truck.terminal))
    for permit in permits:
        if permit.plate not in known:
            known[permit.plate] = yard.vehicle("muck"), yard.terminal()
    firms = _Firms(lists, district, max(1, len(known) // _TRUCKS_PER_FIRM), rng)
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(HEADING)
    for number, (plate, (vehicle, terminal)) in enumerate(sorted(known.items()), start=1):
        limit = classes.get(plate, vehicle.limit)
        ends = day + timedelta(days=int(rng.integers(90, 900)))
        writer.writerow(
            (
                *(f"TR{number:06d}", plate, *firms.one()),
                *(limit.vehicle_kind, limit.axles, limit.limit_kg, vehicle.height_m, vehicle.use),
                terminal,
                (day - timedelta(days=int(rng.integers(60, 3000)))).isoformat(),
                ends.isoformat() if rng.random() < 0.2 else "",
            )
        )
    return sink.getvalue().encode(), len(known)
