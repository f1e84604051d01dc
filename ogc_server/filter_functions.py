"""The functions that filters may call, as clients discover them (OGC 19-079r2, 8.6)."""

from __future__ import annotations

from typing import Any

from layers.store.filter_functions import FUNCTIONS, STANDARD, Function


def functions(language: str) -> dict[str, Any]:
    """Return the document of ``/functions``.

    Parameters
    ----------
    language : language of descriptions.
    """
    known = {**STANDARD, **FUNCTIONS}
    return {"functions": [_described(name, known[name], language) for name in sorted(known)]}


def _described(name: str, function: Function, language: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": function.says.say(language),
        "arguments": [{"type": [function.takes]}],
        "returns": [function.gives],
    }
