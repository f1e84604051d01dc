"""The algorithms, one file each; whatever stands in this folder is found."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from analytics.algorithm import ALGORITHMS, Algorithm
from layers.errors import OnemapError


class UnknownAlgorithmError(OnemapError):
    """There is no algorithm of that id."""

    def __init__(self, key: str) -> None:
        known = ", ".join(discover())
        super().__init__(f"there is no process '{key[:60]}'; there are {known}")


@lru_cache(maxsize=1)
def discover() -> dict[str, Algorithm]:
    """All algorithms by id, sorted."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return {key: ALGORITHMS[key] for key in sorted(ALGORITHMS)}


def find(key: str) -> Algorithm:
    """Return the algorithm of an id; UnknownAlgorithmError where there is none."""
    found = discover().get(key)
    if found is None:
        raise UnknownAlgorithmError(key)
    return found
