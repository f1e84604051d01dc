"""Every real AIS file through one decoder, as a table: ``python -m tests.ingest.report_real``."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ingest.decoders import ais_payload
from ingest.decoders.ais import AisDecoder, AisOptions
from ingest.decoders.ais_batch import AisBatch, Message
from ingest.sources.file import read_lines
from layers.feeds import Tally
from tests.conftest import REAL_DATA

BASE_TIME_MS = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)


@dataclass(frozen=True)
class Decoded:
    lines: int
    sentences: int
    tally: Tally
    messages: list[Message]
    fixes: dict[int, dict[str, object]]
    rejects: int


def real_files(folder: Path) -> list[Path]:
    skipped = (".json", ".jsonl.gz", ".md")
    return sorted(p for p in folder.iterdir() if not p.name.endswith(skipped))


def answers(file: Path) -> list[dict[str, object]]:
    path = file.parent / f"{file.name.split('.')[0]}.libais.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def decode(file: Path, base_time_ms: int | None = None) -> Decoded:
    decoder = AisDecoder(AisOptions(keep_messages=True, base_time_ms=base_time_ms))
    parts: list[AisBatch] = [decoder.decode(read_lines(file)), decoder.finish()]
    tally, fixes = Tally(), {}
    for part in parts:
        tally.add(part.tally)
        fixes |= dict(zip(part.fix_lines.tolist(), part.fixes.to_pylist(), strict=True))
    messages = [message for part in parts for message in part.messages]
    rejects = sum(len(part.rejects) for part in parts)
    sentences = decoder.lines + decoder.extra_sentences
    return Decoded(decoder.lines, sentences, tally, messages, fixes, rejects)


def missed(
    decoded: Decoded, known: list[dict[str, object]]
) -> Iterator[tuple[str, dict[str, object]]]:
    """Known answers that are not met, with what differs."""
    found = {(m.first_line, m.last_line): m for m in decoded.messages}
    for answer in known:
        message = found.get((int(str(answer["first_line"])), int(str(answer["last_line"]))))
        if message is None:
            yield "missing", answer
            continue
        read = ais_payload.decode(message.payload)
        if (read.msg_type, read.mmsi) != (answer["id"], answer["mmsi"]):
            yield "identity", answer
        elif read.msg_type in ais_payload.POSITIONS:
            ours = ais_payload.fix_of(read)
            theirs = [float(str(answer[k])) for k in ("x", "y", "sog", "cog")]
            apart = [
                abs(ours[4] / 600_000 - theirs[0]) > 1e-5, abs(ours[5] / 600_000 - theirs[1]) >
                1e-5, abs(ours[2] / 10 - theirs[2]) > 0.051, abs(ours[6] / 10 - theirs[3]) > 0.051,
            ]  # fmt: skip
            if any(apart):
                yield "position", answer
            fix = decoded.fixes.get(int(str(answer["last_line"])))
            if fix is not None and not agrees(fix, answer):
                yield "fix", answer


def agrees(fix: dict[str, object], answer: dict[str, object]) -> bool:
    """Whether a stored position says what the other decoder says."""
    lon, lat, sog, cog = (float(str(fix[k])) for k in ("lon", "lat", "sog_mps", "cog_deg"))
    x, y, speed, course = (float(str(answer[k])) for k in ("x", "y", "sog", "cog"))
    knots = sog * 3600 / 1852
    return (
        fix["mover"] == f"{answer['mmsi']:09}"
        and abs(lon - x) < 1e-5 and abs(lat - y) < 1e-5
        and (speed > 102.25 if sog != sog else abs(knots - speed) < 0.051)
        and (course > 359.95 if cog != cog else abs(cog - course) < 0.051)
    )  # fmt: skip


def report(folder: Path) -> Table:
    table = Table(title="real AIS files")
    for name in (
        "file",
        "lines",
        "read",
        "accepted",
        "rejected",
        "fixes",
        "known",
        "missed",
        "why",
    ):
        table.add_column(name)
    total: Counter[str] = Counter()
    for file in real_files(folder):
        decoded, known = decode(file), answers(file)
        wrong = list(missed(decoded, known))
        tally = decoded.tally
        numbers = [
            decoded.lines, tally.read, tally.accepted.total(), tally.rejected.total(),
            len(decoded.fixes), len(known), len(wrong),
        ]  # fmt: skip
        total.update(
            dict(zip(("lines", "known", "missed"), (numbers[0], *numbers[5:]), strict=True))
        )
        why = ", ".join(f"{k} {v}" for k, v in sorted(tally.rejected.items()))
        table.add_row(file.name, *(f"{n:,}" for n in numbers), why)
    table.caption = ", ".join(f"{name} {number:,}" for name, number in total.items())
    return table


if __name__ == "__main__":
    Console(width=180).print(report(REAL_DATA / "ais_nmea"))
