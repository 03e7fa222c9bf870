"""Item head: a shop picture and its text to a first-stage vector and second-stage nodes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import NetworkConfig
from models.heads.norms import unit
from models.heads.query import SharedParts


class ItemHead(nn.Module):
    """The catalog side; computed once for every item."""

    def __init__(self, config: NetworkConfig, shared: SharedParts) -> None:
        super().__init__()
        self.shared = shared
        self.grid = config.grid
        self.patch_node = nn.Linear(config.token_size, config.node_size, bias=False)

    def forward(
        self,
        cls: Tensor,
        tokens: Tensor,
        title_pooled: Tensor,
        title_tokens: Tensor,
        title_mask: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """cls [N, C], tokens [N, P, D], title as in the query head -> item [N, V], nodes [N, M, G].

        The first node is the item itself, the others are 3 x 3 pooled patches.
        """
        seen, _ = self.shared.attention(tokens[:, None], title_tokens, title_mask)
        visual = unit(unit(self.shared.projection.items(cls)) + seen[:, 0])
        item = torch.cat([visual, unit(self.shared.words(title_pooled))], 1)
        own = unit(self.shared.node(visual))[:, None]
        square = tokens.transpose(1, 2).reshape(-1, tokens.shape[2], self.grid, self.grid)
        pooled = F.avg_pool2d(square, 3, 2).flatten(2).transpose(1, 2)
        return item, torch.cat([own, unit(self.patch_node(pooled))], 1)
