"""A shelf of encoded products and clips asked of it in batches, with a network that is in torch.

What `runtime.matcher.Matcher` does one clip at a time with exported submodules, over features that
are kept: for comparing many networks. Publishing and the weighing of words are the runtime's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.data.corpus import CorpusItem
from models.heads.norms import unit
from models.sgmn import Sgmn
from models.training.bank import FeatureBank
from runtime.bundle.manifest import PublishRule, SpokenRule
from runtime.catalog.catalog import Item, ItemVectors
from runtime.catalog.publisher import PhotoPublisher
from runtime.lexical.denial import split_denials
from runtime.lexical.spoken import SpokenEvidence
from runtime.text import TextTokenizer, clean

BATCH = 32


@dataclass(frozen=True)
class Shelf:
    """Published products.

    Attributes:
        items: [N, V].
        nodes: [N, M, G].
        texts: of the products, in the same order.
    """

    items: Tensor
    nodes: Tensor
    texts: tuple[Item, ...]


@dataclass(frozen=True)
class Sentence:
    """Something said, read by the text encoder; what it denies is left out of the features."""

    text: str
    pooled: Tensor
    tokens: Tensor
    mask: Tensor


@torch.inference_mode()
def publish(
    network: Sgmn,
    bank: FeatureBank,
    products: Sequence[CorpusItem],
    photos: Mapping[int, Sequence[int]],
    rule: PublishRule | None = None,
) -> Shelf:
    """Encode and publish all products of a bank.

    Args:
        network: in evaluation mode.
        bank: its items and titles.
        products: their texts.
        photos: rows of the bank's frames to enrol, by product.
        rule: of publishing; the runtime's default if None.
    """
    parts = [
        network.item_head(*bank.items.rows(rows), *bank.titles.rows(rows))
        for rows in torch.arange(len(bank.items.cls)).split(BATCH)
    ]
    items = torch.cat([items for items, _ in parts]).numpy()
    nodes = torch.cat([nodes for _, nodes in parts]).numpy()
    texts = tuple(_item(number, product) for number, product in enumerate(products))
    vectors = [ItemVectors(item, node) for item, node in zip(items, nodes, strict=True)]
    seen = {
        texts[product].id: _photo_vectors(network, bank, rows) for product, rows in photos.items()
    }
    made = PhotoPublisher(rule or PublishRule()).publish(texts, vectors, seen)
    return Shelf(torch.from_numpy(made.items), torch.from_numpy(made.nodes), texts)


def read_sentences(network: Sgmn, tokenizer: TextTokenizer, texts: Sequence[str]) -> list[Sentence]:
    """Encode what each text asserts, as `runtime.lexical.hearing.Hearing` does."""
    length, size = network.config.text_tokens, network.config.text_size
    found = []
    for text in texts:
        asserted = split_denials(clean(text)).asserted
        pooled, tokens = torch.zeros(1, size), torch.zeros(1, length, size)
        mask = torch.zeros(1, length)
        if tokenizer.says_something(asserted):
            batch = tokenizer.encode([asserted])
            with torch.inference_mode():
                pooled, words = network.text_encoder(
                    torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)
                )
            tokens[:, : words.shape[1]] = words
            mask[:, : words.shape[1]] = torch.from_numpy(batch.mask)
        found.append(Sentence(text, pooled, tokens, mask))
    return found


@torch.inference_mode()
def ask(
    network: Sgmn,
    bank: FeatureBank,
    shelf: Shelf,
    frames: Sequence[Sequence[int]],
    said: Sequence[Sentence | None],
    rule: SpokenRule | None = None,
) -> Tensor:
    """Scores of all products for each clip after both stages: [Q, N].

    Args:
        network: in evaluation mode.
        bank: holds the frames.
        shelf: what is asked.
        frames: of each clip, rows of the bank, at most T.
        said: with each clip; None for silence.
        rule: of words; the runtime's default if None.
    """
    evidence = SpokenEvidence(shelf.texts, rule or SpokenRule())
    scored = []
    for start in range(0, len(frames), BATCH):
        part = slice(start, start + BATCH)
        query, nodes, patches, mask = _queries(network, bank, frames[part], said[part])
        prior = torch.stack([_prior(network, shelf, evidence, s) for s in said[part]])
        seen = network.config.visual_size + 1
        scores = query[:, :seen] @ shelf.items[:, :seen].T + prior
        scored.append(_reranked(network, shelf, query, nodes, patches, mask, scores))
    return torch.cat(scored)


def _reranked(
    network: Sgmn,
    shelf: Shelf,
    query: Tensor,
    nodes: Tensor,
    patches: Tensor,
    mask: Tensor,
    scores: Tensor,
) -> Tensor:
    listed = scores.topk(min(network.config.shortlist, scores.shape[1]), 1).indices
    ones = torch.ones_like(listed, dtype=scores.dtype)
    again = network.reranker(
        query,
        nodes,
        patches,
        mask,
        shelf.items[listed],
        shelf.nodes[listed],
        scores.gather(1, listed),
        ones,
    )
    # What was not listed comes behind what was.
    below = scores - scores.amax(1, keepdim=True) + again.amin(1, keepdim=True) - 1.0
    return below.scatter(1, listed, again)


def _queries(
    network: Sgmn,
    bank: FeatureBank,
    frames: Sequence[Sequence[int]],
    said: Sequence[Sentence | None],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    config = network.config
    rows = torch.zeros(len(frames), config.frames, dtype=torch.long)
    mask = torch.zeros(len(frames), config.frames)
    for i, some in enumerate(frames):
        rows[i, : len(some)] = torch.tensor(some)
        mask[i, : len(some)] = 1.0
    cls, tokens = bank.frames.rows(rows.reshape(-1))
    pooled = torch.zeros(len(frames), config.text_size)
    words = torch.zeros(len(frames), config.text_tokens, config.text_size)
    words_mask = torch.zeros(len(frames), config.text_tokens)
    for i, sentence in enumerate(said):
        if sentence is not None:
            pooled[i], words[i], words_mask[i] = (
                sentence.pooled[0],
                sentence.tokens[0],
                sentence.mask[0],
            )
    query, nodes, patches, _ = network.query_head(
        cls.reshape(*mask.shape, -1) * mask[..., None],
        tokens.reshape(*mask.shape, *tokens.shape[1:]) * mask[..., None, None],
        mask,
        pooled,
        words,
        words_mask,
    )
    return query, nodes, patches, mask


def _prior(network: Sgmn, shelf: Shelf, evidence: SpokenEvidence, said: Sentence | None) -> Tensor:
    if said is None:
        return torch.zeros(len(shelf.items))
    spoken = unit(network.shared.words(said.pooled))[0]
    alike = shelf.items[:, network.config.visual_size + 1 :] @ spoken
    return torch.from_numpy(evidence.weigh(split_denials(clean(said.text)), alike.numpy()))


def _photo_vectors(
    network: Sgmn, bank: FeatureBank, rows: Sequence[int]
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    found = []
    for some in torch.tensor(rows).split(BATCH):
        query, *_ = _queries(network, bank, [[row] for row in some.tolist()], [None] * len(some))
        found.append(query[:, : network.config.visual_size])
    return torch.cat(found).numpy()


def _item(number: int, product: CorpusItem) -> Item:
    return Item(
        f"{number:06d}",
        product.title,
        product.description,
        Path(),
        product.group,
        {"product_type": product.kind},
    )
