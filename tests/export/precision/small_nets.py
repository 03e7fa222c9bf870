"""Small convolutional and attention networks in ONNX, with what they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from export.onnx_files import write_onnx
from export.precision.rehearsal import Feed
from export.submodules import Part, Port

SIDE, CHANNELS = 16, 16


class Bottleneck(nn.Module):
    """Expand, depthwise, project, shortcut: a block of Lite0."""

    def __init__(self) -> None:
        super().__init__()
        wide = 2 * CHANNELS
        self.expand = nn.Sequential(nn.Conv2d(CHANNELS, wide, 1), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(wide, wide, 3, 1, 1, groups=wide), nn.ReLU6())
        self.project = nn.Sequential(nn.Conv2d(wide, CHANNELS, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.project(self.depthwise(self.expand(x)))
        return out


class SmallLite(nn.Module):
    """Stem, two blocks, and features pooled by mean and by GeM."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, CHANNELS, 3, 1, 1), nn.ReLU6())
        self.blocks = nn.ModuleList([Bottleneck(), Bottleneck()])

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem((images.permute(0, 3, 1, 2).float() - 127.0) * (1.0 / 128.0))
        for block in self.blocks:
            x = block(x)
        cubes = x * x * x
        gem = (cubes.abs().mean((2, 3)) + 1e-6).pow(1.0 / 3.0)
        return torch.cat([x.mean((2, 3)), gem], 1)


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(32)
        self.qkv = nn.Linear(32, 96)
        self.out = nn.Linear(32, 32)
        self.up, self.down = nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).split(32, -1)
        weights = ((q @ k.transpose(1, 2)) * 32**-0.5).softmax(-1)
        x = x + self.out(weights @ v)
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))


class SmallTransformer(nn.Module):
    """Two layers, and a vector of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(), Layer()])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        pooled = x.mean(1)
        return pooled / (pooled * pooled).sum(-1, keepdim=True).clamp(min=1e-6).sqrt()


def small_lite(folder: Path) -> Path:
    torch.manual_seed(0)
    images = (Port("images", "uint8", ("N", SIDE, SIDE, 3)),)
    outputs = (Port("features", "float32", ("N", 2 * CHANNELS)),)
    return write_onnx(Part("lite", SmallLite().eval(), images, outputs), folder)


def small_transformer(folder: Path) -> Path:
    torch.manual_seed(0)
    inputs = (Port("x", "float32", ("N", 5, 32)),)
    outputs = (Port("y", "float32", ("N", 32)),)
    return write_onnx(Part("transformer", SmallTransformer().eval(), inputs, outputs), folder)


def pictures(count: int = 6, seed: int = 0) -> list[Feed]:
    rng = np.random.default_rng(seed)
    shape = (1, SIDE, SIDE, 3)
    return [{"images": rng.integers(0, 256, shape, dtype=np.uint8)} for _ in range(count)]


def sequences(count: int = 6, seed: int = 0) -> list[Feed]:
    rng = np.random.default_rng(seed)
    return [{"x": rng.normal(size=(1, 5, 32)).astype(np.float32)} for _ in range(count)]
