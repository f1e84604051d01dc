"""Service requests: what people report through Open311 becomes a case, and can be followed.

Where what is kept: the matter is a case like all others (``case_event``, its ``reporter`` is
``open311:<token>``). Who reported it is in the layer ``service_request``, which is personal: no
door gives its rows to anybody; `contact_of` tells them to staff who may screen or dispatch.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cases.acting import Acted
from cases.actor import Actor
from cases.addresses import place_of_id, place_of_text
from cases.asking import MOST_KEY, checked_text
from cases.case_log import Reader
from cases.case_rows import CASE, Row, frame_of, read_rows
from cases.chain import digest_of
from cases.open311 import Attribute, Open311
from cases.people_told import CONTACTS, OPEN311
from cases.refusals import CaseError, IncompleteError, NotAllowedError, UnknownCaseError
from cases.reporting import report
from layers.access import PUBLIC
from layers.city import City
from layers.query import Query, SortKey, TimeInterval
from layers.store.base import Transaction
from layers.text import Text

_SOURCE = "open311"
_KEPT = ("address", "address_id", "media_url")


class UnknownServiceError(CaseError):
    """There is no such kind of matter among those that people may report."""

    def __init__(self, code: str) -> None:
        super().__init__(Text(en=f"service_code '{code}' was not found", zh=f"没有服务“{code}”"))


@dataclass(frozen=True)
class Contact:
    """Who reported something, as far as he said; every part may be empty."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    device_id: str = ""
    account_id: str = ""


@dataclass(frozen=True)
class Submission:
    """One report as it came.

    Attributes
    ----------
    place : (lon, lat), EPSG:4326; None where only an address was given.
    attributes : answers by code of the question.
    """

    service_code: str
    place: tuple[float, float] | None = None
    address: str = ""
    address_id: str = ""
    description: str = ""
    media_url: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contact: Contact = field(default_factory=Contact)


@dataclass(frozen=True)
class Submitted:
    """What became of a report.

    Attributes
    ----------
    case_id : the service request's id.
    acted : how the case was opened; None for a report that had come before.
    """

    case_id: str
    token: str
    acted: Acted | None


def submit(
    unit: Transaction,
    city: City,
    declared: Open311,
    application: str,
    sent: Submission,
    *,
    at: datetime,
) -> Submitted:
    """Open a case from a report, once: the same again within a while gives the same answer.

    Parameters
    ----------
    unit : the caller's transaction.
    application : who passed it on: id of a key, name of an account, or ``anonymous``.
    at : the clock (aware).

    Raises
    ------
    UnknownServiceError, IncompleteError
        saying what does not fit.
    """
    if sent.service_code not in city.event_types or not declared.takes(sent.service_code):
        raise UnknownServiceError(sent.service_code)
    _check(sent)
    note = _note(sent, declared.questions(sent.service_code))
    content = digest_of([application, _plain(sent)])
    earlier = _earlier(unit, content, at - timedelta(minutes=declared.repeat_window_minutes))
    if earlier is not None:
        return Submitted(earlier["case_id"], earlier["token"], None)
    token = uuid.uuid4().hex
    acted = report(
        unit,
        city,
        Actor(f"{OPEN311}{application}", PUBLIC, _SOURCE),
        kind=sent.service_code,
        where=sent.place or _found_place(unit, declared, sent),
        at=at,
        key=token,
        note=note,
        photos=(sent.media_url,) if sent.media_url else (),
        reporter=f"{OPEN311}{token}",
    )
    row: Row = {"token": token, "case_id": acted.case_id, "application": application}
    row |= {"content": content, "requested_at": at, "geometry": None}
    row |= {name: getattr(sent, name) or None for name in _KEPT}
    row |= {name: value or None for name, value in asdict(sent.contact).items()}
    spec = city.layer(CONTACTS)
    unit.upsert(spec, frame_of(spec, [row]), at=at, source=_SOURCE)
    return Submitted(acted.case_id, token, acted)


def case_of_token(source: Reader, token: str) -> str | None:
    """Id of the case that a token was given for, None where there is none."""
    page = source.page(Query(CONTACTS, fids=(token,), properties=("case_id",), limit=1))
    return str(page.rows[0][page.names.index("case_id")]) if page.rows else None


