"""Weigh-in-motion records in CSV to rows of the `weighing` layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from ingest.decoders.table import Chunk
from ingest.gate import Rows
from layers.feeds import Reject

FEED = "wim"
REQUIRED = (
    "record_id", "station_id", "lane", "time", "plate", "vehicle_kind", "axles",
    "axle_masses_kg", "gross_kg", "speed_kmh",
)  # fmt: skip
_OPTIONAL = ("error_share", "single_drive_axle", "axle_groups", "image_ref")
# Axles are rounded one by one; more than that apart, one of the numbers is wrong.
_SUM_SHARE, _ROUNDING_KG = 0.01, 50.0
_KMH = 3.6


@dataclass(frozen=True)
class Station:
    """A weighing point: where it stands, and how many lanes it has."""

    place: shapely.Point
    lanes: int | None


def rows_of(chunk: Chunk, stations: Mapping[str, Station], file: str) -> tuple[Rows, list[Reject]]:
    """Convert a chunk for the gate.

    Masses of axles become lists, km/h become m/s, the place is the station's. A record whose
    numbers contradict one another is refused here: another number of axles than masses, masses that
    don't add up to the gross mass (1 % and 50 kg allowed), an unknown station, a lane that the
    station does not have, no plate.
    """
    rejects: list[Reject] = []
    kept: list[int] = []
    converted: list[dict[str, Any]] = []
    for row in range(len(chunk.numbers)):
        given = {name: chunk.columns[name][row].strip() for name in chunk.columns}
        field, reason, detail, values = _convert(given, stations)
        if reason:
            number, raw = chunk.numbers[row], chunk.raws[row]
            rejects.append(Reject(FEED, file, number, field, reason, detail, raw))
        else:
            kept.append(row)
            converted.append(values)
    names = converted[0].keys() if converted else ()
    columns = {name: [values[name] for values in converted] for name in names}
    places = [stations[values["station_id"]].place for values in converted]
    geometries = np.array(places, object) if places else np.empty(0, object)
    numbers = [chunk.numbers[row] for row in kept]
    return Rows(numbers, columns, geometries, lambda i: chunk.raws[kept[i]]), rejects


def _convert(
    given: dict[str, str], stations: Mapping[str, Station]
) -> tuple[str, str, str, dict[str, Any]]:
    station = stations.get(given["station_id"])
    if station is None:
        detail = f"no station {given['station_id']!r} in the layer wim_station"
        return "station_id", "unknown_station", detail, {}
    if not given["plate"]:
        return "plate", "missing_value", "a record without a plate proves nothing", {}
    try:
        masses = [float(mass) for mass in given["axle_masses_kg"].split(";")]
        gross, axles, lane = float(given["gross_kg"]), int(given["axles"]), int(given["lane"])
        speed = float(given["speed_kmh"]) if given["speed_kmh"] else None
    except ValueError as failure:
        return "", "bad_value", str(failure)[:300], {}
    numbers = [*masses, gross, 0.0 if speed is None else speed]
    if not all(math.isfinite(number) for number in numbers):
        return "", "not_finite", "a mass or the speed is NaN or infinite", {}
    if min(masses) <= 0:
        return "axle_masses_kg", "bad_value", f"found {given['axle_masses_kg']!r}"[:300], {}
    if len(masses) != axles:
        detail = f"{axles} axles, but {len(masses)} masses"
        return "axle_masses_kg", "axle_count", detail, {}
    if abs(sum(masses) - gross) > _SUM_SHARE * gross + _ROUNDING_KG:
        detail = f"axles add up to {sum(masses):g} kg, gross mass is {gross:g} kg"
        return "gross_kg", "mass_mismatch", detail, {}
    if station.lanes is not None and not 1 <= lane <= station.lanes:
        detail = f"lane {lane}; the station has {station.lanes}"
        return "lane", "unknown_lane", detail, {}
    values: dict[str, Any] = {name: given.get(name, "") for name in (*REQUIRED, *_OPTIONAL)}
    values.pop("speed_kmh")
    values["axle_masses_kg"] = masses
    values["speed_mps"] = None if speed is None else round(speed / _KMH, 3)
    return "", "", "", values
