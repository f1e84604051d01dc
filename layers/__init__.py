"""Layers: the city as spatial tables on one H3 grid.

Everything a city declares (`city`, `spec`), the reference systems (`crs`, `h3grid`), what a
question to a layer is (`query`), and where rows and positions are kept (`store`, `positions`).
"""
