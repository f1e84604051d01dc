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
from pydantic_core import ErrorDetails

from layers.errors import DeclarationError

MAX_BYTES = 4 * 1024 * 1024
_SHOWN = 80
Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases and without duplicate keys; dates stay text, as JSON has them."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.current_event.start_mark
            raise yaml.constructor.ConstructorError(
                None, None, "aliases are not allowed in declarations", mark
            )
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as failure:
            raise yaml.constructor.ConstructorError(
                None, None, str(failure), node.start_mark
            ) from failure

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain word", key_node.start_mark
                )
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


def _lines(
    node: yaml.Node | None, at: Location = (), line: int | None = None
) -> Iterator[tuple[Location, int]]:
    if node is None:
        return
    yield at, (node.start_mark.line if line is None else line) + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*at, key.value), key.start_mark.line)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*at, number))


class Declaration:
    """A parsed file and the line of each of its values (of its key, where a value has one).

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
            first = failure.errors(include_url=False)[0]
            where = self._written((*at, *first["loc"]), first["type"] == "missing")
            raise self.error(where, _explain(first)) from failure

    def _written(self, at: Location, missing: bool) -> Location:
        # pydantic adds steps of its own for unions; only what stands in the file helps its author.
        parent = at[:-1] if missing else at
        while parent and parent not in self._lines:
            parent = parent[:-1]
        return at if missing else parent


def _explain(failure: ErrorDetails) -> str:
    found = failure.get("input")
    if failure["type"] == "missing":
        return "required, but not given"
    if failure["type"] == "extra_forbidden":
        return "no such field here; check the spelling"
    reason = failure["msg"].removeprefix("Value error, ")
    if failure["type"] == "string_type" and isinstance(found, bool | int | float):
        reason += "; write it in quotes"
    if isinstance(found, dict | list | tuple):
        return reason
    text = repr(found)
    return f"{reason} (found {text if len(text) <= _SHOWN else text[:_SHOWN] + '…'})"


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
        text = file.read_bytes()
    except OSError as failure:
        raise DeclarationError(file, 0, "", f"can't be read: {failure.strerror}") from failure
    return _parse(file, _decode(file, text))


def _decode(file: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = content.count(b"\n", 0, failure.start) + 1
        reason = f"not UTF-8 at byte {failure.start}"
        raise DeclarationError(file, line, "", reason) from failure


def _parse(file: Path, text: str) -> Declaration:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as failure:
        line = text.count("\n", 0, failure.position) + 1
        reason = f"not valid YAML: character {failure.character:#x} is not allowed"
        raise DeclarationError(file, line, "", reason) from failure
    try:
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
        lines = dict(_lines(node))
    except yaml.YAMLError as failure:
        mark = getattr(failure, "problem_mark", None) or loader.get_mark()
        reason = getattr(failure, "problem", None) or str(failure)
        raise DeclarationError(file, mark.line + 1, "", f"not valid YAML: {reason}") from failure
    except RecursionError as failure:
        line = loader.get_mark().line + 1
        raise DeclarationError(file, line, "", "not valid YAML: nested too deeply") from failure
    finally:
        loader.dispose()
    return Declaration(file, content, lines)
