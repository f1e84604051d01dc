"""Exported rejects: how they are written, and what from, so that feeding them closes those."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import orjson

from layers.errors import OnemapError

Form = Literal["lines", "csv", "geojson"]
_FILE = "exports.json"


class Exports:
    """Memory of the exported files: each with its feed and the reject logs that it holds.

    Parameters
    ----------
    folder : folder of the reject logs; the memory is ``exports.json`` in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / _FILE

    def remember(self, target: Path, feed: str, logs: list[Path]) -> None:
        """Note that a file was exported from some logs, as they are now."""
        known = self._known()
        known[str(target.resolve())] = {"feed": feed, "logs": dict(map(self._entry, logs))}
        self._keep(known)

    def close(self, target: Path, feed: str, fed: Path) -> list[Path]:
        """Replace the logs that an exported file was written from by the log of feeding it.

        Parameters
        ----------
        target : the file that was fed.
        feed : what it was fed as.
        fed : log of what was refused of it; need not exist.

        Returns
        -------
        Logs to be closed: those of the export that still are what they were when it was written.
        Empty for a file that is no export, or was exported from another feed.
        """
        known = self._known()
        name = str(target.resolve())
        if name not in known or known[name]["feed"] != feed:
            return []
        old = dict(known[name]["logs"])
        new = dict([self._entry(fed)]) if fed.is_file() else {}
        for entry in known.values():
            whole = old.keys() <= entry["logs"].keys()
            left = {log: mark for log, mark in entry["logs"].items() if log not in old}
            entry["logs"] = left | (new if whole else {})
        self._keep({name: entry for name, entry in known.items() if entry["logs"]})
        logs = [(self._folder / log, mark) for log, mark in old.items() if log not in new]
        return [log for log, mark in logs if log.is_file() and _sha256(log) == mark]

    @contextmanager
    def following(self, log: Path) -> Iterator[None]:
        """Keep a log known as exported while rows are taken out of it."""
        known = self._known()
        name, before = self._entry(log)
        yield
        holders = [entry["logs"] for entry in known.values() if entry["logs"].get(name) == before]
        for logs in holders:
            if log.is_file():
                logs[name] = _sha256(log)
            else:
                del logs[name]
        if holders:
            self._keep(known)

    def _entry(self, log: Path) -> tuple[str, str]:
        return log.relative_to(self._folder).as_posix(), _sha256(log)

    def _known(self) -> dict[str, dict[str, Any]]:
        try:
            known: dict[str, dict[str, Any]] = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except orjson.JSONDecodeError as failure:
            raise OnemapError(f"{self._path} is damaged: {failure}") from failure
        return known

    def _keep(self, known: dict[str, dict[str, Any]]) -> None:
        part = self._path.with_suffix(".part")
        part.write_bytes(orjson.dumps(known))
        part.replace(self._path)


def write_rows(path: Path, form: Form, header: str, raws: list[str]) -> None:
    """Write rows as they came in the format of their input.

    Parameters
    ----------
    header : header line of CSV; name of the CRS for GeoJSON, "" for WGS 84.
    """
    encoding = "utf-8-sig" if form == "csv" and header else "utf-8"
    with path.open("w", encoding=encoding, newline="\n") as file:
        if form == "geojson":
            crs = {"type": "name", "properties": {"name": header}}
            named = f'"crs": {orjson.dumps(crs).decode()}, ' if header else ""
            file.write(f'{{"type": "FeatureCollection", {named}"features": [\n')
            file.write(",\n".join(raws) + "\n]}\n")
            return
        if form == "csv" and header:
            file.write(header + "\n")
        file.writelines(raw + "\n" for raw in raws)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
