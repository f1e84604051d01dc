"""Styles as Styled Layer Descriptor 1.1 with Symbology Encoding 1.1 (OGC 05-078r4, 05-077r4)."""

from __future__ import annotations

from collections.abc import Sequence

from layers.spec import LayerSpec
from layers.styles.xml import Element, element, written
from layers.tiles.content import label_of

_SPACES = {
    "xmlns": "http://www.opengis.net/sld",
    "xmlns:se": "http://www.opengis.net/se",
    "xmlns:ogc": "http://www.opengis.net/ogc",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": (
        "http://www.opengis.net/sld http://schemas.opengis.net/sld/1.1.0/StyledLayerDescriptor.xsd"
    ),
}
_HALO = "#ffffff"
_LABELS_UNDER = 50_000


def sld(specs: Sequence[LayerSpec], language: str) -> bytes:
    """Style of some layers with geometry, the first drawn lowest."""
    root = element("StyledLayerDescriptor", None, *(_layer(s, language) for s in specs))
    for name, value in {**_SPACES, "version": "1.1.0"}.items():
        root.set(name, value)
    return written(root)


def _layer(spec: LayerSpec, language: str) -> Element:
    rules = [*_rules(spec, language), *_labels(spec, language)]
    features = element("se:FeatureTypeStyle", None, *rules)
    described = element("se:Description", None, element("se:Title", spec.title.say(language)))
    style = element(
        "UserStyle", None, element("se:Name", spec.id), element("IsDefault", "1"), features
    )
    return element("NamedLayer", None, element("se:Name", spec.id), described, style)


def _rules(spec: LayerSpec, language: str) -> list[Element]:
    style, title = spec.style, spec.title.say(language)
    if style.by is None or not style.colours:
        return [_rule("all", title, None, _symbols(spec, style.colour))]
    made = [
        _rule(f"value-{number}", value, _equals(style.by, value), _symbols(spec, colour))
        for number, (value, colour) in enumerate(style.colours.items())
    ]
    other = _rule("other", title, element("se:ElseFilter"), _symbols(spec, style.colour))
    return [*made, other]


def _rule(name: str, title: str, chosen: Element | None, symbols: list[Element]) -> Element:
    described = element("se:Description", None, element("se:Title", title))
    parts = [element("se:Name", name), described, *([] if chosen is None else [chosen])]
    return element("se:Rule", None, *parts, *symbols)


def _equals(name: str, value: str) -> Element:
    operands = (element("ogc:PropertyName", name), element("ogc:Literal", value))
    return element("ogc:Filter", None, element("ogc:PropertyIsEqualTo", None, *operands))


def _symbols(spec: LayerSpec, colour: str) -> list[Element]:
    kind, style = spec.geometry.removeprefix("Multi"), spec.style
    fill = element("se:Fill", None, *_parameters(fill=colour, fill_opacity=f"{style.opacity:g}"))
    line = element(
        "se:Stroke",
        None,
        *_parameters(
            stroke=colour, stroke_opacity=f"{style.opacity:g}", stroke_width=f"{style.size_px:g}"
        ),
    )
    edge = element("se:Stroke", None, *_parameters(stroke=_HALO, stroke_width="1"))
    border = element(
        "se:Stroke", None, *_parameters(stroke=colour, stroke_width=f"{min(style.size_px, 3):g}")
    )
    mark = element("se:Mark", None, element("se:WellKnownName", "circle"), fill, edge)
    size = element("se:Size", f"{2 * style.size_px:g}")
    made = {
        "Polygon": element("se:PolygonSymbolizer", None, fill, border),
        "LineString": element("se:LineSymbolizer", None, line),
        "Point": element("se:PointSymbolizer", None, element("se:Graphic", None, mark, size)),
    }
    return [made[kind]] if kind in made else list(made.values())


def _parameters(**values: str) -> list[Element]:
    return [
        element("se:SvgParameter", value, name=key.replace("_", "-"))
        for key, value in values.items()
    ]


def _labels(spec: LayerSpec, language: str) -> list[Element]:
    label = label_of(spec, language)
    if label is None or "Line" in spec.geometry:
        return []
    text = element(
        "se:TextSymbolizer",
        None,
        element("se:Label", None, element("ogc:PropertyName", label)),
        element("se:Font", None, *_parameters(font_family="Noto Sans", font_size="11")),
        element(
            "se:Halo",
            None,
            element("se:Radius", "1"),
            element("se:Fill", None, *_parameters(fill=_HALO)),
        ),
        element("se:Fill", None, *_parameters(fill="#2c4356")),
    )
    near = element("se:MaxScaleDenominator", str(_LABELS_UNDER))
    return [element("se:Rule", None, element("se:Name", "labels"), near, text)]
