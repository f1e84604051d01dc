"""The day's feeds of a demo city, written as files in the formats in which such feeds really come.

::

    ais/ais.nmea.gz             NMEA 0183 with tag blocks
    gps/trucks.csv.gz           truck positions
    wim/weighings.csv           weigh-in-motion records
    camera/detections.jsonl     boxes of street cameras
    registers/vessel_registry.csv
    registers/truck_registry.csv
    truth.json                  what was planted in them
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.simulator import detections, fleet, registers, shop_stories, stories, truck_stories
from ingest.simulator.declaration import DemoDeclaration, ManifestEntry, NameLists
from ingest.simulator.feed_plan import FeedPlan, MassLimit
from ingest.simulator.geography import Geography
from ingest.simulator.navigable import Waters, read_zones
from ingest.simulator.stories.story import tell
from ingest.simulator.truck_positions import clock_texts, write_positions
from ingest.simulator.truck_register import write_truck_register
from ingest.simulator.truck_stories.story import Roads
from ingest.simulator.truck_stories.story import tell as tell_trucks
from ingest.simulator.trucks import Plates, Truck, Yard, drive, haul_muck
from ingest.simulator.truth import Planted, write_truth
from ingest.simulator.vessels import write_log
from ingest.simulator.weighings import passages, strangers, write_records
from layers.city import City
from layers.crs import to_lonlat

Report = Callable[[str], None]
_LEAST_TRUCKS = 10
_LEAST_SHIPS = 20
_LONLAT = "EPSG:4326"
_GZIP_LEVEL = 4
# Each feed has random numbers of its own, so that a change in one leaves the others as they are.
_STREAMS = {"ais": 1, "trucks": 2, "wim": 3, "camera": 4, "truck_stories": 5, "truck_register": 6}
# Numbers of terminals that each line of stories may give.
_TERMINALS = 10_000


@dataclass
class _Demo:
    """What the writers share; collects the manifest and the truth."""

    city: City
    plan: FeedPlan
    names: NameLists
    geography: Geography
    folder: Path
    seed: int
    day: date
    scale: float
    entries: list[ManifestEntry] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)

    @property
    def span(self) -> tuple[int, int]:
        """First moment of the city's day and of the next, Unix seconds."""
        zone = self.city.zone
        return tuple(
            int(datetime.combine(day, time(), zone).timestamp())
            for day in (self.day, self.day + timedelta(days=1))
        )  # type: ignore[return-value]

    def seeds(self, feed: str) -> tuple[int, ...]:
        """What the random numbers of one feed are made from."""
        return self.seed, self.day.toordinal(), _STREAMS[feed]

    def rng(self, feed: str) -> np.random.Generator:
        """Random numbers of one feed."""
        return np.random.default_rng(self.seeds(feed))

    def scaled(self, count: int, least: int) -> int:
        """A count at this scale."""
        return max(least, round(count * self.scale))

    def write(
        self, file: str, feed: str, layer: str, content: bytes, rows: int, crs: str = ""
    ) -> None:
        """Write a file, packed where its name says so, and enter it in the manifest."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".gz":
            content = gzip.compress(content, _GZIP_LEVEL, mtime=0)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        self.entries.append(ManifestEntry(file, feed, layer, rows, digest, crs))


def write_feeds(
    city: City,
    demo: DemoDeclaration,
    geography: Geography,
    folder: Path,
    *,
    seed: int,
    day: date,
    scale: float = 1.0,
    progress: Report | None = None,
) -> list[ManifestEntry]:
    """Write a day of all feeds and the truth file.

    Parameters
    ----------
    demo : with a ``feeds`` section; without one nothing is written.
    geography : the place, in the city's projected CRS.
    folder : where the files go.
    seed : same seed, declarations and day, same bytes.
    day : the city's day, by its own zone.
    scale : of the counts; everything planted is kept at any scale.
    progress : told what is being written.

    Returns
    -------
    One entry for each file.

    Raises
    ------
    NoPlaceError, ValueError
        where a declared story fits nowhere in this city.
    """
    if demo.feeds is None:
        return []
    names = demo.geography.names
    shared = _Demo(city, demo.feeds, names, geography, folder, seed, day, scale)
    tell = progress or (lambda _: None)
    tell("ships")
    _ships(shared)
    tell("trucks")
    trucks, yard = _trucks(shared)
    tell("weighings")
    _weighings(shared, trucks, yard)
    tell("cameras")
    _cameras(shared)
    tell("truth")
    path = folder / "truth.json"
    rows = write_truth(path, shared.planted, city=city.id, seed=seed, day=day, zone=city.zone)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return [*shared.entries, ManifestEntry("truth.json", "truth", "", rows, digest, _LONLAT)]


def _ships(demo: _Demo) -> None:
    """AIS and the register of vessels."""
    rng, plan = demo.rng("ais"), demo.plan.ais
    waters = Waters(demo.geography, read_zones(demo.city), demo.day)
    names = {story.name for story in plan.stories if story.name}
    yard = fleet.Shipyard(plan, names, demo.day, rng)
    start, end = demo.span
    known = stories.discover()
    told = list(tell(plan.stories, known, yard, waters, (start, end), demo.seeds("ais")))
    others = max(_LEAST_SHIPS, demo.scaled(plan.vessels, _LEAST_SHIPS) - len(told))
    voyages = [*fleet.everyday(others, yard, waters, start, end), *told]
    demo.planted += [thing for voyage in told for thing in voyage.planted]
    count = demo.scaled(plan.aids, 1)
    marks = np.array([waters.spot(waters.open, 100.0, rng) for _ in range(count)])
    aids = to_lonlat(marks[:, 0], marks[:, 1], demo.geography.crs)
    log = write_log(voyages, plan, demo.geography.crs, (start, end), aids, rng)
    demo.write("ais/ais.nmea.gz", "ais", "vessel_position", log, log.count(b"\n"), _LONLAT)
    entries = [voyage.entry for voyage in voyages if voyage.entry]
    registered = demo.scaled(demo.plan.registry.vessels, len(entries))
    content, rows = registers.write_register(
        entries, registered, yard, demo.plan.registry, plan, rng
    )
    demo.write("registers/vessel_registry.csv", "register", "vessel_registry", content, rows)


def _trucks(demo: _Demo) -> tuple[list[Truck], Yard]:
    """Positions of trucks: those with a story, those that haul muck, and all others."""
    rng, plan, limits = demo.rng("trucks"), demo.plan.trucks, demo.plan.weighings.limits
    permits = demo.geography.haulage.permits
    given = {permit.plate for permit in permits}

    def yard(own: np.random.Generator, place: int) -> Yard:
        plates = Plates(plan.plate_prefixes, own, given)
        return Yard(plates, limits, own, _TERMINALS * (place + 1))

    roads = Roads(demo.geography)
    told, taken = tell_trucks(
        plan.stories, truck_stories.discover(), roads, yard, demo.span, demo.seeds("truck_stories")
    )
    demo.planted += [thing for truck in told for thing in truck.planted]
    own = yard(rng, len(plan.stories))
    free = [permit for permit in permits if permit.id not in taken]
    muck = haul_muck(
        free[: demo.scaled(plan.muck, min(plan.muck, 2))], roads.quiet, own, demo.span, rng
    )
    count = max(_LEAST_TRUCKS, demo.scaled(plan.trucks, _LEAST_TRUCKS) - len(told) - len(muck))
    trucks = [*drive(count, plan.trucks, roads.open, own, demo.span, rng), *muck, *told]
    crs, zone = demo.geography.crs, demo.city.zone
    content, rows = write_positions(trucks, plan, crs, demo.span, zone, rng)
    demo.write("gps/trucks.csv.gz", "gps", "truck_position", content, rows, _LONLAT)
    return trucks, own


def _weighings(demo: _Demo, trucks: list[Truck], yard: Yard) -> None:
    """Weighing records, and the register of trucks with the classes that they were weighed by."""
    rng, plan, stations = demo.rng("wim"), demo.plan.weighings, demo.geography.stations
    classes: dict[str, MassLimit] = {}
    if stations:
        least = strangers(plan)
        count = demo.scaled(plan.records, least)
        weighed = passages(trucks, stations, count, least, yard.plates, demo.span, rng)
        crs, name, start = demo.geography.crs, f"{demo.day:%Y%m%d}", demo.span[0]
        content, rows, planted, classes = write_records(
            weighed, stations, plan, crs, name, _clock(demo), start, rng
        )
        demo.planted += planted
        demo.write("wim/weighings.csv", "wim", "weighing", content, rows)
    if "truck_registry" in demo.city.layers:
        _register(demo, trucks, classes, yard)


def _register(demo: _Demo, trucks: list[Truck], classes: dict[str, MassLimit], yard: Yard) -> None:
    district = next(u for u in demo.city.jurisdictions.values() if u.level == "district")
    content, rows = write_truck_register(
        trucks,
        demo.geography.haulage.permits,
        classes,
        yard,
        demo.names,
        district.code,
        demo.day,
        demo.rng("truck_register"),
    )
    demo.write("registers/truck_registry.csv", "register", "truck_registry", content, rows)


def _cameras(demo: _Demo) -> None:
    rng, plan, crs = demo.rng("camera"), demo.plan.camera, demo.geography.crs
    fronts = detections.frontages(demo.geography)
    if not fronts:
        return
    told = list(shop_stories.tell(plan, fronts, crs, demo.span, rng))
    demo.planted += [planted for planted, _ in told]
    seen = [one for _, story in told for one in story]
    rest = demo.scaled(plan.detections, len(seen)) - len(seen) - plan.broken
    seen += detections.everyday(max(0, rest), fronts, plan, demo.span, rng)
    name, start = f"{demo.day:%Y%m%d}", demo.span[0]
    content, rows = detections.write_detections(seen, plan, name, _clock(demo), start, rng)
    demo.write("camera/detections.jsonl", "camera", "camera_detection", content, rows)


def _clock(demo: _Demo) -> npt.NDArray[np.str_]:
    return clock_texts(demo.span, demo.city.zone)
