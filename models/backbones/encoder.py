"""What the network expects of an encoder; each backbone keeps one of these two contracts."""

from __future__ import annotations

from torch import Tensor, nn


def planes(images: Tensor) -> Tensor:
    """uint8 [N, S, S, 3] -> float32 [N, 3, S, S] of the same numbers.

    Cast before anything is moved: TensorRT takes uint8 as the input of a network, and no layer that
    makes it. Source: onnx/onnx-tensorrt, ``ModelImporter.cpp``.
    """
    return images.float().permute(0, 3, 1, 2)


class FrameEncoder(nn.Module):
    """Pictures to pooled features and patch tokens; normalises pixels itself."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [N, S, S, 3] RGB -> float32 cls [N, C], tokens [N, P, D] row by row."""
        raise NotImplementedError


class TextEncoder(nn.Module):
    """Token ids to one vector a text and one a token.

    Attributes:
        vocabulary: ids are below it.
    """

    vocabulary: int

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """int64 [N, L] twice -> float32 pooled [N, E] of unit length, tokens [N, L, E].

        The mask is ones, then zeros; tokens are zero where it is.
        """
        raise NotImplementedError
