"""Clips with their items, as mining sees them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Pairs:
    """Row n: a clip and the item it shows.

    Attributes:
        clips: first-stage vectors of clips, [N, V].
        items: first-stage vectors of items, [N, V].
        products: ids, int64 [N]; below 0 where unknown.
        groups: ids of look-alike groups, int64 [N]; below 0 where unknown.
    """

    clips: Tensor
    items: Tensor
    products: Tensor
    groups: Tensor

    def __len__(self) -> int:
        return len(self.products)

    def detached(self) -> Pairs:
        """The same values without a way back for gradients."""
        return Pairs(self.clips.detach(), self.items.detach(), self.products, self.groups)

    def swapped(self) -> Pairs:
        """Clips and items exchanged, to look from the other side."""
        return Pairs(self.items, self.clips, self.products, self.groups)
