"""Reading back what the simulator wrote, by the standard library, pyais and GEOS alone."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyais.stream import IterMessages

from ingest.simulator.declaration import DemoDeclaration, ManifestEntry
from ingest.simulator.geography import Geography, Road
from ingest.simulator.stories import discover
from layers.city import City
from layers.crs import transformer

POSITIONS = (1, 3, 18)


@dataclass
class Ship:
    """All that one MMSI sent."""

    names: set[str] = field(default_factory=set)
    types: set[int] = field(default_factory=set)
    fixes: dict[int, tuple[float, float]] = field(default_factory=dict)

    def track(self) -> tuple[np.ndarray, np.ndarray]:
        """Times (s) and lon/lat, shape (n, 2), in the order of time."""
        times = np.array(sorted(self.fixes))
        return times, np.array([self.fixes[t] for t in times.tolist()])


@dataclass(frozen=True)
class Fix:
    """What a truck's terminal sent: Unix seconds, metres, km/h, load and terminal."""

    t: float
    xy: tuple[float, float]
    kmh: float
    load: str
    terminal: str

    @property
    def moves(self) -> bool:
        """Whether it says so."""
        return self.kmh > 0


@dataclass
class Written:
    """A demo day on disk."""

    city: City
    demo: DemoDeclaration
    geography: Geography
    folder: Path
    entries: list[ManifestEntry]
    day: date

    @cached_property
    def truth(self) -> dict[str, Any]:
        return json.loads((self.folder / "truth.json").read_text(encoding="utf-8"))

    def planted(self, rule: str, *stories: str) -> list[dict[str, Any]]:
        rows = [row for row in self.truth["planted"] if row["rule"] == rule]
        return [r for r in rows if not stories or r["id"].split(f"{rule}-")[1].startswith(stories)]

    def unphysical(self) -> set[str]:
        """MMSIs of stories whose places or speeds no ship can have."""
        kinds = {kind for kind, story in discover().items() if story.unphysical}
        return {
            row["subject"]
            for row in self.truth["planted"]
            if row["id"].removeprefix(f"{row['rule']}-").rsplit("-", 1)[0] in kinds
        }

    @cached_property
    def ais_lines(self) -> list[bytes]:
        return gzip.decompress((self.folder / "ais" / "ais.nmea.gz").read_bytes()).split(b"\r\n")

    @cached_property
    def messages(self) -> list[tuple[int, Any]]:
        """Decoded messages with the receiver's clock (Unix seconds)."""
        found = []
        for message in IterMessages(self.ais_lines):
            if not message.is_valid or message.tag_block is None:
                continue
            message.tag_block.init()
            if message.tag_block.receiver_timestamp:
                found.append((int(message.tag_block.receiver_timestamp), message.decode()))
        return found

    @cached_property
    def ships(self) -> dict[str, Ship]:
        ships: dict[str, Ship] = defaultdict(Ship)
        for t, message in self.messages:
            ship = ships[f"{message.mmsi:09d}"]
            if message.msg_type in POSITIONS:
                ship.fixes[t] = (message.lon, message.lat)
            if message.msg_type == 5 or (message.msg_type == 24 and message.partno == 0):
                ship.names.add(message.shipname)
            if message.msg_type == 5 or (message.msg_type == 24 and message.partno == 1):
                ship.types.add(int(message.ship_type))
        return dict(ships)

    @cached_property
    def register(self) -> list[dict[str, str]]:
        path = self.folder / "registers" / "vessel_registry.csv"
        return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))

    def registered(self, day: date) -> set[str]:
        """Names in force on a day, as written in the register."""
        text = day.isoformat()
        return {
            row["name_pinyin"]
            for row in self.register
            if row["registered_from"] <= text and (row["registered_to"] or "9") >= text
        }

    def zone(self, kind: str, *, in_force: bool = True) -> Any:
        """Union of a kind of zones in lon/lat, straight in degrees, from the content file."""
        text = self.day.isoformat()
        path = self.city.folder / "content" / "marine_zone.geojson"
        chosen = []
        for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
            row = feature["properties"]
            now = row["in_force_from"] <= text <= (row.get("in_force_to") or "9999-12-31")
            if row["kind"] == kind and now == in_force:
                chosen.append(shapely.geometry.shape(feature["geometry"]))
        return shapely.union_all(chosen)

    @cached_property
    def truck_rows(self) -> list[dict[str, str]]:
        """Positions of trucks that were not spoiled."""
        low_x, low_y, high_x, high_y = self.city.bounds
        found = []
        for row in self.rows("gps/trucks.csv.gz"):
            if not row["plate"] or row["lat"] is None or "T25" in row["time"]:
                continue
            if low_x <= float(row["lon"]) <= high_x and low_y <= float(row["lat"]) <= high_y:
                found.append(row)
        return found

    @cached_property
    def truck_fixes(self) -> dict[str, list[Fix]]:
        """What each plate's terminals sent, in the order of time."""
        found: dict[str, list[Fix]] = defaultdict(list)
        rows = self.truck_rows
        lon, lat = np.array([(float(r["lon"]), float(r["lat"])) for r in rows]).T
        x, y = transformer("EPSG:4326", self.geography.crs).transform(lon, lat)
        for row, *place in zip(rows, x.tolist(), y.tolist(), strict=True):
            kmh, t = float(row["speed_kmh"]), seconds(row["time"])
            fix = Fix(t, (place[0], place[1]), kmh, row["load"], row["receiver"])
            found[row["plate"]].append(fix)
        return dict(found)

    @cached_property
    def truck_register(self) -> dict[str, dict[str, str]]:
        """Register of trucks by plate."""
        rows = self.rows("registers/truck_registry.csv")
        found = {row["plate"]: row for row in rows}
        assert len(found) == len(rows)
        return found

    @cached_property
    def planted_plates(self) -> set[str]:
        """Plates of trucks with a story on the road."""
        kinds = {line.story for line in self.demo.feeds.trucks.stories}
        return {r["subject"] for r in self.truth["planted"] if story_of(r) in kinds}

    def told(self, *stories: str) -> list[dict[str, Any]]:
        """What was planted as one of some stories of trucks; there must be some."""
        rows = [row for row in self.truth["planted"] if story_of(row) in stories]
        assert rows, stories
        return rows

    def during(self, row: dict[str, Any]) -> list[Fix]:
        """What a planted truck sent while it happened."""
        start, end = seconds(row["start"]), seconds(row["end"])
        return [f for f in self.truck_fixes[row["subject"]] if start <= f.t <= end]

    def weighed(self, plate: str) -> list[dict[str, str]]:
        """Weighings of a plate in the order of time."""
        return sorted((r for r in self.weighings if r["plate"] == plate), key=lambda r: r["time"])

    @cached_property
    def road_tree(self) -> shapely.STRtree:
        """All roads."""
        return shapely.STRtree([road.line for road in self.geography.roads])

    def roads_at(self, fixes: list[Fix]) -> list[Road]:
        """The road nearest to each fix."""
        points = shapely.points([fix.xy for fix in fixes])
        near = self.road_tree.query_nearest(points, all_matches=False)[1]
        return [self.geography.roads[n] for n in near.tolist()]

    @cached_property
    def truck_tracks(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By plate: Unix seconds, and metres of shape (n, 2)."""
        grouped: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        for row in self.truck_rows:
            fix = (seconds(row["time"]), float(row["lon"]), float(row["lat"]))
            grouped[row["plate"]].append(fix)
        to_metres = transformer("EPSG:4326", self.geography.crs)
        out = {}
        for plate, fixes in grouped.items():
            t, lon, lat = np.array(fixes).T
            out[plate] = (t, np.column_stack(to_metres.transform(lon, lat)))
        return out

    @cached_property
    def weighings(self) -> list[dict[str, str]]:
        """Weighing records that were not spoiled."""
        return [r for r in self.rows("wim/weighings.csv") if not r["record_id"].endswith("X")]

    def rows(self, file: str) -> list[dict[str, str]]:
        path = self.folder / file
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return list(csv.DictReader(io.StringIO(raw.decode())))


def story_of(row: dict[str, Any]) -> str:
    """Kind of story that a row of the truth tells."""
    return str(row["id"].removeprefix(f"{row['rule']}-").rsplit("-", 1)[0])


def seconds(text: str) -> float:
    """Unix seconds of an ISO time with zone."""
    return datetime.fromisoformat(text).timestamp()


def longest_run(times: np.ndarray, inside: np.ndarray) -> float:
    """Longest time (s) between the first and last fix of a run that is all inside."""
    longest, since = 0.0, None
    for t, within in zip(times.tolist(), inside.tolist(), strict=True):
        if within:
            since = t if since is None else since
            longest = max(longest, t - since)
        else:
            since = None
    return longest
