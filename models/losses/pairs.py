"""Clips with their items, as mining and the memory queue see them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pairs:
    """Row n: a clip and the item it shows.

    Attributes:
        clips: first-stage vectors of clips, [N, V].
        items: first-stage vectors of items, [N, V].
        products: ids, int64 [N]; below 0 for an empty row.
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

    def joined(self, other: Pairs) -> Pairs:
        """These rows, then the other's."""
        return Pairs(
            torch.cat([self.clips, other.clips]),
            torch.cat([self.items, other.items]),
            torch.cat([self.products, other.products]),
            torch.cat([self.groups, other.groups]),
        )
