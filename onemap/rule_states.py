"""States of rules on a live feed: in memory while it runs, in parts in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analytics.rule import Rule, State
from analytics.state import Parts
from layers.store import Store
from layers.store.base import Transaction


class RuleStates:
    """States by name, each read from a store when it is first asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, Parts] = {}

    def get(self, name: str, start: Callable[[], State]) -> State:
        """State in memory, or as it is stored, or that before the first row."""
        if name not in self._held:
            self._held[name] = Parts(self._store.parts(name), start())
        return self._held[name].state

    def of(self, rules: Sequence[Rule], name: Callable[..., str]) -> list[State]:
        """States of rules, each under the name that is made of its id and version."""
        declared = [(rule.declaration.id, rule.declaration.version) for rule in rules]
        return [self.get(name(*one), rule.start) for rule, one in zip(rules, declared, strict=True)]

    def put(self, unit: Transaction) -> None:
        """Write what has changed of all states in memory."""
        for name, parts in self._held.items():
            unit.put_parts(name, *parts.difference())

    def forget(self) -> None:
        """Drop what is in memory, where it is ahead of what is stored."""
        self._held.clear()
