"""A package in words: sections of tables and paragraphs, for whoever prints them.

Every text that people read is in both languages; ids, numbers and values stand as they are. Times
are the city's, with their offset.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cases.evidence.words import WORDS
from cases.states import TITLES
from layers.text import Text

Cell = str | Text
_DECIMALS = 3
_NO_UNIT = ("", "1")


@dataclass(frozen=True)
class Paragraph:
    """Some words; ``strong`` where nobody should miss them."""

    text: Cell
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells under heads; no heads where the first cell of a row names it."""

    rows: tuple[tuple[Cell, ...], ...]
    heads: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Map:
    """Where the picture stands."""


Part = Paragraph | Table | Map


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: Text
    parts: tuple[Part, ...]


def report(document: dict[str, Any]) -> list[Section]:
    """Put a package's document in words."""
    say = _Say(document)
    sections = [say.case(), Section(WORDS["map"], (Map(), say.map_words()))]
    sections += [say.finding(alert) for alert in document["alerts"]]
    sections += [say.doubts(), say.missing()]
    sections += list(say.records())
    sections += list(say.references())
    sections += [say.limits(), *say.tracks(), *say.messages()]
    sections.append(Section(WORDS["how"], (Paragraph(WORDS["how_words"]),)))
    return [section for section in sections if section.parts]


