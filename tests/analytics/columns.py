"""Small feeds and references, made by hand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

import analytics.rules  # noqa: F401 - the rules register themselves
from analytics.detect import END_OF_TIME_MS, run_step
from analytics.event import Event, to_frame
from analytics.feeds import ais_columns, take
from analytics.references import (
    MarineZone,
    References,
    RegisterEntry,
    Shopfront,
    VesselRegister,
    WimStation,
    marine_zone,
)
from analytics.rule import RULES, Columns, Rule, rows
from layers.city import RuleDeclaration
from layers.positions import FIXES, IDENTITIES
from layers.text import Text

ZONE, CRS = "Asia/Shanghai", "EPSG:32651"
WORDS = Text(en="-", zh="-")

NAMES = {
    "traditional": {"滬": "沪", "漁": "渔"},
    "prefixes": {"沪浦渔": "HUPUYU"},
    "confusables": {"O": "0", "I": "1", "L": "1"},
    "fishing": ["(HU|SU|ZHE)[A-Z]{0,14}YU[0-9OIL]{2,6}"],
    "buoys": [".*[0-9]{1,3} ?%", ".*[0-9]{1,2}([.][0-9]+)? ?V"],
}
UNREGISTERED: dict[str, Any] = {
    "names": NAMES,
    "ship_types": [30],
    "identity_window_s": 3600,
}
PRESENCE: dict[str, Any] = {
    "names": NAMES,
    "ship_types": [30],
    "exempt_kinds": ["port"],
    "min_duration_s": 600,
    "max_gap_s": 1800,
    "identity_window_s": 3600,
}
SHOP: dict[str, Any] = {
    "labels": ["goods"],
    "min_confidence": 0.5,
    "offset_m": 0.3,
    "dwell_s": 180,
    "max_gap_s": 60,
}
LIMITS = [
    {"vehicle_kind": "rigid", "axles": 2, "limit_kg": 18000},
    {"vehicle_kind": "rigid", "axles": 3, "limit_kg": 25000},
    {"vehicle_kind": "rigid", "axles": 4, "limit_kg": 31000},
    {"vehicle_kind": "combination", "axles": 3, "limit_kg": 27000},
    {"vehicle_kind": "combination", "axles": 4, "limit_kg": 36000},
    {"vehicle_kind": "combination", "axles": 5, "limit_kg": 43000},
    {
        "vehicle_kind": "combination",
        "axles": 6,
        "or_more": True,
        "limit_kg": 49000,
        "single_drive_kg": 46000,
    },
]
OVERLOAD: dict[str, Any] = {
    "tables": [
        {
            "in_force_from": "2016-09-21",
            "source": {"en": "Regulation, art. 3", "zh": "规定第三条"},
            "limits": LIMITS,
        }
    ],
    "default_error_share": 0.05,
}


def at(text: str) -> int:
    """Milliseconds of an ISO time; UTC where no zone is given."""
    when = datetime.fromisoformat(text)
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def rule(kind: str, parameters: dict[str, Any], references: References, **declared: Any) -> Rule:
    """A rule with parameters, declared by hand."""
    declaration = RuleDeclaration(
        id=kind,
        kind=kind,
        title=WORDS,
        version="1",
        event_type="T",
        departments=("D1", "D2"),
        parameters=parameters,
        **declared,
    )
    return RULES[kind](declaration, references)


def references(**parts: Any) -> References:
    """References of a city by the Yangtze."""
    return References(zone=ZONE, crs=CRS, **parts)


def zone(kind: str, area: shapely.Geometry, **changes: Any) -> MarineZone:
    """A marine zone that is always in force, but for changes."""
    attributes: dict[str, Any] = {
        "zone_id": f"z-{kind}",
        "kind": kind,
        "name_zh": "区",
        "name_en": "the zone",
        "legal_basis": "a notice",
        "in_force_from": None,
        "in_force_to": None,
    }
    return marine_zone(area, CRS, **(attributes | changes))


def register(*names: str, **dates: date) -> VesselRegister:
    """A register of Latin names."""
    return VesselRegister(
        tuple(
            RegisterEntry(f"R{n}", name_pinyin=name, mmsi=f"{412000000 + n}", **dates)
            for n, name in enumerate(names)
        )
    )


def fix(mover: str, t: int, lon: float, lat: float, sog: float = 1.5) -> dict[str, Any]:
    """A row of positions."""
    pid = f"f{mover[-4:]}{t:x}{round(lon * 1e4) & 0xFFFF:x}"
    return {
        "mover": mover,
        "t": t,
        "lon": lon,
        "lat": lat,
        "sog_mps": sog,
        "cog_deg": 90.0,
        "pid": pid,
    }


def said(mover: str, t: int, name: str = "", ship_type: int = 0, **more: Any) -> dict[str, Any]:
    """A row of identities."""
    row = {"mover": mover, "t": t, "name": name, "ship_type": ship_type, "callsign": ""}
    return row | {"destination": "", "pid": f"i{mover[-4:]}{t:x}{name[:4]}"} | more


def ais(*rows: dict[str, Any]) -> Columns:
    """Columns of AIS rows in any order."""
    fixes = [r for r in rows if "lon" in r]
    identities = [r for r in rows if "lon" not in r]
    return ais_columns(
        pa.Table.from_pylist(fixes, schema=FIXES),
        pa.Table.from_pylist(identities, schema=IDENTITIES),
        CRS,
    )


def weighing(record: str, gross: float, **changes: Any) -> dict[str, Any]:
    """A row of the weighing layer: a six-axle combination."""
    row = {
        "record_id": record,
        "station_id": "W1",
        "lane": 1,
        "time": pd.Timestamp("2020-07-01T08:00:00+08:00"),
        "plate": "沪A12345",
        "vehicle_kind": "combination",
        "axles": 6,
        "axle_masses_kg": json.dumps([gross / 6] * 6),
        "gross_kg": gross,
        "speed_mps": 15.0,
        "error_share": 0.05,
        "single_drive_axle": False,
        "image_ref": "i.jpg",
        "geometry": shapely.Point(121.6, 31.2),
    }
    return row | changes


def frame(rows: Sequence[dict[str, Any]]) -> gpd.GeoDataFrame:
    """Rows of a layer."""
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry="geometry", crs="EPSG:4326")


def shop(shop_id: str, x: float = 0.0, **changes: Any) -> Shopfront:
    """A shop with a door line of 8 m eastward from x; the pavement lies north (left)."""
    line = shapely.LineString([(x, 0.0), (x + 8.0, 0.0)])
    attributes: dict[str, Any] = {"outside": "left"} | changes
    return Shopfront(shop_id, "店", "路1号", line, **attributes)


def seen(t_s: float, out_m: float, **changes: Any) -> dict[str, Any]:
    """A detection, its foot edge parallel to the door line, so far outside."""
    row = {"t": round(t_s * 1000), "label": "goods", "confidence": 0.8, "track": "k1", "x": 2.0}
    return row | {"out": out_m, "camera": "C1"} | changes


def detections(*rows: dict[str, Any]) -> Columns:
    """Columns of detections in metres, sorted as the feed does it."""
    ordered = sorted(rows, key=lambda r: (r["camera"], r["t"]))
    n = len(ordered)

    def column(name: str, dtype: Any = object) -> Any:
        return np.array([r[name] for r in ordered], dtype)

    x, out = column("x", float), column("out", float)
    return {
        "mover": column("camera"),
        "t": column("t", np.int64),
        "detection_id": np.array([f"d{r['camera']}{r['t']}{r['track']}" for r in ordered], object),
        "track": column("track"),
        "label": column("label"),
        "confidence": column("confidence", float),
        "lon": 121.6 + x * 1e-5,
        "lat": 31.2 + out * 1e-5,
        "x0": x,
        "y0": out,
        "x1": x + np.full(n, 0.6),
        "y1": out,
    }


def stations(**errors: float | None) -> dict[str, WimStation]:
    """Stations with their errors."""
    return {name: WimStation(name, error) for name, error in errors.items()}


def found(checked: Rule, *batches: Columns) -> list[Event]:
    """Events of batches taken in turn, the state stored as text between them, then flushed."""
    events: list[Event] = []
    state: bytes | None = None
    for batch in batches:
        more, state = run_step(checked, state, batch)
        events += more
    empty = take(batches[0], slice(0, 0))
    more, _ = run_step(checked, state, empty, END_OF_TIME_MS)
    return events + more


def written(events: Iterable[Event]) -> str:
    """Rows of the alert layer as one text, to the byte."""
    return str(to_frame(list(events)).to_wkb(hex=True).to_csv(index=False))


def cut_by_time(columns: Columns, cuts: Iterable[int]) -> list[Columns]:
    """Batches that end where a cut (ms) begins, each in the order of the feed."""
    edges = np.unique(np.fromiter(cuts, np.int64))
    number = np.searchsorted(edges, columns["t"], side="right")
    return [take(columns, number == k) for k in range(len(edges) + 1)]


def cut_by_row(columns: Columns, cuts: Iterable[int]) -> list[Columns]:
    """Batches of rows in the order of the feed."""
    edges = sorted({0, rows(columns), *(cut % (rows(columns) + 1) for cut in cuts)})
    return [take(columns, slice(a, b)) for a, b in itertools.pairwise(edges)] or [columns]


Cut = Callable[[Columns, Iterable[int]], list[Columns]]
