"""The contract of a rule: pure kernels with per-subject state, one code path for history and live.

``update`` over a whole history followed by ``flush`` is the batch run; any split of the same rows
into batches that keeps the order of time gives the same events, byte for byte: an event is fixed at
the row that completes it, and is not changed by later ones. (One that is told while it lasts is
`open`, and the one of the same id that tells its end takes its place.) A kernel has no clock, no
files and no database: what it must know of the city comes in `References`, made beforehand by
`analytics.references`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import orjson
import shapely
from pydantic import BaseModel, ConfigDict

from analytics.calendar import in_force
from analytics.event import Event, Evidence
from analytics.references import References
from layers.city import RuleDeclaration
from layers.text import Text

Columns = dict[str, npt.NDArray[Any]]
State = dict[str, Any]
_T = TypeVar("_T")


class Prepared(Columns):
    """Columns that passed the preparation, with what rules make of them and share.

    Attributes
    ----------
    made : what `once` made, by its key.
    """

    def __init__(self, *args: Any, **columns: npt.NDArray[Any]) -> None:
        super().__init__(*args, **columns)
        self.made: dict[str, Any] = {}


def once(columns: Columns, key: str, make: Callable[[], _T]) -> _T:
    """Make something of prepared columns, or take what another rule made of them.

    Parameters
    ----------
    key : names all that the result depends on besides the columns.
    make : what it gives is not changed afterwards, and does not hold the columns: they would never
        be freed.
    """
    if not isinstance(columns, Prepared):
        return make()
    if key not in columns.made:
        columns.made[key] = make()
    made: _T = columns.made[key]
    return made


class Parameters(BaseModel):
    """Base of a rule's typed parameters; units stand in the names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(ABC):
    """One kind of rule, configured by one declaration.

    Attributes
    ----------
    kind : name that declarations refer to.
    feed : name of the columns it reads: ``ais``, ``gps``, ``weighing`` or ``camera_detection``.
    title : what it looks for.
    parameters_model : its typed parameters.
    compares : whether it needs the rows of all movers together, in the order of time.
    """

    kind: ClassVar[str]
    feed: ClassVar[str]
    title: ClassVar[Text]
    parameters_model: ClassVar[type[Parameters]]
    compares: ClassVar[bool] = False

    def __init__(self, declaration: RuleDeclaration, references: References) -> None:
        self.declaration = declaration
        self.references = references
        self.parameters: Any = self.parameters_model.model_validate(declaration.parameters)

    def start(self) -> State:
        """State before the first row: plain dicts, lists, numbers and texts, as JSON keeps them.

        A tuple in it is never changed in place, which spares a live feed looking (see
        `analytics.state`). Names of the first level hold no ``/``.
        """
        return {}

    @abstractmethod
    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take rows in, sorted by (mover, t), and return the events that they complete.

        Parameters
        ----------
        state : changed in place.
        columns : arrays of equal length; which there are is said by the feed (see
            `analytics.feeds`).
        """

    @abstractmethod
    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Close what is over by a time before which no more rows will come."""

    def applies(self, days: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether the declaration is in force on each of the city's days; shape (n,)."""
        return in_force(days, self.declaration.in_force_from, self.declaration.in_force_to)

    def event(
        self,
        subject: str,
        span: tuple[int, int],
        geometry: shapely.Geometry,
        confidence: float,
        evidence: Evidence,
        sentence: Text,
        subjects: tuple[str, ...] = (),
        apart: str = "",
    ) -> Event:
        """Make an event of this rule, with what the declaration says of all its events.

        Parameters
        ----------
        subject : who.
        span : start and end, ms since 1970 (UTC).
        geometry : where, EPSG:4326.
        confidence : 0–1.
        subjects : all, where there are more than one.
        apart : tells it from events of the same subject and start, where there can be some.
        """
        declared = self.declaration
        return Event(
            rule=declared.id,
            rule_version=declared.version,
            event_type=declared.event_type,
            subject=subject,
            start_ms=span[0],
            end_ms=span[1],
            geometry=geometry,
            severity=declared.severity,
            confidence=round(confidence, 3),
            evidence=evidence,
            sentence=sentence,
            departments=declared.departments,
            subjects=subjects,
            apart=apart,
        )


class Stage(Protocol):
    """What rows of a feed pass before its rules: it adds columns, and may hold rows back."""

    def start(self) -> State:
        """State before the first row."""

    def update(self, state: State, columns: Columns) -> Columns:
        """Take rows in and return those that are ready, each mover's in order."""

    def flush(self, state: State, watermark_ms: int) -> Columns | None:
        """Return what was held back and is ready by a time before which no more rows will come."""

    def oldest(self, state: State) -> int | None:
        """Time of the oldest row that is held back, ms; None where none is."""


RULES: dict[str, type[Rule]] = {}
_R = TypeVar("_R", bound=type[Rule])


def register(rule: _R) -> _R:
    """Class decorator: make a kind of rule known to declarations."""
    if rule.kind in RULES:
        raise ValueError(f"rule kind '{rule.kind}' is registered twice")
    RULES[rule.kind] = rule
    return rule


def dump_state(state: Any) -> bytes:
    """Write a state, or a part of one, as JSON with sorted keys; arrays of numbers become lists."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    return orjson.dumps(state, option=options)


def load_state(stored: bytes | None) -> State:
    """Read what `dump_state` wrote; an empty state for None."""
    return {} if stored is None else dict(orjson.loads(stored))


def rows(columns: Columns) -> int:
    """Count the rows in columns."""
    return len(next(iter(columns.values()))) if columns else 0


def as_float(value: np.generic | float) -> float | None:
    """Turn a value into a Python float, None for NaN."""
    number = float(value)
    return None if number != number else number
