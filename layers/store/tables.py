"""SQL tables of a layer, declared once for every store; only column types differ by dialect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson
from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from layers.errors import StoreError
from layers.spec import LayerSpec, PropertySpec, PropertyType

Backend = Literal["sqlite", "postgresql"]
MAX_NAME = 44  # PostgreSQL cuts identifiers at 63 bytes; indexes and history add to a layer's name.
COVER, STATE, REVISION = "cell_cover", "onemap_state", "onemap_revision"
STATE_PART = "onemap_state_part"
CHANGE, TALLY = "onemap_change", "onemap_tally"
JOB, JOB_RESULT = "onemap_job", "onemap_job_result"
NOTICE = "onemap_notice"
_RESERVED = ("gpkg_", "rtree_", "sqlite_", "onemap_", "pg_", COVER, "spatial_ref_sys")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class GeoPackageGeometry(UserDefinedType[bytes]):
    """A geometry as GeoPackage blob (see `layers.store.gpb`); bytes in, bytes out."""

    cache_ok = True

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def get_col_spec(self, **_: Any) -> str:
        """Geometry type name as GeoPackage writes it, such as ``MULTIPOLYGON``."""
        return self.kind.upper()


class _DateTimeText(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "DATETIME"


def to_ms(moment: datetime) -> datetime:
    """Give the moment in UTC, cut to whole milliseconds, which is what stores keep."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def instant_of(t_ms: int) -> datetime:
    """Give the moment of ms since 1970, UTC; exact, as dividing them by 1000 is not."""
    return _EPOCH + timedelta(milliseconds=int(t_ms))


def instant_text(moment: datetime) -> str:
    """Write an aware time as GeoPackage does: ``2020-06-30T19:42:20.000Z``; sorts as text."""
    return to_ms(moment).strftime("%Y-%m-%dT%H:%M:%S.%f").zfill(26)[:-3] + "Z"


def parse_instant(text: str) -> datetime:
    """Read a GeoPackage DATETIME, with or without fractions; a missing zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware time in UTC with milliseconds: timestamptz, or GeoPackage DATETIME text."""

    impl = TIMESTAMP
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Pick the column type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_DateTimeText())
        return dialect.type_descriptor(TIMESTAMP(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Aware datetime to what the driver takes."""
        if value is None:
            return None
        return instant_text(value) if dialect.name == "sqlite" else to_ms(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Turn what the driver gives into an aware datetime in UTC."""
        if value is None:
            return None
        return parse_instant(value) if isinstance(value, str) else value.astimezone(UTC)


def json_text(value: Any) -> str:
    """Write a nested value in the one way: compact, keys sorted."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


class Json(TypeDecorator[Any]):
    """A nested value: JSONB, or compact JSON text with sorted keys."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Pick the column type."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else JSONB())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Object to what the driver takes."""
        return json_text(value) if dialect.name == "sqlite" and value is not None else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Turn what the driver gives into an object."""
        return orjson.loads(value) if dialect.name == "sqlite" and value is not None else value


def _whole() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer(), "sqlite")


def _text() -> TypeEngine[str]:
    """Text that compares by code point on every back end."""
    return Text().with_variant(Text(collation="C"), "postgresql")


def column_type(kind: PropertyType) -> TypeEngine[Any]:
    """Return the SQL type of a property."""
    types: dict[PropertyType, TypeEngine[Any]] = {
        "string": _text(),
        "integer": _whole(),
        "number": Double(),
        "boolean": Boolean(),
        "date": Date(),
        "datetime": Instant(),
        "json": Json(),
    }
    return types[kind]


def _geometry_type(spec: LayerSpec, backend: Backend) -> TypeEngine[Any]:
    if backend == "sqlite":
        return GeoPackageGeometry(spec.geometry)
    return Geometry(spec.geometry.upper(), srid=4326, spatial_index=False)


def _columns(spec: LayerSpec, backend: Backend) -> list[Column[Any]]:
    key: list[Any] = [] if backend == "sqlite" else [Identity()]
    columns: list[Column[Any]] = [Column("gid", _whole(), *key, primary_key=True)]
    columns.append(Column("fid", _text(), nullable=False))
    if spec.has_geometry:
        columns.append(Column("geometry", _geometry_type(spec, backend)))
    columns += [
        Column("h3", _whole()),
        Column("jurisdiction", _text()),
        Column("valid_from", Instant(), nullable=False),
        Column("updated_at", Instant(), nullable=False),
        Column("source", _text()),
    ]
    return columns + [_property_column(p) for p in spec.properties]


def _property_column(p: PropertySpec) -> Column[Any]:
    return Column(p.name, column_type(p.type))


def _counted_by(spec: LayerSpec) -> tuple[str, ...]:
    """Short values that cells are counted by; beside the cell in its index they cost no look."""
    by = spec.style.by
    if by is None:
        return ()
    p = spec.property(by)
    return (by,) if p.values is not None or p.type in ("boolean", "integer") else ()


@dataclass(frozen=True)
class LayerTables:
    """The tables of one layer.

    Attributes
    ----------
    spec : the layer.
    current : what is true now.
    history : what was, each row with its ``valid_to``.
    """

    spec: LayerSpec
    current: Table
    history: Table


def check_name(layer: str) -> None:
    """Refuse layer ids that would collide with tables of the store; StoreError."""
    if layer.startswith(_RESERVED) or layer.endswith("_history"):
        raise StoreError(f"layer id '{layer}' is kept for the store's own tables; choose another")
    if len(layer) > MAX_NAME:
        raise StoreError(f"layer id '{layer}' is longer than {MAX_NAME} characters")


