"""Values of a row against the declaration of their property."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime
from typing import Any

from layers.spec import PropertySpec


def parse_value(p: PropertySpec, value: Any) -> Any:
    """Turn a text or number into the property's Python type; None and "" stay None.

    Raises
    ------
    ValueError
        where the value has another type, lies outside the bounds or is not among the allowed values.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        if p.required:
            raise ValueError("required value is missing")
        return None
    parsed: Any
    if p.type == "string":
        parsed = str(value)
        if p.pattern and not re.fullmatch(p.pattern, parsed):
            raise ValueError(f"expected a text like {p.pattern}, found {parsed!r}")
    elif p.type == "integer":
        if isinstance(value, bool) or float(value) != int(float(value)):
            raise ValueError(f"expected a whole number, found {value!r}")
        parsed = int(value) if not isinstance(value, str) else int(float(value))
    elif p.type == "number":
        parsed = float(value)
        if not math.isfinite(parsed):
            raise ValueError(f"expected a finite number, found {value!r}")
    elif p.type == "boolean":
        words = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False, "是": True, "否": False}
        if isinstance(value, bool):
            parsed = value
        elif str(value).lower() in words:
            parsed = words[str(value).lower()]
        else:
            raise ValueError(f"expected true or false, found {value!r}")
    elif p.type == "date":
        parsed = value if isinstance(value, date) and not isinstance(value, datetime) else date.fromisoformat(str(value)[:10])
    elif p.type == "datetime":
        parsed = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        if parsed.tzinfo is None:
            raise ValueError(f"expected a time with its zone, found {value!r}")
    else:
        parsed = value if not isinstance(value, str) else json.loads(value)
    if p.values is not None and parsed not in p.values:
        raise ValueError(f"expected one of {', '.join(map(str, p.values))}, found {value!r}")
    if p.minimum is not None and parsed < p.minimum or p.maximum is not None and parsed > p.maximum:
        raise ValueError(f"expected {p.minimum} to {p.maximum}, found {value!r}")
    return parsed
