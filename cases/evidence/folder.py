"""The files of a package, in a folder or a zip, and the manifest that stands for them all.

::

    package.json     everything, for programs
    places.geojson   its places (RFC 7946)
    report.html      for people, self-contained, A4
    report.pdf       the same
    manifest.json    SHA-256 of each of these, and the chain of the case's seals

A manifest's ``package_sha256`` is the SHA-256 of its ``files`` in canonical JSON (RFC 8785); the
last link of a sealed package's chain holds it.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases.chain import ChainError, Link, canonical, digest_of
from cases.evidence.html import html
from cases.evidence.package import Package
from cases.evidence.pdf import pdf
from layers.errors import OnemapError

MANIFEST, PACKAGE, PLACES = "manifest.json", "package.json", "places.geojson"
REPORT_HTML, REPORT_PDF = "report.html", "report.pdf"
FILES = (PACKAGE, PLACES, REPORT_HTML, REPORT_PDF)
FORMAT = "onemap-evidence-manifest/1"
# No file of a package comes near it; a zip that claims more is none of ours.
_MOST_BYTES = 512 * 1024 * 1024
# Zips keep local time without a zone; a fixed one makes equal content equal bytes.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class FolderError(OnemapError):
    """Something that is no evidence package, or can't be read or written as one."""


@dataclass(frozen=True)
class Manifest:
    """What a manifest says.

    Attributes
    ----------
    case_id : of the case.
    files : SHA-256 in hexadecimal by name.
    package_sha256 : of all of them.
    chain : seals of the case up to this one; empty for a package that is not sealed.
    """

    case_id: str
    files: Mapping[str, str]
    package_sha256: str
    chain: tuple[Link, ...]

    def as_bytes(self) -> bytes:
        """Return the file's content."""
        return written(
            {
                "format": FORMAT,
                "case_id": self.case_id,
                "files": dict(self.files),
                "package_sha256": self.package_sha256,
                "chain": [one.as_dict() for one in self.chain],
            }
        )


def written(document: Any) -> bytes:
    """A JSON document as a file: keys sorted, one value a line, UTF-8."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return f"{text}\n".encode()


def files_of(package: Package) -> dict[str, bytes]:
    """Files of a package without its manifest; equal packages give equal bytes."""
    document = package.document
    return {
        PACKAGE: written(document),
        PLACES: written(package.places),
        REPORT_HTML: html(document),
        REPORT_PDF: pdf(document),
    }


def manifest_of(case_id: str, files: Mapping[str, bytes], chain: Sequence[Link] = ()) -> Manifest:
    """Make the manifest of files."""
    digests = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    return Manifest(case_id, digests, digest_of(digests), tuple(chain))


def read_manifest(content: bytes) -> Manifest:
    """Read a manifest.

    Raises
    ------
    FolderError
        saying what is wrong with it.
    """
    try:
        told = json.loads(content)
        if told["format"] != FORMAT:
            raise FolderError(f"{MANIFEST}: format {str(told['format'])[:80]!r}, not '{FORMAT}'")
        files = {str(name): str(digest) for name, digest in told["files"].items()}
        chain = tuple(map(Link.from_dict, told["chain"]))
        manifest = Manifest(str(told["case_id"]), files, str(told["package_sha256"]), chain)
        # What has no canonical form was never sealed.
        canonical(told)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ChainError) as failure:
        reason = f"{type(failure).__name__}: {failure}"
        raise FolderError(f"{MANIFEST} is none of a package ({reason[:200]})") from failure
    return manifest


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack files into a zip, in the order of their names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(files):
            about = zipfile.ZipInfo(name, _ZIP_TIME)
            about.external_attr = 0o644 << 16
            about.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(about, files[name])
    return out.getvalue()


def write(target: Path, files: Mapping[str, bytes], *, as_zip: bool) -> None:
    """Write files to a new folder or a new zip, all of them or none.

    Raises
    ------
    FolderError
        where the target is there already, or can't be written.
    """
    if target.exists():
        raise FolderError(f"{target} is there already; evidence is never written over")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as made:
            whole = Path(made) / "package"
            if as_zip:
                whole.write_bytes(zipped(files))
            else:
                whole.mkdir()
                for name, content in files.items():
                    (whole / name).write_bytes(content)
            whole.rename(target)
    except OSError as failure:
        raise FolderError(f"{target} can't be written: {failure}") from failure


def remove(target: Path) -> None:
    """Take away what `write` wrote."""
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def read(source: Path) -> dict[str, bytes]:
    """Read all files of a folder or zip, by name.

    Raises
    ------
    FolderError
        where it is neither, a name leads out of it, or it is larger than any package.
    """
    try:
        if source.is_dir():
            return _read_folder(source)
        with zipfile.ZipFile(source) as packed:
            return _read_zip(source, packed)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as failure:
        reason = f"{source} is neither a folder nor a zip with a package ({failure})"
        raise FolderError(reason) from failure
    except (EOFError, ValueError, zipfile.zlib.error) as failure:  # type: ignore[attr-defined]
        raise FolderError(f"{source} is damaged ({failure})") from failure


def _read_folder(source: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(source.rglob("*")):
        if path.is_symlink() or path.is_file():
            name = path.relative_to(source).as_posix()
            if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
                raise FolderError(f"{source}: {name} is a link or too large for a package")
            found[name] = path.read_bytes()
    return found


def _read_zip(source: Path, packed: zipfile.ZipFile) -> dict[str, bytes]:
    members = [one for one in packed.infolist() if not one.is_dir()]
    names = [one.filename for one in members]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FolderError(f"{source}: {twice} is in it twice")
    if sum(one.file_size for one in members) > _MOST_BYTES:
        raise FolderError(f"{source} is too large for a package")
    return {one.filename: packed.read(one) for one in members}
