"""What a reader tells of its work: counts that reconcile, and every refused row with its reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reject:
    """One refused line or row, kept so that it can be corrected and fed again.

    Attributes
    ----------
    feed : kind of the input, such as ``ais`` or ``layer:manhole_cover``.
    file : name of the file or address of the sender.
    line : 1-based line or row number.
    field : what inside the line is wrong, "" for the whole.
    reason : short key for counting, such as ``bad_checksum``.
    detail : what was found and what was expected, in words.
    raw : the line or row as it came (cut at 64 KiB, with a mark).
    """

    feed: str
    file: str
    line: int
    field: str
    reason: str
    detail: str
    raw: str


@dataclass
class Tally:
    """The account of one input: ``read = accepted + rejected``, each with its reasons.

    Attributes
    ----------
    accepted : lines taken, by what they were (``position``, ``static``, ``comment`` …).
    rejected : lines refused, by reason.
    """

    accepted: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """Lines or rows read in all."""
        return self.accepted.total() + self.rejected.total()

    def add(self, other: Tally) -> None:
        """Count another input in."""
        self.accepted.update(other.accepted)
        self.rejected.update(other.rejected)

    def sentence(self) -> str:
        """``read 10 = accepted 9 (position 8, comment 1) + rejected 1 (bad_checksum 1)``."""

        def side(counts: Counter[str]) -> str:
            inner = ", ".join(f"{k} {v:,}" for k, v in sorted(counts.items()) if v)
            return f"{counts.total():,}" + (f" ({inner})" if inner else "")

        accepted, rejected = side(self.accepted), side(self.rejected)
        return f"read {self.read:,} = accepted {accepted} + rejected {rejected}"

    def as_dict(self) -> dict[str, Any]:
        """The same numbers for machines."""
        return {"read": self.read, "accepted": dict(self.accepted), "rejected": dict(self.rejected)}
