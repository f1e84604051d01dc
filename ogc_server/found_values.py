"""Values that a layer's rows hold, for clients that offer a choice of them.

What a declaration allows is an ``enum``; what rows happen to hold now is an annotation,
``examples``, which promises nothing of rows to come.
"""

from __future__ import annotations

from typing import Any

from layers.spec import LayerSpec
from ogc_server.catalogue import Catalogue
from ogc_server.places import CELL

_MOST_VALUES = 50
_LONGEST = 100
# Every property is read as a whole; on larger layers that would take longer than it is worth.
_MOST_ROWS = 200_000


def with_found_values(
    catalogue: Catalogue, spec: LayerSpec, document: dict[str, Any], revision: int
) -> dict[str, Any]:
    """Add the values found to the texts of a schema that have few of them.

    Only rows that the audience may see are asked.

    Parameters
    ----------
    revision : the layer's, read before its rows.
    """
    names = tuple(
        p.name
        for p in spec.properties
        if p.type == "string" and p.values is None and p.name not in (spec.id_field, CELL)
    )
    key = ("found", spec.id, revision)
    found = catalogue.recall(key, lambda: _found(catalogue, spec, names))
    for name, values in found.items():
        if name in document["properties"]:
            document["properties"][name]["examples"] = values
    return document


def _found(catalogue: Catalogue, spec: LayerSpec, names: tuple[str, ...]) -> dict[str, list[str]]:
    query = catalogue.everything(spec.id)
    if catalogue.count(query) > _MOST_ROWS:
        return {}
    found = {name: catalogue.store.distinct(query, name, _MOST_VALUES + 1) for name in names}
    return {
        name: values
        for name, values in found.items()
        if 0 < len(values) <= _MOST_VALUES and max(map(len, values)) <= _LONGEST
    }
