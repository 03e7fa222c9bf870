"""Small random encoders of the same contract, so that tests run the whole path in seconds."""

from __future__ import annotations

import string

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

from models.backbones.encoder import FrameEncoder, TextEncoder, planes
from models.config import NetworkConfig

VOCABULARY = 256


def tiny_tokenizer(max_tokens: int) -> Tokenizer:
    """A tokenizer that spells: every letter and digit is a token."""
    characters = string.ascii_lowercase + string.digits
    pieces = [*characters, *(f"##{c}" for c in characters)]
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces]
    tokenizer = Tokenizer(models.WordPiece({n: i for i, n in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding()
    return tokenizer


class TinyFrameEncoder(FrameEncoder):
    """Three convolutions and the same outputs as a real frame encoder."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.grid = config.grid
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 16, 4, 4),
            nn.ReLU(),
            nn.Conv2d(16, config.token_size, 3, 2, 0),
            nn.ReLU(),
        )
        self.head = nn.Linear(config.token_size, config.cls_size)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [N, S, S, 3] RGB -> cls [N, C], tokens [N, P, D]."""
        pixels = (planes(images) - 127.0) / 128.0
        features = self.trunk(pixels)
        return self.head(features.mean((2, 3))), features.flatten(2).transpose(1, 2)


class TinyTextEncoder(TextEncoder):
    """An embedding table and a mean."""

    vocabulary = VOCABULARY

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, config.text_size)
        self.mix = nn.Linear(config.text_size, config.text_size)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """int64 [N, L] twice -> pooled [N, E] of unit length, tokens [N, L, E], padding zero."""
        keep = mask.to(torch.float32)
        tokens = self.mix(self.words(ids))
        total = (tokens * keep[..., None]).sum(1)
        length = (total * total).sum(1, keepdim=True).clamp(min=1e-12).sqrt()
        return total / length, tokens * keep[..., None]
