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
)
