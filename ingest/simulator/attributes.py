"""Attributes of placed features, made to fit the layer's declaration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np

from ingest.simulator.codes import component_codes, credit_code
from ingest.simulator.declaration import Recipe
from ingest.simulator.placed import Placed
from ingest.simulator.sampling import sample_pattern
from ingest.simulator.world import World
from layers.spec import LayerSpec, PropertySpec

Column = Sequence[Any]
_CREDIT_PATTERN = "[0-9A-HJ-NP-RTUWXY]{18}"
_COMPONENT_PATTERN = "[0-9]{16}"
_FUTURE = ("_until", "_to", "next_check", "expire", "due")
_MISSING_SHARE = 0.01
# Credit codes of firms without a shop start here, so that they never meet the shops' own.
_OTHER_FIRMS = 10_000_000


def attributes(
    spec: LayerSpec, placed: Placed, recipe: Recipe, world: World, rng: np.random.Generator
) -> dict[str, list[Any]]:
    """Columns of a layer: what the recipe says, else the place, else what the type allows.

    Returns
    -------
    one list of JSON values per declared property, in the declaration's order; None is missing.
    """
    maker = _Maker(spec, placed, recipe, world, rng)
    return {p.name: maker.column(p) for p in spec.properties}


class _Maker:
    def __init__(
        self,
        spec: LayerSpec,
        placed: Placed,
        recipe: Recipe,
        world: World,
        rng: np.random.Generator,
    ) -> None:
        self._spec, self._placed, self._recipe = spec, placed, recipe
        self._world, self._rng = world, rng
        self._count = len(placed.shapes)
        self._kinds: list[Any] | None = None

    def column(self, p: PropertySpec) -> list[Any]:
        """Values of one property."""
        if p.name in self._recipe.values:
            return self._choice(self._recipe.values[p.name])
        if p.name in self._placed.facts:
            fact = list(self._placed.facts[p.name])
            if any(v is None for v in fact) and (p.required or p.pattern == _CREDIT_PATTERN):
                made = self._made(p)
                fact = [m if f is None else f for f, m in zip(fact, made, strict=True)]
            return fact
        if p.name == "kind" and self._kinds is not None:
            return self._kinds
        return self._thinned(p, self._made(p))

    def _made(self, p: PropertySpec) -> list[Any]:
        if p.values is not None:
            made = self._choice(p.values, falling=True)
            if p.name == "kind":
                self._kinds = made
            return made
        makers: dict[str, Callable[[PropertySpec], list[Any]]] = {
            "string": self._text,
            "integer": self._integer,
            "number": self._number,
            "boolean": self._boolean,
            "date": self._date,
            "datetime": self._moment,
            "json": self._nothing,
        }
        return makers[p.type](p)

    def _thinned(self, p: PropertySpec, values: list[Any]) -> list[Any]:
        """Leave a few optional values out, as real registers do."""
        if p.required or p.name in (self._spec.id_field, self._spec.time_field, "name_zh"):
            return values
        gone = self._rng.uniform(size=self._count) < _MISSING_SHARE
        return [None if g else v for v, g in zip(values, gone.tolist(), strict=True)]

    def _choice(self, values: Sequence[Any], *, falling: bool = False) -> list[Any]:
        weights = 0.55 ** np.arange(len(values)) if falling else np.ones(len(values))
        picked = self._rng.choice(len(values), self._count, p=weights / weights.sum())
        return [values[i] for i in picked.tolist()]

    def _text(self, p: PropertySpec) -> list[Any]:
        own = p.name == self._spec.id_field
        district = self._world.district.code
        if p.pattern == _CREDIT_PATTERN:
            most = _OTHER_FIRMS * 8
            numbers = (
                np.arange(self._count) + _OTHER_FIRMS
                if own
                else self._rng.integers(_OTHER_FIRMS, most, self._count)
            )
            return [credit_code(district, int(n)) for n in numbers]
        if p.pattern == _COMPONENT_PATTERN:
            classes = self._spec.standard.codes if self._spec.standard else ()
            return component_codes(district, classes, self._count, self._rng)
        if p.pattern is not None:
            return [sample_pattern(p.pattern, self._rng) for _ in range(self._count)]
        if p.name == "name_zh":
            return self._names(p)
        if p.name in self._world.demo.vocabulary:
            return self._choice(self._world.demo.vocabulary[p.name])
        if own or p.name.endswith(("_id", "_code", "_box")):
            return self._numbered(p, own)
        return [None] * self._count

    def _numbered(self, p: PropertySpec, own: bool) -> list[str]:
        words = (self._spec.id if own else p.name.removesuffix("_id")).split("_")
        prefix = "".join(w[0] for w in words).upper() if own else words[0][:4].upper()
        numbers = range(1, self._count + 1) if own else self._rng.integers(1, 10**5, self._count)
        return [f"{prefix}{int(n):06d}" for n in numbers]

    def _names(self, p: PropertySpec) -> list[Any]:
        """Return A stem from the name lists and the ending that the recipe gives to the kind."""
        lists = self._world.demo.geography.names
        first, second = list(lists.first), list(lists.second)
        stems = self._rng.integers(0, [len(first), len(second)], (self._count, 2)).tolist()
        roads = self._placed.facts.get("road")
        kinds = self._kind_column()
        names = []
        for i, (a, b) in enumerate(stems):
            ending = self._recipe.names.get(str(kinds[i]), self._recipe.names.get("any", ""))
            stem = roads[i] if roads is not None and roads[i] else f"{first[a]}{second[b]}"
            names.append(f"{stem}{ending}")
        return names

    def _kind_column(self) -> Sequence[Any]:
        if "kind" in self._placed.facts:
            return self._placed.facts["kind"]
        if "kind" in self._recipe.values:
            self._kinds = self._kinds or self._choice(self._recipe.values["kind"])
            return self._kinds
        kinds = [p for p in self._spec.properties if p.name == "kind" and p.values]
        if kinds and self._kinds is None:
            self._made(kinds[0])
        return self._kinds if self._kinds is not None else [""] * self._count

    def _bounds(self, p: PropertySpec) -> tuple[float, float]:
        if p.name in self._recipe.numbers:
            return self._recipe.numbers[p.name]
        low = p.minimum if p.minimum is not None else 0.0
        high = p.maximum if p.maximum is not None else low + 100
        return low, min(high, low + 100 + abs(low))

    def _integer(self, p: PropertySpec) -> list[Any]:
        low, high = self._bounds(p)
        if p.name == "year" or p.name.endswith("_year"):
            low, high = self._world.day.year - 35, self._world.day.year
        return [int(v) for v in self._rng.integers(int(low), int(high) + 1, self._count)]

    def _number(self, p: PropertySpec) -> list[Any]:
        low, high = self._bounds(p)
        return [round(float(v), 2) for v in self._rng.uniform(low, high, self._count)]

    def _boolean(self, p: PropertySpec) -> list[Any]:
        return [bool(v) for v in self._rng.uniform(size=self._count) < 0.9]

    def _days(self, p: PropertySpec) -> list[int]:
        if any(word in p.name for word in _FUTURE):
            low, high = -60, 900
        elif "check" in p.name or p.name.endswith("_on"):
            low, high = -360, 0
        else:
            low, high = -4000, -30
        return [int(v) for v in self._rng.integers(low, high, self._count)]

    def _date(self, p: PropertySpec) -> list[Any]:
        day = self._world.day
        return [(day + timedelta(days=d)).isoformat() for d in self._days(p)]

    def _moment(self, p: PropertySpec) -> list[Any]:
        start = datetime.combine(self._world.day, time(), self._world.city.zone).astimezone(UTC)
        span = 30 * 86400 if "due" in p.name else 3 * 86400
        sign = 1 if "due" in p.name else -1
        seconds = self._rng.integers(60, span, self._count)
        return [
            (start + timedelta(seconds=sign * int(s))).strftime("%Y-%m-%dT%H:%M:%SZ")
            for s in seconds
        ]

    def _nothing(self, p: PropertySpec) -> list[Any]:
        return [None] * self._count
