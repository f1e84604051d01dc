"""The commands of ``onemap``, one file for each group."""
