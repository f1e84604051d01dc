"""Values at places, in areas and along paths, taken from layers and movers."""
