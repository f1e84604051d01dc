"""YAML declarations, validated with file, line and field in every message.

A declaration is read by a safe loader that keeps the line of every value, refuses duplicate keys,
aliases (so no "billion laughs") and files over 4 MiB, and is then checked by a pydantic model.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from layers.errors import DeclarationError

MAX_BYTES = 4 * 1024 * 1024
Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases and without duplicate keys; dates stay text, as JSON has them."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.constructor.ConstructorError(
                None, None, "aliases are not allowed in declarations", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key}' is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _lines(node: yaml.Node | None, at: Location = ()) -> Iterator[tuple[Location, int]]:
    if node is None:
        return
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*at, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*at, number))


class Declaration:
    """A parsed file and the line of each of its values.

    Attributes
    ----------
    file : where it was read.
    content : plain dicts, lists and scalars.
    """

    def __init__(self, file: Path, content: Any, lines: dict[Location, int]) -> None:
        self.file, self.content, self._lines = file, content, lines

    def line(self, at: Location) -> int:
        """Line of the value at a path, or of the nearest parent that is written in the file."""
        while at and at not in self._lines:
            at = at[:-1]
        return self._lines.get(at, 0)

    def error(self, at: Location, reason: str) -> DeclarationError:
        """Make the error that names this file, the line and the field of a value."""
        return DeclarationError(self.file, self.line(at), ".".join(map(str, at)), reason)

    def into(self, model: type[Model], at: Location = (), **extra: Any) -> Model:
        """Validate the value at a path as a model.

        Parameters
        ----------
        model : pydantic model to build.
        at : path of the value inside the file, the whole file by default.
        extra : fields that the file doesn't carry.

        Raises
        ------
        DeclarationError
            naming the first field that doesn't fit, with its line.
        """
        value = self.content
        for step in at:
            value = value[step]
        if not isinstance(value, dict):
            raise self.error(at, f"expected a mapping, found {type(value).__name__}")
        try:
            return model.model_validate({**value, **extra})
        except ValidationError as failure:
            first = failure.errors()[0]
            where = (*at, *(step for step in first["loc"]))
            found = first.get("input")
            shown = "" if isinstance(found, dict | list) else f" (found {found!r})"
            raise self.error(where, first["msg"] + shown) from failure


def read(file: Path) -> Declaration:
    """Read one YAML declaration.

    Raises
    ------
    DeclarationError
        for a file that is missing, too large, not UTF-8, not YAML, or uses aliases or a key twice.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DeclarationError(file, 0, "", f"larger than {MAX_BYTES} bytes")
        text = file.read_text(encoding="utf-8")
    except OSError as failure:
        raise DeclarationError(file, 0, "", f"can't be read: {failure.strerror}") from failure
    except UnicodeDecodeError as failure:
        raise DeclarationError(file, 0, "", f"not UTF-8 at byte {failure.start}") from failure
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError, ValueError) as failure:
        mark = getattr(failure, "problem_mark", None)
        reason = getattr(failure, "problem", None) or str(failure)
        raise DeclarationError(file, mark.line + 1 if mark else 0, "", f"not valid YAML: {reason}") from failure
    finally:
        loader.dispose()
    return Declaration(file, content, dict(_lines(node)))