def layer_tables(spec: LayerSpec, backend: Backend) -> LayerTables:
    """Declare a layer's tables.

    Raises
    ------
    StoreError
        for an id that belongs to the store itself.
    """
    check_name(spec.id)
    metadata = MetaData()
    name = spec.id
    current = Table(
        name,
        metadata,
        *_columns(spec, backend),
        UniqueConstraint("fid", name=f"uq_{name}_fid"),
        sqlite_autoincrement=True,
    )
    Index(f"ix_{name}_jurisdiction", current.c.jurisdiction)
    if spec.has_geometry:
        Index(f"ix_{name}_h3", current.c.h3, *[current.c[by] for by in _counted_by(spec)])
        if backend == "postgresql":
            Index(f"ix_{name}_geometry", current.c.geometry, postgresql_using="gist")
    if spec.time_field is not None:
        moment = current.c[spec.time_field]
        if backend == "postgresql":
            # The newest first is the usual question; BRIN answers spans at next to no cost.
            Index(f"ix_{name}_time", moment.desc().nulls_last())
            Index(f"ix_{name}_time_brin", moment, postgresql_using="brin")
        else:
            Index(f"ix_{name}_time", moment)
    for indexed in spec.indexed:
        Index(f"ix_{name}_by_{indexed}"[:63], current.c[indexed])
    history = Table(
        f"{name}_history",
        metadata,
        *_columns(spec, backend),
        Column("valid_to", Instant(), nullable=False),
        sqlite_autoincrement=True,
    )
    Index(f"ix_{name}_history_fid", history.c.fid, history.c.valid_to)
    return LayerTables(spec, current, history)


SHARED = MetaData()
cell_cover = Table(
    COVER,
    SHARED,
    Column("layer", _text(), primary_key=True),
    Column("h3", _whole(), primary_key=True, autoincrement=False),
    Column("fid", _text(), primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_cell_cover_fid", cell_cover.c.layer, cell_cover.c.fid)
state = Table(
    STATE,
    SHARED,
    Column("name", _text(), primary_key=True),
    Column("content", LargeBinary(), nullable=False),
)
state_part = Table(
    STATE_PART,
    SHARED,
    Column("name", _text(), primary_key=True),
    Column("part", _text(), primary_key=True),
    Column("content", LargeBinary(), nullable=False),
)
revision = Table(
    REVISION,
    SHARED,
    Column("gid", _whole(), primary_key=True),
    Column("layer", _text(), nullable=False, unique=True),
    Column("revision", _whole(), nullable=False),
)
change = Table(
    CHANGE,
    SHARED,
    Column("number", _whole(), primary_key=True),
    Column("layer", _text(), nullable=False),
    Column("fid", _text(), nullable=False),
    Column("kind", _text(), nullable=False),
    Column("at", Instant(), nullable=False),
    Column("jurisdiction", _text()),
    Column("before", _text()),
    sqlite_autoincrement=True,
)
tally = Table(
    TALLY,
    SHARED,
    *[
        Column(name, _text(), primary_key=True)
        for name in ("subject", "unit", "dimension", "span", "period", "value", "measure")
    ],
    Column("bucket", _whole(), primary_key=True, autoincrement=False),
    Column("number", _whole(), nullable=False),
    sqlite_with_rowid=False,
)
job = Table(
    JOB,
    SHARED,
    Column("id", _text(), primary_key=True),
    Column("process", _text(), nullable=False),
    Column("version", _text(), nullable=False),
    Column("actor", _text(), nullable=False),
    Column("walls", _text(), nullable=False),
    Column("inputs", _text(), nullable=False),
    Column("wishes", _text(), nullable=False),
    Column("status", _text(), nullable=False),
    Column("progress", _whole(), nullable=False),
    Column("message", _text(), nullable=False),
    Column("fault", _text()),
    Column("created", Instant(), nullable=False),
    Column("started", Instant()),
    Column("finished", Instant()),
    Column("updated", Instant(), nullable=False),
    Column("worker", _text(), nullable=False),
    Column("lease", Instant(), nullable=False),
)
Index("ix_job_created", job.c.created)
job_result = Table(
    JOB_RESULT,
    SHARED,
    Column("job", _text(), primary_key=True),
    Column("output", _text(), primary_key=True),
    Column("place", _whole(), nullable=False),
    Column("media", _text(), nullable=False),
    Column("content", LargeBinary()),
    Column("file", _text()),
)
notice = Table(
    NOTICE,
    SHARED,
    Column("key", _text(), primary_key=True),
    Column("channel", _text(), nullable=False),
    Column("recipient", _text(), nullable=False),
    Column("about", _text(), nullable=False),
    Column("template", _text(), nullable=False),
    Column("subject", _text(), nullable=False),
    Column("body", _text(), nullable=False),
    Column("created", Instant(), nullable=False),
    Column("status", _text(), nullable=False),
    Column("attempts", _whole(), nullable=False),
    Column("due", Instant(), nullable=False),
    Column("sent", Instant()),
    Column("seen", Instant()),
    Column("fault", _text()),
)
Index("ix_notice_due", notice.c.status, notice.c.due)
Index("ix_notice_recipient", notice.c.channel, notice.c.recipient, notice.c.created)
Index("ix_notice_about", notice.c.about)
