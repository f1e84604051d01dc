"""What may be asked of movers (OGC 22-003r3, 9 and 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from layers.query import TimeInterval
from layers.trajectory import Ints
from ogc_server.moving.meeting import Span
from ogc_server.parameters import parse_truth, parse_whole
from ogc_server.problem import bad_parameter
from ogc_server.times import parse_instant, parse_interval

DEFAULT_LIMIT = 10
MAXIMUM_LIMIT = 1000
_FURTHEST_OFFSET = 10**9
_MOST_LEAVES = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Wish:
    """Which part of a mover's life is wanted.

    Attributes
    ----------
    span : closed, ms since 1970; None is an open end.
    cut : only what lies in the span, with its ends interpolated.
    leaf : only values at these instants, ms, ascending; None where they are not asked for.
    """

    span: Span = (None, None)
    cut: bool = False
    leaf: Ints | None = None

    @property
    def reach(self) -> Span:
        """What has to be read: where not all is wanted, not all is read."""
        if self.leaf is not None:
            return int(self.leaf[0]), int(self.leaf[-1])
        return self.span if self.cut else (None, None)


def parse_wish(values: Mapping[str, str], sub: str) -> Wish:
    """Read ``datetime``, ``leaf`` and ``subTrajectory`` or ``subTemporalValue``.

    Parameters
    ----------
    sub : name of the parameter that cuts.

    Raises
    ------
    RequestError
        400 for values that can't be used, or not together.
    """
    span = parse_span(values)
    cut = parse_truth(values, sub)
    if cut and (None in span or "/" not in values["datetime"]):
        raise bad_parameter("datetime", f"with {sub}=true it must be an interval with both ends")
    leaf = _leaf(values["leaf"]) if "leaf" in values else None
    if cut and leaf is not None:
        raise bad_parameter("leaf", f"is not taken together with {sub}")
    return Wish(span, cut, leaf)


def parse_span(values: Mapping[str, str]) -> Span:
    """Read ``datetime`` as a closed span of ms; RequestError 400 for what is none."""
    if "datetime" not in values:
        return None, None
    interval = parse_interval(values["datetime"]) or TimeInterval()
    return _ms(interval.start), _ms(interval.end)


def _ms(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    since = moment - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _leaf(text: str) -> Ints:
    texts = text.split(",")
    if len(texts) > _MOST_LEAVES:
        raise bad_parameter("leaf", f"found {len(texts)} instants, at most {_MOST_LEAVES}")
    t = np.array([_ms(parse_instant(part, "leaf")) for part in texts], np.int64)
    if (np.diff(t) <= 0).any():
        raise bad_parameter("leaf", "instants must ascend")
    return t


def parse_page(values: Mapping[str, str]) -> tuple[int, int]:
    """Read ``offset`` and ``limit``; RequestError 400 for what are no such numbers."""
    offset = parse_whole(values, "offset", 0, 0, _FURTHEST_OFFSET)
    return offset, min(parse_whole(values, "limit", DEFAULT_LIMIT, 1, None), MAXIMUM_LIMIT)
