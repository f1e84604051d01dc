"""Real files of places: what fits is stored, what doesn't is refused with its reason."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from ingest.rejects import RejectStore
from ingest.take_in import layer as layers_in
from layers import crs as systems
from layers.city import City
from layers.feeds import Reject, Tally
from layers.query import Query
from layers.store import Store, open_store

pytestmark = pytest.mark.real
AT = datetime(2026, 1, 1, tzinfo=UTC)
CITY = Path(__file__).parents[1] / "cities" / "places"
PUDONG = "310115"


@dataclass
class Office:
    """A store of the declared layers, and the real files to fill it with."""

    city: City
    store: Store
    home: Path
    files: Path

    def take(self, layer: str, file: str | Path, source: str | None = None) -> Tally:
        declared = self.city.sources[source] if source else None
        path = self.files / file
        return layers_in.take_in(
            self.city, self.store, self.home, layer, [path], source=declared, at=AT
        )

    def rejects(self, layer: str) -> list[Reject]:
        return RejectStore(self.home / "rejects").rows(f"layer:{layer}")

    def frame(self, layer: str) -> gpd.GeoDataFrame:
        return self.store.frame(Query(layer)).set_index("fid")


@pytest.fixture
def office(real_data: Path, tmp_path: Path) -> Iterator[Office]:
    city = City(CITY)
    store = open_store(str(tmp_path / "s.gpkg"), city)
    store.create(*city.layers.values())
    yield Office(city, store, tmp_path, real_data / "places")
    store.close()


CLEAN = {
    "six districts, CRS named, MIT": (
        "district", "shanghai_districts_detailed_pre2015.geojson", "detailed", 6),
    "sixteen districts in CGCS2000": (
        "district", "ecnu_shanghai_districts_4490.geojson", "ecnu_districts", 16),
    "a bare JSON list in GCJ-02": ("district", "datav_310115.json", "datav", 1),
    "a generalised outline": ("district", "pudong_outline.geojson", "outline", 1),
    "stations and exits": ("metro_point", "ecnu_metro_pudong.geojson", "ecnu_points", 923),
    "parks": ("park", "ecnu_parks_pudong.geojson", "ecnu_points", 480),
    "both directions of a metro line": ("line", "metro_line2.geojson", "lines", 2),
    "both directions of a bus line, z = 0": ("line", "shanghai_busline71.geojson", None, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_file_is_stored_whole(office: Office, name: str) -> None:
    layer, file, source, rows = CLEAN[name]
    tally = office.take(layer, file, source)
    assert (tally.read, tally.accepted.total(), tally.rejected.total()) == (rows, rows, 0)
    stored = office.frame(layer)
    assert len(stored) == rows and stored.geometry.is_valid.all()
    assert not stored.geometry.has_z.any()


def pudong(office: Office, file: str, source: str) -> shapely.Geometry:
    office.take("district", file, source)
    outline = office.frame("district").geometry[PUDONG]
    return systems.project(np.array([outline], object), office.city.crs)[0]


def test_outlines_of_one_district_differ_as_measured(office: Office) -> None:
    ecnu = pudong(office, "ecnu_shanghai_districts_4490.geojson", "ecnu_districts")
    older = pudong(office, "shanghai_districts_detailed_pre2015.geojson", "detailed")
    coarse = pudong(office, "pudong_outline.geojson", "outline")
    areas = [round(shape.area / 1e6, 1) for shape in (ecnu, older, coarse)]
    assert areas == pytest.approx([1493.9, 1396.8, 1511.0], abs=0.1)
    overlap = ecnu.intersection(older).area / ecnu.union(older).area
    assert overlap == pytest.approx(0.923, abs=0.001)
    history = office.store.frame(Query("district", fids=(PUDONG,)))
    assert len(history) == 1, "each file gives the same district a new state"


def test_declared_gcj02_moves_an_outline_half_a_kilometre(office: Office) -> None:
    moved = pudong(office, "datav_310115.json", "datav")
    raw = json.loads((office.files / "datav_310115.json").read_text())[0]["geometry"]
    given = systems.project(np.array([shapely.geometry.shape(raw)], object), office.city.crs)[0]
    assert 400 < shapely.distance(moved.centroid, given.centroid) < 560


def test_points_of_interest_without_ids_go_by_name_once_each(office: Office) -> None:
    tally = office.take("poi", "poi_pudong.csv.gz", "poi")
    assert tally.sentence() == (
        "read 2,829 = accepted 2,788 (poi 2,788) + rejected 41 (duplicate_id 41)"
    )
    kinds = Counter(office.frame("poi")["kind"])
    refused = Counter(reject.raw.split(",")[0] for reject in office.rejects("poi"))
    assert kinds + refused == {"bus_stop": 900, "school": 900, "medical": 899, "metro_station": 130}
    assert all("came before, in row" in reject.detail for reject in office.rejects("poi"))


@pytest.mark.parametrize(
    ("file", "source", "stops", "again"),
    [
        ("shanghai_busstops71.geojson", "stops", 25, 24),
        ("metro_line2_stations.csv", "metro_stops", 30, 30),
    ],
)
def test_a_stop_given_once_for_each_direction_is_one_stop(
    office: Office, file: str, source: str, stops: int, again: int
) -> None:
    tally = office.take("stop", file, source)
    assert tally.accepted == {"stop": stops} and tally.rejected == {"duplicate_id": again}


def test_a_real_hydrant_register_loses_what_is_no_hydrant(office: Office) -> None:
    tally = office.take("hydrant", "taichung_hydrants.geojson.gz", "hydrants")
    assert tally.sentence() == (
        "read 4,347 = accepted 2,711 (hydrant 2,711) + rejected 1,636 (missing_value 1,636)"
    )
    fields = Counter(reject.field for reject in office.rejects("hydrant"))
    assert fields == {"kind": 1_612, "number": 24}, "unfilled rows, and cisterns of buildings"
    stored = office.frame("hydrant")
    assert Counter(stored["kind"]) == {"地下": 2_184, "地上": 527}
    assert not stored["out_of_use"].any() and stored["outlet"].isin(["單口", "雙口"]).all()


def changed_hydrants(office: Office, change: str, tmp_path: Path) -> Tally:
    packed = (office.files / "taichung_hydrants.geojson.gz").read_bytes()
    content = json.loads(gzip.decompress(packed))
    rows = content["features"][:100]
    first = rows[0]["properties"]
    if change == "number twice":
        rows[7]["properties"]["消防栓編號"] = first["消防栓編號"]
    elif change == "no number":
        rows[7]["properties"]["消防栓編號"] = ""
    elif change == "another place":
        rows[7]["properties"]["經度"] = str(float(rows[7]["properties"]["經度"]) + 0.0005)
    elif change == "swapped":
        rows[7]["geometry"]["coordinates"].reverse()
    elif change == "another word":
        rows[7]["properties"]["種類"] = "地下式"
    elif change == "another clock":
        rows[7]["properties"]["修改時間"] = "10 October"
    else:
        rows[7]["geometry"] = None
    path = tmp_path / "changed.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    return office.take("hydrant", path, "hydrants")


CHANGES = {
    "number twice": "duplicate_id", "no number": "missing_value", "another place": "place_mismatch",
    "swapped": "swapped_lon_lat", "another word": "bad_value", "another clock": "bad_value",
    "nothing there": "no_geometry",
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_faults_of_the_whole_register_cost_one_row_each(
    office: Office, change: str, tmp_path: Path
) -> None:
    tally = changed_hydrants(office, change, tmp_path)
    assert tally.accepted == {"hydrant": 99} and tally.rejected == {CHANGES[change]: 1}
    assert [reject.line for reject in office.rejects("hydrant")] == [8]


def test_real_points_sent_in_gcj02_come_back_within_a_metre(office: Office, tmp_path: Path) -> None:
    office.take("poi", "poi_pudong.csv.gz", "poi")
    true = office.frame("poi").geometry
    lon, lat = systems.gcj02_from_wgs84(true.x.to_numpy(), true.y.to_numpy())
    path = tmp_path / "offset.csv.gz"
    places = zip(true.index, lon.tolist(), lat.tolist(), strict=True)
    lines = [f'"{name}",school,{x!r},{y!r}' for name, x, y in places]
    path.write_bytes(gzip.compress("\n".join(["name,kind,lon,lat", *lines]).encode()))
    tally = office.take("poi", path, "poi_offset")
    assert tally.accepted == {"poi": len(true)}
    back = office.frame("poi").geometry.reindex(true.index)
    apart = np.hypot((back.x - true.x) * 95_000, (back.y - true.y) * 111_000)
    assert (
        apart.max() < 1 and np.hypot((lon - true.x) * 95_000, (lat - true.y) * 111_000).min() > 300
    )


def test_the_same_real_file_again_changes_nothing(office: Office) -> None:
    office.take("metro_point", "ecnu_metro_pudong.geojson", "ecnu_points")
    revision = office.store.revision("metro_point")
    office.take("metro_point", "ecnu_metro_pudong.geojson", "ecnu_points")
    assert office.store.revision("metro_point") == revision
    assert office.store.count(Query("lineage")) == 1
