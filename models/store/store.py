"""A synthetic shop: its products, their cut-outs and the backdrops they are filmed against."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.store.artwork import cutout
from models.store.backdrop import BACKDROPS, draw_backdrop, shows_products
from models.store.product import Product, make_products


@dataclass(frozen=True)
class Store:
    """Products of one seed; pictures are drawn on first use and kept (about 1 MiB a product)."""

    seed: int
    products: tuple[Product, ...]
    _cutouts: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    _backdrops: dict[int, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    _clear: dict[str, list[int]] = field(default_factory=dict, repr=False, compare=False)

    def cutout(self, product: Product) -> np.ndarray:
        """The package alone, BGRA uint8 (512, 512, 4)."""
        if product.id not in self._cutouts:
            self._cutouts[product.id] = cutout(product)
        return self._cutouts[product.id]

    def backdrop(self, number: int) -> np.ndarray:
        """One of the shop's views behind a product, BGR uint8 (720, 1280, 3), out of focus."""
        number %= BACKDROPS
        if number not in self._backdrops:
            rng = np.random.default_rng([self.seed, 2, number])
            pictures = [self.cutout(p) for p in self._stocked(number)]
            self._backdrops[number] = draw_backdrop(rng, number, pictures)
        return self._backdrops[number]

    def backdrops_without(self, product: Product) -> list[int]:
        """Numbers of the backdrops in which no product of the same family stands."""
        if product.family not in self._clear:
            self._clear[product.family] = [
                number
                for number in range(BACKDROPS)
                if not shows_products(number)
                or all(p.family != product.family for p in self._stocked(number))
            ]
        return self._clear[product.family]

    def siblings(self, product: Product) -> list[Product]:
        """The other products of the same family."""
        return [p for p in self.products if p.family == product.family and p.id != product.id]

    def _stocked(self, number: int) -> list[Product]:
        """The products that stand in a backdrop."""
        rng = np.random.default_rng([self.seed, 7, number])
        families = sorted({p.family for p in self.products})
        shown = {families[i] for i in rng.permutation(len(families))[:5]}
        return [p for p in self.products if p.family in shown]


def open_store(seed: int = 0, count: int = 48) -> Store:
    """The shop of a seed; seed 0 is the demo store."""
    return Store(seed, tuple(make_products(seed, count)))
