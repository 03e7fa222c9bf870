"""Does this clip show this item? The pair scorer in its cheap exact form (publication 2.3, 2.6).

SGMN fuses words into the tokens of both sides, lets the item's tokens see one another and then the
clip's, and reads the score off the item's first token. Only that token's row of the last block can
reach the score, so that an item is one stored vector, a clip is keys and values made once, and a
pair costs one row of attention.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.fusion.tokens import PictureTokens
from models.heads.norms import MASKED
from models.heads.temporal import TransformerLayer


class FusionItem(nn.Module):
    """Catalog side (``smf_item``): an item to its one vector, once."""

    def __init__(self, config: NetworkConfig, tokens: PictureTokens) -> None:
        super().__init__()
        self.tokens = tokens
        self.layer = TransformerLayer(config.node_size, config.heads)

    def forward(self, patches: Tensor, node: Tensor, words: Tensor, words_mask: Tensor) -> Tensor:
        """The vector to store.

        Args:
            patches: [N, P, D].
            node: the item itself, [N, G].
            words: of the title, [N, L, E].
            words_mask: [N, L].

        Returns:
            [N, G], the first of `rows`.
        """
        return self.rows(patches, node, words, words_mask)[:, 0]

    def rows(self, patches: Tensor, node: Tensor, words: Tensor, words_mask: Tensor) -> Tensor:
        """All tokens behind the item's own block, [N, M, G]."""
        tokens = self.tokens(patches[:, None], node[:, None], words, words_mask)[:, 0]
        rows: Tensor = self.layer(tokens, tokens.new_zeros(1, 1, 1, 1))
        return rows


class FusionQuery(nn.Module):
    """Clip side (``smf_query_kv``): a clip to keys and values, once."""

    def __init__(self, config: NetworkConfig, tokens: PictureTokens, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.heads = config.heads
        self.tokens = tokens
        self.norm = norm
        self.key = nn.Linear(config.node_size, config.node_size)
        self.value = nn.Linear(config.node_size, config.node_size)

    def forward(
        self, patches: Tensor, nodes: Tensor, frame_mask: Tensor, words: Tensor, words_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Make ready for any number of items.

        Args:
            patches: [B, T, P, D].
            nodes: frames, [B, T, G].
            frame_mask: [B, T].
            words: of the speech, [B, L, E].
            words_mask: [B, L].

        Returns:
            keys and values [B, heads, T * M, G / heads], key bias [B, 1, 1, T * M].
        """
        tokens = self.tokens(patches, nodes, words, words_mask) * frame_mask[..., None, None]
        batch, frames, places, width = tokens.shape
        flat = self.norm(tokens.reshape(batch, frames * places, width))
        mask = frame_mask[:, :, None].expand(-1, -1, places).reshape(batch, 1, 1, frames * places)
        return self._split(self.key(flat)), self._split(self.value(flat)), (1.0 - mask) * MASKED

    def _split(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        return x.reshape(batch, count, self.heads, width // self.heads).transpose(1, 2)


class FusionPair(nn.Module):
    """The pair (``smf_pair``): rows of items against one clip; candidates are query rows."""

    def __init__(self, config: NetworkConfig, norm: nn.LayerNorm) -> None:
        super().__init__()
        size = config.node_size
        self.heads = config.heads
        self.norm = norm
        self.query = nn.Linear(size, size)
        self.mix = nn.Linear(size, size)
        self.norm_mlp = nn.LayerNorm(size)
        self.up = nn.Linear(size, 4 * size)
        self.down = nn.Linear(4 * size, size)
        self.norm_out = nn.LayerNorm(size)
        self.pool = nn.Linear(size, size)
        self.logit = nn.Linear(size, 1)
        # Starts without an opinion.
        nn.init.zeros_(self.logit.weight)
        nn.init.zeros_(self.logit.bias)

    def forward(self, rows: Tensor, keys: Tensor, values: Tensor, key_bias: Tensor) -> Tensor:
        """Score rows, each by itself.

        Args:
            rows: stored vectors of candidates, [B, K, G].
            keys: [B, heads, N, G / heads], as `FusionQuery` gives them.
            values: [B, heads, N, G / heads].
            key_bias: [B, 1, 1, N].

        Returns:
            Logits [B, K].
        """
        batch, count, width = rows.shape
        part = width // self.heads
        queries = self.query(self.norm(rows)).reshape(batch, count, self.heads, part)
        weights = (queries.transpose(1, 2) @ keys.transpose(2, 3)) * part**-0.5 + key_bias
        read = (weights.softmax(-1) @ values).transpose(1, 2).reshape(batch, count, width)
        rows = rows + self.mix(read)
        rows = rows + self.down(_quick_gelu(self.up(self.norm_mlp(rows))))
        return self.logit(_quick_gelu(self.pool(self.norm_out(rows))))[..., 0]


class SelectiveFusion(nn.Module):
    """All three parts; what words do to pictures is common to both sides.

    Args:
        config: sizes.
        single_key: the published fusion of words, for ablation.
    """

    def __init__(self, config: NetworkConfig, *, single_key: bool = False) -> None:
        super().__init__()
        tokens = PictureTokens(config, single_key=single_key)
        norm = nn.LayerNorm(config.node_size)
        self.item = FusionItem(config, tokens)
        self.query = FusionQuery(config, tokens, norm)
        self.pair = FusionPair(config, norm)

    def matrix(self, stored: Tensor, keys: Tensor, values: Tensor, key_bias: Tensor) -> Tensor:
        """Every clip with every item, for training: stored [N, G] -> logits [B, N]."""
        logits: Tensor = self.pair(stored.expand(len(keys), -1, -1), keys, values, key_bias)
        return logits


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)
