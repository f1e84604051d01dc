"""What a client asks to be run, read strictly (OGC 18-062r2, 7.11)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import orjson
from starlette.requests import Request

from analytics.algorithm import Algorithm, InputError, Inputs, Output, about
from ogc_server.bodies import bounded_body, media_type
from ogc_server.catalogue import Catalogue
from ogc_server.problem import RequestError
from ogc_server.reference import CRS84, box_to_lonlat, parse_crs

MOST_BYTES = 1024 * 1024
_DEEPEST = 32
_QUALIFIED = frozenset({"value", "mediaType", "encoding", "schema"})
_LINK = frozenset({"href", "rel", "type", "hreflang", "title"})
_MEMBERS = ("inputs", "outputs", "response")
Transmission = Literal["value", "reference"]


@dataclass(frozen=True)
class Execution:
    """A checked request to run an algorithm.

    Attributes
    ----------
    inputs : checked.
    media : media type of each wanted output.
    modes : whether each goes out by value or by reference.
    response : ``raw`` or ``document``.
    asynchronous : whether the client prefers not to wait.
    """

    inputs: Inputs
    media: dict[str, str]
    modes: dict[str, Transmission]
    response: Literal["raw", "document"]
    asynchronous: bool


def bad_input(reason: str, name: str | None = None) -> RequestError:
    """Refuse what a request's body says (400)."""
    return RequestError(400, "InvalidParameterValue", reason, name)


async def read_body(request: Request) -> Any:
    """Read a request's body as JSON.

    Raises
    ------
    RequestError
        415 for another media type, 413 for more than `MOST_BYTES`, 400 for what is no JSON or is
        nested too deep.
    """
    kind = media_type(request)
    # A page of another site can send a body without a type, but never without its origin.
    foreign = not kind and "origin" in request.headers
    if foreign or kind not in ("", "application/json"):
        raise RequestError(415, "UnsupportedMediaType", "a request to execute is application/json")
    words = f"a request to execute has at most {MOST_BYTES:,} bytes"
    refusal = RequestError(413, "ContentTooLarge", words)
    body = await bounded_body(request, MOST_BYTES, refusal)
    try:
        document = orjson.loads(body or b"{}")
    except ValueError as failure:
        raise bad_input("the body is not JSON") from failure
    if _too_deep(document):
        raise bad_input(f"the body is nested deeper than {_DEEPEST}")
    return document


