"""The local catalog: a record in SQLite, vectors in immutable snapshots, exact search."""

from runtime.catalog.catalog import Catalog, CatalogStats, Hit, Item, ItemVectors, PhotoVector

__all__ = ["Catalog", "CatalogStats", "Hit", "Item", "ItemVectors", "PhotoVector"]
