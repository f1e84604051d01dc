"""Compiled loops over sorted columns: no files, no clock, no texts; one record of state a track."""
