"""What somebody asks for: one action on one case, checked before anything is looked up."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cases.chain import digest_of
from cases.refusals import IncompleteError
from layers.text import Text

# 4,000 characters are what GeoReport v2 allows a description.
MOST_TEXT, MOST_PHOTOS, MOST_DETAILS, MOST_KEY = 4000, 20, 30, 200
_DECIMALS = 7
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class Asking:
    """One action as it was asked for.

    Attributes
    ----------
    where : (lon, lat) of who acts, EPSG:4326, or None.
    details : texts, whole numbers, truths and lists of texts by name.
    key : tells this asking from all others, None where it may be asked twice.
    """

    action: str
    where: tuple[float, float] | None = None
    why: str = ""
    photos: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None

    def request(self, actor: str) -> str:
        """Digest of all that was asked, by whom: equal for the same asking sent again."""
        asked = [self.action, actor, self.where, self.why, self.photos, dict(self.details)]
        return digest_of(asked)


def asking(
    action: str,
    where: tuple[float, float] | None,
    why: str,
    photos: Sequence[str],
    details: Mapping[str, Any],
    key: str | None,
) -> Asking:
    """Check what was given.

    Raises
    ------
    IncompleteError
        naming the field that can't be kept.
    """
    return Asking(
        action=action,
        where=None if where is None else checked_place(where),
        why=checked_text("why", why.strip()),
        photos=_photos(photos),
        details=_details(details),
        key=None if key is None else _key(key),
    )


def checked_place(where: tuple[float, float]) -> tuple[float, float]:
    """Return a place as it is kept: degrees with 7 decimals; IncompleteError for no place."""
    try:
        lon, lat = (float(one) for one in where)
    except (TypeError, ValueError):
        lon = lat = math.nan
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise IncompleteError(
            "where",
            Text(en="expected a place as (lon, lat) in degrees", zh="地点应为经纬度（经度、纬度）"),
        )
    return round(lon, _DECIMALS), round(lat, _DECIMALS)


def checked_text(name: str, text: Any, most: int = MOST_TEXT) -> str:
    """Return a text that can be kept; IncompleteError for one that is too long or no text."""
    fits = isinstance(text, str) and len(text) <= most and not _CONTROL.search(text)
    if not fits or not _encodes(text):
        raise IncompleteError(
            name,
            Text(
                en=f"'{name}' should be a text of at most {most} characters",
                zh=f"“{name}”应为不超过{most}字的文本",
            ),
        )
    return str(text)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(key: str) -> str:
    if not checked_text("key", key, MOST_KEY):
        raise IncompleteError("key", Text(en="an empty key", zh="幂等键为空"))
    return key


def _photos(photos: Sequence[str]) -> tuple[str, ...]:
    if isinstance(photos, str) or len(photos) > MOST_PHOTOS:
        most = MOST_PHOTOS
        text = Text(en=f"expected a list of at most {most} photos", zh=f"照片最多{most}张")
        raise IncompleteError("photos", text)
    return tuple(checked_text("photos", one, MOST_KEY) for one in photos)


def _details(details: Mapping[str, Any]) -> dict[str, Any]:
    if len(details) > MOST_DETAILS:
        text = Text(en=f"more than {MOST_DETAILS} details", zh=f"附加内容超过{MOST_DETAILS}项")
        raise IncompleteError("details", text)
    return {name: _detail(name, value) for name, value in details.items() if value is not None}


def _detail(name: Any, value: Any) -> Any:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        text = Text(en="details have names such as 'department'", zh="附加内容的名称应为小写字母")
        raise IncompleteError("details", text)
    if isinstance(value, bool) or (type(value) is int and abs(value) < 2**53):
        return value
    if isinstance(value, list | tuple) and len(value) <= MOST_DETAILS:
        return [checked_text(name, one) for one in value]
    return checked_text(name, value)
