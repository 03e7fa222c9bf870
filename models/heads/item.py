"""Item head: a shop picture and its text to a first-stage vector and second-stage nodes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.heads.memory import ItemMemory
from models.heads.norms import unit
from models.heads.query import SharedParts


class ItemHead(nn.Module):
    """The catalog side; computed once for every item."""

    def __init__(self, config: NetworkConfig, shared: SharedParts) -> None:
        super().__init__()
        self.shared = shared
        self.map = config.patches
        self.memory = ItemMemory(config)

    def forward(
        self,
        cls: Tensor,
        tokens: Tensor,
        title_pooled: Tensor,
        title_tokens: Tensor,
        title_mask: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """cls [N, C], tokens [N, views * P, D], title as in the query head -> items, nodes.

        An item [N, V] is [visual; 0; text]; the zero is the place of its bias, which depends on
        the catalog it stands in and is set when that is published. The first node [N, M, G] is the
        item itself, the others are its pooled patches.
        """
        seen, _ = self.shared.attention(tokens[:, None, : self.map], title_tokens, title_mask)
        own = self.shared.projection.items(cls)
        moved = self.memory(own, title_pooled)
        visual = unit(moved + seen[:, 0])
        item = torch.cat(
            [visual, torch.zeros_like(visual[:, :1]), unit(self.shared.words(title_pooled))], 1
        )
        node = unit(self.shared.node(visual))[:, None]
        return item, torch.cat([node, self.shared.patches.items(tokens)], 1)
