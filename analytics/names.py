"""Vessel names: what is sent, what is meant, and what a register holds.

Names arrive in two scripts, padded, hyphenated and misspelt. A name is brought to *keys* that can
be compared: one for each script, without spaces and marks, and with the declared Chinese prefixes
written in Latin letters. All tables are declarations; the code knows no fleet.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pydantic import Field, field_validator
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from analytics.references import RegisterEntry, RegisterOn
from analytics.rule import Parameters

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_MARKS = re.compile(rf"[^0-9A-Z{_HAN}]+")
_ANY_HAN = re.compile(rf"[{_HAN}]")
_LATIN_NAME = re.compile(r"[A-Z]{2}")
_SCRIPT_CHANGE = re.compile(rf"(?<=\d)(?=[A-Z]{{2,}})|(?<=[A-Z\d])(?=[{_HAN}])")


class NameTables(Parameters):
    """Declared tables about names.

    Attributes
    ----------
    traditional : simplified character for each traditional one.
    prefixes : Latin spelling of each Chinese prefix, such as the fleet's.
    confusables : characters that are easily taken for another, each with the one it folds to.
    fishing : regular expressions on keys; a whole match claims to be a fishing boat.
    buoys : regular expressions on keys and raw names; a match is a net buoy, not a vessel.
    """

    traditional: dict[str, str] = Field(default_factory=dict)
    prefixes: dict[str, str] = Field(default_factory=dict)
    confusables: dict[str, str] = Field(default_factory=dict)
    fishing: tuple[str, ...] = ()
    buoys: tuple[str, ...] = ()

    @field_validator("fishing", "buoys")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as failure:
                raise ValueError(f"not a regular expression: {pattern!r} ({failure})") from failure
        return value

    @field_validator("traditional", "confusables")
    @classmethod
    def _characters(cls, value: dict[str, str]) -> dict[str, str]:
        for one, other in value.items():
            if len(one) != 1 or len(other) != 1:
                raise ValueError(f"expected one character for one, found {one!r}: {other!r}")
        return value


class Names:
    """Names under one set of tables."""

    def __init__(self, tables: NameTables) -> None:
        self._traditional = str.maketrans(tables.traditional)
        self._confusable = str.maketrans(tables.confusables)
        self._prefixes = sorted(tables.prefixes.items(), key=lambda pair: -len(pair[0]))
        self._fishing = [re.compile(pattern) for pattern in tables.fishing]
        self._buoys = [re.compile(pattern) for pattern in tables.buoys]
        self.keys = lru_cache(maxsize=65_536)(self._keys)
        self.claims_fishing = lru_cache(maxsize=65_536)(self._claims_fishing)
        self.is_buoy = lru_cache(maxsize=65_536)(self._is_buoy)

    @classmethod
    def under(cls, tables: NameTables) -> Names:
        """Names under some tables: one object for equal tables, so that rules share its memory."""
        return _under(tables.model_dump_json())

    def _keys(self, raw: str) -> tuple[str, ...]:
        """Bring a name to its comparable forms, Chinese part first; none for a blank name.

        Examples
        --------
        With the prefix 甲乙渔 = JIAYIYU, ``甲乙漁00012-JIAYIYU00012``, ``甲乙渔 00012`` and
        ``Jia Yi Yu 00012@@`` all give ``("JIAYIYU00012",)``.
        """
        text = unicodedata.normalize("NFKC", raw).upper().translate(self._traditional)
        parts = _scripts(text) if _ANY_HAN.search(text) else [_MARKS.sub("", text)]
        return tuple(dict.fromkeys(self._latin(part) for part in parts if part))

    def _latin(self, part: str) -> str:
        for han, latin in self._prefixes:
            if part.startswith(han):
                return latin + part.removeprefix(han)
        return part

    def fold(self, key: str) -> str:
        """Make easily confused characters of a key equal, such as letter O and zero."""
        return key.translate(self._confusable)

    def _claims_fishing(self, raw: str) -> bool:
        """Whether a name is one that fishing boats carry."""
        keys = self.keys(raw)
        return any(p.fullmatch(key) for p in self._fishing for key in keys)

    def _is_buoy(self, raw: str) -> bool:
        """Whether a name is one that net buoys send, such as a battery voltage."""
        forms = (*self.keys(raw), raw.strip().upper())
        return any(p.fullmatch(form) for p in self._buoys for form in forms)


@lru_cache(maxsize=8)
def _under(tables: str) -> Names:
    return Names(NameTables.model_validate_json(tables))


@dataclass(frozen=True)
class Candidate:
    """A registered name near to the one that was sent.

    Attributes
    ----------
    distance : Levenshtein distance of the keys, in characters.
    confusable : whether they differ only in characters that are easily taken for each other.
    """

    name: str
    registry_id: str
    distance: int
    confusable: bool


class RegisterIndex:
    """A day's register, found by name, MMSI and call sign."""

    def __init__(self, register: RegisterOn, names: Names) -> None:
        self.register = register
        self._names = names
        self._by_name: dict[str, RegisterEntry] = {}
        for entry in register.entries:
            for key in (*names.keys(entry.name_pinyin), *names.keys(entry.name_zh)):
                self._by_name.setdefault(key, entry)
        self._by_mmsi = {e.mmsi: e for e in register.entries if e.mmsi}
        self._by_callsign = {e.callsign.upper(): e for e in register.entries if e.callsign}

    @property
    def empty(self) -> bool:
        """Whether nothing is registered on that day: then absence from it says nothing."""
        return not self.register.entries

    def holds(self, keys: Iterable[str]) -> bool:
        """Whether every form of a name is registered; a name in two scripts must be so in both."""
        return all(key in self._by_name for key in keys)

    def by_name(self, key: str) -> RegisterEntry | None:
        """Vessel registered under a key (see `Names.keys`)."""
        return self._by_name.get(key)

    def by_mmsi(self, mmsi: str) -> RegisterEntry | None:
        """Vessel registered with an MMSI."""
        return self._by_mmsi.get(mmsi)

    def by_callsign(self, callsign: str) -> RegisterEntry | None:
        """Vessel registered with a call sign."""
        return self._by_callsign.get(callsign.strip().upper()) if callsign.strip() else None

    def nearest(self, key: str, count: int) -> list[Candidate]:
        """Find the nearest registered names: confusable ones first, then by distance and name."""
        ranked = process.extract(key, self._sorted, scorer=Levenshtein.distance, limit=count)
        found = {name: int(distance) for name, distance, _ in ranked}
        alike = self._folded.get(self._names.fold(key), [])
        found |= {name: Levenshtein.distance(key, name) for name in alike}
        candidates = [self._candidate(name, d, name in alike) for name, d in found.items()]
        return sorted(candidates, key=lambda c: (not c.confusable, c.distance, c.name))[:count]

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._by_name)

    @cached_property
    def _folded(self) -> dict[str, list[str]]:
        folded: dict[str, list[str]] = {}
        for name in self._sorted:
            folded.setdefault(self._names.fold(name), []).append(name)
        return folded

    def _candidate(self, name: str, distance: int, confusable: bool) -> Candidate:
        return Candidate(name, self._by_name[name].registry_id, distance, confusable)


def _scripts(text: str) -> list[str]:
    """Chinese and Latin part of a name; digits and stray letters stay with what they follow."""
    parts = _parts(text)
    # Stray letters behind a digit can make a name together, which is a part of its own.
    return (
        parts if len(parts) == 1 and parts[0] == text else [p for q in parts for p in _scripts(q)]
    )


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    for token in _SCRIPT_CHANGE.sub(" ", _MARKS.sub(" ", text)).split():
        if _ANY_HAN.search(token):
            joins = bool(parts) and not parts[-1][-1].isdigit() and bool(_ANY_HAN.search(parts[-1]))
        else:
            joins = bool(parts) and not _LATIN_NAME.match(token)
        if joins:
            parts[-1] += token
        else:
            parts.append(token)
    return parts