class _Say:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._zone = ZoneInfo(document["city"]["zone"])

    def case(self) -> Section:
        document, case = self._document, self._document["case"]["properties"]
        kinds, known = document["city"]["event_types"], document["city"]["departments"]
        codes = [code for code in str(case.get("departments") or "").split(",") if code]
        kind = kinds.get(case["event_type"])
        rows: list[tuple[Cell, ...]] = [
            (WORDS["matter"], _text(case, "title_en", "title_zh")),
            (WORDS["case_id"], self._document["case"]["id"]),
            (WORDS["finding"], case["event_type"] if kind is None else Text(**kind)),
            (WORDS["subjects"], _brief(_texts(case.get("subjects")) or case["subject"])),
            (WORDS["severity"], str(case.get("severity") or "")),
            (WORDS["state"], _state(case["state"])),
            (WORDS["departments"], _joined([known.get(code) or code for code in codes])),
            (WORDS["opened"], self.moment(case["opened_at"])),
            (WORDS["made_at"], self.moment(document["made_at"])),
            (WORDS["view"], WORDS["whole_yes" if document["whole"] else "whole_no"]),
            (WORDS["city"], Text(**document["city"]["title"])),
            (WORDS["software"], f"onemap {document['software']['version']}, {document['format']}"),
        ]
        parts: list[Part] = [Table(tuple(rows))]
        if document["city"]["synthetic"] is not None:
            words = Text(**document["city"]["synthetic"])
            parts = [Paragraph(WORDS["synthetic"], strong=True), Paragraph(words), *parts]
        return Section(WORDS["case"], tuple(parts))

    def map_words(self) -> Paragraph:
        crs, words = self._document["city"]["crs"], WORDS["map_words"]
        return Paragraph(Text(en=f"{words.en} {crs}.", zh=f"{words.zh}{crs}。"))

    def finding(self, alert: dict[str, Any]) -> Section:
        said = alert["properties"]
        held = said.get("evidence")
        evidence = held if isinstance(held, dict) else {}
        rule = f"{said['rule']}, {WORDS['version'].en} {said['rule_version']}"
        end = said.get("end_time") or said["start_time"]
        facts: list[tuple[Cell, ...]] = [
            (WORDS["alert_id"], alert["id"]),
            (WORDS["rule"], rule),
            (WORDS["when"], f"{self.moment(said['start_time'])} – {self.moment(end)}"),
            (WORDS["confidence"], _number(said.get("confidence"))),
        ]
        parts: list[Part] = [
            Paragraph(_text(said, "sentence_en", "sentence_zh"), strong=True),
            Table(tuple(facts)),
            *self._measures(evidence),
            *self._comparisons(evidence),
        ]
        known = evidence.get("quality")
        if isinstance(known, dict) and known:
            quality = tuple((_name(k), _brief(v)) for k, v in sorted(known.items()))
            parts.append(Table(quality, (WORDS["quality"], WORDS["value"])))
        return Section(WORDS["finding"], tuple(parts))

    def _measures(self, evidence: dict[str, Any]) -> Iterator[Part]:
        rows = tuple(
            (
                _name(one.get("name", "")),
                *(_measured(one.get(key), one.get("unit")) for key in ("value", "limit", "margin")),
            )
            for one in _objects(evidence.get("measures"))
        )
        if rows:
            heads = tuple(WORDS[key] for key in ("measure", "value", "limit", "margin"))
            yield Table(rows, heads)

    def _comparisons(self, evidence: dict[str, Any]) -> Iterator[Part]:
        answers = {True: WORDS["yes"], False: WORDS["no"], None: WORDS["unknown"]}
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (
                _name(one.get("check", "")),
                str(one.get("found", "")),
                str(one.get("against", "")),
                answers.get(one.get("notable"), WORDS["unknown"]),
            )
            for one in _objects(evidence.get("comparisons"))
        )
        if rows:
            yield Table(rows, tuple(WORDS[k] for k in ("check", "found", "against", "notable")))

    def doubts(self) -> Section:
        said = (Text(en=one["en"], zh=one["zh"]) for one in self._document["doubts"])
        once = dict.fromkeys((text.en, text.zh) for text in said)
        return Section(WORDS["doubts"], tuple(Paragraph(Text(en=en, zh=zh)) for en, zh in once))

    def missing(self) -> Section:
        rows = [Text(en=one["en"], zh=one["zh"]) for one in self._document["missing"]]
        said = [Paragraph(text, strong=True) for text in rows]
        return Section(WORDS["missing"], tuple(said) or (Paragraph(WORDS["nothing_missing"]),))

    def records(self) -> Iterator[Section]:
        for row in self._document["records"]:
            facts = [*self._version(row), *self._properties(row)]
            origin = row.get("origin")
            if origin is not None:
                said = origin["properties"]
                words = f"{said.get('file') or said.get('feed')}, SHA-256 {said.get('sha256')}"
                facts.append((WORDS["origin"], f"{words}, {self.moment(said['ingested_at'])}"))
            yield Section(WORDS["record"], (Table(tuple(facts)),))

    def references(self) -> Iterator[Section]:
        for one in self._document["references"]:
            cited = [(_name(k), _brief(v)) for k, v in one["cited"].items() if v not in (None, "")]
            parts: list[Part] = [Table(tuple(cited), (WORDS["cited"], ""))]
            again = one["reproduced"]
            if again is not None:
                answer = WORDS["equal" if again["equal"] else "differs"]
                parts.append(Table(((WORDS["reproduced"], answer),)))
            if one["row"] is not None:
                facts = (*self._version(one["row"]), *self._properties(one["row"]))
                parts.append(Table(facts, (WORDS["as_stood"], "")))
            yield Section(WORDS["reference"], tuple(parts))

    def _version(self, row: dict[str, Any]) -> Iterator[tuple[Cell, ...]]:
        until = WORDS["still"] if row["valid_to"] is None else self.moment(row["valid_to"])
        since = self.moment(row["valid_from"])
        end = until if isinstance(until, Text) else Text(en=until, zh=until)
        standing = WORDS[row["standing"]]
        valid = Text(
            en=f"{since} – {end.en} ({standing.en})", zh=f"{since} – {end.zh}（{standing.zh}）"
        )
        yield WORDS["record"], f"{row['layer']} / {row['id']}"
        yield WORDS["valid"], valid
        yield WORDS["digest"], row["sha256"]

    @staticmethod
    def _properties(row: dict[str, Any]) -> Iterator[tuple[Cell, ...]]:
        for name, value in row["properties"].items():
            if value is not None:
                yield _name(name), _brief(value)

    def limits(self) -> Section:
        parts: list[Part] = []
        for rule in self._document["rules"]:
            if rule["declared_version"] is None:
                continue
            title = Text(**rule["title"])
            version = f"{rule['id']}, {WORDS['version'].en} {rule['declared_version']}"
            parts.append(
                Paragraph(Text(en=f"{title.en} ({version})", zh=f"{title.zh}（{version}）"))
            )
            rows: tuple[tuple[Cell, ...], ...] = tuple(
                (_name(name), _brief(value), rule["sources"].get(name, ""))
                for name, value in rule["parameters"].items()
                if value is not None
            )
            parts.append(Table(rows, tuple(WORDS[k] for k in ("parameter", "value", "source"))))
        return Section(WORDS["limits"], tuple(parts))

    def tracks(self) -> Iterator[Section]:
        heads = tuple(WORDS[k] for k in ("fix_id", "time", "lon", "lat", "speed", "course"))
        for track in self._document["tracks"]:
            number = track.get("fixes_in_all", len(track["fixes"]))
            facts: tuple[tuple[Cell, ...], ...] = (
                (WORDS["track"], f"{track['feed']} / {track['subject']}"),
                (WORDS["when"], f"{self.moment(track['start'])} – {self.moment(track['end'])}"),
                (WORDS["fixes"], f"{number:,}"),
            )
            rows = tuple(self._fix(fix) for fix in track["fixes"] if fix.get("cited"))
            parts: list[Part] = [Table(facts)]
            if rows:
                parts += [Table(rows, heads)]
            parts.append(Paragraph(WORDS["only_cited"]))
            yield Section(WORDS["track"], tuple(parts))

    def _fix(self, fix: dict[str, Any]) -> tuple[Cell, ...]:
        place = (f"{fix['lon']:.6f}", f"{fix['lat']:.6f}")
        moved = (_number(fix["sog_mps"]), _number(fix["cog_deg"]))
        return fix["id"], self.moment(fix["time"]), *place, *moved

    def messages(self) -> Iterator[Section]:
        for one in self._document["messages"]:
            said = {k: v for k, v in one.items() if k not in ("id", "pid") and v not in (None, "")}
            said["t"] = self.moment_ms(one["t"])
            rows: list[tuple[Cell, ...]] = [(WORDS["fix_id"], one["id"])]
            rows += [(_name(key), _brief(value)) for key, value in said.items()]
            words = Paragraph(WORDS["messages_words"])
            yield Section(WORDS["messages"], (words, Table(tuple(rows))))

    def moment(self, text: str) -> str:
        """Write a time by the city's clock, with its offset."""
        try:
            local = datetime.fromisoformat(text).astimezone(self._zone)
        except (ValueError, OverflowError):
            return text
        written = local.isoformat(" ", "seconds")
        return f"{written[:19]} {written[19:]}"

    def moment_ms(self, t_ms: int) -> str:
        return self.moment(datetime.fromtimestamp(t_ms / 1000, self._zone).isoformat())


def _text(row: dict[str, Any], english: str, chinese: str) -> Text:
    return Text(en=str(row.get(english) or ""), zh=str(row.get(chinese) or ""))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _state(state: str) -> Cell:
    return next((title for key, title in TITLES.items() if key == state), state)


def _joined(names: Sequence[str | dict[str, str]]) -> Text:
    known = [Text(en=n, zh=n) if isinstance(n, str) else Text(**n) for n in names]
    return Text(en=", ".join(n.en for n in known), zh="、".join(n.zh for n in known))


def _name(key: Any) -> str:
    return str(key).replace("_", " ")


def _number(value: Any) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    return f"{value:,.{_DECIMALS}f}".rstrip("0").rstrip(".")


def _measured(value: Any, unit: Any) -> str:
    number, said = _number(value), str(unit or "").strip("{}")
    return number if said in _NO_UNIT or not number else f"{number} {said}"


def _brief(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(not isinstance(part, dict | list) for part in value):
        return ", ".join(_brief(part) for part in value)
    return json.dumps(value, ensure_ascii=False)
