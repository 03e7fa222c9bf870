"""Pictures of clips whose product fell, as a page holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from calibration.records.measurement import PlanMeasurement, RankChange
from models.data.clip import Clip, Tier
from models.data.grocery_lpr import render
from models.evaluation.page.pictures import frame_uri, product_uri

FRAMES = 3
"""Shown of each clip."""


class Pictures(Protocol):
    """Data URIs of small pictures."""

    def frames(self, clip_id: str, tier: Tier | None) -> tuple[str, ...]:
        """Frames of a clip as the network sees them; none for words alone."""

    def product(self, product_id: str) -> str:
        """The shop image of a product."""


class NoPictures:
    """Where there are none to show."""

    def frames(self, clip_id: str, tier: Tier | None) -> tuple[str, ...]:
        """As `Pictures.frames`."""
        return ()

    def product(self, product_id: str) -> str:
        """As `Pictures.product`."""
        return ""


@dataclass
class ClipPictures:
    """Pictures of a data set.

    Attributes:
        clips: the clips.
        root: folder that their photos are relative to.
        images: shop image of each product.
    """

    clips: Sequence[Clip]
    root: Path
    images: Mapping[str, Path]
    _products: dict[str, str] = field(default_factory=dict, init=False)

    def frames(self, clip_id: str, tier: Tier | None) -> tuple[str, ...]:
        """As `Pictures.frames`.

        Raises:
            ClipListError: the clip cannot be rendered.
        """
        if tier is None:
            return ()
        clip = next(clip for clip in self.clips if clip.clip_id == clip_id)
        rendered = render(clip, tier, self.root, images=self.images)
        return tuple(frame_uri(frame) for frame in rendered[:FRAMES])

    def product(self, product_id: str) -> str:
        """As `Pictures.product`.

        Raises:
            FeedError: the image cannot be read.
        """
        if product_id not in self._products:
            self._products[product_id] = product_uri(self.images[product_id], product_id)
        return self._products[product_id]


@dataclass(frozen=True)
class Shown:
    """A rank change with its pictures, data URIs."""

    change: RankChange
    frames: tuple[str, ...]
    right: str
    named: str


def illustrated(one: PlanMeasurement, pictures: Pictures) -> list[Shown]:
    """The products of a plan that fell furthest, with pictures."""
    tiers = {question.name: question.tier for question in one.accuracy}
    return [
        Shown(
            change,
            pictures.frames(change.clip_id, tiers.get(change.question)),
            pictures.product(change.product_id),
            pictures.product(change.named_id),
        )
        for change in one.agreement.rank_changes
    ]
