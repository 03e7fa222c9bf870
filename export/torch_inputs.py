"""Real inputs for every submodule, made by running the network in torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from export.samples import Samples
from models.config import NetworkConfig
from models.sgmn import Sgmn
from runtime.errors import ExportError
from runtime.preprocess import frame_input
from runtime.sampler import spread
from runtime.text import TextTokenizer

Inputs = dict[str, list[Tensor]]


def submodule_inputs(network: Sgmn, tokenizer: TextTokenizer, samples: Samples) -> Inputs:
    """Inputs of all five submodules for one clip of all pictures and the first text.

    Raises:
        ExportError: the tokenizer gives tokens that the text encoder does not know.
    """
    config = network.config
    images = torch.from_numpy(
        np.stack([frame_input(picture, config.image_size) for picture in samples.pictures])
    )
    batch = tokenizer.encode(samples.texts)
    ids, mask = torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)
    _require_known(ids, network)
    with torch.inference_mode():
        cls, tokens = network.frame_encoder(images)
        pooled, words = network.text_encoder(ids, mask)
        padded, words_mask = _padded(words, mask, config)
        query = [*_clip(cls, tokens, config), pooled[:1], padded[:1], words_mask[:1]]
        vector, nodes, patches, _ = network.query_head(*query)
        count = min(len(images), len(samples.texts))
        item = [cls[:count], tokens[:count], pooled[:count], padded[:count], words_mask[:count]]
        items, item_nodes = network.item_head(*item)
        rerank = _shortlist(vector, nodes, patches, query[2], items, item_nodes, config)
    return {
        "frame_encoder": [images],
        "text_encoder": [ids, mask],
        "query_head": query,
        "item_head": item,
        "reranker": rerank,
    }


def parity_cases(
    network: Sgmn, tokenizer: TextTokenizer, samples: Samples
) -> dict[str, list[list[Tensor]]]:
    """What each submodule is compared with torch on: streams as they are.

    Beside the inputs of `submodule_inputs`, whose clip is one frame short: one picture and one
    sentence alone, a clip of one frame, one without words, one without frames, products without a
    text.

    Raises:
        ExportError: as `submodule_inputs`.
    """
    inputs = submodule_inputs(network, tokenizer, samples)
    cases = {name: [given] for name, given in inputs.items()}
    cases["frame_encoder"].append([inputs["frame_encoder"][0][:1]])
    ids, mask = inputs["text_encoder"]
    length = int(mask[0].sum())
    cases["text_encoder"].append([ids[:1, :length], mask[:1, :length]])
    cls, tokens, frames, *words = inputs["query_head"]
    silence = [torch.zeros_like(one) for one in words]
    first = torch.zeros_like(frames)
    first[0, 0] = 1.0
    seen = [cls * first[..., None], tokens * first[..., None, None], first]
    nothing = [torch.zeros_like(one) for one in (cls, tokens, frames)]
    cases["query_head"] += [[*seen, *words], [*seen, *silence], [cls, tokens, frames, *silence]]
    cases["query_head"].append([*nothing, *words])
    pictures, titles = inputs["item_head"][:2], inputs["item_head"][2:]
    cases["item_head"].append([*pictures, *(torch.zeros_like(one) for one in titles)])
    return cases


def _require_known(ids: Tensor, network: Sgmn) -> None:
    known = network.text_encoder.vocabulary
    if int(ids.max()) >= known:
        raise ExportError(
            "the tokenizer does not belong to the checkpoint",
            why=f"it gives token {int(ids.max())}, the text encoder knows {known}",
            fix="give the text encoder's own tokenizer.json with --tokenizer",
        )


def _padded(words: Tensor, mask: Tensor, config: NetworkConfig) -> tuple[Tensor, Tensor]:
    count, length = mask.shape
    padded = torch.zeros(count, config.text_tokens, config.text_size)
    padded[:, :length] = words
    long_mask = torch.zeros(count, config.text_tokens)
    long_mask[:, :length] = mask.float()
    return padded, long_mask


def _clip(cls: Tensor, tokens: Tensor, config: NetworkConfig) -> list[Tensor]:
    """A clip that is one frame short, so that padding is part of every check."""
    chosen = spread(len(cls), max(1, config.frames - 1))
    clip_cls = torch.zeros(1, config.frames, config.cls_size)
    clip_tokens = torch.zeros(1, config.frames, config.tokens, config.token_size)
    frame_mask = torch.zeros(1, config.frames)
    clip_cls[0, : len(chosen)] = cls[chosen]
    clip_tokens[0, : len(chosen)] = tokens[chosen]
    frame_mask[0, : len(chosen)] = 1.0
    return [clip_cls, clip_tokens, frame_mask]


def _shortlist(
    vector: Tensor,
    nodes: Tensor,
    patches: Tensor,
    frame_mask: Tensor,
    items: Tensor,
    item_nodes: Tensor,
    config: NetworkConfig,
) -> list[Tensor]:
    count = min(len(items), config.shortlist)
    listed = torch.zeros(1, config.shortlist, config.vector_size)
    listed_nodes = torch.zeros(1, config.shortlist, config.item_nodes, config.node_size)
    mask = torch.zeros(1, config.shortlist)
    listed[0, :count], listed_nodes[0, :count], mask[0, :count] = (
        items[:count],
        item_nodes[:count],
        1.0,
    )
    scores = (listed @ vector[0])[:, :] * mask
    return [vector, nodes, patches, frame_mask, listed, listed_nodes, scores, mask]
