"""What a client wants: format and language, from parameters first and headers second."""

from __future__ import annotations

from collections.abc import Mapping

from ogc_server.problem import bad_parameter

LANGUAGES = ("en", "zh")
# Formats that give all rows at once, with media type and title.
WHOLE_FORMATS = {
    "csv": ("text/csv; charset=utf-8", "CSV"),
    "geojsonseq": ("application/geo+json-seq", "GeoJSON text sequence"),
    "parquet": ("application/vnd.apache.parquet", "GeoParquet"),
    "arrow": ("application/vnd.apache.arrow.stream", "Arrow stream"),
    "fgb": ("application/flatgeobuf", "FlatGeobuf"),
}
_FORMATS = {
    "json": "json",
    "geojson": "json",
    "html": "html",
    "jsonld": "jsonld",
    "dcat": "jsonld",
    "geotiff": "geotiff",
    "tiff": "geotiff",
    "covjson": "covjson",
    "coveragejson": "covjson",
    "png": "png",
    "jpeg": "jpeg",
    "jpg": "jpeg",
    "geoparquet": "parquet",
    "flatgeobuf": "fgb",
    **{name: name for name in WHOLE_FORMATS},
    "mvt": "mvt",
    "pbf": "mvt",
    "tilejson": "tilejson",
    "mapbox": "mapbox",
    "sld": "sld",
    "qml": "qml",
}
_MEDIA = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/ld+json": "jsonld",
    "image/tiff": "geotiff",
    "image/png": "png",
    "image/jpeg": "jpeg",
    "application/prs.coverage+json": "covjson",
    "application/vnd.cov+json": "covjson",
    **{media.partition(";")[0]: name for name, (media, _) in WHOLE_FORMATS.items()},
    "application/x-binary": "uint64",
}
_IMAGES = ("png", "jpeg", "geotiff")
_ANY_JSON = ("application/json", "application/geo+json", "application/*")


def _ranked(header: str) -> list[str]:
    rows = []
    for place, part in enumerate(header.split(",")):
        name, *options = (piece.strip().lower() for piece in part.split(";"))
        weight = next((o[2:] for o in options if o.startswith("q=")), "1")
        try:
            rows.append((-float(weight), place, name))
        except ValueError:
            continue
    return [name for rank, _, name in sorted(rows) if rank < 0]


def wanted_format(
    values: Mapping[str, str], accept: str, offered: tuple[str, ...] = ("json", "html")
) -> str:
    """Return the format of the answer; for a client that has no wish JSON, else the first offered.

    Raises
    ------
    RequestError
        400 for an ``f`` that is not offered.
    """
    if "f" in values:
        # Most doors answer one kind of JSON; where GeoJSON is another one it is offered by name.
        chosen = values["f"] if values["f"] in offered else _FORMATS.get(values["f"].lower())
        if chosen not in offered:
            expected = ", ".join(offered)
            raise bad_parameter("f", f"found {values['f']!r}, expected one of {expected}")
        return chosen
    default = "json" if "json" in offered else offered[0]
    for media in _ranked(accept):
        if media == "application/geo+json" and "geojson" in offered:
            return "geojson"
        if media == "*/*" or (media in _ANY_JSON and default == "json"):
            return default
        if _MEDIA.get(media) in offered:
            return _MEDIA[media]
        if media == "image/*" and any(name in _IMAGES for name in offered):
            return next(name for name in offered if name in _IMAGES)
    return default


def wanted_language(values: Mapping[str, str], accept: str) -> str:
    """``en`` or ``zh``: parameter ``lang``, then Accept-Language, then English."""
    wishes = [values["lang"]] if values.get("lang") else []
    for tag in [*wishes, *_ranked(accept)]:
        language = tag.lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return "en"
