"""all-MiniLM-L6-v2 as text encoder, in plain torch with export-friendly attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.backbones.encoder import TextEncoder

WIDTH, LAYERS, HEADS, HIDDEN = 384, 6, 12, 1536
VOCABULARY, POSITIONS = 30_522, 512
MASKED = -1e4
"""Finite, so that half precision and fully masked rows stay finite."""


class Layer(nn.Module):
    """One post-norm BERT layer."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.mix_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.up = nn.Linear(WIDTH, HIDDEN)
        self.down = nn.Linear(HIDDEN, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """[N, L, 384], bias [N, 1, 1, L] -> [N, L, 384]."""
        n, length, _ = x.shape

        def split(t: Tensor) -> Tensor:
            return t.reshape(n, length, HEADS, WIDTH // HEADS).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = ((q @ k.transpose(2, 3)) / (WIDTH // HEADS) ** 0.5 + bias).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(n, length, WIDTH)
        x = self.mix_norm(x + self.mix(mixed))
        return self.norm(x + self.down(F.gelu(self.up(x))))


class MiniLm(TextEncoder):
    """Token ids to token vectors and their normalised mean."""

    vocabulary = VOCABULARY

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Parameter(torch.zeros(POSITIONS, WIDTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """int64 [N, L] twice -> unit pooled [N, 384], tokens [N, L, 384], padding zero."""
        keep = mask.to(self.positions.dtype)
        x = self.norm(self.words(ids) + self.positions[: ids.shape[1]])
        bias = (1.0 - keep)[:, None, None, :] * MASKED
        for layer in self.layers:
            x = layer(x, bias)
        total = (x * keep[..., None]).sum(1) / keep.sum(1, keepdim=True).clamp(min=1.0)
        length = (total * total).sum(1, keepdim=True).clamp(min=1e-12).sqrt()
        return total / length, x * keep[..., None]


def load_pretrained(encoder: MiniLm) -> None:
    """Fill in the sentence-transformers weights.

    Raises:
        DependencyError: the package with the weights is not installed.
        ExportError: the weights are not the ones that were measured.
    """
    from safetensors.torch import load_file

    from models.backbones.weights import minilm_folder

    encoder.load_state_dict(_renamed(load_file(minilm_folder() / "model.safetensors")))


def _renamed(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    # There is only ever one segment, so its embedding is folded into the positions.
    segment = theirs["embeddings.token_type_embeddings.weight"][0]
    ours = {
        "words.weight": theirs["embeddings.word_embeddings.weight"],
        "positions": theirs["embeddings.position_embeddings.weight"] + segment,
        "norm.weight": theirs["embeddings.LayerNorm.weight"],
        "norm.bias": theirs["embeddings.LayerNorm.bias"],
    }
    parts = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "mix": "attention.output.dense",
        "mix_norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm": "output.LayerNorm",
    }
    for i in range(LAYERS):
        for mine, other in parts.items():
            for kind in ("weight", "bias"):
                ours[f"layers.{i}.{mine}.{kind}"] = theirs[f"encoder.layer.{i}.{other}.{kind}"]
    return ours
