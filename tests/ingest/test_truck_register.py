"""The register of trucks says whose terminals come in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import geopandas as gpd
import pytest

from ingest.decoders.jt808_messages import RegisterResult, Registration
from ingest.take_in.truck_register import LAYER, TruckRegister
from layers.city import City
from layers.store import Store, open_store
from tests.ingest.conftest import AT

SPEC = """
id: truck_registry
title: {en: Registered truck, zh: 货车登记}
description: {en: Register of trucks., zh: 货车登记册。}
domain: harbour
kind: thing
geometry: None
sensitivity: public
owner: harbour_master
id_field: plate
provenance: invented
properties:
  - {name: plate, type: string, required: true, title: {en: Plate, zh: 车牌}}
  - {name: terminal_id, type: string, title: {en: Terminal, zh: 终端}}
"""


def told(terminal_id: str, plate: str) -> Registration:
    return Registration(0, 0, "M", "M1", terminal_id, 1, plate)


@pytest.fixture
def city(tiny_copy: Path) -> City:
    (tiny_copy / "layers" / "truck_registry.yaml").write_text(SPEC, encoding="utf-8")
    return City(tiny_copy)


@pytest.fixture
def store(city: City, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "store.gpkg"), city)
    opened.create(*city.layers.values())
    yield opened
    opened.close()


def enter(city: City, store: Store, **trucks: str) -> None:
    rows = gpd.GeoDataFrame(
        {"plate": list(trucks), "terminal_id": list(trucks.values())}, geometry=[None] * len(trucks)
    )
    with store.transaction() as unit:
        unit.upsert(city.layer(LAYER), rows, at=AT, source="test")


def test_registered_terminals_alone_are_admitted(city: City, store: Store) -> None:
    enter(city, store, AB1="ID1", AB2="013800000002")
    plates: dict[str, str] = {}
    register = TruckRegister(city, store, plates)
    register.refresh(AT)
    assert register.binding and plates == {"ID1": "AB1", "13800000002": "AB2"}
    admit = register.admit
    assert admit(told("ID1", "AB1"), "13800000001") == RegisterResult.DONE
    assert admit(told("", "AB2"), "13800000002") == RegisterResult.DONE
    assert admit(told("ID1", "AB2"), "13800000001") == RegisterResult.NO_SUCH_VEHICLE
    assert admit(told("ID9", "AB1"), "13800000009") == RegisterResult.NO_SUCH_TERMINAL


def test_a_register_that_changes_is_read_again(city: City, store: Store) -> None:
    enter(city, store, AB1="ID1")
    plates = {"13800000001": "AB1"}
    register = TruckRegister(city, store, plates)
    register.refresh(AT)
    assert register.serves("13800000001") and not register.serves("13800000002")
    with store.transaction() as unit:
        unit.delete(city.layer(LAYER), ["AB1"], at=AT)
    enter(city, store, AB3="ID3")
    register.refresh(AT + timedelta(seconds=59))
    assert register.serves("13800000001")
    register.refresh(AT + timedelta(seconds=60))
    assert not register.serves("13800000001")


def test_an_empty_register_binds_nobody(city: City, store: Store) -> None:
    register = TruckRegister(city, store, {})
    register.refresh(AT)
    assert not register.binding
    assert register.admit(told("ID1", "AB1"), "1") == RegisterResult.DONE
