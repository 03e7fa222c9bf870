"""Networks of preset ``tiny`` and inputs for their heads."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from models.config import TINY, NetworkConfig
from models.heads.item import ItemHead
from models.heads.query import QueryHead, SharedParts
from models.sgmn import Sgmn

torch.set_num_threads(1)

Module = TypeVar("Module", bound=nn.Module)


def fresh_network(seed: int = 0) -> Sgmn:
    """As training starts: what is learnt beside the projection adds nothing yet."""
    torch.manual_seed(seed)
    return Sgmn(TINY).eval()


def stirred_network(seed: int = 0) -> Sgmn:
    """As after training: no layer is zero, so that every path carries something."""
    return stirred(fresh_network(seed))


def stirred_heads(config: NetworkConfig) -> tuple[QueryHead, ItemHead]:
    """Both heads of any preset without its encoders."""
    torch.manual_seed(0)
    shared = SharedParts(config)
    return stirred(QueryHead(config, shared)).eval(), stirred(ItemHead(config, shared)).eval()


def stirred(module: Module) -> Module:
    """Fill all-zero parameters and means with random numbers, in place."""
    for tensor in (*module.parameters(), *module.buffers()):
        if not tensor.any():
            nn.init.normal_(tensor, std=0.3)
    return module


def query_inputs(
    config: NetworkConfig, *, batch: int = 1, frames: int = 3, words: int = 3, seed: int = 1
) -> dict[str, Tensor]:
    """Random inputs of the query head with so many real frames and words, the rest padding."""
    torch.manual_seed(seed)
    text_tokens = torch.zeros(batch, config.text_tokens, config.text_size)
    text_tokens[:, :words] = torch.randn(batch, words, config.text_size)
    text_mask = torch.zeros(batch, config.text_tokens)
    text_mask[:, :words] = 1.0
    frame_mask = torch.zeros(batch, config.frames)
    frame_mask[:, :frames] = 1.0
    return {
        "cls": torch.randn(batch, config.frames, config.cls_size),
        "tokens": torch.randn(batch, config.frames, config.tokens, config.token_size),
        "frame_mask": frame_mask,
        "text_pooled": torch.randn(batch, config.text_size) * float(words > 0),
        "text_tokens": text_tokens,
        "text_mask": text_mask,
    }


def item_inputs(
    config: NetworkConfig, *, count: int = 2, words: int = 4, seed: int = 2
) -> dict[str, Tensor]:
    """Random inputs of the item head."""
    made = query_inputs(config, batch=count, frames=1, words=words, seed=seed)
    return {
        "cls": made["cls"][:, 0],
        "tokens": made["tokens"][:, 0],
        "title_pooled": made["text_pooled"],
        "title_tokens": made["text_tokens"],
        "title_mask": made["text_mask"],
    }
