"""The declared life of a case: states, actions, who may act, how long each state may last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cases.calendar import ALWAYS, Calendar, Span, WorkingTime
from cases.refusals import TransitionError
from cases.states import FINAL, OPENING, PAUSED, TITLES, State
from layers.access import Right
from layers.city import City
from layers.city_declaration import LEVELS, Level
from layers.declaration import Declaration, read
from layers.errors import DeclarationError
from layers.text import Text

DEFAULT = Path(__file__).parent / "process.yaml"
FILE = "case_process.yaml"
Need = Literal["reason", "photo", "place", "department", "unit", "case"]
Effect = Literal[
    "assign", "take", "give_back", "release", "rework", "hand_up", "hand_down", "merge"
]
Whom = Literal["officer", "department", "unit", "reporter", "subject"]
_ID = r"^[a-z][a-z0-9_]{0,40}$"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Telling(_Declared):
    """Whom an action is told, and in which words."""

    whom: Whom
    template: str = Field(pattern=_ID)


class Action(_Declared):
    """Something that is done to a case.

    Attributes
    ----------
    opens : it begins a case.
    steps : state after by state before; ``back`` is the state before the suspension.
    right : what the role of who acts must allow; None for the platform itself.
    levels : levels of units whose people may act.
    guard : ``unit``: who acts must answer for the unit that has the case in hand; ``place``: for
        the place of the case.
    needs : what must be given.
    own : the case must be assigned to who acts, or to nobody.
    apart_from : not by who did that action last.
    effect : what else it does (see `cases.effects`).
    """

    id: str = Field(pattern=_ID)
    title: Text
    opens: bool = False
    steps: Mapping[State, State | Literal["back"]]
    right: Right | None = None
    levels: Annotated[tuple[Level, ...], Field(min_length=1)] = LEVELS
    guard: Literal["unit", "place"] = "unit"
    needs: tuple[Need, ...] = ()
    own: bool = False
    apart_from: str | None = None
    effect: Effect | None = None
    tells: tuple[Telling, ...] = ()

    def tells_any(self, *whom: Whom) -> bool:
        """Whether one of some is told of it."""
        return any(telling.whom in whom for telling in self.tells)


class Limit(_Declared):
    """How long a case may stay in a state.

    Attributes
    ----------
    hours : working hours.
    level, event_type : for which level and which events (beginning of the code); None for all.
    """

    state: State
    hours: float = Field(gt=0)
    level: Level | None = None
    event_type: str | None = None
    source: str


class Duty(_Declared):
    """Departments that handle events whose code begins like this, lead first."""

    event_type: str
    departments: tuple[str, ...] = Field(min_length=1)
    source: str


class Choice(_Declared):
    """How candidates for a case are compared (see `cases.dispatch`).

    Attributes
    ----------
    day_shift : beginning and end of the day shift in the city's zone; the rest is the night shift.
    """

    reach_m: float = Field(gt=0)
    walking_mps: float = Field(gt=0)
    minutes_per_open_case: float = Field(ge=0)
    outside_block_minutes: float = Field(ge=0)
    no_position_minutes: float = Field(ge=0)
    position_max_age_minutes: float = Field(gt=0)
    most_open_cases: int = Field(ge=1)
    day_shift: Span


class Joining(_Declared):
    """When cases are proposed as one joint task (see `cases.grouping`)."""

    at_least: int = Field(ge=2)
    window_hours: float = Field(gt=0)
    cell_resolution: int = Field(ge=0, le=15)
    handle_hours: float = Field(gt=0)


class Process(_Declared):
    """The content of ``process.yaml`` (see there)."""

    version: str
    opens_at: Level
    handed_down_most: int = Field(ge=0)
    actions: tuple[Action, ...]
    limits: tuple[Limit, ...]
    duties: tuple[Duty, ...]
    working_time: WorkingTime | None
    round_the_clock: tuple[str, ...]
    told_subjects: tuple[str, ...]
    choice: Choice
    joint: Joining
    sources: dict[str, str]

    @model_validator(mode="after")
    def _sound(self) -> Process:
        ids = [action.id for action in self.actions]
        doubled = sorted({one for one in ids if ids.count(one) > 1})
        if doubled:
            raise ValueError(f"action given twice: {', '.join(doubled)}")
        if not any(action.opens for action in self.actions):
            raise ValueError("no action opens a case")
        for action in self.actions:
            if action.apart_from is not None and action.apart_from not in ids:
                raise ValueError(f"'{action.id}' is apart from '{action.apart_from}', no action")
            if "back" in action.steps.values() and set(action.steps) != {PAUSED}:
                raise ValueError(f"'{action.id}': only a suspended case goes back")
        self._check_ends()
        return self

    def _check_ends(self) -> None:
        after = self.transitions
        # A way back leads only to where a case has been before.
        forward = {s: () if s == PAUSED else to for s, to in after.items()}
        unreached = set(TITLES) - _closure({OPENING}, forward)
        if unreached:
            raise ValueError(f"no action leads to {', '.join(sorted(unreached))}")
        before: dict[State, tuple[State, ...]] = {
            state: tuple(s for s in after if state in after[s]) for state in after
        }
        stuck = set(TITLES) - _closure(FINAL, before)
        if stuck:
            raise ValueError(f"no way to an end from {', '.join(sorted(stuck))}")

    @cached_property
    def transitions(self) -> dict[State, tuple[State, ...]]:
        """States that can follow each state."""
        found: dict[State, set[State]] = {state: set() for state in TITLES}
        backs = {s for action in self.actions for s, to in action.steps.items() if to == PAUSED}
        for action in self.actions:
            for state, to in action.steps.items():
                found[state] |= backs if to == "back" else {to}
        order = list(TITLES)
        return {state: tuple(sorted(after, key=order.index)) for state, after in found.items()}

    @cached_property
    def by_id(self) -> dict[str, Action]:
        """Actions by id."""
        return {action.id: action for action in self.actions}

    def action(self, name: str) -> Action:
        """Return an action; TransitionError where none is declared by that name."""
        found = self.by_id.get(name)
        if found is None:
            known = ", ".join(self.by_id)
            raise TransitionError(
                Text(en=f"no action '{name}'; there are {known}", zh=f"没有“{name}”这一操作")
            )
        return found

    def step(self, name: str, before: State, back: State | None = None) -> State:
        """Return the state that an action leads to.

        Parameters
        ----------
        back : state before the suspension.

        Raises
        ------
        TransitionError
            naming what can be done instead.
        """
        action = self.action(name)
        declared = action.steps.get(before)
        to = back if declared == "back" else declared
        if to is None:
            able = [one for one in self.actions if before in one.steps and one.right is not None]
            can_en = ", ".join(one.id for one in able) or "nothing"
            can_zh = "、".join(one.title.zh for one in able) or "无"
            state = TITLES[before]
            raise TransitionError(
                Text(
                    en=f"'{name}' is not possible for a case that is {before}; possible: {can_en}",
                    zh=f"工单处于“{state.zh}”，不能“{action.title.zh}”；可以：{can_zh}",
                )
            )
        return to

    def limit_hours(self, state: State, level: Level | None, event_type: str) -> float | None:
        """Working hours that a case may stay in a state, None for no limit of its own."""
        fitting = [
            one
            for one in self.limits
            if one.state == state
            and one.level in (None, level)
            and event_type.startswith(one.event_type or "")
        ]
        best = max(fitting, key=lambda one: (len(one.event_type or ""), one.level is not None),
                   default=None)  # fmt: skip
        return None if best is None else best.hours

    def departments_for(self, event_type: str) -> tuple[str, ...]:
        """Departments that handle an event type, lead first; empty where none is declared."""
        fitting = [one for one in self.duties if event_type.startswith(one.event_type)]
        best = max(fitting, key=lambda one: len(one.event_type), default=None)
        return () if best is None else best.departments

    def calendar(self, city: City, event_type: str) -> Calendar:
        """Hours that count for an event type."""
        if self.working_time is None or event_type.startswith(self.round_the_clock or ("\0",)):
            return ALWAYS
        return _calendar(self.working_time, city.declaration.zone)


@lru_cache(maxsize=64)
def _calendar(declared: WorkingTime, zone: str) -> Calendar:
    return Calendar.of(declared, zone)


@lru_cache(maxsize=1)
def default_process() -> Process:
    """Return the process of a city that declares none."""
    return read(DEFAULT).into(Process)


@lru_cache(maxsize=16)
def process_of(city: City) -> Process:
    """Read the process of a city; the default where it declares nothing.

    Raises
    ------
    DeclarationError
        naming file, line and field of what does not fit.
    """
    path = city.folder / FILE
    if not path.exists():
        return default_process()
    declaration, default = read(path), read(DEFAULT).content
    own = declaration.content if isinstance(declaration.content, dict) else {}
    inherited: dict[str, Any] = {key: default[key] for key in default if key not in own}
    if "sources" in own and isinstance(own["sources"], dict):
        inherited["sources"] = default["sources"] | own["sources"]
    process = declaration.into(Process, **inherited)
    _check_codes(city, declaration, process)
    return process


def _check_codes(city: City, declaration: Declaration, process: Process) -> None:
    for number, duty in enumerate(process.duties):
        _known(city, declaration, ("duties", number, "event_type"), duty.event_type)
        for place, department in enumerate(duty.departments):
            if department not in city.departments:
                at = ("duties", number, "departments", place)
                raise declaration.error(at, f"no department '{department}' in city.yaml")
    for number, limit in enumerate(process.limits):
        if limit.event_type is not None:
            _known(city, declaration, ("limits", number, "event_type"), limit.event_type)
    for part in ("round_the_clock", "told_subjects"):
        for number, code in enumerate(getattr(process, part)):
            _known(city, declaration, (part, number), code)


def _known(city: City, declaration: Declaration, at: tuple[str | int, ...], beginning: str) -> None:
    if not any(code.startswith(beginning) for code in city.event_types):
        error: DeclarationError = declaration.error(
            at, f"no event type in event_types.yaml begins with '{beginning}'"
        )
        raise error


def _closure(start: Iterable[State], after: Mapping[State, tuple[State, ...]]) -> set[State]:
    found, edge = set(start), list(start)
    while edge:
        fresh = set(after[edge.pop()]) - found
        found |= fresh
        edge += fresh
    return found
