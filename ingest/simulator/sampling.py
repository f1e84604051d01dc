"""Texts that match a simple regular expression."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

# One atom: a character class, an escaped or plain character; with an optional repetition.
_ATOM = re.compile(r"(\[[^\]]+\]|\\.|[^\\|()\[\]{}?*+])(\{\d+(?:,\d+)?\}|[?*+])?")
_MOST = 3


def sample_pattern(pattern: str, rng: np.random.Generator) -> str | None:
    """Return A random text that matches a pattern of classes, characters and repetitions.

    Returns
    -------
    text, or None for patterns that need more (groups): the value then stays missing.
    """
    first = pattern.split("|")[0]
    try:
        atoms = _atoms(first)
    except ValueError:
        return None
    text = "".join(
        str(rng.choice(list(letters)))
        for letters, low, high in atoms
        for _ in range(int(rng.integers(low, high + 1)))
    )
    return text if re.fullmatch(pattern, text) else None


@lru_cache(maxsize=256)
def _atoms(pattern: str) -> tuple[tuple[str, int, int], ...]:
    pattern = re.sub(r"\((\[[^\]]+\]\{\d+,\d+\})\)\?", r"\1", pattern)
    atoms, at = [], 0
    while at < len(pattern):
        found = _ATOM.match(pattern, at)
        if found is None:
            raise ValueError(f"can't sample {pattern!r}")
        atoms.append((_letters(found[1]), *_times(found[2])))
        at = found.end()
    return tuple(atoms)


def _times(repetition: str | None) -> tuple[int, int]:
    if repetition is None:
        return 1, 1
    if repetition in "?*+":
        return (1, _MOST) if repetition == "+" else (0, 1 if repetition == "?" else _MOST)
    low, _, high = repetition.strip("{}").partition(",")
    return int(low), int(high or low)


def _letters(atom: str) -> str:
    if not atom.startswith("["):
        return {"\\d": "0123456789"}.get(atom, atom[-1])
    inner = atom[1:-1]
    letters: list[str] = []
    at = 0
    while at < len(inner):
        if at + 2 < len(inner) and inner[at + 1] == "-":
            letters.extend(chr(c) for c in range(ord(inner[at]), ord(inner[at + 2]) + 1))
            at += 3
        else:
            letters.append(inner[at])
            at += 1
    return "".join(letters)
