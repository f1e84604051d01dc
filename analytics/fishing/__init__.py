"""How a boat moves when it fishes: features, a score for each fix, and its gear."""
