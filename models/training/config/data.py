"""Settings of what is shown, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.data.augmentation.augment import Strengths
from models.data.augmentation.speech import SpeechStrengths
from models.data.clip import Tier
from models.training.config.section import Count, LessThanAll, Part, Positive, Section


@dataclass(frozen=True)
class DataConfig(Section):
    """What to draw training pictures from.

    Attributes:
        format: of the data set, whose folder the command is given.
        limit: first rows of LPR4M, or products of MovingFashion, to take; 0 takes all.
        validation: share of the products of LPR4M or MovingFashion that are never trained on and
            judge the weights; 0 validates nothing. GroceryLPR has clips for that.
        clip_tiers: GroceryLPR clip tiers beside the plain photos.
        staged: pictures staged from each GroceryLPR shop picture.
        fashion: folder of the fashion catalog, as the shell would take it, whose products are
            staged before GroceryLPR's photos; none if empty.
        fashion_staged: pictures staged of each of its products.
        stores: seeds of synthetic stores; 0 is the demo's and refused.
        store_views: unrelated pictures of each product of a synthetic store.
        store_takes: takes of eight pictures each of such a product.
    """

    format: Literal["grocery", "lpr4m", "movingfashion"] = "grocery"
    limit: Count = 0
    validation: LessThanAll = 0.05
    clip_tiers: tuple[Tier, ...] = ("L3",)
    staged: Count = 4
    fashion: str = ""
    fashion_staged: Count = 2
    stores: tuple[Positive, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    store_views: Count = 2
    store_takes: Count = 2

    def __post_init__(self) -> None:
        if self.format == "grocery" and self.limit:
            raise ValueError("limit is for lpr4m and movingfashion")
        if self.format != "grocery" and self.fashion:
            raise ValueError(f"fashion is staged before GroceryLPR's photos, not {self.format}'s")


@dataclass(frozen=True)
class EpisodeConfig(Section):
    """How batches of products are drawn.

    Attributes:
        silent: share of queries without words, so that pictures alone carry their share.
        fewer: share of queries with fewer than T pictures, as a kiosk sees at first.
        cut: share of clips whose end is cut off (publication 4: 0.5); for pictures in order of
            time, useless for sets of photos.
        held_out: share of a batch's products that count as never photographed: their pictures do
            not teach the query side.
    """

    silent: Part = 0.5
    fewer: Part = 0.5
    cut: Part = 0.0
    held_out: Part = 0.0


@dataclass(frozen=True)
class AugmentationConfig(Strengths, Section):
    """Changes of pictures as they are shown, anew in every step; when encoders are trained.

    Attributes:
        on: whether pictures are changed at all.
    """

    on: bool = False


@dataclass(frozen=True)
class SpeechConfig(SpeechStrengths, Section):
    """Failures of speech as it is shown, anew in every step; when encoders are trained.

    Attributes:
        on: whether sentences fail at all, beside the silent queries of the episodes.
    """

    on: bool = False
