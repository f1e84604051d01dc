"""Repeat offenders and patrols as processes: of the reader's own alerts, on both stores."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.algorithm import InputError, Silent
from analytics.algorithms import find
from layers.access import LOCAL, PUBLIC, Audience
from layers.city import City
from layers.query import Query, Scope
from layers.store import Store
from ogc_server.catalogue import Catalogue
from ogc_server.processes.reader import CatalogueReader
from ogc_server.processes.results import encode

KEYS = ("repeat-offenders", "patrol-proposal")


def reader(city: City, store: Store, audience: Audience = LOCAL) -> CatalogueReader:
    return CatalogueReader(Catalogue(city, store, audience))


def run(seen: CatalogueReader, key: str, **values: Any) -> dict[str, Any]:
    chosen = find(key)
    return chosen.run(seen, chosen.read(values), Silent())


def test_every_alert_is_counted_and_its_making_is_told(city: City, store: Store) -> None:
    made = run(reader(city, store), "repeat-offenders", by=["subject", "hour_of_week"], times=2)
    summary, rows = made["summary"], made["offenders"].rows()
    number = store.count(Query("alert"))
    assert summary["alerts"] == number
    hours = [row for row in rows if row["by"] == "hour_of_week"]
    assert sum(row["alerts"] for row in hours) == number
    assert summary["parameters"]["times"] == 2 and summary["sources"]["times"] == "as asked for"
    assert "within one year" in summary["sources"]["period_days"]
    assert summary["repeat"] == sum(row["repeat"] for row in rows) > 0


def test_a_proposal_tells_what_it_catches_and_of_which_alerts(city: City, store: Store) -> None:
    made = run(reader(city, store), "patrol-proposal", places=5, teams=5, fit_share=0.5)
    summary, rows = made["summary"], made["shifts"].rows()
    assert summary["fit"]["alerts"] + summary["held"]["alerts"] == store.count(Query("alert"))
    assert 0 < len(rows) <= 5 and summary["fit"]["caught"] == sum(r["caught_fit"] for r in rows)
    ids = set(store.frame(Query("alert"))["alert_id"])
    assert {one for row in rows for one in row["alerts_fit"].split(",")} <= ids
    assert summary["parameters"]["places"] == 5 and summary["fit_at_most"] >= len(rows)


@pytest.mark.parametrize("key", KEYS)
def test_results_can_be_had_as_geojson_and_csv(city: City, store: Store, key: str) -> None:
    chosen = find(key)
    inputs = chosen.read({})
    made = chosen.run(reader(city, store), inputs, Silent())
    name = next(iter(chosen.outputs))
    for media in chosen.outputs[name].media:
        assert encode(chosen, inputs, made, {name: media})[name].body


@pytest.mark.parametrize("key", KEYS)
def test_a_reader_counts_his_own_alerts_only(city: City, store: Store, key: str) -> None:
    audience = Audience("own", LOCAL.sensitivities, Scope(jurisdictions=("PS-OH",)))
    whole, own = (run(reader(city, store, a), key) for a in (LOCAL, audience))
    number = store.count(Query("alert", jurisdiction="PS-OH"))
    assert 0 < number < store.count(Query("alert"))
    told = [made["summary"] for made in (whole, own)]
    counts = [
        s["alerts"] if "alerts" in s else s["fit"]["alerts"] + s["held"]["alerts"] for s in told
    ]
    assert counts == [store.count(Query("alert")), number]
    mine = set(store.frame(Query("alert", jurisdiction="PS-OH"))["alert_id"])
    for row in next(iter(own.values())).rows():
        named = ",".join(str(row.get(n) or "") for n in ("alert_ids", "alerts_fit", "alerts_held"))
        assert set(filter(None, named.split(","))) <= mine
    with pytest.raises(InputError, match="there is no layer 'alert'"):
        run(reader(city, store, PUBLIC), key)


def test_firms_are_read_from_a_register(city: City, store: Store) -> None:
    made = run(
        reader(city, store), "repeat-offenders", by=["firm"], trucks="weighing",
        plate_property="plate", firm_property="station_id",
    )  # fmt: skip
    register = store.frame(Query("weighing"))
    known = {
        p: f for p, f in zip(register["plate"], register["station_id"], strict=True) if p and f
    }
    subjects = set(store.frame(Query("alert"))["subject"])
    expected = {known[s] for s in subjects if s in known}
    assert {row["key"] for row in made["offenders"].rows()} == expected != set()


def test_a_filter_that_leaves_nothing_gives_nothing(city: City, store: Store) -> None:
    for key in KEYS:
        made = run(reader(city, store), key, filter="rule = 'no such rule at all'")
        assert len(next(iter(made.values()))) == 0


@pytest.mark.parametrize(
    ("key", "values", "name"),
    [
        ("repeat-offenders", {"by": []}, "by"),
        ("repeat-offenders", {"by": ["colour"]}, "by"),
        ("repeat-offenders", {"times": 1}, "times"),
        ("repeat-offenders", {"filter": "("}, "filter"),
        ("repeat-offenders", {"trucks": "nothing"}, "trucks"),
        ("repeat-offenders", {"trucks": "resident"}, "trucks"),
        ("repeat-offenders", {"trucks": "weighing"}, "firm_property"),
        ("patrol-proposal", {"shift_h": 5}, "shift_h"),
        ("patrol-proposal", {"teams": 0}, "teams"),
        ("patrol-proposal", {"fit_share": 1.0}, "fit_share"),
        ("patrol-proposal", {"datetime": "yesterday"}, "datetime"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_name(
    city: City, store: Store, key: str, values: dict[str, Any], name: str
) -> None:
    with pytest.raises(InputError) as refused:
        run(reader(city, store), key, **values)
    assert refused.value.name.split(".")[0] == name, refused.value
