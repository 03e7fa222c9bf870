"""Frames to one vector: words may say which frames count (publication B5)."""

from __future__ import annotations

from torch import Tensor, nn

from models.heads.norms import MASKED


class TextGuidedPool(nn.Module):
    """Mean over frames, each weighed by how well it fits what was said.

    The weight of frame j is proportional to exp(<frame_j, W text>); a temperature would be
    part of W. W starts at zero: the plain mean.
    """

    def __init__(self, text_size: int, visual_size: int) -> None:
        super().__init__()
        self.words = nn.Linear(text_size, visual_size, bias=False)
        nn.init.zeros_(self.words.weight)

    def forward(self, frames: Tensor, mask: Tensor, text: Tensor) -> Tensor:
        """Pool a clip.

        Args:
            frames: [B, T, visual].
            mask: [B, T].
            text: [B, E], zero where nothing was said, which gives the plain mean.

        Returns:
            [B, visual]; zero where every frame is masked.
        """
        fit = (frames @ self.words(text)[..., None])[..., 0]
        weights = (fit + (1.0 - mask) * MASKED).softmax(-1) * mask
        return (frames * weights[..., None]).sum(1)
