"""Photos over HTTP: taken in once, given out to who sees the case that they belong to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cases import case_log
from ogc_server.answers import data_answer
from ogc_server.asked import Asked
from ogc_server.bodies import bounded_body, media_type
from ogc_server.casework.photo_files import LARGEST, MEDIA, cleaned, photo_files
from ogc_server.casework.reading import reported_row, seen_row
from ogc_server.casework.who import actor_of
from ogc_server.editing.turns import in_turn
from ogc_server.features import JSON
from ogc_server.problem import RequestError, bad_parameter, not_found
from ogc_server.times import parse_instant, write_instant

_TYPES = (*MEDIA.values(), "application/octet-stream")


async def upload(request: Request) -> Response:
    """``POST /photos?lon&lat&taken``: keep the photo of the body; the same again is the same."""
    given = media_type(request)
    if given not in _TYPES:
        words = f"found Content-Type: {given[:60]}, expected {' or '.join(_TYPES)}"
        raise RequestError(415, "UnsupportedMediaType", words)
    words = f"more than {LARGEST:,} bytes in one photo"
    content = await bounded_body(request, LARGEST, RequestError(413, "BodyTooLarge", words))
    return await in_turn(_keep, request, content)


def _keep(request: Request, content: bytes) -> Response:
    asked = Asked(request, ("json",))
    asked.refuse_parameters("lon", "lat", "taken")
    actor = actor_of(asked)
    about = _about(asked)
    kept, photo = photo_files(asked.catalogue), cleaned(content)
    known = kept.is_from(photo.digest, actor.name)
    kept.put(photo, actor.name, about)
    document = {
        "digest": photo.digest,
        "media": photo.media,
        "bytes": len(photo.content),
        "width": photo.width,
        "height": photo.height,
    }
    answer = data_answer(document, JSON, Location=f"{asked.base}/photos/{photo.digest}")
    answer.status_code = 200 if known else 201
    return answer


def _about(asked: Asked) -> dict[str, Any]:
    """What the form says of place and time; nothing is read from the file."""
    values, about = asked.values, {"received": write_instant(datetime.now(UTC))}
    found: dict[str, Any] = dict(about)
    for name, most in (("lon", 180), ("lat", 90)):
        if name in values:
            try:
                number = float(values[name])
            except ValueError:
                number = float("nan")
            if not -most <= number <= most:
                raise bad_parameter(name, f"found {values[name][:40]!r}, expected degrees")
            found[name] = round(number, 7)
    if "taken" in values:
        found["taken"] = write_instant(parse_instant(values["taken"], "taken"))
    return found


def photo(request: Request) -> Response:
    """``GET /photos/{digest}?case=…``: to who sees the case, and to who uploaded it."""
    asked = Asked(request, ("json", "html"))
    asked.refuse_parameters("case")
    actor, digest = actor_of(asked), request.path_params["digest"]
    kept = photo_files(asked.catalogue)
    case = asked.values.get("case")
    allowed = kept.is_from(digest, actor.name) or (
        case is not None and _belongs(asked, actor.name, digest, case)
    )
    found = kept.get(digest) if allowed else None
    if found is None:
        raise not_found(f"photo '{digest[:80]}'")
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Vary": "Authorization",
    }
    return Response(found.content, media_type=found.media, headers=headers)


def _belongs(asked: Asked, name: str, digest: str, case: str) -> bool:
    """Whether a photo is one of a case, as far as who asks may see the case."""
    catalogue = asked.catalogue
    row = seen_row(catalogue, case)
    if row is None:
        reported = reported_row(catalogue, case, name)
        return reported is not None and digest in (reported.get("photos") or ())
    if digest in (row.get("photos") or ()):
        return True
    log = case_log.entries(catalogue.store, case, catalogue.audience.scope)
    return any(digest in (entry.get("photos") or ()) for entry in log)
