"""Accuracy of predictions, over all clips and over the groups that tell why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from models.data.clip import Clip
from models.evaluation.metrics import Estimate, estimate, mrr, ranks, recall_at_k
from models.evaluation.prediction import Prediction

DOMAIN = "domain "
"""Begins the name of a group of clips from one department."""


@dataclass(frozen=True)
class Accuracy:
    """How often a group of clips was answered right; intervals are drawn over products.

    Attributes:
        clips: number of clips.
        products: number of different products among them.
        r1: R@1, every tie counted against the right product; the headline.
        r1_optimistic: R@1, every tie counted for it.
        r5: R@5, ties counted against it.
        mrr: mean reciprocal rank, ties counted against it.
        coverage: share of clips for which the screen names a product.
        precision: share of those named rightly; None where none was named.
    """

    clips: int
    products: int
    r1: Estimate
    r1_optimistic: Estimate
    r5: Estimate
    mrr: Estimate
    coverage: Estimate
    precision: Estimate | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {k: v.as_dict() if isinstance(v, Estimate) else v for k, v in values.items()}


def accuracy(predictions: Sequence[Prediction]) -> Accuracy:
    """Accuracy of one or more labelled clips.

    Raises:
        ValueError: a product is not among the ranked ones, or a score is NaN.
    """
    products = [str(p.clip.product_id) for p in predictions]
    target = np.array(
        [p.ids.index(product) for p, product in zip(predictions, products, strict=True)]
    )
    optimistic, pessimistic = ranks(np.stack([p.scores for p in predictions]), target)
    named = [
        (p, product)
        for p, product in zip(predictions, products, strict=True)
        if p.decision is not None
    ]
    right = np.array([float(p.decision == product) for p, product in named])
    return Accuracy(
        clips=len(predictions),
        products=len(set(products)),
        r1=recall_at_k(pessimistic, 1, products),
        r1_optimistic=recall_at_k(optimistic, 1, products),
        r5=recall_at_k(pessimistic, 5, products),
        mrr=mrr(pessimistic, products),
        coverage=estimate(np.array([float(p.decision is not None) for p in predictions]), products),
        precision=estimate(right, [product for _, product in named]) if named else None,
    )


def accuracy_by_group(predictions: Sequence[Prediction]) -> dict[str, Accuracy]:
    """Accuracy of all labelled clips, of seen and novel products, each kind of speech and domain.

    Clips without a product are left out; so are groups without clips. Empty without any labels.
    """
    members: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        if prediction.clip.product_id is not None:
            for group in groups_of(prediction.clip):
                members.setdefault(group, []).append(prediction)
    return {group: accuracy(members[group]) for group in sorted(members, key=place_of)}


def groups_of(clip: Clip) -> list[str]:
    """The conditions that a clip stands for."""
    groups = ["all"]
    if clip.novel is not None:
        groups.append("novel" if clip.novel else "seen")
    if clip.asr_kind is not None:
        groups.append(f"speech {clip.asr_kind}")
    if clip.domain is not None:
        groups.append(DOMAIN + clip.domain)
    return groups


def place_of(group: str) -> tuple[int, str]:
    """Sorts groups: all, seen, novel, kinds of speech, domains."""
    first = ("all", "seen", "novel")
    place = len(first) + group.startswith(DOMAIN)
    return (first.index(group) if group in first else place, group)
