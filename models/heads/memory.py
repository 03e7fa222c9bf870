"""What training saw of products, carried over to products that it never saw.

A shop picture and a camera frame of the same product differ; how they differ is learned from the
products with photos and carried over to others by likeness of picture and of text: kernel ridge
regression from an item's own vector to the mean of its photos' vectors, in closed form.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.heads.norms import unit


class ItemMemory(nn.Module):
    """Item vectors moved to where photos of such items lie; empty, it changes nothing.

    v' = share * v + k(v) A, with k = likeness to the remembered items, a mixture of the cosine of
    pictures and of texts.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        size = config.memory
        self.pictures: Tensor
        self.texts: Tensor
        self.moves: Tensor
        self.scale: Tensor
        self.picture_share: Tensor
        self.register_buffer("pictures", torch.zeros(size, config.visual_size))
        self.register_buffer("texts", torch.zeros(size, config.text_size))
        self.register_buffer("moves", torch.zeros(size, config.visual_size))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("picture_share", torch.tensor(0.6))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        """visual [N, visual], text [N, E], neither normalised -> [N, visual] of unit length."""
        likeness = self.likeness(visual, text, self.pictures, self.texts)
        return unit(visual * self.scale + likeness @ self.moves)

    def likeness(self, visual: Tensor, text: Tensor, pictures: Tensor, texts: Tensor) -> Tensor:
        """Kernel between items [N, *] and remembered unit vectors [S, *]: [N, S]."""
        seen = unit(visual) @ pictures.T
        said = unit(text) @ texts.T
        return self.picture_share * seen + (1.0 - self.picture_share) * said

    @torch.no_grad()
    def clear(self) -> None:
        """Forget everything."""
        for buffer in (self.pictures, self.texts, self.moves):
            buffer.zero_()
        self.scale.fill_(1.0)

    @torch.no_grad()
    def fit(
        self,
        visual: Tensor,
        text: Tensor,
        photos: Tensor,
        *,
        share: float,
        ridge: float,
        picture_share: float,
    ) -> None:
        """Remember products with photos.

        Args:
            visual: vectors of their shop pictures, [S, visual], not normalised; S at most the
                memory's size, none empties it.
            text: of their titles, [S, E].
            photos: mean of their photos' vectors, [S, visual].
            share: of an item's own vector that stays.
            ridge: of the regression.
            picture_share: weight of pictures against texts in the likeness.
        """
        self.clear()
        self.picture_share.fill_(picture_share)
        count = len(visual)
        if not count:
            return
        level = photos.norm(dim=1).mean() / visual.norm(dim=1).mean().clamp(min=1e-6)
        self.scale.copy_(share * level)
        self.pictures[:count], self.texts[:count] = unit(visual), unit(text)
        kernel = self.likeness(visual, text, self.pictures[:count], self.texts[:count])
        wanted = photos - visual * self.scale
        self.moves[:count] = torch.linalg.solve(kernel + ridge * torch.eye(count), wanted)
