"""Vector tiles: tile matrix sets, geometries in tile units, aggregation by cells, the MVT format."""
