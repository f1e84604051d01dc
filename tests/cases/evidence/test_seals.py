"""A seal shows every later change: of a file, of a row, of a fix, of the chain itself."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases.chain import Link, extend, verify
from cases.evidence import folder
from cases.evidence.compare import differences
from cases.evidence.package import NoCaseError
from cases.evidence.seals import LAYER, SealError, chain_of, seal
from cases.evidence.verification import Verdict, verify_files
from layers.positions import PositionStore
from layers.query import Query
from tests.cases.evidence.yard import (
    DAY,
    FOUND,
    LATER,
    MMSI,
    RECORD,
    SEALED,
    STATION,
    ZONE,
    Yard,
    fixes,
    station,
    vessel_track,
    weighing,
)

SCRIPT = Path(__file__).parents[3] / "docs" / "verify_evidence.py"
Change = Callable[[Yard], None]


def told(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(one.kind, one.file, one.path) for one in verdict.differences]


def script(source: Path, digest: str = "") -> tuple[int, str]:
    """What the public script says; it is run by a Python without anything installed."""
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(source), *([digest] if digest else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip() or done.stderr


def test_a_sealed_package_holds(yard: Yard, tmp_path: Path) -> None:
    for case, name in ((yard.truck, "truck"), (yard.vessel, "vessel")):
        sealed = yard.seal(case, target=tmp_path / name)
        read = folder.read(tmp_path / name)
        assert read == sealed.files
        verdict = yard.verify(read)
        assert verdict.holds and verdict.sealed and not verdict.differences
        assert script(tmp_path / name, sealed.link.digest) == (0, "whole")


def test_a_zip_holds_as_a_folder_does(yard: Yard, tmp_path: Path) -> None:
    sealed = yard.seal(yard.truck, target=tmp_path / "p.zip", as_zip=True)
    assert folder.read(tmp_path / "p.zip") == sealed.files
    assert script(tmp_path / "p.zip") == (0, "whole")


def test_seals_of_a_case_are_one_chain_in_the_store(yard: Yard) -> None:
    links = [yard.seal(yard.truck, SEALED + timedelta(days=k)).link for k in range(3)]
    other = yard.seal(yard.vessel).link
    assert chain_of(yard.store, yard.city, yard.truck) == links and verify(links) is None
    assert [link.seq for link in links] == [1, 2, 3] and other.seq == 1
    rows = yard.store.frame(Query(LAYER))
    assert len(rows) == 4 and set(rows["sealed_by"]) == {"ana"}
    case = yard.store.frame(Query("case_event", fids=(yard.truck,)))
    mine = rows[rows["case_id"] == yard.truck]
    assert set(mine["departments"]) == set(case["departments"])
    assert set(mine["jurisdiction"]) == set(case["jurisdiction"])


ROWS: dict[str, tuple[Change, str]] = {
    "alert": (
        lambda y: y.change(
            "alert", y.row("alert", _alert(y)).alert_id.iloc[0], "severity", "minor"
        ),
        "$.alerts[?@.id==",
    ),
    "case": (lambda y: y.change("case_event", y.truck, "state", "rejected"), "$.case.properties"),
    "record": (lambda y: y.put("weighing", weighing(50_000.0), LATER), "$.records[?@.id=='W-1']"),
    "record gone": (lambda y: y.delete("weighing", RECORD), "$.records[?@.id=='W-1'].now"),
    "station": (
        lambda y: y.put("wim_station", station(date(2031, 1, 1)), LATER),
        "$.references[?@.id==",
    ),
    "station gone": (lambda y: y.delete("wim_station", STATION), "$.references[?@.id=="),
    "lineage": (
        lambda y: y.change("lineage", "L1", "sha256", "cd" * 32),
        "$.records[?@.id=='W-1']",
    ),
}


def _alert(yard: Yard) -> str:
    return str(yard.package(yard.truck).document["alerts"][0]["id"])


@pytest.mark.parametrize("what", ROWS)
def test_a_lawful_change_of_a_row_is_told_and_is_no_fault(yard: Yard, what: str) -> None:
    change, path = ROWS[what]
    sealed = yard.seal(yard.truck)
    change(yard)
    verdict = yard.verify(sealed.files, LATER + timedelta(days=1))
    assert verdict.holds and verdict.differences
    assert all(one.kind == "since" and one.file == folder.PACKAGE for one in verdict.differences)
    assert any(one.path.startswith(path) for one in verdict.differences)


@pytest.mark.parametrize("what", ROWS)
def test_a_row_changed_behind_the_history_is_a_fault(yard: Yard, what: str) -> None:
    """Written as if it had been so before the seal."""
    change, path = ROWS[what]
    sealed = yard.seal(yard.truck)
    early = SEALED - timedelta(minutes=1)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("put", "change", "delete"):
            whole = getattr(Yard, name)
            patch.setattr(Yard, name, _dated(whole, early))
        change(yard)
    verdict = yard.verify(sealed.files)
    assert not verdict.holds
    found = [one for one in verdict.differences if one.kind == "store"]
    assert any(one.path.startswith(path) for one in found), told(verdict)


def _dated(write: Callable[..., None], early: datetime) -> Callable[..., None]:
    def earlier(yard: Yard, *given: Any) -> None:
        write(
            yard,
            *(early if isinstance(one, datetime) else one for one in given),
            **({} if any(isinstance(one, datetime) for one in given) else {"at": early}),
        )

    return earlier


def test_any_changed_fix_is_shown(yard: Yard) -> None:
    sealed = yard.seal(yard.vessel)
    table = vessel_track()
    key = f"$.tracks[?@.id=='ais/{MMSI}/2020-06-30T23:40:00.000Z'].fixes"
    last = table.num_rows - 1
    changes = ((0, "lat", -42.61), (3, "lon", -75.3), (3, "nav", 3), (last, "sog_mps", 1.0001))
    for k, name, value in changes:
        pid, field = table["pid"][k].as_py(), table.schema.field(name)
        values = table[name].to_pylist()
        values[k] = value
        at = table.column_names.index(name)
        other = table.set_column(at, field, pa.array(values, field.type))
        yard.positions = PositionStore(yard.folder / f"changed-{name}")
        yard.positions.write("ais", other, "batch")
        found = [one.path for one in yard.verify(sealed.files).differences]
        assert f"{key}[?@.id=='{pid}'].{name}" in found
    yard.positions = PositionStore(yard.folder / "fewer")
    yard.positions.write("ais", table.slice(1), "batch")
    verdict = yard.verify(sealed.files)
    first = table["pid"][0].as_py()
    assert ("store", folder.PACKAGE, f"{key}[?@.id=='{first}']") in told(verdict)
    assert not verdict.holds


def test_a_fix_that_comes_late_is_shown(yard: Yard) -> None:
    sealed = yard.seal(yard.vessel)
    yard.positions.write("ais", fixes(MMSI, [11], [-75.181]), "late")
    (pid,) = fixes(MMSI, [11], [-75.181])["pid"].to_pylist()
    assert any(pid in one.path for one in yard.verify(sealed.files).differences)


def test_a_case_that_is_gone_is_shown(yard: Yard) -> None:
    sealed = yard.seal(yard.vessel)
    yard.delete("case_event", yard.vessel)
    later = yard.verify(sealed.files, LATER + timedelta(days=1))
    assert ("since", folder.PACKAGE, "$.case") in told(later) and later.holds


def test_a_zone_moved_behind_the_history_is_named_in_places_too(yard: Yard) -> None:
    sealed = yard.seal(yard.vessel)
    moved = yard.row("marine_zone", ZONE)
    moved["geometry"] = moved.geometry.translate(0.01, 0)
    yard.put("marine_zone", moved, FOUND - timedelta(minutes=59))
    files = {file for kind, file, _ in told(yard.verify(sealed.files)) if kind == "store"}
    assert files == {folder.PACKAGE, folder.PLACES}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, city: Any) -> tuple[Yard, dict[str, bytes]]:
    """A sealed package that no test changes."""
    from layers.store import open_store
    from tests.cases.evidence.yard import build

    at = tmp_path_factory.mktemp("one")
    yard = build(city, open_store(str(at / "city.gpkg"), city), at)
    return yard, dict(yard.seal(yard.truck).files)


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_of_any_file_is_shown(
    one: tuple[Yard, dict[str, bytes]], data: st.DataObject
) -> None:
    _, files = one
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        verdict = verify_files({**files, name: bytes(content)})
    except folder.FolderError:
        assert name == folder.MANIFEST
        return
    if name == folder.MANIFEST and json.loads(bytes(content)) == json.loads(files[name]):
        return
    assert not verdict.holds


@pytest.mark.parametrize("name", folder.FILES)
def test_a_file_that_is_missing_or_too_many_is_named(
    one: tuple[Yard, dict[str, bytes]], name: str
) -> None:
    _, files = one
    fewer = {key: content for key, content in files.items() if key != name}
    assert told(verify_files(fewer)) == [("file", name, "")]
    assert told(verify_files({**files, "more.txt": b""})) == [("file", "more.txt", "")]


def test_a_changed_document_is_told_by_its_path(one: tuple[Yard, dict[str, bytes]]) -> None:
    yard, files = one
    document = json.loads(files[folder.PACKAGE])
    document["records"][0]["properties"]["gross_kg"] = 40_000
    changed = {**files, folder.PACKAGE: folder.written(document)}
    assert told(yard.verify(changed)) == [
        ("file", folder.PACKAGE, ""),
        ("store", folder.PACKAGE, "$.records[?@.id=='W-1'].properties.gross_kg"),
    ]


def test_a_forged_package_with_a_chain_of_its_own_is_no_seal_of_the_store(
    one: tuple[Yard, dict[str, bytes]], tmp_path: Path
) -> None:
    yard, files = one
    forged = {name: files[name] for name in folder.FILES}
    forged[folder.REPORT_HTML] = forged[folder.REPORT_HTML].replace(b"60000", b"40000")
    manifest = folder.manifest_of(yard.truck, forged)
    old = folder.read_manifest(files[folder.MANIFEST]).chain[0]
    link = extend([], old.content | {"package_sha256": manifest.package_sha256})
    whole = folder.manifest_of(yard.truck, forged, [link])
    forged[folder.MANIFEST] = whole.as_bytes()
    assert verify_files(forged).holds, "whole in itself"
    assert told(yard.verify(forged)) == [("chain", folder.MANIFEST, "$.chain[0]")]
    folder.write(tmp_path / "forged", forged, as_zip=False)
    assert script(tmp_path / "forged") == (0, "whole")
    status, words = script(tmp_path / "forged", old.digest)
    assert status == 1 and words == f"the last seal is {link.digest}, not {old.digest}"


def test_the_script_names_what_is_wrong(one: tuple[Yard, dict[str, bytes]], tmp_path: Path) -> None:
    _, files = one
    for name in folder.FILES:
        target = tmp_path / name
        folder.write(target, {**files, name: files[name] + b" "}, as_zip=False)
        assert script(target) == (1, f"{name} is not what was sealed")
    manifest = json.loads(files[folder.MANIFEST])
    manifest["chain"][0]["content"]["sealed_by"] = "eve"
    broken = {**files, folder.MANIFEST: folder.written(manifest)}
    folder.write(tmp_path / "broken", broken, as_zip=False)
    assert script(tmp_path / "broken") == (1, "seal 1 is broken")
    manifest["chain"] = []
    folder.write(
        tmp_path / "bare", {**files, folder.MANIFEST: folder.written(manifest)}, as_zip=False
    )
    status, words = script(tmp_path / "bare")
    assert status == 1 and "there is no seal" in words


def test_a_seal_taken_out_of_the_store_or_changed_there_is_missed(yard: Yard) -> None:
    first, second = yard.seal(yard.truck), yard.seal(yard.truck, SEALED + timedelta(days=1))
    yard.change(LAYER, str(first.link.content["seal_id"]), "package_sha256", "0" * 64)
    found = told(yard.verify(second.files))
    assert ("chain", "", "") in found and ("chain", folder.MANIFEST, "$.chain[0]") in found
    with pytest.raises(SealError, match="broken at seal 1"):
        yard.seal(yard.truck, SEALED + timedelta(days=2))
    yard.delete(LAYER, str(second.link.content["seal_id"]))
    assert ("chain", folder.MANIFEST, "$.chain[1]") in told(yard.verify(second.files))


def test_without_its_files_there_is_no_seal(yard: Yard, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(folder.FolderError, match="never written over"):
        yard.seal(yard.truck, target=tmp_path / "there")
    assert chain_of(yard.store, yard.city, yard.truck) == []
    assert (tmp_path / "there").read_text() == "mine"


def test_only_a_whole_package_of_the_moment_is_sealed(yard: Yard) -> None:
    made = yard.package(yard.truck)
    with pytest.raises(SealError, match="at the time of the seal"):
        seal(yard.store, yard.city, made, at=LATER, by="ana")
    part = replace(made, document=made.document | {"whole": False})
    with pytest.raises(SealError, match="whole city"):
        seal(yard.store, yard.city, part, at=SEALED, by="ana")
    with pytest.raises(NoCaseError):
        yard.seal("nothing")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"format": "x"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": NaN}',
    ],
)
def test_garbage_is_no_manifest(content: bytes) -> None:
    with pytest.raises(folder.FolderError):
        verify_files({folder.MANIFEST: content})
    with pytest.raises(folder.FolderError, match="no evidence package"):
        verify_files({})


def test_garbage_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "garbage.zip").write_bytes(b"PK\x03\x04 nothing")
    double = io.BytesIO()
    with pytest.warns(UserWarning), zipfile.ZipFile(double, "w") as packed:
        packed.writestr("a", "1")
        packed.writestr("a", "2")
    (tmp_path / "double.zip").write_bytes(double.getvalue())
    folder_ = tmp_path / "linked"
    folder_.mkdir()
    (folder_ / "package.json").symlink_to(tmp_path / "double.zip")
    for name in ("garbage.zip", "double.zip", "linked", "absent"):
        with pytest.raises(folder.FolderError):
            folder.read(tmp_path / name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "b'\\"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "b c", "d"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON, JSON)
def test_differences_are_there_exactly_where_values_differ(one: Any, other: Any) -> None:
    assert not list(differences(one, one))
    assert bool(list(differences(one, other))) == (
        json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)
    )


def test_links_of_a_manifest_are_read_back(one: tuple[Yard, dict[str, bytes]]) -> None:
    _, files = one
    manifest = folder.read_manifest(files[folder.MANIFEST])
    assert manifest.as_bytes() == files[folder.MANIFEST]
    assert all(isinstance(link, Link) for link in manifest.chain) and DAY
