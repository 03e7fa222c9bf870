"""CLIP's two towers (arXiv 2103.00020), the published network's encoders (publication 2.1).

Parameters bear the names of CLIP's published state dict, so that its tensors need no renaming.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.backbones.encoder import FrameEncoder, TextEncoder, planes
from models.config import NetworkConfig
from models.heads.norms import MASKED, unit

VOCABULARY, CONTEXT = 49_408, 77
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Of the pixels of the pictures that CLIP was trained on, red, green, blue in 0 to 1."""


@dataclass(frozen=True)
class Tower:
    """Size of a transformer."""

    width: int
    layers: int
    heads: int


IMAGE = Tower(width=768, layers=12, heads=12)
TEXT = Tower(width=512, layers=12, heads=8)
"""ViT-B/32."""


class QuickGelu(nn.Module):
    """The approximation that OpenAI's weights were trained with."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, kept."""
        return x * torch.sigmoid(1.702 * x)


class Attention(nn.Module):
    """Self-attention as MatMul, Add, Softmax and MatMul."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.width, self.heads, self.size = width, heads, width // heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x [N, L, W], bias broadcastable to [N, heads, L, L] -> [N, L, W]."""
        n, length, _ = x.shape

        def split(t: Tensor) -> Tensor:
            return t.reshape(n, length, self.heads, self.size).transpose(1, 2)

        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = (split(t) for t in qkv.split(self.width, -1))
        scores = (q @ k.transpose(2, 3)) * self.size**-0.5
        weights = (scores if bias is None else scores + bias).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(n, length, self.width))


class Mlp(nn.Module):
    """Widen four times and back."""

    def __init__(self, width: int, *, quick_gelu: bool) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.gelu: nn.Module = QuickGelu() if quick_gelu else nn.GELU()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, L, W] -> [N, L, W]."""
        return self.c_proj(self.gelu(self.c_fc(x)))


class Block(nn.Module):
    """One pre-norm layer."""

    def __init__(self, width: int, heads: int, *, quick_gelu: bool) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, quick_gelu=quick_gelu)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """[N, L, W] -> [N, L, W]."""
        x = x + self.attn(self.ln_1(x), bias)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """A stack of layers, initialised as CLIP's are."""

    def __init__(self, tower: Tower, *, quick_gelu: bool) -> None:
        super().__init__()
        blocks = [
            Block(tower.width, tower.heads, quick_gelu=quick_gelu) for _ in range(tower.layers)
        ]
        self.resblocks = nn.ModuleList(blocks)
        inwards = tower.width**-0.5
        outwards = inwards * (2 * tower.layers) ** -0.5
        for block in blocks:
            nn.init.normal_(block.attn.in_proj_weight, std=inwards)
            for linear, std in (
                (block.attn.out_proj, outwards),
                (block.mlp.c_fc, (2 * tower.width) ** -0.5),
                (block.mlp.c_proj, outwards),
            ):
                nn.init.normal_(linear.weight, std=std)
                nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """[N, L, W] -> [N, L, W]."""
        for block in self.resblocks:
            x = block(x, bias)
        return x


class ClipFrameEncoder(FrameEncoder):
    """Vision transformer; every token, not the class token alone, goes into the joint space."""

    def __init__(self, config: NetworkConfig, tower: Tower = IMAGE) -> None:
        super().__init__()
        width, patch, scale = tower.width, config.image_size // config.grid, tower.width**-0.5
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * scale)
        self.positional_embedding = nn.Parameter(torch.randn(1 + config.patches, width) * scale)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(tower, quick_gelu=config.quick_gelu)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.randn(width, config.cls_size) * scale)
        self.mean: Tensor
        self.deviation: Tensor
        for name, values in (("mean", MEAN), ("deviation", DEVIATION)):
            pixels = 255.0 * torch.tensor(values)[:, None, None]
            self.register_buffer(name, pixels, persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [N, S, S, 3] RGB -> cls [N, C], tokens [N, P, C]."""
        pixels = (planes(images) - self.mean) / self.deviation
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        # Added to zeros of the batch: a token expanded to it would export as shape arithmetic.
        first = patches[:, :1] * 0.0 + self.class_embedding
        x = torch.cat([first, patches], 1) + self.positional_embedding
        x = self.transformer(self.ln_pre(x))
        joint = self.ln_post(x) @ self.proj
        return joint[:, 0], joint[:, 1:]


class ClipTextEncoder(TextEncoder):
    """Causal transformer, read at the end-of-text token, which is the last of the mask's ones."""

    vocabulary = VOCABULARY

    def __init__(self, config: NetworkConfig, tower: Tower = TEXT) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(VOCABULARY, tower.width)
        self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, tower.width) * 0.01)
        self.transformer = Transformer(tower, quick_gelu=config.quick_gelu)
        self.ln_final = nn.LayerNorm(tower.width)
        self.text_projection = nn.Parameter(
            torch.randn(tower.width, config.text_size) * tower.width**-0.5
        )
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        self.causal: Tensor
        later = torch.ones(CONTEXT, CONTEXT).triu(1)
        self.register_buffer("causal", later * MASKED, persistent=False)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """int64 [N, L] twice, L at most 77 -> unit pooled [N, E], tokens [N, L, E]."""
        length = ids.shape[1]
        keep = mask.to(self.text_projection.dtype)
        x = self.token_embedding(ids) + self.positional_embedding[:length]
        # Padding comes last, so that the causal mask hides it as well.
        x = self.transformer(x, self.causal[:length, :length])
        tokens = (self.ln_final(x) @ self.text_projection) * keep[..., None]
        # One at the last of the ones; the first column times zero stands behind the last.
        end = keep - torch.cat([keep[:, 1:], keep[:, :1] * 0.0], 1)
        return unit((end[:, None] @ tokens)[:, 0]), tokens
