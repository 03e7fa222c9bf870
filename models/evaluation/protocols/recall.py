"""R@k over shelves: a hit is any right item among the first k of the query's own shelf.

A query that has no answer is a miss and stays in the denominator (publication B10). Ties are told
apart as in `models.evaluation.metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.evaluation.metrics import Estimate, IntArray, ranks, recall_at_k

NEVER = int(np.iinfo(np.int64).max)
"""The rank of a right item that was not found at all."""

Answers = Mapping[str, Mapping[str, float]]
"""By query the score of every gallery item, higher is better."""


@dataclass(frozen=True)
class Query:
    """A question with its right answers.

    Attributes:
        key: unique among the queries.
        right: ids of the items that are right, at least one.
        gallery: ids of the shelf's items.
        groups: names of the groups that count it, besides all.
    """

    key: str
    right: tuple[str, ...]
    gallery: tuple[str, ...]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recall:
    """How often a group of queries was answered right.

    Attributes:
        queries: how many; the denominator.
        failed: those without an answer, among them; misses.
        unreachable: those none of whose right items is on the shelf, among them; misses.
        gallery: mean number of items on a query's shelf.
        pessimistic: R@k with every tie counted against the right item; the headline.
        optimistic: R@k with every tie counted for it.
    """

    queries: int
    failed: int
    unreachable: int
    gallery: float
    pessimistic: dict[int, Estimate]
    optimistic: dict[int, Estimate]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "queries": self.queries,
            "failed": self.failed,
            "unreachable": self.unreachable,
            "gallery": round(self.gallery, 1),
            **{f"r{k}": value.as_dict() for k, value in self.pessimistic.items()},
            **{f"r{k}_optimistic": value.as_dict() for k, value in self.optimistic.items()},
        }


def recall(queries: Sequence[Query], answers: Answers, ks: Sequence[int]) -> dict[str, Recall]:
    """R@k of all queries (``all``, first) and of each group.

    Args:
        queries: every query of the split, answered or not.
        answers: of a query, the scores of at least its gallery. Items beyond the gallery do not
            count; an item of the gallery without a score comes after all that have one, and is
            never found if it is right. Queries without an answer are failures; answers without a
            query are ignored.
        ks: which k.

    Raises:
        ValueError: there are no queries, a key occurs twice, a query has no right item or an empty
            gallery, or a score is NaN.
    """
    _check(queries)
    places = np.array([_ranks(query, answers.get(query.key)) for query in queries], np.int64)
    failed = np.array([not answers.get(query.key) for query in queries])
    members: dict[str, list[int]] = {"all": list(range(len(queries)))}
    for number, query in enumerate(queries):
        for group in query.groups:
            members.setdefault(group, []).append(number)
    return {
        group: _recall([queries[i] for i in some], places[some], failed[some], ks)
        for group, some in members.items()
    }


def _recall(
    queries: Sequence[Query], places: IntArray, failed: npt.NDArray[np.bool_], ks: Sequence[int]
) -> Recall:
    products = [query.right[0] for query in queries]
    optimistic, pessimistic = places.T
    return Recall(
        len(queries),
        int(failed.sum()),
        sum(not set(query.right) & set(query.gallery) for query in queries),
        float(np.mean([len(query.gallery) for query in queries])),
        {k: recall_at_k(pessimistic, k, products) for k in ks},
        {k: recall_at_k(optimistic, k, products) for k in ks},
    )


def _ranks(query: Query, answer: Mapping[str, float] | None) -> tuple[int, int]:
    """Optimistic and pessimistic rank of the best right item on the shelf."""
    if not answer:
        return NEVER, NEVER
    shelf = list(dict.fromkeys(query.gallery))
    scores = np.array([answer.get(item, -np.inf) for item in shelf])
    if np.isnan(scores).any():
        raise ValueError(f"a score of query {query.key} is NaN; it has no rank")
    right = np.array([item in query.right and item in answer for item in shelf])
    if not right.any():
        return NEVER, NEVER
    best = int(np.argmax(np.where(right, scores, -np.inf)))
    best = best if right[best] else int(np.argmax(right))
    # Other right items are no rivals: any of them is a hit.
    rivals = np.array([item not in query.right for item in shelf])
    rivals[best] = True
    target = np.array([np.count_nonzero(rivals[:best])])
    optimistic, pessimistic = ranks(scores[rivals][None], target)
    return int(optimistic[0]), int(pessimistic[0])


def _check(queries: Sequence[Query]) -> None:
    if not queries:
        raise ValueError("there are no queries")
    if len({query.key for query in queries}) < len(queries):
        raise ValueError("a query occurs twice")
    for query in queries:
        if not query.right or not query.gallery:
            raise ValueError(f"query {query.key} has no right item or an empty gallery")
