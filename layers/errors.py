"""Errors of the layers room, one meaning each."""

from __future__ import annotations

from pathlib import Path


class OnemapError(Exception):
    """Base of every error that a user of the platform may see.

    The message says what was given, what was expected and what to do.
    """


class DeclarationError(OnemapError):
    """A declaration file says something the platform can't accept.

    Parameters
    ----------
    file : path of the declaration.
    line : 1-based line of the offending value, 0 where the file as a whole is meant.
    field : dotted path of the field, such as ``properties.2.type``.
    reason : what was found and what was expected.
    """

    def __init__(self, file: Path | str, line: int, field: str, reason: str) -> None:
        self.file, self.line, self.field, self.reason = Path(file), line, field, reason
        super().__init__(f"{file}:{line}: {field or '(file)'}: {reason}")


class UnknownLayerError(OnemapError):
    """No layer, or no raster, of that id is declared."""

    def __init__(self, layer: str, known: list[str] | None = None, kind: str = "layer") -> None:
        self.layer = layer
        hint = f"; declared are {', '.join(sorted(known))}" if known else ""
        super().__init__(f"no {kind} '{layer}' is declared{hint}")


class QueryError(OnemapError):
    """A question to a layer that can't be answered: unknown property, wrong type, bad geometry."""


class TooSlowError(OnemapError):
    """A question that took longer than its reader may wait (see `layers.store.Store.bounded`)."""


class CrsError(OnemapError):
    """An unknown coordinate reference system, or coordinates that can't be in the one declared."""


class StoreError(OnemapError):
    """The store refuses: not a store of ours, locked, or made by a newer version."""
