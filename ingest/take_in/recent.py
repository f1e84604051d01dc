"""Positions that were kept a moment ago, so that what is sent twice counts once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

_REMEMBERED = 200_000


@dataclass
class RecentFixes:
    """Ids of the fixes that were kept last, so that one that comes again is known."""

    old: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)

    def keep(self, fixes: pa.Table, keep: Callable[[pa.Table], object]) -> int:
        """Hand fixes that did not come before on to be kept, and remember them; how many."""
        fresh = self._fresh(fixes)
        if fresh.num_rows:
            keep(fresh)
        self._add(fresh)
        return int(fresh.num_rows)

    def _fresh(self, fixes: pa.Table) -> pa.Table:
        """Fixes that are not among them, each where it first came."""
        ids = fixes["pid"].to_pylist()
        mask, seen = np.ones(len(ids), bool), set()
        for row, pid in enumerate(ids):
            if pid in seen or pid in self.new or pid in self.old:
                mask[row] = False
            seen.add(pid)
        return fixes if mask.all() else fixes.filter(pa.array(mask))

    def _add(self, fixes: pa.Table) -> None:
        """Remember fixes that were kept."""
        self.new.update(fixes["pid"].to_pylist())
        if len(self.new) > _REMEMBERED:
            self.old, self.new = self.new, set()
