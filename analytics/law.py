"""A law or regulation that a rule rests on, as evidence cites it."""

from __future__ import annotations

from datetime import date
from typing import Any

from analytics.rule import Parameters
from layers.text import Text


class Law(Parameters):
    """A law, regulation or standard.

    Attributes
    ----------
    title : name and article.
    in_force_from : first day of the wording meant.
    """

    title: Text
    in_force_from: date

    def reference(self) -> dict[str, Any]:
        """How evidence cites it."""
        return {
            "layer": "",
            "id": self.title.en,
            "id_zh": self.title.zh,
            "version": self.in_force_from.isoformat(),
        }
