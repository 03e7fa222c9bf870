"""R@1 on validation clips, against hand-made cases and an own count."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.data import sources
from models.data.validation import grocery_validation
from models.heads.norms import unit
from models.training.bank import FeatureBank, Pictures, Words, build_bank
from models.training.validation import RetrievalValidation, strictly_first
from tests.models.made_up_bank import COUNT, made_up_bank, quiet, tokenizer
from tests.models.made_up_shop import NOVEL, PRODUCTS, make_grocery
from tests.models.tiny_network import fresh_network, stirred_network


def test_a_tie_is_wrong() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.5]])
    right = torch.tensor([0, 0, 0])
    assert strictly_first(scores, right).tolist() == [1.0, 0.0, 0.0]
    assert strictly_first(torch.full((1, 4), -torch.inf), torch.tensor([2])).tolist() == [0.0]


def _bank(tiers: tuple[str, ...] = ("L0", "L3")) -> FeatureBank:
    bank = made_up_bank()
    shots = tuple((i, tiers[i % len(tiers)], rows) for i, _, rows in bank.shots)
    return FeatureBank(bank.items, bank.titles, bank.frames, bank.sentences, bank.said, shots)


def test_figures_are_those_of_a_plain_count() -> None:
    network, bank = stirred_network(), _bank()
    found = RetrievalValidation(network, lambda: bank)()
    size, hits = network.config.visual_size, {"L0": [0, 0, 0], "L3": [0, 0, 0]}
    with torch.inference_mode():
        every = torch.arange(COUNT)
        items, nodes = network.item_head(*bank.items.rows(every), *bank.titles.rows(every))
        for row, (right, tier, frames) in enumerate(bank.shots):
            cls, tokens = bank.frames.rows(torch.tensor(frames))
            mask = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
            padded = [torch.cat([x, torch.zeros_like(x[:1])])[None] for x in (cls, tokens)]
            words = bank.sentences.rows(torch.tensor([row]))
            query, frame_nodes, places, _ = network.query_head(*padded, mask, *words)
            scores = query @ items.T
            image = query[:, :size] @ items[:, :size].T
            inputs = (items[None], nodes[None], scores, torch.ones(1, COUNT))
            both = network.reranker(query, frame_nodes, places, mask, *inputs)
            for place, ranked in enumerate((image, scores, both)):
                hits[tier][place] += int(ranked.argmax()) == right
    for tier, counts in hits.items():
        mine = [found[f"{name}_{tier}"] * COUNT / 2 for name in ("image", "first", "fused")]
        assert mine == pytest.approx(counts), tier
    counted = [v for name, v in found.items() if name.startswith(("image", "fused"))]
    assert found["figure"] == pytest.approx(sum(counted) / 4)
    assert len({*hits["L0"], *hits["L3"]}) > 1, "a case that tells the figures apart"


def test_a_network_that_sees_the_same_picture_twice_is_right() -> None:
    network, bank = fresh_network(), _bank(("L0",))
    torch.nn.init.zeros_(network.query_head.text_weight)
    seen = Pictures(
        bank.items.cls.repeat_interleave(3, 0), bank.items.tokens.repeat_interleave(3, 0)
    )
    same = FeatureBank(bank.items, bank.titles, seen, bank.sentences, bank.said, bank.shots)
    found = RetrievalValidation(network, lambda: same)()
    assert found == {"figure": 1.0, "image_L0": 1.0, "first_L0": 1.0, "fused_L0": 1.0}


def test_words_count_in_all_but_the_image_figure() -> None:
    network, bank = fresh_network(), _bank(("L0",))
    network.query_head.text_weight.data.fill_(50.0)
    spoken = Words(unit(bank.titles.pooled), bank.titles.tokens, bank.titles.mask)
    blind = Pictures(bank.frames.cls * 0, bank.frames.tokens * 0)
    same = FeatureBank(bank.items, spoken, blind, spoken, bank.said, bank.shots)
    found = RetrievalValidation(network, lambda: same)()
    assert found["first_L0"] == found["fused_L0"] == 1.0
    assert found["image_L0"] <= 1 / COUNT


def test_validation_clips_are_those_of_the_manifest_and_share_nothing_with_training(
    tmp_path: Path,
) -> None:
    root = make_grocery(tmp_path / "data")
    corpus = grocery_validation(root)
    names = list(PRODUCTS)
    assert [item.key for item in corpus.items] == [f"grocery/{p}" for p in names]
    assert [(names[s.item], s.source) for s in corpus.shots] == [
        (product, tier) for tier in ("L0", "L3") for product in names
    ]
    assert [i for i, _ in corpus.sentences] == [s.item for s in corpus.shots]
    assert corpus.sentences[0][1] == "look at red milk from here"
    assert any(names[s.item] == NOVEL for s in corpus.shots)
    trained = sources.grocery(root, tiers=("L0", "L3"), staged=0)
    ours = {p().tobytes() for s in corpus.shots for p in s.pictures}
    assert ours.isdisjoint({p().tobytes() for s in trained.shots for p in s.pictures})
    bank = build_bank(corpus, fresh_network(), tokenizer(), tmp_path / "features", quiet)
    assert 0 <= RetrievalValidation(fresh_network(), lambda: bank)()["figure"] <= 1
