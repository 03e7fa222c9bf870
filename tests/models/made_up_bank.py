"""A made-up corpus, its features and a run's settings, all small."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.backbones.tiny import tiny_tokenizer
from models.config import TINY
from models.data.corpus import Corpus, CorpusItem, Shot
from models.training.bank import FeatureBank, Pictures, Words
from models.training.config import ProjectionConfig, TrainConfig, TrainerConfig
from runtime.text import TextTokenizer

COUNT, SHOWN = 8, 3
"""Products, and pictures of each."""


def quiet(items: Iterable[Any], *, label: str, total: int) -> Iterator[Any]:
    """Progress that shows nothing."""
    return iter(items)


def tokenizer() -> TextTokenizer:
    return TextTokenizer(tiny_tokenizer(TINY.text_tokens))


def small_config(**projection: Any) -> TrainConfig:
    return TrainConfig(
        preset="tiny",
        train=TrainerConfig(steps=12, batch=6, rate=1e-2),
        projection=ProjectionConfig(**{"steps": 8, "batch": 6, "rate": 1e-3, **projection}),
    )


def made_up_corpus(digest: str = "made up") -> Corpus:
    items = [
        CorpusItem(f"p{i}", f"Thing {i}", f"number {i} of all", "thing", f"g{i // 2}", _draw(i))
        for i in range(COUNT)
    ]
    shots = [
        Shot(i, "photo" if i < 6 else "store", tuple(_draw(i, n) for n in range(SHOWN)))
        for i in range(COUNT)
    ]
    sentences = [(i, f"this is {word} {i}") for i in range(COUNT) for word in ("thing", "number")]
    return Corpus(tuple(items), tuple(shots), tuple(sentences), digest)


def _draw(product: int, shot: int = 99) -> Any:
    return partial(_picture, product, shot)


def _picture(product: int, shot: int) -> npt.NDArray[np.uint8]:
    base = np.random.default_rng(product).integers(0, 200, (48, 40, 3))
    noise = np.random.default_rng([product, shot]).integers(0, 50, base.shape)
    return (base + noise).astype(np.uint8)


def made_up_bank(ruined: frozenset[int] = frozenset()) -> FeatureBank:
    """Features without an encoder; whatever touches a ruined product becomes NaN."""
    torch.manual_seed(5)
    spoilt = torch.tensor([float("nan") if i in ruined else 0.0 for i in range(COUNT)])
    own = torch.randn(COUNT, TINY.cls_size) + spoilt[:, None]
    seen = own.repeat_interleave(SHOWN, 0)
    sources = ["photo" if i < 6 else "store" for i in range(COUNT)]
    return FeatureBank(
        _pictures(own, spoilt),
        _words(spoilt),
        _pictures(seen + 0.5 * torch.randn_like(seen), spoilt.repeat_interleave(SHOWN)),
        _words(spoilt),
        torch.arange(COUNT),
        tuple((i, sources[i], tuple(range(i * SHOWN, (i + 1) * SHOWN))) for i in range(COUNT)),
    )


def _pictures(cls: torch.Tensor, spoilt: torch.Tensor) -> Pictures:
    tokens = torch.randn(len(cls), TINY.patches, TINY.token_size) + spoilt[:, None, None]
    return Pictures(cls.half(), tokens.half())


def _words(spoilt: torch.Tensor) -> Words:
    tokens = torch.randn(COUNT, TINY.text_tokens, TINY.text_size) + spoilt[:, None, None]
    pooled = torch.nn.functional.normalize(tokens.mean(1), dim=1)
    return Words(pooled, tokens.half(), torch.ones(COUNT, TINY.text_tokens))
