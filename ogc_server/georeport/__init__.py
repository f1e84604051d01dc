"""Open311 GeoReport v2: people's applications report matters and follow what becomes of them."""
