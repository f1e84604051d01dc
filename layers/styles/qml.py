"""Styles as QGIS keeps them (QML); read by QGIS 3.22 and newer."""

from __future__ import annotations

from layers.spec import LayerSpec
from layers.styles.xml import Element, element, written
from layers.tiles.content import label_of

_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
_TYPES = {"Point": "marker", "LineString": "line", "Polygon": "fill"}
_LABELS_UNDER = 50_000
_TEXT, _HALO = "44,67,86,255", "255,255,255,255"


def qml(spec: LayerSpec, language: str) -> bytes:
    """Style of one layer with geometry. Areas of a mixed layer; QGIS shows each kind by itself."""
    label = label_of(spec, language)
    root = element(
        "qgis",
        None,
        _renderer(spec, language),
        *([] if label is None else [_labeling(label)]),
        version="3.22.0",
        styleCategories="Symbology|Labeling" if label else "Symbology",
        labelsEnabled="1" if label else "0",
    )
    return written(root, _DOCTYPE)


def _renderer(spec: LayerSpec, language: str) -> Element:
    style = spec.style
    if style.by is None or not style.colours:
        symbols = element("symbols", None, _symbol(spec, "0", style.colour))
        return element("renderer-v2", None, symbols, type="singleSymbol", symbollevels="0")
    values = [*style.colours.items(), ("", style.colour)]
    title = spec.title.say(language)
    categories = element("categories")
    symbols = element("symbols")
    for number, (value, colour) in enumerate(values):
        categories.append(
            element(
                "category", symbol=str(number), value=value, label=value or title, render="true"
            )
        )
        symbols.append(_symbol(spec, str(number), colour))
    return element(
        "renderer-v2", None, categories, symbols,
        type="categorizedSymbol", attr=style.by, symbollevels="0", enableorderby="0",
    )  # fmt: skip


def _symbol(spec: LayerSpec, name: str, colour: str) -> Element:
    style = spec.style
    kind = _TYPES.get(spec.geometry.removeprefix("Multi"), "fill")
    size, thin = f"{style.size_px:g}", f"{min(style.size_px, 3):g}"
    if kind == "marker":
        drawn = _layer(
            "SimpleMarker", name="circle", color=_rgba(colour), size=f"{2 * style.size_px:g}",
            size_unit="Pixel", outline_color=_HALO, outline_width="1", outline_width_unit="Pixel",
        )  # fmt: skip
    elif kind == "line":
        drawn = _layer(
            "SimpleLine", line_color=_rgba(colour), line_width=size, line_width_unit="Pixel",
            capstyle="round", joinstyle="round",
        )  # fmt: skip
    else:
        opaque = _rgba(colour)
        clear = _rgba(colour, style.opacity)
        drawn = _layer(
            "SimpleFill", color=clear, style="solid", outline_color=opaque,
            outline_width=thin, outline_width_unit="Pixel", outline_style="solid",
        )  # fmt: skip
    alpha = "1" if kind == "fill" else f"{style.opacity:g}"
    return element("symbol", None, drawn, type=kind, name=name, alpha=alpha, clip_to_extent="1")


def _layer(kind: str, /, **values: str) -> Element:
    options = element("Option", type="Map")
    for name, value in values.items():
        options.append(element("Option", name=name, value=value, type="QString"))
    return element("layer", None, options, class_=kind, enabled="1", locked="0", **{"pass": "0"})


def _rgba(colour: str, opacity: float = 1) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{round(255 * opacity)}"


def _labeling(label: str) -> Element:
    buffer = element(
        "text-buffer", bufferDraw="1", bufferSize="1", bufferSizeUnits="MM", bufferColor=_HALO
    )
    text = element(
        "text-style", None, buffer, fieldName=label, isExpression="0", fontFamily="Noto Sans",
        fontSize="9", fontSizeUnit="Point", textColor=_TEXT,
    )  # fmt: skip
    rendering = element(
        "rendering", scaleVisibility="1", scaleMin="1", scaleMax=str(_LABELS_UNDER), drawLabels="1"
    )
    settings = element("settings", None, text, rendering, calloutType="simple")
    return element("labeling", None, settings, type="simple")
