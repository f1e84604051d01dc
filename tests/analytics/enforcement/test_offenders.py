"""Alerts counted by who, what and where; of repeat only what is so within one period."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from analytics.enforcement.offenders import KINDS, most_within, repeat_offenders
from analytics.enforcement.parameters import RepeatParameters, enforcement_of
from layers.city import City
from layers.errors import DeclarationError
from layers.h3cover import cover
from layers.h3grid import format_cell
from tests.analytics.enforcement.made import FAR, HERE, THERE, ZONE, alert, frame

PARAMETERS = RepeatParameters(
    times=3,
    period_days=10,
    fleet_share=0.4,
    corridor_resolution=8,
    station_layers=("wim_station",),
    site_layers=("construction_site",),
    cells_listed=5,
)


def counted(*rows: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
    found = repeat_offenders(frame(*rows), PARAMETERS, ZONE, **more)
    return {f"{row['by']}:{row['key']}": row for row in found.to_dict("records")}


def test_a_subject_with_enough_alerts_in_the_period_is_one_of_repeat() -> None:
    rows = [alert(f"a{d}", "A", day=d) for d in (0, 4, 9)]
    rows += [alert(f"b{d}", "B", day=d) for d in (0, 5, 10)]
    found = counted(*rows, by=("subject",))
    a, b = found["subject:A"], found["subject:B"]
    assert (a["alerts"], a["days"], a["most_in_period"], a["repeat"]) == (3, 3, 3, True)
    assert (b["alerts"], b["most_in_period"], b["repeat"]) == (3, 2, False), "ten days apart"
    assert a["share"] == 0.5 and a["alert_ids"] == ("a0", "a4", "a9")
    assert a["last"].isoformat() == "2020-06-10T00:00:00+00:00"


def test_days_and_hours_are_the_citys() -> None:
    """Two alerts of one UTC day, on two days of the city; the week begins at its midnight."""
    rows = [alert("a", day=0, hour=23.5), alert("b", day=1, hour=0.5)]
    found = counted(*rows, by=("subject", "hour_of_week"))
    assert found["subject:A"]["days"] == 2
    assert {key for key in found if key.startswith("hour")} == {
        "hour_of_week:1-23",
        "hour_of_week:2-00",
    }


def test_all_subjects_stations_and_sites_count() -> None:
    rows = [
        alert("a", "A", subjects=("A", "B"), references=(("wim_station", "W1"), ("", "law"))),
        alert("b", "B", references=(("wim_station", "W1"), ("construction_site", "S1"))),
        alert("c", "C", references=(("marine_zone", "W1"),)),
    ]
    found = counted(*rows)
    assert found["subject:B"]["alerts"] == 2
    assert found["station:W1"]["alerts"] == 2 and found["station:W1"]["subjects"] == 2
    assert found["site:S1"]["alerts"] == 1
    assert not [key for key in found if key.startswith("firm")], "no register of trucks"
    assert {key.partition(":")[0] for key in found} == set(KINDS) - {"firm"}


def test_a_firm_is_counted_over_its_fleet() -> None:
    firms = {"A": "one", "B": "one", "C": "one", "D": "two", "E": "two", "F": "two"}
    rows = [alert("a", "A", day=0), alert("b", "B", day=1), alert("c", "D", day=1)]
    rows.append(alert("d", "E", day=30))
    found = counted(*rows, by=("firm",), firms=firms)
    one, two = found["firm:one"], found["firm:two"]
    # The latest period is of the last alert: by then the first firm's trucks have been good.
    assert (one["fleet"], one["fleet_share"], one["repeat"]) == (3, 0.0, False)
    assert (two["fleet"], two["fleet_share"], two["repeat"]) == (3, 0.3333, False)
    near = counted(*rows[:3], by=("firm",), firms=firms)["firm:one"]
    assert near["fleet_share"] == 0.6667 and near["repeat"] and near["most_in_period"] == 2


def test_a_corridor_is_every_cell_that_is_passed() -> None:
    line = shapely.LineString([HERE, THERE])
    found = counted(alert("a", at=line), alert("b", at=THERE), by=("corridor",))
    expected = {format_cell(c) for c in cover(np.array([line], object), 8)[0].tolist()}
    assert {row["key"] for row in found.values()} == expected and len(expected) > 5
    (end,) = [row for row in found.values() if row["alerts"] == 2]
    assert end["geometry"].intersects(shapely.Point(THERE)) and end["cells"] == (end["key"],)


def test_the_cells_with_most_alerts_are_named() -> None:
    rows = [alert("a", at=HERE), alert("b", at=THERE), alert("c", at=THERE)]
    row = counted(*rows, by=("subject",))["subject:A"]
    (first, second) = row["cells"]
    there = cover(np.array([shapely.Point(THERE)], object), 8)[0].tolist()
    assert first == format_cell(there[0]) and second != first
    assert row["geometry"].is_valid and row["geometry"].contains(shapely.Point(HERE))


def test_no_alerts_and_one() -> None:
    assert counted() == {}
    found = counted(alert("a", at=FAR))
    assert found["subject:A"]["share"] == 1 and not found["subject:A"]["repeat"]


def test_evidence_that_is_none_and_no_end_break_nothing() -> None:
    for odd in (None, "{", "7", '{"references": 3, "subjects": {}}'):
        row = alert("a") | {"evidence": odd, "end_time": None}
        assert counted(row, by=("subject", "station"))["subject:A"]["alerts"] == 1


def test_rows_do_not_depend_on_the_order_of_alerts() -> None:
    rows = [alert(f"a{k}", f"S{k % 3}", day=k, at=(HERE, THERE, FAR)[k % 3]) for k in range(9)]
    assert counted(*rows) == counted(*reversed(rows))


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(1, 20))
def test_most_in_a_period_is_what_counting_gives(times: list[int], period: int) -> None:
    t = np.array(sorted(times), np.int64)
    expected = max((sum(a <= x < a + period for x in times) for a in times), default=0)
    assert most_within(t, period) == expected


def test_parameters_are_declared_and_sourced(tiny_copy: Path) -> None:
    declared = enforcement_of(City(tiny_copy))
    assert declared.repeat.times == 4 and declared.repeat.period_days == 365
    text = (Path(__file__).parents[3] / "analytics/enforcement/enforcement.yaml").read_text("utf-8")
    own = tiny_copy / "enforcement.yaml"
    own.write_text(text.replace("times: 4", "times: 2"), "utf-8")
    assert enforcement_of(City(tiny_copy)).repeat.times == 2
    for wrong in (
        text.replace("shift_h: 4", "shift_h: 5"),
        text.replace("  repeat.times:", "  x:"),
    ):
        own.write_text(wrong, "utf-8")
        with pytest.raises(DeclarationError, match=r"enforcement\.yaml"):
            enforcement_of(City(tiny_copy))
