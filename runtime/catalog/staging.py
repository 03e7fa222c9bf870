"""Changes that wait for the next publish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from runtime.catalog.catalog import FloatArray, Item, ItemVectors, PhotoVector
from runtime.catalog.view import View
from runtime.errors import CatalogError


@dataclass
class Staged:
    """What differs from the published view.

    Attributes:
        items: by id, an item that is new or changed, or None for one that goes.
        photos: by id, all photos that an item will have; empty where they go.
        vectors: of the photos that were added.
    """

    items: dict[str, tuple[Item, ItemVectors] | None] = field(default_factory=dict)
    photos: dict[str, frozenset[Path]] = field(default_factory=dict)
    vectors: dict[Path, PhotoVector] = field(default_factory=dict)

    def delete(self, item_id: str, view: View) -> bool:
        """Let an item and its photos go; whether it was there."""
        published = item_id in view.rows
        there = self.items.pop(item_id) is not None if item_id in self.items else published
        if published:
            self.items[item_id] = None
        self.photos[item_id] = frozenset()
        return there

    def enrol(self, item_id: str, photos: Mapping[Path, PhotoVector], view: View) -> int:
        """Add photos to an item; returns how many it did not have.

        Raises:
            CatalogError: there is no such item.
        """
        known = self._photos(item_id, view)
        self.vectors.update(photos)
        self.photos[item_id] = known | photos.keys()
        return len(photos.keys() - known)

    def forget(self, item_id: str, view: View) -> int:
        """Take all photos of an item away; returns how many it had.

        Raises:
            CatalogError: there is no such item.
        """
        known = self._photos(item_id, view)
        self.photos[item_id] = frozenset()
        return len(known)

    def merged(self, view: View) -> tuple[list[Item], dict[str, tuple[Path, ...]]]:
        """The items in order of id, and their photos in order of name, with the changes made."""
        by_id: dict[str, Item | None] = {item.id: item for item in view.items}
        by_id.update({item_id: pair and pair[0] for item_id, pair in self.items.items()})
        photos = {**view.photos, **self.photos}
        items = [item for _, item in sorted(by_id.items()) if item]
        return items, {i.id: tuple(sorted(photos[i.id])) for i in items if photos.get(i.id)}

    def clear(self) -> None:
        """Forget all changes."""
        self.items.clear()
        self.photos.clear()
        self.vectors.clear()

    def _photos(self, item_id: str, view: View) -> frozenset[Path]:
        there = self.items[item_id] if item_id in self.items else view.rows.get(item_id)
        if there is None:
            raise CatalogError(
                f"there is no product {item_id} in the catalog",
                why=like(item_id, view.rows),
                fix="see all ids with: sgmn catalog list",
            )
        return self.photos.get(item_id, frozenset(view.photos.get(item_id, ())))


def like(item_id: str, known: Iterable[str]) -> str:
    """Says which ids are most like one that is not known."""
    nearest = get_close_matches(item_id, list(known), n=3, cutoff=0.5)
    return f"the nearest ids are {', '.join(nearest)}" if nearest else "no id is like it"


def check_finite(item_id: str, *vectors: FloatArray) -> None:
    """Refuse vectors that would spoil every search.

    Raises:
        CatalogError: a value is infinite or not a number.
    """
    if not all(np.isfinite(vector).all() for vector in vectors):
        raise CatalogError(
            f"the product {item_id} cannot be stored",
            why="the network gave vectors that are not finite numbers",
            fix="run: sgmn bundle verify",
        )
