"""The simulator: a synthetic demo city as input files in real formats, with a truth file.

``build`` makes everything; the place itself comes from `ingest.simulator.place.build_geography`.
"""
