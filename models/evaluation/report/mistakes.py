"""What went wrong: every product's clips, and the mistakes that were made most surely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.data.grocery_lpr import Picture, render
from models.evaluation.evaluate import Evaluation
from models.evaluation.page.pictures import frame_uri, product_uri
from models.evaluation.prediction import Prediction, Question
from runtime.catalog.feed import read_feed

SHOWN = 12


@dataclass(frozen=True)
class Product:
    """A product of the catalog: its title and its shop image."""

    title: str
    image: Path


@dataclass(frozen=True)
class ProductResult:
    """How the clips of one product were answered.

    Attributes:
        product_id: the product.
        title: its title.
        clips: how many clips show it.
        right: how many of them were answered rightly.
        taken_for: title of the product that it was most often taken for; empty if never.
    """

    product_id: str
    title: str
    clips: int
    right: int
    taken_for: str


@dataclass(frozen=True)
class Side:
    """One of the two products of a mistake, with a data URI of its shop image."""

    product_id: str
    title: str
    picture: str
    score: float
    rank: int


@dataclass(frozen=True)
class Mistake:
    """A clip that was answered wrongly.

    Attributes:
        clip_id: the clip.
        words: what was heard; empty for pictures alone.
        condition: novel or seen, and the kind of speech, as far as known.
        confidence: of the wrong answer, in [0, 1].
        named: whether the screen named it.
        frames: data URIs of the pictures.
        right: the product shown.
        chosen: the product that came first.
    """

    clip_id: str
    words: str
    condition: str
    confidence: float
    named: bool
    frames: tuple[str, ...]
    right: Side
    chosen: Side


def read_products(feeds: Sequence[Path]) -> dict[str, Product]:
    """All products of the feeds by id."""
    rows = (row.item for feed in feeds for row in read_feed(feed))
    return {item.id: Product(item.title, item.image) for item in rows}


def product_results(
    predictions: Sequence[Prediction], products: Mapping[str, Product]
) -> list[ProductResult]:
    """One entry a labelled product, the worst first."""
    chosen: dict[str, list[str]] = {}
    for prediction in predictions:
        if prediction.clip.product_id is not None:
            chosen.setdefault(prediction.clip.product_id, []).append(prediction.ids[0])
    found = [_result(product_id, first, products) for product_id, first in chosen.items()]
    return sorted(found, key=lambda one: (one.right / one.clips, -one.clips, one.product_id))


def worst_mistakes(
    one: Evaluation, products: Mapping[str, Product], root: Path, count: int = SHOWN
) -> list[Mistake]:
    """The wrong answers of which the program was surest.

    Args:
        one: an evaluation with labels.
        products: of `read_products`.
        root: the folder that photo paths are relative to.
        count: at most so many.
    """
    wrong = [p for p in one.predictions if p.clip.product_id is not None and not _is_right(p)]
    wrong.sort(key=lambda p: (-p.confidence, p.clip.clip_id))
    return [_mistake(p, one.question, products, root) for p in wrong[:count]]


def _is_right(prediction: Prediction) -> bool:
    return prediction.ids[0] == prediction.clip.product_id


def _result(product_id: str, first: list[str], products: Mapping[str, Product]) -> ProductResult:
    others = Counter(other for other in first if other != product_id)
    taken = min(others, key=lambda other: (-others[other], other)) if others else ""
    return ProductResult(
        product_id,
        products[product_id].title,
        len(first),
        first.count(product_id),
        products[taken].title if taken else "",
    )


def _mistake(
    prediction: Prediction, question: Question, products: Mapping[str, Product], root: Path
) -> Mistake:
    clip = prediction.clip
    frames: list[Picture] = []
    if question.looks:
        images = {product_id: product.image for product_id, product in products.items()}
        frames = render(clip, question.tier, root, images=images)
    known = {True: "no photos in training", False: "photos in training", None: ""}[clip.novel]
    speech = f"speech: {clip.asr_kind}" if clip.asr_kind else ""
    return Mistake(
        clip_id=clip.clip_id,
        words=question.words(clip),
        condition=", ".join(filter(None, (known, speech))),
        confidence=prediction.confidence,
        named=prediction.decision is not None,
        frames=tuple(frame_uri(frame) for frame in frames),
        right=_side(prediction, str(clip.product_id), products),
        chosen=_side(prediction, prediction.ids[0], products),
    )


def _side(prediction: Prediction, product_id: str, products: Mapping[str, Product]) -> Side:
    place = prediction.ids.index(product_id)
    product = products[product_id]
    score = float(prediction.scores[place])
    return Side(product_id, product.title, product_uri(product.image, product_id), score, place + 1)
