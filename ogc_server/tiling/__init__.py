"""OGC API – Tiles: tile sets, tiles, what is remembered of them."""
