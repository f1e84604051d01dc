"""Public warnings as CAP 1.2 messages, out and in.

Common Alerting Protocol 1.2, OASIS Standard of 1 July 2010: order of elements by its schema
(section 3.4), areas and times by section 3.2. One ``info`` block is written for each language. A
polygon of CAP has no holes: who lies in a hole is warned as well. Signatures of messages that come
in are not checked, and not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import defusedxml
import numpy as np
import pyproj
import shapely
from defusedxml.ElementTree import fromstring

from cases.warnings import Message, WarningError, instant
from layers.text import LANGUAGES, Text

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA = "application/cap+xml"
LANGUAGE_TAGS = {"zh": "zh-CN", "en": "en-US"}
# Name of the codes of areas: the city's own units.
_CODES = "jurisdiction"
_DECIMALS = 6
_MOST_BYTES = 1_000_000
_CIRCLE_POINTS = 64
_GEOD = pyproj.Geod(ellps="WGS84")
Element = ElementTree.Element


def write_cap(message: Message, web: str = "") -> bytes:
    """Write a message as CAP 1.2 XML.

    Parameters
    ----------
    web : URL of a page about it; "" for none.
    """
    ElementTree.register_namespace("", NAMESPACE)
    alert = Element(_name("alert"))
    _add(alert, "identifier", message.ident)
    _add(alert, "sender", message.sender)
    _add(alert, "sent", instant(message.sent))
    _add(alert, "status", message.status)
    _add(alert, "msgType", message.kind)
    _add(alert, "scope", "Public")
    if message.refers_to:
        _add(alert, "references", " ".join(message.refers_to))
    for language in LANGUAGES[::-1]:
        _info(alert, message, language, web)
    return bytes(ElementTree.tostring(alert, encoding="utf-8", xml_declaration=True))


def read_cap(document: bytes) -> Message:
    """Read a public warning from CAP 1.2 XML.

    Raises
    ------
    WarningError
        saying which element is missing or wrong, or that it is no public warning.
    """
    alert = _parsed(document)
    scope = _said(alert, "scope")
    if scope != "Public":
        raise WarningError(f"scope: only public warnings are taken, found '{scope}'")
    infos = {_language(info): info for info in alert.findall(_name("info"))[::-1]}
    if not infos:
        raise WarningError("info: expected at least one block")
    first = infos.get("zh", infos.get("en", next(iter(infos.values()))))
    areas = first.findall(_name("area"))
    if not areas:
        raise WarningError("area: expected at least one")
    return _message(alert, first, infos, areas)


def _message(
    alert: Element, first: Element, infos: dict[str, Element], areas: list[Element]
) -> Message:
    sent = _time(alert, "sent")
    assert sent is not None

    def text(name: str) -> Text:
        words = {key: _maybe(info, name) for key, info in infos.items()}
        other = next(filter(None, words.values()), "")
        return Text(en=words.get("en") or other, zh=words.get("zh") or other)

    said: Any = {name: _said(first, name) for name in ("urgency", "severity", "certainty")}
    head: Any = {"status": _said(alert, "status"), "kind": _said(alert, "msgType")}
    for name, value in (said | head).items():
        if value not in _VALUES[name]:
            raise WarningError(f"{name}: expected {', '.join(_VALUES[name])}, found '{value}'")
    expires = _time(first, "expires")
    if expires is None:
        raise WarningError("expires: a warning without an end is not taken")
    described = "、".join(filter(None, (_maybe(area, "areaDesc") for area in areas)))
    return Message(
        ident=_said(alert, "identifier"),
        sender=_said(alert, "sender"),
        sent=sent,
        refers_to=tuple(_maybe(alert, "references").split()),
        category=tuple(_each(first, "category")),
        response=tuple(_each(first, "responseType")),
        effective=_time(first, "effective") or sent,
        onset=_time(first, "onset"),
        expires=expires,
        contact=_maybe(first, "contact"),
        event=text("event"),
        headline=text("headline"),
        description=text("description"),
        instruction=text("instruction"),
        area=Text(en=described, zh=described),
        geocodes=tuple(
            _said(code, "value") for area in areas for code in area.findall(_name("geocode"))
        ),
        shape=_shape(areas),
        **said,
        **head,
    )


_VALUES: dict[str, tuple[str, ...]] = {
    "status": ("Actual", "Exercise", "System", "Test"),
    "kind": ("Alert", "Update", "Cancel"),
    "urgency": ("Immediate", "Expected", "Future", "Past", "Unknown"),
    "severity": ("Extreme", "Severe", "Moderate", "Minor", "Unknown"),
    "certainty": ("Observed", "Likely", "Possible", "Unlikely", "Unknown"),
}


def _info(alert: Element, message: Message, language: str, web: str) -> None:
    info = _add(alert, "info")
    _add(info, "language", LANGUAGE_TAGS[language])
    for category in message.category:
        _add(info, "category", category)
    _add(info, "event", message.event.say(language))
    for response in message.response:
        _add(info, "responseType", response)
    _add(info, "urgency", message.urgency)
    _add(info, "severity", message.severity)
    _add(info, "certainty", message.certainty)
    _add(info, "effective", instant(message.effective))
    if message.onset is not None:
        _add(info, "onset", instant(message.onset))
    _add(info, "expires", instant(message.expires))
    for name in ("headline", "description", "instruction"):
        words = getattr(message, name).say(language)
        if words:
            _add(info, name, words)
    if web:
        _add(info, "web", web)
    if message.contact:
        _add(info, "contact", message.contact)
    area = _add(info, "area")
    _add(area, "areaDesc", message.area.say(language))
    for ring in _rings(message.shape):
        _add(area, "polygon", ring)
    for code in message.geocodes:
        geocode = _add(area, "geocode")
        _add(geocode, "valueName", _CODES)
        _add(geocode, "value", code)


def _rings(shape: shapely.Geometry | None) -> Iterable[str]:
    for part in [] if shape is None else shapely.get_parts(shape):
        if isinstance(part, shapely.Polygon):
            pairs = np.round(shapely.get_coordinates(part.exterior), _DECIMALS)
            yield " ".join(f"{lat:.6f},{lon:.6f}" for lon, lat in pairs)


def _parsed(document: bytes) -> Element:
    if len(document) > _MOST_BYTES:
        raise WarningError(f"a message has {_MOST_BYTES:,} bytes at most, found {len(document):,}")
    try:
        alert: Element = fromstring(document)
    except (ElementTree.ParseError, defusedxml.DefusedXmlException, ValueError) as failure:
        raise WarningError(f"not XML: {failure}") from failure
    if alert.tag != _name("alert"):
        raise WarningError(f"expected a CAP 1.2 alert, found <{alert.tag}>")
    return alert


def _shape(areas: list[Element]) -> shapely.Geometry | None:
    parts = [_polygon(text) for area in areas for text in _each(area, "polygon")]
    parts += [_circle(text) for area in areas for text in _each(area, "circle")]
    return shapely.union_all(parts) if parts else None


def _polygon(text: str) -> shapely.Geometry:
    pairs = [_pair(word) for word in text.split()]
    if len(pairs) < 4 or pairs[0] != pairs[-1]:
        raise WarningError("polygon: expected four pairs or more, the last the same as the first")
    made = shapely.Polygon(pairs)
    return made if made.is_valid else shapely.make_valid(made)


def _circle(text: str) -> shapely.Geometry:
    """A circle as a polygon: points at the radius (km), on the ellipsoid."""
    words = text.split()
    if len(words) != 2:
        raise WarningError(f"circle: expected lat,lon and a radius, found '{text}'")
    lon, lat = _pair(words[0])
    try:
        radius_m = float(words[1]) * 1000
    except ValueError as failure:
        raise WarningError(f"circle: '{words[1]}' is no radius") from failure
    if not 0 < radius_m < 5_000_000:
        raise WarningError(f"circle: a radius of {words[1]} km warns nobody, or everybody")
    bearings = np.linspace(0, 360, _CIRCLE_POINTS, endpoint=False)
    many = np.ones(_CIRCLE_POINTS)
    x, y, _ = _GEOD.fwd(lon * many, lat * many, bearings, radius_m * many)
    return shapely.Polygon(np.column_stack([x, y]))


def _pair(word: str) -> tuple[float, float]:
    """Read ``lat,lon``; gives (lon, lat)."""
    try:
        lat, lon = (float(part) for part in word.split(","))
    except ValueError as failure:
        raise WarningError(f"polygon: '{word}' is not lat,lon") from failure
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        raise WarningError(f"polygon: '{word}' lies off the globe; CAP writes lat,lon")
    return lon, lat


def _language(info: Element) -> str:
    tag = _maybe(info, "language").lower()
    return "zh" if tag.startswith("zh") else "en"


def _time(parent: Element, name: str) -> datetime | None:
    text = _maybe(parent, name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as failure:
        raise WarningError(f"{name}: '{text}' is no time") from failure
    if moment.tzinfo is None:
        raise WarningError(f"{name}: '{text}' has no zone")
    return moment


def _said(parent: Element, name: str) -> str:
    text = _maybe(parent, name)
    if not text:
        raise WarningError(f"{name}: missing")
    return text


def _maybe(parent: Element, name: str) -> str:
    return (parent.findtext(_name(name)) or "").strip()


def _each(parent: Element, name: str) -> list[str]:
    found = (element.text or "" for element in parent.findall(_name(name)))
    return [text.strip() for text in found if text.strip()]


def _add(parent: Element, name: str, text: str | None = None) -> Element:
    child = ElementTree.SubElement(parent, _name(name))
    child.text = text
    return child


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
