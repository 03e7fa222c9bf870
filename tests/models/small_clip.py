"""Preset ``b32`` scaled down, and CLIP written a second time, from its description alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from models.backbones.clip import ClipFrameEncoder, ClipTextEncoder, Tower
from models.backbones.registry import BACKBONES
from models.config import B32, PRESETS, NetworkConfig

WIDTH, LAYERS, HEADS, JOINT = 64, 2, 4, 48
TOWER = Tower(WIDTH, LAYERS, HEADS)
SMALL = replace(
    B32,
    cls_size=JOINT,
    token_size=JOINT,
    text_size=JOINT,
    frames=3,
    visual_size=32,
    node_size=16,
    shortlist=6,
)


def frame_tower(config: NetworkConfig = SMALL) -> ClipFrameEncoder:
    return ClipFrameEncoder(config, TOWER)


def text_tower(config: NetworkConfig = SMALL) -> ClipTextEncoder:
    return ClipTextEncoder(config, TOWER)


def shrink_b32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make preset ``b32`` small for a test."""
    small = replace(BACKBONES["b32"], frame_encoder=frame_tower, text_encoder=text_tower)
    monkeypatch.setitem(BACKBONES, "b32", small)
    monkeypatch.setitem(PRESETS, "b32", SMALL)


class QuickGelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / (1 + (-1.702 * x).exp())


class Layer(nn.Module):
    """The published layer, on torch's own attention and sequence-first tensors."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(WIDTH, 4 * WIDTH))
        self.mlp.add_module("gelu", activation)
        self.mlp.add_module("c_proj", nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor, hidden: Tensor | None) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, attn_mask=hidden, need_weights=False)[0]
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class Layers(nn.Module):
    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList([Layer(activation) for _ in range(LAYERS)])

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:
        x = x.transpose(0, 1)
        for layer in self.resblocks:
            x = layer(x, hidden)
        return x.transpose(0, 1)


class Visual(nn.Module):
    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 32, 32, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn(50, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = Layers(activation)
        self.proj = nn.Parameter(torch.randn(WIDTH, JOINT))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised [N, 3, 224, 224] -> every token in the joint space, [N, 50, joint]."""
        patches = self.conv1(images).reshape(len(images), WIDTH, 49).permute(0, 2, 1)
        x = torch.cat([self.class_embedding.repeat(len(images), 1, 1), patches], 1)
        x = self.transformer(self.ln_pre(x + self.positional_embedding))
        out: Tensor = self.ln_post(x) @ self.proj
        return out


class ReferenceClip(nn.Module):
    """Both towers; its state dict has the names under which CLIP is published."""

    def __init__(self, *, quick_gelu: bool = True) -> None:
        super().__init__()
        activation: nn.Module = QuickGelu() if quick_gelu else nn.GELU()
        self.visual = Visual(activation)
        self.transformer = Layers(activation)
        self.token_embedding = nn.Embedding(49_408, WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(77, WIDTH))
        self.ln_final = nn.LayerNorm(WIDTH)
        self.text_projection = nn.Parameter(torch.randn(WIDTH, JOINT))
        self.logit_scale = nn.Parameter(torch.tensor(4.6))

    def words(self, ids: Tensor) -> Tensor:
        """int [N, 77] -> every token in the joint space, [N, 77, joint]."""
        hidden = torch.full((77, 77), float("-inf")).triu(1)
        x = self.transformer(self.token_embedding(ids) + self.positional_embedding, hidden)
        out: Tensor = self.ln_final(x) @ self.text_projection
        return out

    def text(self, ids: Tensor) -> Tensor:
        """int [N, 77], zeros behind the end -> [N, joint], read where the id is largest."""
        return self.words(ids)[torch.arange(len(ids)), ids.argmax(1)]


def published(seed: int = 0, *, quick_gelu: bool = True) -> ReferenceClip:
    """As after training: no bias is zero and no norm neutral."""
    torch.manual_seed(seed)
    network = ReferenceClip(quick_gelu=quick_gelu).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network
