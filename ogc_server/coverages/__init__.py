"""OGC API – Coverages: rasters as collections with their values."""
