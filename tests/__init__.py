"""Tests; a package of its own, since a dependency installs another one named ``tests``."""
