"""Stores: one interface, a GeoPackage for the laptop and PostGIS for the district."""

from layers.store.base import FeaturePage, Page, Store, Transaction, WriteCount
from layers.store.open import open_store

__all__ = ["FeaturePage", "Page", "Store", "Transaction", "WriteCount", "open_store"]
