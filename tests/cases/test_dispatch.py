"""Who is proposed, and whether he can be told why."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from cases.dispatch import Candidate, rank
from cases.process import default_process
from layers.city import City

# Friday noon by local clocks (UTC-3).
NOON = datetime(2021, 3, 5, 15, tzinfo=UTC)
LON, LAT = -75.125, -42.605
# Degrees of a metre there, to the east.
METRE = 1 / 81_900
CHOICE = default_process().choice


@pytest.fixture(scope="module")
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


def matter(**changed: Any) -> dict[str, Any]:
    return {
        "geometry": shapely.Point(LON, LAT),
        "department": "council",
        "departments": "council,police",
        "jurisdiction": "PS-OH",
        "unit": "PS-OH",
    } | changed


def block(name: str, east_m: float = 0, **changed: Any) -> dict[str, Any]:
    shape = shapely.box(-300 * METRE, -0.003, 300 * METRE, 0.003)
    return {
        "duty_id": name,
        "name_zh": name,
        "department": "council",
        "team": f"team {name}",
        "officer_role": f"post {name}",
        "shift": "all",
        "geometry": shapely.affinity.translate(shape, LON + east_m * METRE, LAT),
    } | changed


def force(name: str, east_m: float, **changed: Any) -> dict[str, Any]:
    return {
        "force_id": name,
        "role": f"officer {name}",
        "team": "team B1",
        "duty_id": "B1",
        "time": pd.Timestamp(NOON - timedelta(minutes=4)),
        "state": "free",
        "geometry": shapely.Point(LON + east_m * METRE, LAT),
    } | changed


def ranked(
    city: City,
    blocks: list[dict[str, Any]],
    forces: list[dict[str, Any]],
    load: dict[str, int] | None = None,
    at: datetime = NOON,
    **changed: Any,
) -> list[Candidate]:
    def frame(rows: list[dict[str, Any]], like: dict[str, Any]) -> gpd.GeoDataFrame:
        columns = {name: [row[name] for row in rows] for name in like}
        return gpd.GeoDataFrame(columns, geometry="geometry", crs="EPSG:4326")

    return rank(
        matter(**changed),
        frame(blocks, block("x")),
        frame(forces, force("x", 0)),
        load or {},
        city=city,
        choice=CHOICE,
        at=at,
    )


def ids(found: list[Candidate]) -> list[str]:
    return [f"{one.kind} {one.id}" for one in found]


def test_the_officer_of_the_block_comes_before_one_who_is_nearer(city: City) -> None:
    blocks = [block("B1"), block("B2", 900)]
    forces = [force("own", 500), force("near", 100, duty_id="B2", team="team B2")]
    found = ranked(city, blocks, forces)
    assert ids(found) == [
        "officer own", "block B1", "officer near", "centre PS-OH", "department council",
    ]  # fmt: skip
    own = found[0]
    assert own.distance_m == pytest.approx(500, abs=2)
    assert own.reasons[0].zh == "地点在其责任网格内"


def test_an_officer_with_much_to_do_comes_later(city: City) -> None:
    forces = [force("a", 100), force("b", 900)]
    assert ids(ranked(city, [block("B1")], forces))[:2] == ["officer a", "officer b"]
    assert ids(ranked(city, [block("B1")], forces, {"a": 1, "B1": 3}))[:2] == [
        "officer b", "officer a",
    ]  # fmt: skip
    full = ranked(city, [block("B1")], forces, {"a": CHOICE.most_open_cases})
    assert "officer a" not in ids(full)


@pytest.mark.parametrize(
    "out",
    [
        {"state": "off"},
        {"time": pd.Timestamp(NOON - timedelta(minutes=16))},
        {"time": pd.Timestamp(NOON + timedelta(minutes=1))},
        {"geometry": shapely.Point(LON + 3100 * METRE, LAT)},
        {"geometry": None},
    ],
    ids=["off duty", "old position", "position of the future", "far", "nowhere"],
)
def test_who_can_not_come_is_not_proposed(city: City, out: dict[str, Any]) -> None:
    assert ids(ranked(city, [block("B1")], [force("a", 50, **out)]))[0] == "block B1"


def test_blocks_count_in_their_shift_and_for_their_department(city: City) -> None:
    blocks = [
        block("day", shift="day"),
        block("night", shift="night"),
        block("master", department="harbour_master"),
        block("far", 900),
    ]
    assert ids(ranked(city, blocks, []))[0] == "block day"
    midnight = NOON + timedelta(hours=12)
    assert ids(ranked(city, blocks, [], at=midnight))[0] == "block night"
    assert not {"block master", "block far"} & set(ids(ranked(city, blocks, [])))


def test_without_anybody_the_town_and_the_department_remain(city: City) -> None:
    assert ids(ranked(city, [], [])) == ["centre PS-OH", "department council"]
    assert ids(ranked(city, [], [], jurisdiction="PS")) == ["centre PS", "department council"]
    at_sea = ranked(city, [], [], jurisdiction=None, department=None, departments="")
    assert at_sea == []


def test_the_reasons_add_up_to_the_cost(city: City) -> None:
    blocks = [block("B1"), block("B2", 900)]
    forces = [force("own", 500), force("near", 100, duty_id="B2", team="t", state="busy")]
    for one in ranked(city, blocks, forces, {"own": 2, "near": 1, "B1": 1, "PS-OH": 3}):
        for texts in ([r.en for r in one.reasons], [r.zh for r in one.reasons]):
            said = [re.search(r"([0-9.]+)(?: min|分钟)", text) for text in texts]
            total = sum(float(found[1]) for found in said if found)
            assert total == pytest.approx(one.minutes, abs=0.11), (one.id, texts)


def test_the_order_of_rows_does_not_matter(city: City) -> None:
    blocks = [block("B1"), block("B2", 900)]
    forces = [force("a", 100), force("b", -100), force("c", 100)]
    found = ranked(city, blocks, forces)
    assert found == ranked(city, blocks[::-1], forces[::-1])
    assert ids(found)[0] == "officer a"
