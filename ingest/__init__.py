"""Feeds come in: sources give lines, decoders make columns, the gate lets good rows pass."""
