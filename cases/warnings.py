"""Public warnings: what one says, and how one follows another.

The terms are those of the Common Alerting Protocol 1.2 (OASIS 2010), section 3.2. Drafts and
messages for a few (scope Restricted or Private) are no public warnings and are not kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import geopandas as gpd
import pandas as pd
import shapely

from layers.city import City
from layers.errors import OnemapError
from layers.query import Query
from layers.store.base import Transaction
from layers.text import Text

LAYER = "public_warning"
Status = Literal["Actual", "Exercise", "System", "Test"]
Kind = Literal["Alert", "Update", "Cancel"]
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]
CATEGORIES = (
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra",
    "CBRNE", "Other",
)  # fmt: skip
RESPONSES = (
    "Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None",
)  # fmt: skip
# Characters that may stand in no identifier or sender (section 3.2.1).
_NEVER = frozenset(" ,<&")
_NOTHING = Text(en="", zh="")


class WarningError(OnemapError):
    """A warning that can't be issued as it is."""


@dataclass(frozen=True)
class Message:
    """One message of a warning.

    Attributes
    ----------
    ident, sender : together with ``sent`` they tell it from all others.
    refers_to : ``sender,identifier,sent`` of the messages that it updates or cancels.
    category, response : codes of `CATEGORIES` and `RESPONSES`.
    effective, onset, expires : aware.
    shape : who must act, EPSG:4326: polygons; None where ``geocodes`` alone say it.
    geocodes : codes of the units of the area.
    """

    ident: str
    sender: str
    sent: datetime
    status: Status
    kind: Kind
    event: Text
    headline: Text
    area: Text
    category: tuple[str, ...]
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    effective: datetime
    expires: datetime
    onset: datetime | None = None
    response: tuple[str, ...] = ()
    description: Text = _NOTHING
    instruction: Text = _NOTHING
    contact: str = ""
    geocodes: tuple[str, ...] = ()
    refers_to: tuple[str, ...] = ()
    shape: shapely.Geometry | None = None

    def __post_init__(self) -> None:
        for name in ("ident", "sender"):
            value = getattr(self, name)
            if not value or _NEVER & set(value):
                raise WarningError(f"{name}: no spaces, commas, < or & may be in '{value}'")
        if not self.category or set(self.category) - set(CATEGORIES):
            raise WarningError(f"category: expected some of {', '.join(CATEGORIES)}")
        if set(self.response) - set(RESPONSES):
            raise WarningError(f"response: expected some of {', '.join(RESPONSES)}")
        times = [self.sent, self.effective, self.expires, self.onset]
        if any(time is not None and time.tzinfo is None for time in times):
            raise WarningError("times need their zone")
        if self.expires <= self.effective:
            raise WarningError("expires: a warning ends after it begins")
        if (self.kind == "Alert") is bool(self.refers_to):
            raise WarningError("references: an update or end names what it follows, an alert none")
        if self.shape is None and not self.geocodes:
            raise WarningError("area: expected a shape or codes of units")

    @property
    def reference(self) -> str:
        """How later messages refer to this one."""
        return f"{self.sender},{self.ident},{instant(self.sent)}"


def instant(moment: datetime) -> str:
    """Write a time as CAP does: whole seconds, the zone as hours and minutes, never ``Z``."""
    text = moment.isoformat(timespec="seconds")
    return text.replace("+00:00", "-00:00")


def publish(unit: Transaction, city: City, message: Message, *, at: datetime) -> None:
    """Keep a message, and mark those that it follows.

    Parameters
    ----------
    at : the clock.

    Raises
    ------
    WarningError
        where it follows messages of which none is known, or one that was followed already.
    """
    followed = _followed(unit, message)
    spec = city.layer(LAYER)
    unit.upsert(spec, _frame([message]), at=at, source="warnings")
    if len(followed):
        followed["followed_by"] = message.ident
        kept = followed[[p.name for p in spec.properties] + ["geometry"]]
        unit.upsert(spec, gpd.GeoDataFrame(kept, crs="EPSG:4326"), at=at, source="warnings")


def ended(message: Message, ident: str, at: datetime, why: Text) -> Message:
    """Make the message that ends a warning (``Cancel``).

    Parameters
    ----------
    ident : of the new message.
    why : told as its description.
    """
    return replace(
        message,
        ident=ident,
        sent=at,
        kind="Cancel",
        refers_to=(*message.refers_to, message.reference),
        response=("AllClear",),
        urgency="Past",
        effective=at,
        onset=None,
        expires=max(message.expires, at + timedelta(hours=1)),
        description=why,
    )


def of_row(row: dict[str, Any]) -> Message:
    """Read a message from a row of the layer."""

    def text(name: str) -> Text:
        return Text(en=str(row.get(f"{name}_en") or ""), zh=str(row.get(f"{name}_zh") or ""))

    def time(name: str) -> datetime | None:
        value = row.get(name)
        return None if value is None or pd.isna(value) else pd.Timestamp(value).to_pydatetime()

    def listed(name: str) -> tuple[str, ...]:
        value = row.get(name)
        return tuple(map(str, value)) if isinstance(value, list | tuple) else ()

    sent, effective, expires = time("sent"), time("effective"), time("expires")
    assert sent is not None and effective is not None and expires is not None
    return Message(
        ident=str(row["warning_id"]),
        sender=str(row["sender"]),
        sent=sent,
        status=row["status"],
        kind=row["msg_type"],
        refers_to=listed("references"),
        category=listed("category"),
        response=listed("response"),
        urgency=row["urgency"],
        severity=row["severity"],
        certainty=row["certainty"],
        effective=effective,
        onset=time("onset"),
        expires=expires,
        contact=str(row.get("contact") or ""),
        geocodes=listed("geocodes"),
        shape=row.get("geometry"),
        **{name: text(name) for name in _TEXTS},
    )


_TEXTS = ("event", "headline", "description", "instruction", "area")


def _followed(unit: Transaction, message: Message) -> gpd.GeoDataFrame:
    idents = tuple(reference.split(",")[1] for reference in message.refers_to)
    if not idents:
        return gpd.GeoDataFrame()
    frame = unit.frame(Query(LAYER, fids=idents))
    known = frame[frame["sender"] == message.sender]
    if known.empty:
        raise WarningError(f"references: no message of {message.sender} is {' or '.join(idents)}")
    by_others = known["followed_by"].notna() & (known["followed_by"] != message.ident)
    # A message that was followed is out of date, unless this one follows what followed it as well.
    stale = known[by_others & ~known["followed_by"].isin(idents)]
    if len(stale):
        first = stale.iloc[0]
        raise WarningError(f"{first['warning_id']} was followed by {first['followed_by']} already")
    return known[~by_others]


def _frame(messages: Sequence[Message]) -> gpd.GeoDataFrame:
    rows = [_row(message) for message in messages]
    shapes: Any = [message.shape for message in messages]
    return gpd.GeoDataFrame(rows, geometry=shapes, crs="EPSG:4326")


def _row(message: Message) -> dict[str, Any]:
    plain = {
        name: value
        for name, value in asdict(message).items()
        if name not in {*_TEXTS, "ident", "kind", "refers_to", "shape"}
    }
    texts = {
        f"{name}_{language}": getattr(message, name).say(language) or None
        for name in _TEXTS
        for language in ("en", "zh")
    }
    lists = {name: list(plain[name]) for name in ("category", "response", "geocodes")}
    own: dict[str, Any] = {"warning_id": message.ident, "msg_type": message.kind}
    own |= {"references": list(message.refers_to), "contact": message.contact or None}
    return plain | texts | lists | own
