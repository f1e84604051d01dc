"""Rasters: values on a regular grid, declared like layers and kept as files beside the store.

What a raster is (`spec`), when (`moment`), where its files lie (`archive`), on which pixels
(`grid`), how a part of it is read (`window`), and what is computed from it (`zonal`, `cells`).
"""
