"""States of a case and the steps between them, as data.

The order follows the closed loop of urban management systems (collect, file, dispatch, handle,
check, close); the names are those of the ``case_event`` layer. A merged case lives on in its parent
case.
"""

from __future__ import annotations

from typing import Literal

from layers.errors import OnemapError
from layers.text import Text

State = Literal[
    "found",
    "triage",
    "verified",
    "filed",
    "dispatched",
    "accepted",
    "handling",
    "handled",
    "checked",
    "closed",
    "rejected",
    "merged",
    "suspended",
]

TITLES: dict[State, Text] = {
    "found": Text(en="Found", zh="发现"),
    "triage": Text(en="Second screening", zh="二次甄别"),
    "verified": Text(en="Verified", zh="核实"),
    "filed": Text(en="Filed", zh="立案"),
    "dispatched": Text(en="Dispatched", zh="派遣"),
    "accepted": Text(en="Accepted", zh="受理"),
    "handling": Text(en="Being handled", zh="处置中"),
    "handled": Text(en="Handled", zh="处置完成"),
    "checked": Text(en="Checked", zh="核查"),
    "closed": Text(en="Closed", zh="结案"),
    "rejected": Text(en="Rejected", zh="不予立案"),
    "merged": Text(en="Merged", zh="并案"),
    "suspended": Text(en="Suspended", zh="挂账"),
}

OPENING: State = "found"

TRANSITIONS: dict[State, tuple[State, ...]] = {
    "found": ("triage", "verified", "rejected", "merged"),
    "triage": ("verified", "rejected", "merged"),
    "verified": ("filed", "rejected", "merged"),
    "filed": ("dispatched", "merged", "suspended"),
    "dispatched": ("accepted", "filed", "suspended"),
    "accepted": ("handling", "dispatched", "suspended"),
    "handling": ("handled", "suspended"),
    "handled": ("checked", "handling"),
    "checked": ("closed", "handling"),
    "suspended": ("filed", "dispatched", "handling", "rejected"),
    "closed": (),
    "rejected": (),
    "merged": (),
}

FINAL: frozenset[State] = frozenset(state for state, after in TRANSITIONS.items() if not after)


class TransitionError(OnemapError):
    """A step that the life cycle does not have."""


def check_step(before: State, after: State) -> None:
    """Refuse a step that is not declared.

    Raises
    ------
    TransitionError
        naming the states that can follow.
    """
    if after not in TRANSITIONS[before]:
        allowed = ", ".join(TRANSITIONS[before]) or "nothing: the case is over"
        raise TransitionError(f"a case that is {before} can't become {after}; allowed: {allowed}")
