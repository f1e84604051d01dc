"""Planted stories by kind: how they are found, and how the lines of a plan are told one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Generic, Protocol, TypeVar
from zlib import crc32

import numpy as np


class AnyStory(Protocol):
    """What all kinds of stories have."""

    @property
    def kind(self) -> str:
        """Its name in ``demo.yaml``."""

    @property
    def raises(self) -> tuple[str, ...]:
        """Rules that must raise an event."""

    @property
    def silent(self) -> tuple[str, ...]:
        """Rules that must stay silent."""


class Line(Protocol):
    """A line of a plan."""

    @property
    def story(self) -> str:
        """Kind of the story."""

    @property
    def count(self) -> int:
        """How often it is told."""


_Story = TypeVar("_Story", bound=AnyStory)
_Line = TypeVar("_Line", bound=Line)
_Stage = TypeVar("_Stage")


class StoryBook(Generic[_Story]):
    """Stories by kind, filled by the modules of a package when they are imported."""

    def __init__(self) -> None:
        self._stories: dict[str, _Story] = {}

    def register(self, story: _Story) -> _Story:
        """Make a kind of story known to declarations.

        Raises
        ------
        ValueError
            for a name that another story has, or a story that says nothing of any rule.
        """
        if story.kind in self._stories:
            raise ValueError(f"story '{story.kind}' is registered twice")
        if not story.raises and not story.silent:
            raise ValueError(f"story '{story.kind}' names no rule")
        self._stories[story.kind] = story
        return story

    def of(self, package: str, path: Iterable[str]) -> dict[str, _Story]:
        """All stories by kind, sorted, once every module of a package has been imported."""
        for module in iter_modules(path):
            import_module(f"{package}.{module.name}")
        return {kind: self._stories[kind] for kind in sorted(self._stories)}


def tellings(
    told: Iterable[_Line],
    known: Mapping[str, _Story],
    seed: tuple[int, ...],
    stage: Callable[[np.random.Generator, int], _Stage],
) -> Iterator[tuple[_Line, _Story, _Stage, int]]:
    """Go through a plan: its line, the story, the story's stage, and its running number from 1.

    Parameters
    ----------
    told : lines of the plan.
    known : all stories by kind.
    seed : of all; each kind of story draws numbers of its own from it.
    stage : makes what a kind of story needs, from its random numbers and its place in the plan.

    Raises
    ------
    ValueError
        for a story that nobody registered.
    """
    stages: dict[str, _Stage] = {}
    count: Counter[str] = Counter()
    for place, line in enumerate(told):
        if line.story not in known:
            raise ValueError(f"no story is called '{line.story}'; there are {', '.join(known)}")
        if line.story not in stages:
            rng = np.random.default_rng([*seed, crc32(line.story.encode())])
            stages[line.story] = stage(rng, place)
        for _ in range(line.count):
            count[line.story] += 1
            yield line, known[line.story], stages[line.story], count[line.story]
