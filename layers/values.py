"""Values of a row against the declaration of their property."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from numbers import Integral, Real
from typing import Any

import numpy as np
import orjson

from layers.spec import PropertySpec, PropertyType

# Columns are 64 bit in every store; beyond 2**53 a float no longer tells whole numbers apart.
INTEGER_LIMIT = 2**63
_EXACT_FLOAT = 2.0**53
_SHOWN = 80
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TRUE = ("true", "yes", "1", "是")
_FALSE = ("false", "no", "0", "否")
_TIME = "a time with its zone, such as 2020-07-01T03:42:20+08:00"


def parse_value(p: PropertySpec, value: Any) -> Any:
    """Turn a text or number into the property's Python type; None, NaN and "" become None.

    Parameters
    ----------
    p : declaration of the property.
    value : as a reader gives it: text, number, date, NumPy or pandas scalar, nested JSON.

    Returns
    -------
    str, int within 64 bits, finite float, bool, date, datetime in UTC, plain JSON value, or None.

    Raises
    ------
    ValueError
        where the value is required and missing, has another type, lies outside the bounds or is
        not among the allowed values. No other exception leaves this function.
    """
    if is_missing(value):
        if p.required:
            raise ValueError("required value is missing")
        return None
    parsed = _PARSERS[p.type](value)
    if p.pattern is not None and not re.fullmatch(p.pattern, parsed):
        raise ValueError(f"expected a text like {p.pattern}, found {_show(value)}")
    if p.values is not None and parsed not in p.values:
        raise ValueError(f"expected one of {', '.join(map(str, p.values))}, found {_show(value)}")
    if p.minimum is not None and parsed < p.minimum:
        raise ValueError(f"expected at least {p.minimum:g}, found {_show(value)}")
    if p.maximum is not None and parsed > p.maximum:
        raise ValueError(f"expected at most {p.maximum:g}, found {_show(value)}")
    return parsed


def is_missing(value: Any) -> bool:
    """Whether a scalar stands for no value: None, "", NaN, NaT or pandas' NA."""
    if value is None or (isinstance(value, str) and not value):
        return True
    if isinstance(value, str | dict | list | tuple | np.ndarray):
        return False
    try:
        return bool(value != value)  # only NaN and NaT differ from themselves
    except (TypeError, ValueError, ArithmeticError):
        return type(value).__name__ == "NAType"  # pandas' NA refuses to be compared


def _show(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print integers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _refuse(expected: str, value: Any) -> ValueError:
    return ValueError(f"expected {expected}, found {_show(value)}")


def _text(value: Any) -> str:
    text = _written(value)
    if text is None:
        raise _refuse("a text", value)
    if "\x00" in text or not _encodable(text):
        raise _refuse("a text of Unicode characters without NUL", value)
    return text


def _written(value: Any) -> str | None:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if _is_bool(value) or not isinstance(value, Real):
        return None
    # Readers turn a column of codes with gaps into floats: 7.0 was written 7.
    whole = _whole(value)
    return str(value) if whole is None else _digits(whole)


def _digits(number: int) -> str | None:
    return str(number) if -INTEGER_LIMIT <= number < INTEGER_LIMIT else None


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _integer(value: Any) -> int:
    number = None if _is_bool(value) else _whole(value)
    if number is None or not -INTEGER_LIMIT <= number < INTEGER_LIMIT:
        raise _refuse("a whole number of at most 64 bits", value)
    return number


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        plain = len(text) <= _SHOWN and _WHOLE.fullmatch(text)
        return int(text.partition(".")[0]) if plain else None
    if isinstance(value, Integral):
        return int(value)
    if not isinstance(value, float | np.floating):
        return None
    number = float(value)
    return int(number) if abs(number) <= _EXACT_FLOAT and number.is_integer() else None


def _number(value: Any) -> float:
    written = isinstance(value, str) and _NUMBER.fullmatch(value.strip())
    number = math.nan
    if written or (isinstance(value, Real) and not _is_bool(value)):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not math.isfinite(number):
        raise _refuse("a finite number", value)
    return number


def _boolean(value: Any) -> bool:
    if _is_bool(value) or (isinstance(value, Real) and value in (0, 1)):
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in _TRUE + _FALSE:
        raise _refuse("true or false", value)
    return word in _TRUE


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return date(value.year, value.month, value.day)
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _DAY.match(value):
        raise _refuse("a date such as 2020-07-01", value)
    try:
        # GeoJSON and CSV writers often add the time of day to a date.
        day = value if len(value) == 10 else datetime.fromisoformat(value).date().isoformat()
        return date.fromisoformat(day)
    except ValueError as failure:
        raise _refuse("a date such as 2020-07-01", value) from failure


def _datetime(value: Any) -> datetime:
    text = value.isoformat() if isinstance(value, datetime) else value
    if not isinstance(text, str) or not _DAY.match(text):
        raise _refuse(_TIME, value)
    try:
        parsed = datetime.fromisoformat(text)
        # A time without zone would silently be read in the zone of the machine.
        moment = None if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError) as failure:
        raise _refuse(_TIME, value) from failure
    if moment is None:
        raise _refuse(_TIME, value)
    return moment


def _json(value: Any) -> Any:
    try:
        # There and back, so that what is kept is plain JSON within 64 bits, whatever came.
        written = value if isinstance(value, str) else orjson.dumps(value, None, _JSON_OPTIONS)
        return orjson.loads(written)
    except (TypeError, ValueError, RecursionError) as failure:
        raise ValueError(f"expected JSON ({failure}), found {_show(value)}") from failure


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


_JSON_OPTIONS = orjson.OPT_SERIALIZE_NUMPY
_PARSERS: dict[PropertyType, Callable[[Any], Any]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "json": _json,
}
