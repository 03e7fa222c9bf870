"""EfficientNet-Lite0 as frame encoder: two views of a frame, pooled features and patch tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.backbones.encoder import FrameEncoder, planes
from models.config import NetworkConfig

VIEW = 224
"""Side in pixels of both views: the whole frame shrunk, and its centre at full resolution."""


PLACES = 49
"""Patches of a view, 7 x 7."""


class Conv(nn.Sequential):
    """Convolution with TensorFlow's SAME padding, batch norm folded into weight and bias.

    SAME pads one pixel more on the right and bottom when the stride is two, which symmetric padding
    would get wrong by half a pixel a layer.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, *, groups: int, relu: bool
    ) -> None:
        pad = kernel - stride
        layers: list[nn.Module] = []
        if stride == 2:
            layers.append(nn.ZeroPad2d((pad // 2, pad - pad // 2, pad // 2, pad - pad // 2)))
        padding = 0 if stride == 2 else kernel // 2
        layers.append(nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups))
        if relu:
            layers.append(nn.ReLU6())
        super().__init__(*layers)

    @property
    def conv(self) -> nn.Conv2d:
        """The convolution itself."""
        return next(layer for layer in self if isinstance(layer, nn.Conv2d))


class Block(nn.Module):
    """Inverted bottleneck: expand, depthwise, project, with a shortcut where shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inputs * expand
        self.expand = Conv(inputs, wide, 1, 1, groups=1, relu=True) if expand > 1 else None
        self.depthwise = Conv(wide, wide, kernel, stride, groups=wide, relu=True)
        self.project = Conv(wide, outputs, 1, 1, groups=1, relu=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H / stride, W / stride]."""
        wide = x if self.expand is None else self.expand(x)
        out = self.project(self.depthwise(wide))
        return x + out if self.shortcut else out


# repeats, kernel, stride, expand, outputs (EfficientNet-B0 at width and depth 1)
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class Lite0(nn.Module):
    """The convolutional trunk, 224 x 224 -> 7 x 7."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, 32, 3, 2, groups=1, relu=True)
        blocks: list[Block] = []
        inputs = 32
        for repeats, kernel, stride, expand, outputs in _STAGES:
            for i in range(repeats):
                blocks.append(Block(inputs, outputs, kernel, stride if i == 0 else 1, expand))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = Conv(320, 1280, 1, 1, groups=1, relu=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[N, 3, 224, 224] normalised -> patches [N, 320, 7, 7], features [N, 1280, 7, 7]."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return x, self.head(x)


class Lite0FrameEncoder(FrameEncoder):
    """uint8 pictures to pooled features and patch tokens of two views.

    A frame arrives at 320 px. View one is the whole frame at 224 px; view two its central 224 px,
    70 % of each side, which costs a second pass and finds small products. Each view is pooled by
    its mean and by GeM with p = 3 (measured on GroceryLPR).
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.trunk = Lite0()
        self.margin = (config.image_size - VIEW) // 2

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [N, S, S, 3] RGB -> cls [N, 5120], tokens [N, 98, 320]."""
        # These weights want (x - 127) / 128, not ImageNet's mean and deviation.
        pixels = (planes(images) - 127.0) * (1.0 / 128.0)
        whole = F.interpolate(pixels, size=(VIEW, VIEW), mode="bilinear", align_corners=False)
        m = self.margin
        centre = pixels[:, :, m : m + VIEW, m : m + VIEW]
        # The views of a frame lie side by side in one batch, so that one pass over the trunk does
        # and both outputs are in the contract's order as they come.
        patches, features = self.trunk(torch.stack([whole, centre], 1).flatten(0, 1))
        cls = torch.cat([_mean(features), _gem(features)], 1)
        tokens = patches.flatten(2).transpose(1, 2)
        return cls.reshape(-1, 2 * cls.shape[1]), tokens.reshape(-1, 2 * PLACES, tokens.shape[2])


def _mean(features: Tensor) -> Tensor:
    return features.mean((2, 3))


def _gem(features: Tensor) -> Tensor:
    cubes = features * features * features
    return (cubes.mean((2, 3)) + 1e-6).pow(1.0 / 3.0)


def load_pretrained(encoder: Lite0FrameEncoder) -> None:
    """Fill the trunk with ImageNet weights, batch norms folded.

    Raises:
        DependencyError: the package with the weights is not installed.
        ExportError: the weights are not the ones that were measured.
    """
    from models.backbones.weights import lite0_weights

    state = torch.load(lite0_weights(), map_location="cpu", weights_only=True)
    trunk = encoder.trunk
    _fold(trunk.stem.conv, state, "_conv_stem", "_bn0")
    _fold(trunk.head.conv, state, "_conv_head", "_bn1")
    for i, module in enumerate(trunk.blocks):
        block, prefix = module, f"_blocks.{i}."
        if not isinstance(block, Block):
            continue
        if block.expand is not None:
            _fold(block.expand.conv, state, prefix + "_expand_conv", prefix + "_bn0")
        _fold(block.depthwise.conv, state, prefix + "_depthwise_conv", prefix + "_bn1")
        _fold(block.project.conv, state, prefix + "_project_conv", prefix + "_bn2")


@torch.no_grad()
def _fold(conv: nn.Conv2d, state: dict[str, Tensor], name: str, norm: str) -> None:
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + 1e-3).sqrt()
    conv.weight.copy_(state[f"{name}.weight"] * scale[:, None, None, None])
    if conv.bias is not None:
        conv.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale)
