"""The manifest of a demo folder: what was built, from what; where it is, all is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from ingest.simulator.declaration import ManifestEntry
from layers.city import City

MANIFEST = "manifest.json"
PARTIAL = "manifest.partial.json"
# Raised when the simulator writes other files from the same declarations.
FORMAT = 3
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """All files of a demo folder, in the order in which they are taken in.

    Attributes
    ----------
    declarations : SHA-256 of the city's declarations; other ones make another demo.
    """

    city: str
    seed: int
    day: str
    scale: float
    declarations: str
    entries: tuple[ManifestEntry, ...]
    format: int = FORMAT
    synthetic: bool = True

    def same_build(self, other: Manifest) -> bool:
        """Whether two manifests come from the same city, seed, day and scale."""
        return self._key() == other._key()

    def _key(self) -> tuple[Any, ...]:
        return self.city, self.seed, self.day, self.scale, self.declarations, self.format


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    state = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def declarations_digest(city: City) -> str:
    """SHA-256 of everything declared of a city: its YAML files and content, by path."""
    state = sha256()
    files = [*city.folder.glob("*.yaml"), *city.folder.glob("layers/*.yaml")]
    files += [*city.folder.glob("rasters/*.yaml")]
    files += [*city.folder.glob("content/*")]
    for path in sorted(path for path in files if path.is_file()):
        state.update(path.relative_to(city.folder).as_posix().encode())
        state.update(path.read_bytes())
    return state.hexdigest()


def new_manifest(city: City, seed: int, day: date, scale: float) -> Manifest:
    """Return A manifest with nothing in it."""
    return Manifest(city.id, seed, day.isoformat(), float(scale), declarations_digest(city), ())


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest; readers see the old one or the new one, never a part."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2) + b"\n")
    fresh.replace(path)


def read_manifest(path: Path) -> Manifest | None:
    """Read a manifest; None where there is none or it can't be understood."""
    try:
        content = orjson.loads(path.read_bytes())
        entries = tuple(ManifestEntry(**entry) for entry in content.pop("entries"))
        return Manifest(entries=entries, **content)
    except (OSError, orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
        return None


class Ledger:
    """What is done of a build that may have been interrupted.

    Parameters
    ----------
    folder : of the demo; files that an earlier build of the same kind completed are kept.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder, self._empty = folder, manifest
        self._done: dict[str, ManifestEntry] = {}
        self._whole = False
        for name in (MANIFEST, PARTIAL):
            before = read_manifest(folder / name)
            if before is not None and before.same_build(manifest):
                self._done = {entry.file: entry for entry in before.entries}
                self._whole = name == MANIFEST
                break

    @property
    def complete(self) -> bool:
        """Whether the whole build is there, every file of it unchanged."""
        return self._whole and len(self.all_finished()) == len(self._done)

    @property
    def manifest(self) -> Manifest:
        """What is done so far."""
        return _with(self._empty, tuple(self._done.values()))

    def finished(self, file: str) -> ManifestEntry | None:
        """Return the entry of a file that is complete; None where it has to be written."""
        entry = self._done.get(file)
        path = self._folder / file
        if entry is None or not path.is_file() or digest(path) != entry.sha256:
            return None
        return entry

    def all_finished(self) -> list[ManifestEntry]:
        """Entries of all files that are complete."""
        return [e for file in list(self._done) if (e := self.finished(file)) is not None]

    def record(self, *entries: ManifestEntry) -> None:
        """Remember completed files."""
        self._done |= {entry.file: entry for entry in entries}
        rows = tuple(self._done.values())
        write_manifest(self._folder / PARTIAL, _with(self._empty, rows))

    def close(self, entries: list[ManifestEntry]) -> Manifest:
        """Write the manifest of the whole build."""
        manifest = _with(self._empty, tuple(entries))
        write_manifest(self._folder / MANIFEST, manifest)
        (self._folder / PARTIAL).unlink(missing_ok=True)
        return manifest


def _with(empty: Manifest, entries: tuple[ManifestEntry, ...]) -> Manifest:
    return Manifest(empty.city, empty.seed, empty.day, empty.scale, empty.declarations, entries)
