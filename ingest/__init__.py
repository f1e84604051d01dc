"""Feeds come in: sources give lines, decoders make columns and rows, the gate lets good ones pass."""
