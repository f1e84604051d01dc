"""Seals: the digest of a package, chained to the seal before of the same case, kept in the store.

Rows of ``evidence_seal`` are added in the transaction in which the files are written, and never
changed. A package carries the chain away with it, so that seals taken out of the store are missed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd

from cases.chain import Link, extend, verify
from cases.evidence import folder
from cases.evidence.package import CASE, Package
from layers.city import City
from layers.errors import OnemapError
from layers.query import Query, SortKey
from layers.store.base import Store
from layers.store.tables import instant_text, to_ms

LAYER = "evidence_seal"
# Namespace of seal ids: uuid5 of the platform's name.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "onemap.evidence_seal")


class SealError(OnemapError):
    """A case whose chain is broken, or is not there."""


class Framed(Protocol):
    """Where rows are read from: a store, or a transaction of one."""

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """All rows of a query."""


@dataclass(frozen=True)
class Sealed:
    """A package with its seal.

    Attributes
    ----------
    files : all files by name, the manifest too.
    manifest : what the last of them says.
    """

    files: Mapping[str, bytes]
    manifest: folder.Manifest

    @property
    def link(self) -> Link:
        """The seal."""
        return self.manifest.chain[-1]


def seal(
    store: Store,
    city: City,
    package: Package,
    *,
    at: datetime,
    by: str,
    target: Path | None = None,
    as_zip: bool = False,
) -> Sealed:
    """Seal a package: add its digest to the chain of its case, and write its files.

    Parameters
    ----------
    package : made of the whole city.
    at : when it is sealed (aware); the time that the package was made.
    by : who seals.
    target : folder or zip to write; None writes none. Without the files there is no seal.

    Raises
    ------
    SealError
        where the package is of a part of the city or of another moment, or the chain is broken.
    FolderError
        where the files can't be written.
    """
    document = package.document
    if not document["whole"] or document["made_at"] != instant_text(to_ms(at)):
        raise SealError("only a package of the whole city, made at the time of the seal, is sealed")
    files = folder.files_of(package)
    written = False
    try:
        with store.transaction() as unit:
            chain = chain_of(unit, city, package.case_id)
            broken = verify(chain)
            if broken is not None:
                number = broken + 1
                raise SealError(f"the chain of case '{package.case_id}' is broken at seal {number}")
            manifest = folder.manifest_of(package.case_id, files)
            link = extend(chain, _content(city, manifest, len(chain) + 1, at, by))
            manifest = folder.manifest_of(package.case_id, files, [*chain, link])
            sealed = Sealed({**files, folder.MANIFEST: manifest.as_bytes()}, manifest)
            case = unit.frame(Query(CASE, fids=(package.case_id,)))
            unit.upsert(city.layer(LAYER), _row(link, case), at=at, source="evidence")
            if target is not None:
                folder.write(target, sealed.files, as_zip=as_zip)
                written = True
    except BaseException:
        if written and target is not None:
            folder.remove(target)
        raise
    return sealed


def chain_of(rows: Framed, city: City, case_id: str) -> list[Link]:
    """Seals of a case as links, in order; empty where there is none."""
    where = {"op": "=", "args": [{"property": "case_id"}, case_id]}
    frame = rows.frame(Query(LAYER, where=where, sort=(SortKey("seq"),)))
    return [_link(city, row) for row in frame.to_dict("records")]


def _content(
    city: City, manifest: folder.Manifest, seq: int, at: datetime, by: str
) -> dict[str, Any]:
    return {
        "city": city.id,
        "case_id": manifest.case_id,
        "seal_id": str(uuid.uuid5(NAMESPACE, f"{manifest.case_id}|{seq}")),
        "sealed_at": instant_text(at),
        "sealed_by": by,
        "package_sha256": manifest.package_sha256,
    }


def _row(link: Link, case: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    content = link.content
    row = {
        **{name: content[name] for name in ("seal_id", "case_id", "package_sha256", "sealed_by")},
        "seq": link.seq,
        "sealed_at": pd.to_datetime(content["sealed_at"], utc=True),
        "previous_digest": link.previous,
        "digest": link.digest,
        # Who may see the case may see its seals.
        "departments": None if case.empty else case["departments"].iloc[0],
        "jurisdiction": None if case.empty else case["jurisdiction"].iloc[0],
    }
    return gpd.GeoDataFrame([row], geometry=np.array([None], object), crs="EPSG:4326")


def _link(city: City, row: dict[Any, Any]) -> Link:
    content = {
        "city": city.id,
        "case_id": row["case_id"],
        "seal_id": row["seal_id"],
        "sealed_at": instant_text(row["sealed_at"].to_pydatetime()),
        "sealed_by": row["sealed_by"],
        "package_sha256": row["package_sha256"],
    }
    return Link(int(row["seq"]), row["previous_digest"], content, row["digest"])
