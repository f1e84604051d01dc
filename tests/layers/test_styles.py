"""Styles from declarations: safe whatever values say, one colour for each value."""

from __future__ import annotations

import re

import defusedxml.ElementTree
import pytest

from layers.spec import GeometryType, LayerSpec, Style
from layers.styles.maplibre import colour_of, layers, style
from layers.styles.qml import qml
from layers.styles.sld import sld
from layers.text import Text
from tests.layers.conftest import make_spec

HOSTILE = "</se:Rule><script>\"'&\x00]]>"


def hostile(geometry: GeometryType) -> LayerSpec:
    made = make_spec("mark", geometry)
    colours = {HOSTILE: "#112233", "red": "#ff0000"}
    return made.model_copy(
        update={
            "style": Style(by="name", colours=colours, label="name", opacity=0.5),
            "title": Text(en=HOSTILE, zh=HOSTILE),
        }
    )


@pytest.mark.parametrize("geometry", ["Point", "MultiLineString", "Polygon", "Geometry"])
def test_values_and_titles_stay_text(geometry: GeometryType) -> None:
    spec = hostile(geometry)
    for document in (sld([spec], "en"), qml(spec, "zh")):
        root = defusedxml.ElementTree.fromstring(document, forbid_dtd=False)
        told = [e.text or "" for e in root.iter()] + [
            v for e in root.iter() for v in e.attrib.values()
        ]
        assert any(text == HOSTILE.replace("\x00", "") for text in told)
        assert not [e for e in root.iter() if e.tag.endswith("script")]


def test_a_value_chooses_its_colour() -> None:
    expression = colour_of(hostile("Point"))
    assert expression[0] == "match" and expression[-1] == Style().colour
    assert expression[expression.index("red") + 1] == "#ff0000"
    document = qml(hostile("Point"), "en").decode()
    assert "17,34,51,255" in document and "255,0,0,255" in document


def test_a_mixed_layer_is_drawn_by_kind() -> None:
    drawn = layers(make_spec("mark", "Geometry"))
    assert [one["type"] for one in drawn] == ["fill", "fill", "line", "line", "circle"]
    assert all("filter" in one for one in drawn[1:])


def test_a_personal_layer_is_drawn_as_counts_only() -> None:
    spec = make_spec("home").model_copy(update={"sensitivity": "personal"})
    made = style("x", [spec], {"home": "http://127.0.0.1/t"}, "en", background=False)
    assert {one["source-layer"] for one in made["layers"]} == {"home_cells"}


def test_declared_labels_are_written(tmp_path: object) -> None:
    spec = hostile("Polygon")
    made = style("x", [spec], {"mark": "http://127.0.0.1/t"}, "en", background=True)
    label = made["layers"][-1]
    assert label["type"] == "symbol" and label["layout"]["text-field"] == [
        "to-string",
        ["get", "name"],
    ]
    assert re.search(r'fieldName="name"', qml(spec, "en").decode())
