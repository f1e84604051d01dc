"""Movers over time, as far as a reader may see them."""
