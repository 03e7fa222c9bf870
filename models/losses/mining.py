"""Multi-modal mining of hard negatives, by likeness and look-alikes (publication 3.4, B9).

The publication mines clips for every item; `Pairs.swapped` gives that direction, plain pairs give
items for every clip. Candidates are the batch itself, over all processes, in which look-alikes come
together. Nothing is drawn: equal scores are taken in the order of their index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from models.heads.norms import unit
from models.losses.contrastive import same_products
from models.losses.pairs import Pairs


@dataclass(frozen=True)
class Mining:
    """What makes a negative hard.

    Attributes:
        negatives: H, mined for each anchor.
        visual: weight of the anchor's picture against the candidate's.
        text: weight of the anchor's words against the candidate's.
        within: weight of the likeness inside each domain, item to item and clip to clip.
        siblings: whether members of the anchor's group come first, in order of likeness, or never.
    """

    negatives: int = 3
    visual: float = 1.0
    text: float = 0.5
    within: float = 0.0
    siblings: Literal["first", "by likeness", "never"] = "first"


@dataclass(frozen=True)
class HardNegatives:
    """The hardest first.

    Attributes:
        columns: rows of the candidates, int64 [A, H].
        found: whether there was one, booleans [A, H]; a column not found is meaningless.
    """

    columns: Tensor
    found: Tensor

    def behind(self, own: Tensor) -> HardNegatives:
        """The right candidate, int64 [A], then the negatives: [A, 1 + H]."""
        right = torch.ones_like(own, dtype=torch.bool)
        return HardNegatives(
            torch.cat([own[:, None], self.columns], 1),
            torch.cat([right[:, None], self.found], 1),
        )


def likeness(anchors: Pairs, candidates: Pairs, visual_size: int, mining: Mining) -> Tensor:
    """Fused ranking score of every anchor clip with every candidate item, [A, B], no gradient.

    Args:
        anchors: clips to find items for.
        candidates: items, with clips of theirs.
        visual_size: length of the visual half of a vector.
        mining: the weights.
    """
    ours, theirs = anchors.detached(), candidates.detached()
    seen, said = slice(0, visual_size), slice(visual_size, None)
    score = mining.visual * ours.clips[:, seen] @ theirs.items[:, seen].T
    score = score + mining.text * unit(ours.clips[:, said]) @ unit(theirs.items[:, said]).T
    items = ours.items[:, seen] @ theirs.items[:, seen].T
    clips = ours.clips[:, seen] @ theirs.clips[:, seen].T
    return score + mining.within * (items + clips) / 2


def hardest(anchors: Pairs, candidates: Pairs, visual_size: int, mining: Mining) -> HardNegatives:
    """The hardest items for every clip; one that shows the clip's product is never among them.

    Arguments as in `likeness`.
    """
    score = likeness(anchors, candidates, visual_size, mining)
    siblings = same_products(anchors.groups, candidates.groups)
    allowed = ~same_products(anchors.products, candidates.products) & (candidates.products >= 0)
    if mining.siblings == "never":
        allowed = allowed & ~siblings
    rank = allowed.int()
    if mining.siblings == "first":
        rank = rank + (allowed & siblings)
    by_score = score.argsort(stable=True, dim=1, descending=True)
    by_rank = rank.gather(1, by_score).argsort(stable=True, dim=1, descending=True)
    columns = by_score.gather(1, by_rank)[:, : mining.negatives]
    found = allowed.gather(1, columns)
    missing = mining.negatives - columns.shape[1]
    return HardNegatives(F.pad(columns, (0, missing)), F.pad(found, (0, missing)))
