"""Vector tiles: matrix sets, geometries in tile units, counts by cells, the MVT format."""
