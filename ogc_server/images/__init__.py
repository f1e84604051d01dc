"""OGC API – Maps: pictures of rasters and of layers as numbers per cell."""
