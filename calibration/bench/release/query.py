"""How the release answers one query (publication 2.7), whole, and in the parts it consists of.

For every query: the T frames go through the ViT, then the shelf in chunks of 128 images. Every
image goes through the ViT again and is fused with its title; the temporal block and the fusion of
the clip are repeated for each chunk. The pair matcher takes two images at a time, each with its own
copy of the clip. Its logits are thrown away, as the release's setting has it, and the shelf is
sorted by the scores of the vectors.

Left out, in the release's favour: reading, decoding and scaling the shelf's JPEG files. Sentence
vectors are given, as in the release.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from calibration.bench.alternative import Call
from calibration.bench.paired import Series
from calibration.bench.release.network import ReleaseNetwork

CHUNK = 128
PAIRS = 2
SHELF = 603
"""Items of a mean shelf (publication 1.2)."""


@dataclass(frozen=True)
class Sampled:
    """How much of a query is really timed, to be scaled to the shelf.

    Attributes:
        shelf: G, items that are scaled to.
        images: shop images that go through the ViT.
        pairs: image and clip pairs that are fused and matched; even.
    """

    shelf: int = SHELF
    images: int = 8
    pairs: int = 16

    @property
    def scale(self) -> dict[str, float]:
        """How often each part happens in a whole query, by the part's name."""
        return {
            "release_clip": 1.0,
            "release_chunk": float(math.ceil(self.shelf / CHUNK)),
            "release_images": self.shelf / self.images,
            "release_pairs": self.shelf / self.pairs,
        }

    def total(self, parts: dict[str, Series], name: str) -> Series:
        """What a whole query would take, round by round; each part once a round."""
        scale = self.scale
        rounds = zip(*(parts[part].rounds for part in scale), strict=True)
        weights = scale.values()
        sums = (sum(w * ms[0] for w, ms in zip(weights, one, strict=True)) for one in rounds)
        return Series(name, tuple((total,) for total in sums))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: what was timed and by how much it was multiplied."""
        return {**asdict(self), "times": {name: round(by, 3) for name, by in self.scale.items()}}


@dataclass(frozen=True)
class Shelf:
    """Made-up items.

    Attributes:
        images: uint8 [G, S, S, 3].
        titles: float32 [G, D], sentence vectors.
    """

    images: Tensor
    titles: Tensor


class ReleaseQuery:
    """One made-up clip and what the release does with it.

    Args:
        network: in evaluation mode.
        size: S, side of a picture.
        frames: T.
        seed: of pictures and sentences.
    """

    def __init__(self, network: ReleaseNetwork, size: int, frames: int, seed: int = 0) -> None:
        self._network = network
        self._size = size
        self._generator = torch.Generator().manual_seed(seed)
        clip = self.shelf(frames)
        self._frames, self._asr = clip.images, clip.titles[:1]

    def shelf(self, count: int) -> Shelf:
        """Items to answer queries with."""
        shape, width = (count, self._size, self._size, 3), self._network.asr.in_features
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=self._generator)
        return Shelf(images, torch.randn(count, width, generator=self._generator))

    @torch.inference_mode()
    def whole(self, shelf: Shelf) -> Tensor:
        """Answer one query as the release does: int64 [G], the shelf's items, best first."""
        frames = self._network.tokens(self._frames)
        scores = []
        for start in range(0, len(shelf.images), CHUNK):
            chunk = slice(start, start + CHUNK)
            images = self._network.tokens(shelf.images[chunk])
            vector, video = self._network.clip(frames, self._asr)
            items, fused = self._network.shelf(images, shelf.titles[chunk])
            scores.append(items @ vector[0])
            self._match(fused, video)
        return torch.cat(scores).argsort(descending=True)

    @torch.inference_mode()
    def parts(self, sampled: Sampled) -> list[Call]:
        """The parts of a query, by the names that `Sampled` scales them under."""
        shelf = self.shelf(sampled.images)
        frames = self._network.tokens(self._frames)
        _, video = self._network.clip(frames, self._asr)
        copies = -(-sampled.pairs // len(frames))
        images, titles = frames.repeat(copies, 1, 1), self.shelf(sampled.pairs).titles
        return [
            Call("release_clip", lambda _: self._tokens(self._frames)),
            Call("release_chunk", lambda _: self._clip(frames)),
            Call("release_images", lambda _: self._tokens(shelf.images)),
            Call("release_pairs", lambda _: self._pairs(images[: sampled.pairs], titles, video)),
        ]

    @torch.inference_mode()
    def _tokens(self, images: Tensor) -> Tensor:
        return self._network.tokens(images)

    @torch.inference_mode()
    def _clip(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        return self._network.clip(frames, self._asr)

    @torch.inference_mode()
    def _pairs(self, images: Tensor, titles: Tensor, video: Tensor) -> list[Tensor]:
        _, fused = self._network.shelf(images, titles)
        return self._match(fused, video)

    def _match(self, images: Tensor, video: Tensor) -> list[Tensor]:
        logits = []
        for start in range(0, len(images), PAIRS):
            pair = images[start : start + PAIRS]
            logits.append(self._network.matcher(pair, video.expand(len(pair), -1, -1)))
        return logits
