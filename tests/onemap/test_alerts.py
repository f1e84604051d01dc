"""Alerts of what lasts: told at once, replaced by what tells the end, and not brought back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import shapely

from analytics.event import Event, Evidence
from layers.city import City
from layers.query import Query
from layers.store import open_store
from layers.text import Text
from onemap.pipeline import write_findings

AT = datetime(2020, 7, 2, tzinfo=UTC)
T0 = 1_593_561_600_000


def test_what_has_ended_is_not_told_as_lasting_again(tiny_folder: Path, tmp_path: Path) -> None:
    city = City(tiny_folder)
    rule = city.rules["dark_gap"]
    lasting = Event(
        rule.id, rule.version, rule.event_type, "701000001", T0, T0 + 3_900_000,
        shapely.Point(-75.1, -42.6), "minor", 0.75, Evidence(), Text(en="still", zh="尚未"),
        rule.departments, open=True,
    )  # fmt: skip
    sentence = Text(en="over", zh="恢复")
    ended = replace(lasting, end_ms=T0 + 9_000_000, sentence=sentence, open=False)
    assert ended.id == lasting.id
    store = open_store(str(tmp_path / "onemap.gpkg"), city)
    store.create(*city.layers.values())

    def told(event: Event) -> tuple[tuple[int, int], str]:
        with store.transaction() as unit:
            new = write_findings(unit, city, [event], at=AT)
        (row,) = store.frame(Query("alert")).itertuples()
        return new, str(row.sentence_en)

    assert told(lasting) == ((1, 1), "still")
    assert told(ended) == ((0, 0), "over")
    assert told(lasting) == ((0, 0), "over")
    store.close()