def _too_deep(document: Any) -> bool:
    level = [document]
    for _ in range(_DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def parse_execution(
    document: Any, prefer: str, algorithm: Algorithm, catalogue: Catalogue, base: str
) -> Execution:
    """Read a request to execute.

    Parameters
    ----------
    document : its body.
    prefer : its ``Prefer`` header (RFC 7240).
    base : URL of this server, below which layers may be referred to.

    Raises
    ------
    RequestError
        400 naming the input, output or member at fault.
    """
    if not isinstance(document, dict):
        raise bad_input("a request to execute is a JSON object")
    for member in document:
        if member not in _MEMBERS:
            there = ", ".join(_MEMBERS)
            raise bad_input(f"'{member[:60]}' is no member of a request; there are {there}")
    response = document.get("response", "raw")
    if response not in ("raw", "document"):
        raise bad_input("response: expected raw or document", "response")
    media, modes = _outputs(document.get("outputs"), algorithm)
    return Execution(
        _inputs(document.get("inputs", {}), algorithm, catalogue, base),
        media,
        modes,
        response,
        prefers_async(prefer),
    )


def prefers_async(prefer: str) -> bool:
    """Whether a ``Prefer`` header asks not to wait."""
    wishes = (part.partition(";")[0].strip().lower() for part in prefer.split(","))
    return "respond-async" in wishes


def _outputs(wanted: Any, algorithm: Algorithm) -> tuple[dict[str, str], dict[str, Transmission]]:
    """Media type and transmission of each wanted output; all where none is named."""
    if wanted is None or wanted == {}:
        wanted = {key: {} for key in algorithm.outputs}
    if not isinstance(wanted, dict):
        raise bad_input("outputs: expected an object with a member for each output", "outputs")
    media: dict[str, str] = {}
    modes: dict[str, Transmission] = {}
    for name, wish in wanted.items():
        output = algorithm.outputs.get(name)
        if output is None:
            there = ", ".join(algorithm.outputs)
            words = f"'{name[:60]}' is no output of '{algorithm.id}'; there are {there}"
            raise bad_input(f"outputs: {words}", "outputs")
        media[name], modes[name] = _wish(name, wish, output)
    return media, modes


def _wish(name: str, wish: Any, output: Output) -> tuple[str, Transmission]:
    if not isinstance(wish, dict) or set(wish) - {"transmissionMode", "format"}:
        raise bad_input(f"outputs: '{name}' takes transmissionMode and format", "outputs")
    mode = wish.get("transmissionMode", "value")
    if mode not in ("value", "reference"):
        words = f"outputs: transmissionMode of '{name}' is value or reference"
        raise bad_input(words, "outputs")
    form = wish.get("format", {})
    kind = form.get("mediaType", output.media[0]) if isinstance(form, dict) else None
    if kind not in output.media:
        there = ", ".join(output.media)
        raise bad_input(f"outputs: '{name}' can be had as {there}", "outputs")
    return kind, mode


def _inputs(given: Any, algorithm: Algorithm, catalogue: Catalogue, base: str) -> Inputs:
    if not isinstance(given, dict):
        raise bad_input("inputs: expected an object with a member for each input", "inputs")
    fields = algorithm.inputs.model_fields
    try:
        values = {
            name: _several(name, raw, about(fields[name]).most, fields[name], catalogue, base)
            if name in fields
            else raw
            for name, raw in given.items()
        }
        return algorithm.read(values)
    except InputError as failure:
        words = str(failure) if failure.name else f"inputs: {failure.reason}"
        raise bad_input(words, failure.name or "inputs") from failure


def _several(name: str, raw: Any, most: int, field: Any, catalogue: Catalogue, base: str) -> Any:
    if most == 1:
        return _one(name, raw, field, catalogue, base)
    # One value of several may stand alone (7.11.2.2).
    many = raw if isinstance(raw, list) else [raw]
    return [_one(name, value, field, catalogue, base) for value in many[: most + 1]]


def _one(name: str, raw: Any, field: Any, catalogue: Catalogue, base: str) -> Any:
    told = about(field)
    if isinstance(raw, dict) and "href" in raw and set(raw) <= _LINK:
        if told.kind not in ("layer", "raster"):
            raise InputError(name, "is taken by value; only layers of this server by reference")
        return _layer_at(name, raw["href"], base)
    if told.kind == "bbox":
        return _box(name, raw, catalogue)
    if isinstance(raw, dict) and "value" in raw and set(raw) <= _QUALIFIED:
        _check_format(name, raw, told.schema or {})
        return raw["value"]
    return raw


def _check_format(name: str, raw: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    expected = schema.get("contentMediaType")
    found = raw.get("mediaType")
    if expected is not None and found is not None and found != expected:
        raise InputError(name, f"is {expected}, found {str(found)[:60]!r}")


def _layer_at(name: str, href: Any, base: str) -> str:
    """Id of a layer of this server, by its address; nothing is fetched, whatever it says."""
    prefix = f"{base}/collections/"
    if isinstance(href, str) and href.startswith(prefix):
        path = urlsplit(href).path.removeprefix(urlsplit(prefix).path)
        layer = unquote(path.removesuffix("/items"))
        if layer and "/" not in layer and "?" not in href and "#" not in href:
            return layer
    raise InputError(name, f"a reference is the address of a collection, {prefix}…")


def _box(name: str, raw: Any, catalogue: Catalogue) -> list[float]:
    """Lon/lat box of a bbox input (7.11.2.3.3: ``bbox`` with four or six numbers, and ``crs``)."""
    if not isinstance(raw, dict) or "bbox" not in raw or set(raw) - {"bbox", "crs"}:
        raise InputError(name, 'expected {"bbox": [minx, miny, maxx, maxy], "crs": URI}')
    numbers, crs = raw["bbox"], raw.get("crs", CRS84)
    usable = isinstance(numbers, list) and len(numbers) in (4, 6) and all(map(_finite, numbers))
    if not usable or not isinstance(crs, str):
        raise InputError(name, "bbox is four or six numbers, crs the URI of a reference system")
    half = len(numbers) // 2
    box = (*numbers[:2], *numbers[half : half + 2])
    try:
        uri = parse_crs(crs, name, catalogue.city)
        return list(box_to_lonlat((box[0], box[1], box[2], box[3]), uri, name))
    except RequestError as failure:
        raise InputError(name, failure.description.removeprefix(f"{name}: ")) from failure


def _finite(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)
