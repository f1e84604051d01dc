"""What a layer's declaration promises: its properties, its place, its published schema."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from layers.spec import SYSTEM_COLUMNS, LayerSpec, PropertySpec, json_schema

LAYER: dict[str, Any] = {
    "id": "manhole_cover",
    "title": {"en": "Manhole cover", "zh": "井盖"},
    "description": {"en": "Cover of a shaft.", "zh": "检查井井盖。"},
    "domain": "town",
    "kind": "thing",
    "geometry": "Point",
    "h3_resolution": 12,
    "owner": "council",
    "id_field": "code",
    "time_field": "checked_at",
    "properties": [
        {"name": "code", "type": "string", "required": True, "pattern": "[0-9]{4}",
         "title": {"en": "Code", "zh": "编码"}},
        {"name": "depth_m", "type": "number", "unit": "m", "minimum": 0, "maximum": 50,
         "title": {"en": "Depth", "zh": "深度"},
         "description": {"en": "To the sole.", "zh": "至井底"}},
        {"name": "state", "type": "string", "values": ["intact", "missing"],
         "title": {"en": "State", "zh": "状态"}},
        {"name": "steps", "type": "integer", "title": {"en": "Steps", "zh": "踏步数"}},
        {"name": "checked_at", "type": "datetime", "title": {"en": "Checked", "zh": "检查时间"}},
        {"name": "more", "type": "json", "title": {"en": "More", "zh": "其他"}},
    ],
}  # fmt: skip


def layer(**change: Any) -> LayerSpec:
    return LayerSpec.model_validate({**LAYER, **change})


class TestGeometry:
    @pytest.mark.parametrize(
        ("geometry", "place", "cover"),
        [
            ("Point", True, False),
            ("MultiPoint", True, True),
            ("LineString", True, True),
            ("Polygon", True, True),
            ("MultiPolygon", True, True),
            ("Geometry", True, True),
        ],
    )
    def test_says_how_rows_are_found(self, geometry: str, place: bool, cover: bool) -> None:
        spec = layer(geometry=geometry)
        assert (spec.has_geometry, spec.has_cover) == (place, cover)

    def test_may_be_absent_in_a_register(self) -> None:
        spec = layer(geometry="None", h3_resolution=None)
        assert (spec.has_geometry, spec.has_cover) == (False, False)

    def test_needs_a_resolution(self) -> None:
        with pytest.raises(ValidationError, match="needed there"):
            layer(h3_resolution=None)


class TestProperties:
    def test_are_found_by_name(self) -> None:
        assert layer().property("depth_m").unit == "m"
        with pytest.raises(KeyError):
            layer().property("colour")

    @pytest.mark.parametrize("name", SYSTEM_COLUMNS)
    def test_may_not_take_the_name_of_a_column_of_every_layer(self, name: str) -> None:
        with pytest.raises(ValidationError, match="every layer has"):
            PropertySpec.model_validate({"name": name, "type": "string", "title": LAYER["title"]})

    @pytest.mark.parametrize("name", ["", "A", "1a", "a b", "a-b", 'a"', "a;", "名", "a" * 64])
    def test_have_names_that_any_database_takes(self, name: str) -> None:
        with pytest.raises(ValidationError, match="name"):
            PropertySpec.model_validate({"name": name, "type": "string", "title": LAYER["title"]})

    def test_are_sensitive_inside_by_default(self) -> None:
        assert layer().sensitivity == "internal"

    def test_cannot_be_changed_later(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            layer().id = "other"  # type: ignore[misc]


class TestJsonSchema:
    def test_is_a_valid_schema(self) -> None:
        jsonschema.Draft202012Validator.check_schema(json_schema(layer()))

    def test_speaks_both_languages(self) -> None:
        assert json_schema(layer(), "en")["title"] == "Manhole cover"
        assert json_schema(layer(), "zh-Hans")["properties"]["depth_m"]["title"] == "深度"

    def test_carries_units_bounds_values_and_roles(self) -> None:
        found = json_schema(layer())["properties"]
        assert found["depth_m"] == {
            "type": "number",
            "title": "Depth",
            "description": "To the sole.",
            "x-ogc-unit": "m",
            "minimum": 0,
            "maximum": 50,
        }
        assert found["code"]["x-ogc-role"] == "id"
        assert found["checked_at"]["x-ogc-role"] == "primary-instant"
        assert found["checked_at"]["format"] == "date-time"
        assert found["state"]["enum"] == ["intact", "missing"]

    @pytest.mark.parametrize(
        ("row", "valid"),
        [
            ({"code": "0101"}, True),
            ({"code": "0101", "depth_m": 50, "state": "missing", "more": [1]}, True),
            ({}, False),
            ({"code": "0101", "depth_m": 51}, False),
            ({"code": "0101", "state": "lost"}, False),
            ({"code": "0101", "steps": 1.5}, False),
        ],
    )
    def test_accepts_what_the_layer_accepts(self, row: dict[str, Any], valid: bool) -> None:
        validator = jsonschema.Draft202012Validator(json_schema(layer()))
        assert validator.is_valid(row) is valid


def test_what_is_indexed_is_a_plain_property() -> None:
    assert layer(indexed=["depth_m"]).indexed == ("depth_m",)
    for name in ("absent", "more"):
        with pytest.raises(ValidationError, match=f"indexed: '{name}' is no property, or a nested"):
            layer(indexed=[name])
