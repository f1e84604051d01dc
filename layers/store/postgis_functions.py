"""SQL functions that the filters need on PostGIS, matching those of `layers.store.functions`."""

from __future__ import annotations

# ICU's root collation folds case in every script, whatever the locale of the database is.
FUNCTIONS = (
    r"""
CREATE OR REPLACE FUNCTION onemap_casei(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT replace(replace(lower($1 COLLATE "und-x-icu"), 'ß', 'ss'), 'ς', 'σ') COLLATE "C"
$$""",
    r"""
CREATE OR REPLACE FUNCTION onemap_accenti(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT normalize(regexp_replace(normalize($1, NFD),
    '[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]', '', 'g'), NFC)
    COLLATE "C"
$$""",
    """
CREATE OR REPLACE FUNCTION onemap_power(double precision, double precision)
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN power($1, $2);
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END
$$""",
    """
CREATE OR REPLACE FUNCTION onemap_lower(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT lower($1 COLLATE "und-x-icu") COLLATE "C"
$$""",
    """
CREATE OR REPLACE FUNCTION onemap_upper(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT upper($1 COLLATE "und-x-icu") COLLATE "C"
$$""",
    """
CREATE OR REPLACE FUNCTION onemap_length(text) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT length($1)::double precision $$""",
    """
CREATE OR REPLACE FUNCTION onemap_abs(double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT abs($1) $$""",
    """
CREATE OR REPLACE FUNCTION onemap_floor(double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT floor($1) $$""",
    """
CREATE OR REPLACE FUNCTION onemap_ceil(double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT ceil($1) $$""",
    """
CREATE OR REPLACE FUNCTION onemap_round(double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN abs($1) < 4503599627370496
    THEN sign($1) * (floor(abs($1)) + (abs($1) - floor(abs($1)) >= 0.5)::int) ELSE $1 END
$$""",
    """
CREATE OR REPLACE FUNCTION onemap_area_m2(geometry) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT ST_Area($1::geography) $$""",
    """
CREATE OR REPLACE FUNCTION onemap_length_m(geometry) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT ST_Length($1::geography) + ST_Perimeter($1::geography)
$$""",
    """
CREATE OR REPLACE FUNCTION onemap_array_contains(jsonb, jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN jsonb_typeof($1) = 'array' AND jsonb_typeof($2) = 'array' THEN
    NOT EXISTS (SELECT FROM jsonb_array_elements($2) b WHERE NOT EXISTS
      (SELECT FROM jsonb_array_elements($1) a WHERE a.value = b.value)) END
$$""",
    """
CREATE OR REPLACE FUNCTION onemap_array_overlaps(jsonb, jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN jsonb_typeof($1) = 'array' AND jsonb_typeof($2) = 'array' THEN
    EXISTS (SELECT FROM jsonb_array_elements($2) b, jsonb_array_elements($1) a
      WHERE a.value = b.value) END
$$""",
)
