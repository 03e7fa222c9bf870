"""The protocols of LPR4M and MovingFashion, on corpora as their loaders make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from models.data.corpus import Corpus, Shot
from models.data.lpr4m import CONDITIONS
from models.evaluation.protocols.recall import Answers, Query, Recall, recall

Scope = Literal["shelf", "innersource", "allsource"]
"""What a query is searched in: its live room's shelf, the images of its own source, or all."""

LPR4M_KS = (1, 5, 10)
MOVING_FASHION_KS = (1, 5, 10, 20)


def lpr4m(corpus: Corpus, answers: Answers) -> dict[str, Recall]:
    """R@1, 5 and 10 of clips against the shelf of their live room (publication 1.2).

    A hit is any of the clip's right images. The denominator is every clip of the corpus, those
    without frames and those without an answer as well (publication B10).

    Args:
        corpus: of `models.data.lpr4m.Lpr4m.test`.
        answers: by clip the score of every item, by key.

    Returns:
        ``all`` first; then a group for every label of scale, duration and number of products, e.g.
        ``scale small``, where clips have labels.

    Raises:
        ValueError: a score is NaN.
    """

    def labels(shot: Shot) -> Sequence[str]:
        return [f"{name} {shot.conditions[name]}" for name in CONDITIONS if name in shot.conditions]

    return recall(queries(corpus, "shelf", labels), answers, LPR4M_KS)


def moving_fashion(
    corpus: Corpus, answers: Answers, scope: Literal["innersource", "allsource"]
) -> dict[str, Recall]:
    """R@1, 5, 10 and 20 of videos (publication 1.3); report both scopes (publication B11).

    The denominator is every query of the corpus, missing videos as well.

    Args:
        corpus: of `models.data.moving_fashion.moving_fashion`.
        answers: by query the score of every item, by key.
        scope: ``innersource`` searches the images of the query's own source, ``allsource`` all.

    Returns:
        ``all`` (the published Overall), ``regular`` and ``hard``.

    Raises:
        ValueError: a score is NaN.
    """
    asked = queries(corpus, scope, lambda shot: [shot.conditions["source"]])
    return recall(asked, answers, MOVING_FASHION_KS)


def queries(corpus: Corpus, scope: Scope, groups: Callable[[Shot], Sequence[str]]) -> list[Query]:
    """Every presentation of a corpus as a question, the lost ones as well.

    Args:
        corpus: its items' keys are the answers' ids.
        scope: what is searched.
        groups: which groups count a presentation, besides all.
    """
    shelves: Mapping[str, tuple[str, ...]] = {
        name: tuple(corpus.items[i].key for i in shelf)
        for name, shelf in galleries(corpus, scope).items()
    }
    return [
        Query(
            shot.key,
            tuple(corpus.items[i].key for i in shot.right),
            shelves[gallery_of(shot, scope)],
            tuple(groups(shot)),
        )
        for shot in corpus.asked
    ]


def gallery_of(shot: Shot, scope: Scope) -> str:
    """The name in `galleries` of what a presentation is searched in."""
    return "" if scope == "allsource" else shot.gallery


def galleries(corpus: Corpus, scope: Scope) -> Mapping[str, tuple[int, ...]]:
    """Indices of the items that are searched, by name; all of them have no name."""
    if scope == "allsource":
        return {"": tuple(range(len(corpus.items)))}
    return corpus.galleries
