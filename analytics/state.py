"""Large states in parts, so that only what changed has to be written.

A state is a dict. Of each value that is a dict itself every entry is a part, named
``<name>/<key>``; any other value is one. Names of the first level hold no ``/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from analytics.rule import State, dump_state


class Parts:
    """A state in memory, and its parts as they were written last.

    A part that is a tuple is replaced by rules, never changed in place, so that it is written
    again only where another one stands in its place; any other part is compared as text.

    Parameters
    ----------
    written : what stands in the store.
    start : the state before the first row.
    """

    def __init__(self, written: Mapping[str, bytes], start: State) -> None:
        self.state = start
        self._written = dict(written)
        self._frozen: dict[str, Any] = {}
        for part, content in written.items():
            name, below, key = part.partition("/")
            if below:
                start.setdefault(name, {})[key] = orjson.loads(content)
            else:
                start[name] = orjson.loads(content)

    def difference(self) -> tuple[dict[str, bytes], set[str]]:
        """Parts that are to be put, and names of those that are gone; from now on as written."""
        changed: dict[str, bytes] = {}
        gone, frozen, written = set(self._written), self._frozen, self._written
        for part, value in _parts(self.state):
            gone.discard(part)
            if isinstance(value, tuple):
                if frozen.get(part) is value:
                    continue
                frozen[part] = value
            content = dump_state(value)
            if written.get(part) != content:
                changed[part] = written[part] = content
        for part in gone:
            del written[part]
            frozen.pop(part, None)
        return changed, gone


def _parts(state: State) -> Iterator[tuple[str, Any]]:
    for name, value in state.items():
        if isinstance(value, dict):
            yield from ((f"{name}/{key}", one) for key, one in value.items())
        else:
            yield name, value
