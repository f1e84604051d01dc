"""What GeoReport requests ask for, read and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import parse_qsl

from starlette.requests import Request

from cases.following import Status, Wanted
from cases.service_requests import Contact, Submission
from ogc_server.bodies import bounded_body
from ogc_server.problem import RequestError

FORM = "application/x-www-form-urlencoded"
# A description of 4,000 Chinese characters takes 36,000 bytes in this form.
LARGEST = 256 * 1024
MOST_FIELDS = 200
# The specification's own bounds of one answer.
LONGEST, MOST = timedelta(days=90), 1000
_MOST_PAGES = 1_000_000
_FURTHEST_M = 100_000.0
_ATTRIBUTE = re.compile(r"attribute\[([A-Za-z][A-Za-z0-9_]{0,40})\](\[\])?")
_CONTACT = ("first_name", "last_name", "email", "phone", "device_id", "account_id")
Pairs = list[tuple[str, str]]


def refused(name: str, reason: str, status: int = 400) -> RequestError:
    """Refuse a parameter, saying what was expected."""
    return RequestError(status, "InvalidParameterValue", f"{name}: {reason}", name)


async def read_form(request: Request) -> Pairs:
    """Read names and values of a form and of the query, without those that are empty.

    Raises
    ------
    RequestError
        400 for another media type, another encoding than UTF-8 or too many fields, 413 for a body
        that is too large.
    """
    media, _, more = request.headers.get("content-type", "").partition(";")
    if media.strip().lower() != FORM:
        raise refused("Content-Type", f"expected {FORM}")
    charset = more.strip().lower().removeprefix("charset=").strip('"')
    if more.strip() and charset not in ("utf-8", "utf8"):
        raise refused("Content-Type", "expected charset=utf-8")
    refusal = refused("body", f"more than {LARGEST:,} bytes in one report", 413)
    body = await bounded_body(request, LARGEST, refusal)
    return _pairs(body) + _pairs(request.scope["query_string"])


def _pairs(encoded: bytes) -> Pairs:
    try:
        text = encoded.decode("utf-8")
        found = parse_qsl(text, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError as failure:
        raise refused("body", "expected UTF-8") from failure
    except ValueError as failure:
        raise refused("body", f"expected a form with at most {MOST_FIELDS} fields") from failure
    return [(name, value) for name, value in found if value.strip()]


def single(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values by name, answers to questions aside; RequestError 400 where two differ."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if _ATTRIBUTE.fullmatch(name) is None and found.setdefault(name, value) != value:
            raise refused(name, "given twice")
    return found


def submission(pairs: Pairs) -> Submission:
    """Read a report; RequestError 400 naming the field that does not fit."""
    values = single(pairs)
    if "service_code" not in values:
        raise refused("service_code", "was not provided")
    answers: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        match = _ATTRIBUTE.fullmatch(name)
        if match is not None:
            answers[match[1]] = (*answers.get(match[1], ()), value)
    return Submission(
        service_code=values["service_code"],
        place=_place(values),
        address=values.get("address_string", ""),
        address_id=values.get("address_id", ""),
        description=values.get("description", ""),
        media_url=values.get("media_url", ""),
        attributes=answers,
        contact=Contact(**{name: values.get(name, "").strip() for name in _CONTACT}),
    )


def wanted(values: Mapping[str, str], now: datetime) -> Wanted:
    """Read which requests are asked for; RequestError 400 naming what does not fit.

    ``lat``, ``long`` with ``radius`` (m), and ``page`` with ``page_size``, are extensions that many
    servers have.
    """
    size = _whole(values, "page_size", MOST, MOST)
    offset = (_whole(values, "page", 1, _MOST_PAGES) - 1) * size
    ids = _listed(values, "service_request_id")
    if ids:
        return Wanted(ids=ids, offset=offset, limit=size)
    statuses = _listed(values, "status")
    if not set(statuses) <= {"open", "closed"}:
        raise refused("status", "expected open, closed or both")
    start, end = _span(values, now)
    return Wanted(
        codes=_listed(values, "service_code"),
        statuses=cast(tuple[Status, ...], statuses),
        start=start,
        end=end,
        near=_near(values),
        offset=offset,
        limit=size,
    )


def _span(values: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """Span of requested times: 90 days at most, the newest where nothing is said."""
    start, end = _moment(values, "start_date"), _moment(values, "end_date")
    try:
        if start is None:
            end = end or now
            return end - LONGEST, end
        end = end or start + LONGEST
    except OverflowError as failure:
        raise refused("end_date", "expected a date of this age") from failure
    if end < start:
        raise refused("end_date", "expected a time after start_date")
    if end - start > LONGEST:
        raise refused("end_date", f"expected at most {LONGEST.days} days after start_date")
    return start, end


def _moment(values: Mapping[str, str], name: str) -> datetime | None:
    text = values.get(name)
    if text is None:
        return None
    # A plus sign that was not escaped has become a blank.
    written = re.sub(r" (\d\d:\d\d)$", r"+\1", text.strip())
    try:
        moment = datetime.fromisoformat(written)
        if moment.tzinfo is not None and 1 < moment.year < 9999:
            return moment
    except ValueError:
        pass
    raise refused(name, "expected a time with its zone such as 2010-01-01T00:00:00Z")


def _near(values: Mapping[str, str]) -> tuple[float, float, float] | None:
    given = [name for name in ("lat", "long", "radius") if name in values]
    if not given:
        return None
    if len(given) < 3:
        raise refused(given[0], "lat, long and radius (m) are given together")
    place, radius_m = _place(values), _number(values, "radius")
    assert place is not None
    if not 0 < radius_m <= _FURTHEST_M:
        raise refused("radius", f"expected metres up to {_FURTHEST_M:,.0f}")
    return *place, radius_m


def _place(values: Mapping[str, str]) -> tuple[float, float] | None:
    if "lat" not in values and "long" not in values:
        return None
    if "lat" not in values or "long" not in values:
        raise refused("lat", "lat and long are given together")
    lon, lat = _number(values, "long"), _number(values, "lat")
    if not -180 <= lon <= 180:
        raise refused("long", "expected degrees from -180 to 180")
    if not -90 <= lat <= 90:
        raise refused("lat", "expected degrees from -90 to 90")
    return lon, lat


def _number(values: Mapping[str, str], name: str) -> float:
    try:
        number = float(values[name])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise refused(name, "expected a number")
    return number


def _whole(values: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = values.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise refused(name, f"expected a whole number from 1 to {most:,}")
    return int(text)


def _listed(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    parts = [part.strip() for part in values.get(name, "").split(",")]
    found = tuple(dict.fromkeys(part for part in parts if part))
    if len(found) > MOST:
        raise refused(name, f"expected at most {MOST:,} values")
    return found
