"""A case as a document for another node: what it says, and whether what came is one.

Version 1, plain JSON. Of the log the steps are told with their digests, so that the sender can be
held to them later; names of people, reasons of staff and who reported the case are not told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import orjson
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cases.case_rows import Row
from cases.refusals import IncompleteError
from cases.states import State
from layers.store.tables import instant_text
from layers.text import Text

CASE_FORMAT, STATUS_FORMAT = "onemap-case", "onemap-case-status"
_MOST_STEPS, _MOST_TEXT = 1000, 4000
_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Words = Annotated[
    str, Field(max_length=_MOST_TEXT, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")
]
Document = TypeVar("Document", bound=BaseModel)


class _Sent(BaseModel):
    # What a later version adds is no reason to refuse a document.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Step(_Sent):
    """One entry of the sender's log."""

    seq: int = Field(ge=1)
    action: _Name
    before: _Name | None
    after: _Name
    at: datetime
    digest: _Digest
    previous: _Digest


class Matter(_Sent):
    """The case itself; ``place`` is (lon, lat) in EPSG:4326."""

    id: _Name
    event_type: _Name
    title: Text
    severity: Literal["minor", "moderate", "severe", "extreme"]
    origin: Literal["active", "public", "smart", "unknown"]
    state: State
    opened_at: datetime
    due_at: datetime | None
    place: tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]]
    note: _Words
    alerts: tuple[_Name, ...] = Field(max_length=_MOST_STEPS)


class Photo(_Sent):
    """A photo: how the sender names it, and its SHA-256 where that is known."""

    ref: _Name
    sha256: _Digest | None


class CaseDocument(_Sent):
    """A case that is handed over.

    Attributes
    ----------
    exchange : id of this hand-over.
    hops : nodes that handed it over, in order; the sender is the last.
    reason : why, in the words of who hands it over.
    """

    format: Literal["onemap-case"]
    version: Literal[1]
    exchange: _Name
    sender: _Name
    receiver: _Name
    hops: tuple[_Name, ...] = Field(min_length=1, max_length=100)
    reason: _Words
    case: Matter
    log: tuple[Step, ...] = Field(max_length=_MOST_STEPS)
    photos: tuple[Photo, ...] = Field(max_length=100)


class StatusDocument(_Sent):
    """How a case that was handed over stands.

    Attributes
    ----------
    exchange : id of the hand-over; ``case`` and ``peer_case`` are the receiver's and the sender's.
    said : words that are meant for who reported it.
    """

    format: Literal["onemap-case-status"]
    version: Literal[1]
    exchange: _Name
    sender: _Name
    receiver: _Name
    case: _Name
    peer_case: _Name
    action: _Name
    state: State
    at: datetime
    entry: int = Field(ge=1)
    digest: _Digest
    said: _Words


def read_case(body: bytes) -> CaseDocument:
    """Read a case; IncompleteError naming the field that does not fit."""
    return _read(CaseDocument, body)


def read_status(body: bytes) -> StatusDocument:
    """Read a status; IncompleteError naming the field that does not fit."""
    return _read(StatusDocument, body)


def case_document(
    row: Row,
    log: Sequence[Row],
    *,
    exchange: str,
    hops: Sequence[str],
    receiver: str,
    reason: str,
    digests: Mapping[str, str],
) -> dict[str, Any]:
    """Make the document of a case.

    Parameters
    ----------
    row : the case; ``log`` its entries in order.
    hops : nodes up to the sender, which is the last.
    digests : SHA-256 of photos by their reference, as far as known.
    """
    point = shapely.centroid(row["geometry"])
    photos = [photo for one in (row, *log) for photo in one.get("photos") or ()]
    due = row["due_at"]
    return {
        "format": CASE_FORMAT,
        "version": 1,
        "exchange": exchange,
        "sender": hops[-1],
        "receiver": receiver,
        "hops": list(hops),
        "reason": reason,
        "case": {
            "id": row["case_id"],
            "event_type": row["event_type"],
            "title": {"en": row["title_en"] or "", "zh": row["title_zh"] or ""},
            "severity": row["severity"] or "minor",
            "origin": row["origin"],
            "state": row["state"],
            "opened_at": instant_text(row["opened_at"]),
            "due_at": None if due is None else instant_text(due),
            "place": [round(point.x, 7), round(point.y, 7)],
            "note": row["note"] or "",
            "alerts": list(row["alerts"] or ()),
        },
        "log": [_step(entry) for entry in log[-_MOST_STEPS:]],
        "photos": [
            {"ref": ref, "sha256": digests.get(ref)} for ref in list(dict.fromkeys(photos))[:100]
        ],
    }


def _step(entry: Row) -> dict[str, Any]:
    plain = {name: entry[name] for name in ("seq", "action", "before", "after")}
    told = {"at": instant_text(entry["at"]), "digest": entry["digest"]}
    return plain | told | {"previous": entry["previous"]}


def _read(model: type[Document], body: bytes) -> Document:
    try:
        return model.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as failure:
        raise _unfit("body", "is no JSON", "不是JSON") from failure
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        raise _unfit(".".join(map(str, first["loc"])), first["msg"], first["msg"]) from failure


def _unfit(name: str, en: str, zh: str) -> IncompleteError:
    return IncompleteError(name or "body", Text(en=f"{name}: {en}", zh=f"{name}：{zh}"))