def contact_of(unit: Transaction, city: City, actor: Actor, case_id: str) -> Contact | None:
    """Who reported a case; None where nobody did through Open311.

    Parameters
    ----------
    actor : who wants to know; he must see the case, and may screen or dispatch.

    Raises
    ------
    UnknownCaseError, NotAllowedError
        where he does not or may not.
    """
    if case_id not in read_rows(unit, city.layer(CASE), [case_id], actor.audience.scope):
        raise UnknownCaseError(case_id)
    if not (actor.audience.may("screen") or actor.audience.may("dispatch")):
        raise NotAllowedError(
            Text(
                en="who reported it is told to those who screen or dispatch",
                zh="上报人信息仅限甄别、派遣人员查看",
            )
        )
    names = tuple(Contact.__dataclass_fields__)
    where = {"op": "=", "args": [{"property": "case_id"}, case_id]}
    page = unit.page(Query(CONTACTS, where=where, properties=names, limit=1))
    for row in page.rows:
        values = dict(zip(page.names, row, strict=True))
        return Contact(**{name: values[name] or "" for name in names})
    return None


def _plain(sent: Submission) -> dict[str, object]:
    return asdict(sent) | {"attributes": {k: list(v) for k, v in sent.attributes.items()}}


def _earlier(unit: Transaction, content: str, since: datetime) -> Row | None:
    where = {"op": "=", "args": [{"property": "content"}, content]}
    newest = (SortKey("requested_at", descending=True),)
    asked = Query(CONTACTS, where=where, time=TimeInterval(since), sort=newest, limit=1)
    page = unit.page(asked)
    return dict(zip(page.names, page.rows[0], strict=True)) if page.rows else None


def _found_place(unit: Transaction, declared: Open311, sent: Submission) -> tuple[float, float]:
    if sent.address_id:
        return place_of_id(unit, declared.addresses, sent.address_id)
    if sent.address:
        return place_of_text(unit, declared.addresses, sent.address)
    raise IncompleteError(
        "lat",
        Text(
            en="expected a place: lat and long, address_string or address_id",
            zh="须提供地点：经纬度（lat、long）、address_string 或 address_id",
        ),
    )


def _check(sent: Submission) -> None:
    for name, value in {**asdict(sent.contact), "address_id": sent.address_id}.items():
        checked_text(name, value, MOST_KEY)
    checked_text("address_string", sent.address)
    checked_text("description", sent.description)
    email = sent.contact.email
    if email and (email.count("@") != 1 or any(letter.isspace() for letter in email)):
        raise _wrong("email", "an e-mail address", "电子邮箱地址")
    if sent.media_url:
        checked_text("media_url", sent.media_url, MOST_KEY)
        if not _fetched(sent.media_url):
            raise _wrong("media_url", "an address with http or https", "http 或 https 地址")


def _fetched(url: str) -> bool:
    """Whether an address may be given on to others; nobody here follows it."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and named and not any(c.isspace() for c in url)


def _note(sent: Submission, questions: list[Attribute]) -> str:
    """Words of the case: the description, and below it the answers to what was asked."""
    known = {one.code: one for one in questions}
    for code in sent.attributes:
        if code not in known:
            raise _wrong(f"attribute[{code}]", "a question of this service", "该服务的问题")
    lines = [sent.description.strip()]
    for one in questions:
        answers = [answer for answer in sent.attributes.get(one.code, ()) if answer.strip()]
        if one.required and not answers:
            raise _wrong(f"attribute[{one.code}]", one.title.en, one.title.zh)
        if answers:
            title = f"{one.title.zh} {one.title.en}"
            lines.append(f"{title}: {', '.join(_answer(one, answer) for answer in answers)}")
        if len(answers) > 1 and one.datatype != "multivaluelist":
            raise _wrong(f"attribute[{one.code}]", "one answer", "一个答案")
    return "\n".join(line for line in lines if line)


def _answer(question: Attribute, answer: str) -> str:
    field_name = f"attribute[{question.code}]"
    if question.values:
        for one in question.values:
            if one.key == answer:
                return f"{one.name.zh} {one.name.en}"
        keys = ", ".join(one.key for one in question.values)
        raise _wrong(field_name, f"one of {keys}", f"{keys}之一")
    try:
        if question.datatype == "number":
            float(answer)
        elif question.datatype == "datetime":
            datetime.fromisoformat(answer)
    except ValueError:
        kind = question.datatype
        raise _wrong(field_name, f"a {kind}", "数字" if kind == "number" else "时间") from None
    return checked_text(field_name, answer)


def _wrong(name: str, en: str, zh: str) -> IncompleteError:
    return IncompleteError(name, Text(en=f"{name}: expected {en}", zh=f"{name}：应为{zh}"))
