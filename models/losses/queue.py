"""Clips and items of earlier batches, kept as further negatives."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.losses.pairs import Pairs


class MemoryQueue(nn.Module):
    """The last pairs seen; the oldest make room. Its state is tensors and resumes exactly.

    Args:
        size: rows kept.
        width: V, of a vector.
    """

    clips: Tensor
    items: Tensor
    products: Tensor
    groups: Tensor
    place: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("clips", torch.zeros(size, width))
        self.register_buffer("items", torch.zeros(size, width))
        self.register_buffer("products", torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("groups", torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def push(self, pairs: Pairs) -> None:
        """Keep these pairs, the last ones where they are more than fit."""
        count = min(len(pairs), self.size)
        rows = (self.place + torch.arange(count, device=self.place.device)) % self.size
        for name in ("clips", "items", "products", "groups"):
            kept, new = getattr(self, name), getattr(pairs, name)[-count:]
            kept[rows] = new.to(kept.dtype)
        self.place.copy_((self.place + count) % self.size)

    def pairs(self) -> Pairs:
        """Copies of all rows; empty ones have product -1 and are never mined."""
        return Pairs(
            self.clips.clone(), self.items.clone(), self.products.clone(), self.groups.clone()
        )
