"""Where two JSON documents differ, as JSON paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cases.chain import digest_of

_SHOWN = 120


def differences(one: Any, other: Any, path: str = "$") -> Iterator[tuple[str, str]]:
    """Paths at which a value of a package and the same made again differ, and how, in order.

    Objects in lists are told apart by their ``id`` where all of them have one: what is missing or
    new is one difference, whatever follows it.

    Yields
    ------
    path in the form of RFC 9535, such as ``$.alerts[?@.id=='a'].severity``; and what is there, in
    words.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        yield from _members(one, other, path)
    elif isinstance(one, list) and isinstance(other, list):
        yield from _elements(one, other, path)
    elif not _same(one, other):
        yield path, f"{_short(one)} in the package, {_short(other)} made again"


def _members(one: dict[str, Any], other: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name in sorted({*one, *other}):
        at = f"{path}.{name}" if name.isidentifier() else f"{path}[{_quoted(name)}]"
        if name not in other:
            yield at, f"{_short(one[name])} in the package only"
        elif name not in one:
            yield at, f"{_short(other[name])} not in the package"
        else:
            yield from differences(one[name], other[name], at)


def _elements(one: list[Any], other: list[Any], path: str) -> Iterator[tuple[str, str]]:
    before, after = _by_id(one), _by_id(other)
    if before is None or after is None:
        for k in range(max(len(one), len(other))):
            if k >= len(other):
                yield f"{path}[{k}]", f"{_short(one[k])} in the package only"
            elif k >= len(one):
                yield f"{path}[{k}]", f"{_short(other[k])} not in the package"
            else:
                yield from differences(one[k], other[k], f"{path}[{k}]")
        return
    for key in dict.fromkeys([*before, *after]):
        at = f"{path}[?@.id=={_quoted(key)}]"
        if key not in after:
            yield at, "in the package only"
        elif key not in before:
            yield at, "not in the package"
        else:
            yield from differences(before[key], after[key], at)
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        yield path, "in another order"


def _by_id(rows: list[Any]) -> dict[str, Any] | None:
    if not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        return None
    found = {row["id"]: row for row in rows}
    return found if len(found) == len(rows) else None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return False
    return bool(one == other)


def _quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        what = "an object" if isinstance(value, dict) else "a list"
        return f"{what} ({digest_of(value)[:12]})"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
