"""Laws of reading parameters: what a client sends is understood or refused, never a failure."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.city import City
from layers.store import Store
from ogc_server.catalogue import Catalogue
from ogc_server.negotiation import wanted_format, wanted_language
from ogc_server.paging import read_token, write_token
from ogc_server.parameters import RESERVED, parse_items
from ogc_server.problem import RequestError
from ogc_server.reference import CRS84, box_to_lonlat, texts_in
from ogc_server.times import parse_instant, parse_interval, write_instant

MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 2), max_value=datetime(9998, 12, 31), timezones=st.just(UTC)
)
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1))
PARTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    MOMENTS,
    DAYS,
)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=4).map(tuple))
def test_a_token_gives_back_the_key_it_was_made_of(key: tuple[Any, ...]) -> None:
    assert read_token(write_token(key)) == key


@settings(deadline=None)
@given(ANY)
def test_a_text_is_a_token_or_refused(text: str) -> None:
    with suppress(RequestError):
        assert isinstance(read_token(text), tuple)


@settings(deadline=None)
@given(MOMENTS, MOMENTS)
def test_an_interval_that_was_written_is_read(one: datetime, other: datetime) -> None:
    start, end = sorted((one, other))
    span = parse_interval(f"{write_instant(start)}/{write_instant(end)}")
    assert span is not None and (span.start, span.end) == (start, end)
    half = parse_interval(f"../{write_instant(end)}")
    assert half is not None and (half.start, half.end) == (None, end)


@settings(deadline=None)
@given(MOMENTS)
def test_a_plus_sign_that_became_a_blank_is_a_zone_all_the_same(moment: datetime) -> None:
    text = moment.replace(microsecond=0, tzinfo=None).isoformat()
    assert parse_instant(f"{text} 00:00", "as_of") == moment.replace(microsecond=0)


@settings(deadline=None)
@given(
    name=st.sampled_from([*RESERVED, "kind", "height_m", "lit", "checked_on", "mark_id"]), text=ANY
)
def test_any_value_of_any_parameter_is_read_or_refused(
    catalogue: Catalogue, name: str, text: str
) -> None:
    with suppress(RequestError):
        spec = catalogue.layer("navigation_mark")
        wanted = parse_items(catalogue, spec, {name: text})
        assert wanted.query.limit is not None and wanted.query.limit > 0


@settings(deadline=None)
@given(ANY)
def test_any_header_gives_a_format_and_a_language(header: str) -> None:
    assert wanted_format({}, header) in ("json", "html")
    assert wanted_language({}, header) in ("en", "zh")


@settings(deadline=None)
@given(
    lon=st.floats(-179, 179),
    lat=st.floats(-84, 84),
    width=st.floats(0.001, 1),
    height=st.floats(0.001, 1),
    code=st.sampled_from(["4326", "4490", "3857"]),
)
def test_a_point_inside_a_box_is_inside_it_in_every_system(
    lon: float, lat: float, width: float, height: float, code: str
) -> None:
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{code}"
    corners = [
        f'{{"type":"Point","coordinates":[{x},{y}]}}'
        for x, y in ((lon, lat), (lon + width, lat + height))
    ]
    moved = [_coordinates(text) for text in texts_in(list(corners), uri)]
    minx, miny, maxx, maxy = box_to_lonlat((*moved[0], *moved[1]), uri)
    assert (minx, miny, maxx, maxy) == pytest.approx(
        (lon, lat, lon + width, lat + height), abs=1e-6
    )


def _coordinates(text: str | None) -> tuple[float, float]:
    import orjson

    assert text is not None
    x, y = orjson.loads(text)["coordinates"]
    return x, y


def test_lon_lat_passes_unchanged() -> None:
    texts = ['{"type":"Point","coordinates":[1.5,2.5]}', None]
    assert texts_in(list(texts), CRS84) == texts
    assert np.allclose(box_to_lonlat((170.0, -1.0, -170.0, 1.0), CRS84), (170, -1, -170, 1))


@pytest.fixture(scope="module")
def catalogue(city: City, store: Store) -> Catalogue:
    return Catalogue(city, store)


def test_a_box_in_metres_keeps_what_lies_on_its_edge() -> None:
    uri = "http://www.opengis.net/def/crs/EPSG/0/3857"
    for lon, lat in ((-75.1234567, -42.7654321), (121.9, 31.2), (-0.1, 0.3)):
        x, y = pyproj.Transformer.from_crs("EPSG:4326", uri, always_xy=True).transform(lon, lat)
        minx, miny, maxx, maxy = box_to_lonlat((x, y, x, y), uri)
        assert minx < lon < maxx and miny < lat < maxy and maxx - minx < 1e-7


def test_a_box_upside_down_in_metres_is_refused() -> None:
    for box in ((2.0, 0.0, 1.0, 1.0), (0.0, 2.0, 1.0, 1.0)):
        with pytest.raises(RequestError):
            box_to_lonlat(box, "http://www.opengis.net/def/crs/EPSG/0/3857")


@pytest.mark.parametrize("code", ["4326", "4490"])
def test_a_box_in_degrees_may_cross_the_antimeridian(code: str) -> None:
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{code}"
    assert box_to_lonlat((-1.0, 170.0, 1.0, -170.0), uri) == (170, -1, -170, 1)


def test_only_the_first_day_opens_a_start_and_only_the_last_day_an_end() -> None:
    assert parse_interval("0000-01-01T00:00:00Z/9999-12-31T23:59:59Z") is None
    late = parse_interval("9999-12-31T00:00:00Z/..")
    assert late is not None and late.start == datetime(9999, 12, 31, tzinfo=UTC)
    for text in ("0000-01-01garbage/..", "../9999-12-31garbage", "../0000-01-01"):
        with pytest.raises(RequestError):
            parse_interval(text)
