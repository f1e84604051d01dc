"""Tables and triggers that make a SQLite file a GeoPackage 1.3 (OGC 12-128r18)."""

from __future__ import annotations

from sqlalchemy import Connection, text

from layers.spec import LayerSpec
from layers.store.tables import REVISION

APPLICATION_ID = 0x47504B47  # "GPKG"
USER_VERSION = 10300

_WGS84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,'
    'AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,'
    'AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],'
    'AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]'
)

_CORE = (
    """CREATE TABLE IF NOT EXISTS gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT)""",
    """CREATE TABLE IF NOT EXISTS gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id))""",
    """CREATE TABLE IF NOT EXISTS gpkg_geometry_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id))""",
    """CREATE TABLE IF NOT EXISTS gpkg_extensions (
  table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
  scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))""",
)


def create_core(connection: Connection) -> None:
    """Make the tables of an empty GeoPackage, harmless where they exist.

    The store's revision table is registered as attributes: readers such as GDAL then show
    registered tables only, and history and cover stay out of sight.
    """
    for statement in _CORE:
        connection.execute(text(statement))
    systems = [
        ("Undefined Cartesian SRS", -1, "NONE", -1, "undefined"),
        ("Undefined geographic SRS", 0, "NONE", 0, "undefined"),
        ("WGS 84 geodetic", 4326, "EPSG", 4326, _WGS84),
    ]
    for name, srs, organization, code, definition in systems:
        connection.execute(
            text("INSERT OR IGNORE INTO gpkg_spatial_ref_sys VALUES (:n, :s, :o, :c, :d, NULL)"),
            {"n": name, "s": srs, "o": organization, "c": code, "d": definition},
        )
    connection.execute(
        text(
            "INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier)"
            " VALUES (:t, 'attributes', :t)"
        ),
        {"t": REVISION},
    )


def register_layer(connection: Connection, spec: LayerSpec) -> None:
    """Enter a layer's table into the contents; with geometry, make its R*Tree and triggers."""
    connection.execute(
        text(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)"
            " VALUES (:t, :k, :t, :d, :s)"
        ),
        {
            "t": spec.id,
            "k": "features" if spec.has_geometry else "attributes",
            "d": spec.title.en,
            "s": 4326 if spec.has_geometry else None,
        },
    )
    if not spec.has_geometry:
        return
    connection.execute(
        text("INSERT INTO gpkg_geometry_columns VALUES (:t, 'geometry', :g, 4326, 0, 0)"),
        {"t": spec.id, "g": spec.geometry.upper()},
    )
    connection.execute(
        text(
            "INSERT INTO gpkg_extensions VALUES (:t, 'geometry', 'gpkg_rtree_index',"
            " 'http://www.geopackage.org/spec120/#extension_rtree', 'write-only')"
        ),
        {"t": spec.id},
    )
    connection.exec_driver_sql(
        f'CREATE VIRTUAL TABLE "rtree_{spec.id}_geometry" USING rtree(id, minx, maxx, miny, maxy)'
    )
    create_triggers(connection, spec.id)


def create_triggers(connection: Connection, layer: str) -> None:
    """Make the R*Tree triggers of GeoPackage 1.3 (annex F.3) for a layer."""
    for name, statement in _triggers(layer).items():
        connection.exec_driver_sql(f'CREATE TRIGGER "{name}" {statement}')


def drop_triggers(connection: Connection, layer: str) -> None:
    """Take the R*Tree triggers away, for a bulk write that fills the tree itself."""
    for name in _triggers(layer):
        connection.exec_driver_sql(f'DROP TRIGGER IF EXISTS "{name}"')


def _triggers(layer: str) -> dict[str, str]:
    # `layer` is a declared id: lower-case letters, digits and underscores only.
    tree, t, c, i = f'"rtree_{layer}_geometry"', f'"{layer}"', '"geometry"', '"gid"'
    box = f"NEW.{i}, ST_MinX(NEW.{c}), ST_MaxX(NEW.{c}), ST_MinY(NEW.{c}), ST_MaxY(NEW.{c})"
    full = f"(NEW.{c} NOTNULL AND NOT ST_IsEmpty(NEW.{c}))"
    bare = f"(NEW.{c} ISNULL OR ST_IsEmpty(NEW.{c}))"
    put = f"INSERT OR REPLACE INTO {tree} VALUES ({box});"  # noqa: S608
    drop_old = f"DELETE FROM {tree} WHERE id = OLD.{i};"  # noqa: S608
    drop_both = f"DELETE FROM {tree} WHERE id IN (OLD.{i}, NEW.{i});"  # noqa: S608
    move = (
        f"UPDATE {tree} SET minx = ST_MinX(NEW.{c}), maxx = ST_MaxX(NEW.{c}),"  # noqa: S608
        f" miny = ST_MinY(NEW.{c}), maxy = ST_MaxY(NEW.{c}) WHERE id = NEW.{i};"
    )
    same, other = f"OLD.{i} = NEW.{i}", f"OLD.{i} != NEW.{i}"
    old_full = f"(OLD.{c} NOTNULL AND NOT ST_IsEmpty(OLD.{c}))"
    old_bare = f"(OLD.{c} ISNULL OR ST_IsEmpty(OLD.{c}))"
    prefix = f"rtree_{layer}_geometry"
    return {
        f"{prefix}_insert": f"AFTER INSERT ON {t} WHEN {full} BEGIN {put} END",
        f"{prefix}_update2": f"AFTER UPDATE OF {c} ON {t} WHEN {same} AND {bare}"
        f" BEGIN {drop_old} END",
        f"{prefix}_update4": f"AFTER UPDATE ON {t} WHEN {other} AND {bare} BEGIN {drop_both} END",
        f"{prefix}_update5": f"AFTER UPDATE ON {t} WHEN {other} AND {full}"
        f" BEGIN {drop_old} {put} END",
        f"{prefix}_update6": f"AFTER UPDATE OF {c} ON {t} WHEN {same} AND {full} AND {old_full}"
        f" BEGIN {move} END",
        f"{prefix}_update7": f"AFTER UPDATE OF {c} ON {t} WHEN {same} AND {full} AND {old_bare}"
        f" BEGIN {put} END",
        f"{prefix}_delete": f"AFTER DELETE ON {t} WHEN OLD.{c} NOT NULL BEGIN {drop_old} END",
    }
