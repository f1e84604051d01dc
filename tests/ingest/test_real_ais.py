"""Real receivers' files: every line is accounted for, and other decoders' answers are met."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ingest.decoders import ais_payload, ais_positions, ais_statics
from tests.conftest import REAL_DATA
from tests.ingest import report_real

pytestmark = pytest.mark.real
FOLDER = REAL_DATA / "ais_nmea"
FILES = report_real.real_files(FOLDER) if FOLDER.is_dir() else []
LOGS = [file for file in FILES if report_real.answers(file)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_counts_reconcile_line_by_line(real_data: Path, file: Path) -> None:
    decoded = report_real.decode(file)
    assert decoded.tally.read == decoded.sentences >= decoded.lines > 0
    assert decoded.tally.rejected.total() == decoded.rejects
    assert (
        decoded.tally.accepted["position"] == len(decoded.fixes)
        or decoded.sentences > decoded.lines
    )


@pytest.mark.parametrize("file", LOGS, ids=lambda file: file.name)
def test_libais_answers_are_met(real_data: Path, file: Path) -> None:
    decoded = report_real.decode(file)
    assert list(report_real.missed(decoded, report_real.answers(file))) == []


def test_there_are_20008_known_answers(real_data: Path) -> None:
    assert sum(len(report_real.answers(file)) for file in LOGS) == 20_008


def test_gpsd_answers_are_met(real_data: Path) -> None:
    decoded = report_real.decode(FOLDER / "gpsd_sample.aivdm", report_real.BASE_TIME_MS)
    read = []
    for message in decoded.messages:
        try:
            read.append(ais_payload.decode(message.payload))
        except ais_payload.PayloadError:
            continue
    answers = (FOLDER / "gpsd_sample.aivdm.expected_scaled.json").read_text().splitlines()
    ours = iter(read)
    for answer in map(json.loads, answers):
        wanted = (answer["type"], answer["mmsi"])
        found = next((m for m in ours if (int(m.msg_type), int(m.mmsi)) == wanted), None)
        assert found is not None, answer
        if wanted[0] in ais_payload.POSITIONS:
            raw = ais_payload.fix_of(found)
            apart = (raw[4] / 600_000 - answer["lon"], raw[5] / 600_000 - answer["lat"])
            assert np.abs(apart).max() < 0.051 if wanted[0] == 27 else np.abs(apart).max() < 1e-5


def test_the_fast_path_equals_pyais_on_all_real_payloads(real_data: Path) -> None:
    payloads = {
        message.payload[0]
        for file in FILES
        for message in report_real.decode(file, report_real.BASE_TIME_MS).messages
        if len(message.payload) == 1
    }
    fast = sorted(
        (text, fill) for text, fill in payloads
        if len(text) == ais_positions.FAST_CHARACTERS and text[0] in ais_positions.FAST_TYPES
    )  # fmt: skip
    assert len(fast) > 5_000
    ours = ais_positions.raw_of_payloads([text for text, _ in fast])
    reference = ais_positions.raw_of_fixes(
        [ais_payload.fix_of(ais_payload.decode((one,))) for one in fast]
    )
    for name in ais_positions.RAW.names or ():
        np.testing.assert_array_equal(ours[name], reference[name], err_msg=name)


def test_the_fast_path_of_statics_equals_pyais_on_all_real_payloads(real_data: Path) -> None:
    whole = {
        message.payload
        for file in FILES
        for message in report_real.decode(file, report_real.BASE_TIME_MS).messages
    }
    class_b = sorted(p for p in whole if len(p) == 1 and ais_statics.is_class_b(*p[0]))
    voyages = sorted(
        payload for payload in whole
        if payload[0][0][:1] == b"5" and payload[-1][1] == ais_statics.VOYAGE_FILL
        and sum(len(text) for text, _ in payload) == ais_statics.VOYAGE_CHARACTERS
    )  # fmt: skip
    assert len(class_b) > 100 and len(voyages) > 500
    ours = ais_statics.class_b_identities([ais_statics.full_class_b(p[0][0]) for p in class_b])
    ours += ais_statics.voyage_identities([b"".join(text for text, _ in p) for p in voyages])
    reference = [ais_payload.identity_of(ais_payload.decode(p)) for p in [*class_b, *voyages]]
    assert list(map(repr, ours)) == list(map(repr, reference))
