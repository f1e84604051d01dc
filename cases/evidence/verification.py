"""Whether a package is still what was sealed, and whether the store still says the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from cases.chain import Link, digest_of, verify
from cases.evidence import folder
from cases.evidence.compare import differences
from cases.evidence.excerpt import Excerpt
from cases.evidence.package import EXTRAS, FORMAT, Extra, NoCaseError, Package, package
from cases.evidence.rows import moment_of
from cases.evidence.seen import Seen

# file: not what was sealed. chain: the seals do not hold. store: the city's rows, positions and
# declarations do not give what was sealed, as of that moment. since: they do, and have lawfully
# changed afterwards, with their history kept.
Kind = Literal["file", "chain", "store", "since"]
# Whatever is made later differs in it.
_MAKING = "$.made_at"


@dataclass(frozen=True)
class Difference:
    """One thing that is not as sealed.

    Attributes
    ----------
    file : name in the package.
    path : JSON path inside of it; "" for the file as a whole.
    words : what is there.
    """

    kind: Kind
    file: str
    path: str
    words: str

    def __str__(self) -> str:
        where = f"{self.file} {self.path}".strip()
        return f"{self.kind}: {where}: {self.words}"


@dataclass(frozen=True)
class Verdict:
    """What a verification found.

    Attributes
    ----------
    case_id : of the package.
    sealed : whether it has a seal at all.
    differences : in the order file, chain, store, since.
    """

    case_id: str
    sealed: bool
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        """Whether the package is what was sealed; what changed lawfully since is no fault."""
        return all(one.kind == "since" for one in self.differences)


def verify_files(files: Mapping[str, bytes]) -> Verdict:
    """Check files against their manifest, and the manifest's chain; no store is needed.

    Raises
    ------
    FolderError
        where there is no manifest.
    """
    manifest = _manifest(files)
    return Verdict(manifest.case_id, bool(manifest.chain), tuple(_of_files(files, manifest)))


def verify_package(
    files: Mapping[str, bytes],
    seen: Seen,
    chain: Sequence[Link],
    *,
    at: datetime,
    extras: Sequence[Extra] = EXTRAS,
) -> Verdict:
    """Check files, and make the content again from the store.

    Parameters
    ----------
    seen : of the whole city.
    chain : seals of the case in the store.
    at : now (aware); changes up to then are told as ``since``.
    extras : as at the sealing.

    Raises
    ------
    FolderError
        where there is no manifest.
    """
    manifest = _manifest(files)
    found = [*_of_files(files, manifest), *_of_chain(manifest, chain)]
    found += _of_store(files, manifest, seen, at, extras)
    return Verdict(manifest.case_id, bool(manifest.chain), tuple(dict.fromkeys(found)))


def _manifest(files: Mapping[str, bytes]) -> folder.Manifest:
    if folder.MANIFEST not in files:
        raise folder.FolderError(f"there is no {folder.MANIFEST}: this is no evidence package")
    return folder.read_manifest(files[folder.MANIFEST])


def _of_files(files: Mapping[str, bytes], manifest: folder.Manifest) -> Iterator[Difference]:
    for name in sorted({*files, *manifest.files, *folder.FILES} - {folder.MANIFEST}):
        if name not in files:
            yield Difference("file", name, "", "is missing")
        elif name not in manifest.files:
            yield Difference("file", name, "", "is not in the manifest")
        elif hashlib.sha256(files[name]).hexdigest() != manifest.files[name]:
            yield Difference("file", name, "", "is not what was sealed: its SHA-256 differs")
    if digest_of(dict(manifest.files)) != manifest.package_sha256:
        words = "is not the SHA-256 of the files listed"
        yield Difference("file", folder.MANIFEST, "$.package_sha256", words)
    if not manifest.chain:
        yield Difference("chain", folder.MANIFEST, "$.chain", "is empty: the package is not sealed")
        return
    broken = verify(manifest.chain)
    if broken is not None:
        yield Difference("chain", folder.MANIFEST, f"$.chain[{broken}]", "is broken")
    last = manifest.chain[-1].content
    held = {"package_sha256": manifest.package_sha256, "case_id": manifest.case_id}
    for name, value in held.items():
        if not isinstance(last, dict) or last.get(name) != value:
            at = f"$.chain[{len(manifest.chain) - 1}].content.{name}"
            yield Difference("chain", folder.MANIFEST, at, "is not that of this package")


def _of_chain(manifest: folder.Manifest, chain: Sequence[Link]) -> Iterator[Difference]:
    broken = verify(chain)
    if broken is not None:
        yield Difference("chain", "", "", f"the store's own chain is broken at seal {broken + 1}")
    for number, one in enumerate(manifest.chain):
        at = f"$.chain[{number}]"
        if number >= len(chain):
            yield Difference("chain", folder.MANIFEST, at, "is no seal of the store")
        elif chain[number] != one:
            yield Difference("chain", folder.MANIFEST, at, "is another seal in the store")


def _of_store(
    files: Mapping[str, bytes],
    manifest: folder.Manifest,
    seen: Seen,
    at: datetime,
    extras: Sequence[Extra],
) -> list[Difference]:
    try:
        kept = json.loads(files.get(folder.PACKAGE, b""))
        if kept["format"] != FORMAT:
            words = f"format {str(kept['format'])[:40]!r} can't be made again by this program"
            return [Difference("store", folder.PACKAGE, "$.format", words)]
        made_at, software = moment_of(kept["made_at"]), str(kept["software"]["version"])
        excerpt = Excerpt.model_validate(kept["excerpt"])
    except (ValueError, KeyError, TypeError) as failure:
        words = f"can't be read, so it can't be compared ({type(failure).__name__})"
        return [Difference("store", folder.PACKAGE, "", words)]

    def again(moment: datetime) -> Package | None:
        try:
            return package(
                seen, manifest.case_id, moment, software=software, excerpt=excerpt, extras=extras
            )
        except NoCaseError:
            return None

    then, now = again(made_at), again(at)
    found = _compared("store", folder.PACKAGE, kept, then and then.document)
    if then is not None and folder.PLACES in files:
        found += _compared("store", folder.PLACES, _json(files[folder.PLACES]), then.places)
    before = {(one.file, one.path) for one in found}
    later = _compared("since", folder.PACKAGE, kept, now and now.document)
    return found + [one for one in later if (one.file, one.path) not in before]


def _compared(kind: Kind, file: str, kept: Any, made: Any) -> list[Difference]:
    if made is None:
        return [Difference(kind, file, "$.case", "there is no such case in the store")]
    return [
        Difference(kind, file, path, words)
        for path, words in differences(kept, made)
        if kind == "store" or path != _MAKING
    ]


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
