"""Contrastive losses with any number of right answers (publication B8, B9).

A right answer never stands in the denominator of another: it is no negative in any term.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.heads.norms import MASKED

LARGEST_SCALE = 100.0


class Temperature(nn.Module):
    """Inverse temperature, learnt as its logarithm and kept between 1 and 100."""

    def __init__(self, scale: float = 20.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(scale).log())

    def forward(self) -> Tensor:
        """The scale, a scalar."""
        # The parameter itself is clamped: behind a clamped value it would get no gradient and
        # never come back.
        with torch.no_grad():
            self.log_scale.clamp_(0.0, math.log(LARGEST_SCALE))
        return self.log_scale.exp()


def same_products(left: Tensor, right: Tensor) -> Tensor:
    """Which pairs show one product: ids [A], [B] -> booleans [A, B]; ids below 0 are unknown."""
    return (left[:, None] == right[None]) & (left[:, None] >= 0)


def info_nce(
    scores: Tensor, scale: Tensor, positives: Tensor, comparable: Tensor | None = None
) -> Tensor:
    """Cross-entropy of every right answer of a row against the row's wrong ones.

    Args:
        scores: inner products, [A, B].
        scale: inverse temperature, a scalar.
        positives: which are right, booleans [A, B].
        comparable: which count at all, booleans [A, B]; all by default.

    Returns:
        Mean over a row's right answers, then over rows that have any; 0 where there are none.
    """
    # In half precision a masked score times the scale would be infinite.
    logits = scores.to(torch.promote_types(scores.dtype, torch.float32)) * scale
    right = positives if comparable is None else positives & comparable
    wrong = ~positives if comparable is None else ~positives & comparable
    rivals = logits.masked_fill(~wrong, MASKED).logsumexp(1, keepdim=True)
    # -log(e^r / (e^r + sum of wrong e^w)), r the logit of one right answer.
    return _mean_of_rows(F.softplus(rivals - logits), right)


def symmetric_info_nce(
    scores: Tensor,
    scale: Tensor,
    positives: Tensor | None = None,
    comparable: Tensor | None = None,
) -> Tensor:
    """Mean of `info_nce` both ways.

    Args:
        scores: inner products, [A, B].
        scale: inverse temperature, a scalar.
        positives: which are right, booleans [A, B]; the diagonal by default.
        comparable: which count at all, booleans [A, B]; for the text half, the rows with words.
    """
    if positives is None:
        positives = torch.eye(*scores.shape, dtype=torch.bool, device=scores.device)
    turned = None if comparable is None else comparable.T
    there = info_nce(scores, scale, positives, comparable)
    back = info_nce(scores.T, scale, positives.T, turned)
    return (there + back) / 2


def listwise(
    scores: Tensor, scale: Tensor, place: Tensor, positives: Tensor | None = None
) -> Tensor:
    """Cross-entropy of candidate lists, for the re-ranker.

    Args:
        scores: [B, K]; masked candidates carry a large negative score.
        scale: inverse temperature, a scalar.
        place: column of the right candidate, [B].
        positives: further right candidates, booleans [B, K]; they are left out.
    """
    right = F.one_hot(place, scores.shape[1]).bool()
    comparable = None if positives is None else right | ~positives
    return info_nce(scores, scale, right, comparable)


def _mean_of_rows(each: Tensor, right: Tensor) -> Tensor:
    count = right.sum(1)
    rows = each.masked_fill(~right, 0.0).sum(1) / count.clamp(min=1)
    return rows.sum() / (count > 0).sum().clamp(min=1)
