"""All that words say for and against each product, as one number a product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.bundle.manifest import SpokenRule
from runtime.catalog.catalog import Item
from runtime.lexical.denial import Statement
from runtime.lexical.lexicon import Lexicon, ProductText

FloatArray = npt.NDArray[np.float32]


class SpokenEvidence:
    """Weighs sentence vectors, titles, descriptions and denials against one another.

    The sum counts only as far as it is clear: chatter fits all products alike, and must not decide
    between them.

    Args:
        items: the catalog's N products.
        rule: the weights.
    """

    def __init__(self, items: Sequence[Item], rule: SpokenRule) -> None:
        self._rule = rule
        self._lexicon = Lexicon([_words_of(item) for item in items])

    def weigh(self, statement: Statement, sentence: FloatArray) -> FloatArray:
        """Evidence for each product, to add to its first-stage score.

        Args:
            statement: what was said.
            sentence: float32 [N], cosine of the asserted sentence with each product's text.

        Returns:
            float32 [N].
        """
        rule = self._rule
        said = self._lexicon.evidence(statement.asserted)
        against = self._lexicon.evidence(statement.denied)
        fit = (
            sentence
            + rule.title * said.title
            + rule.about * said.about
            - rule.denied * against.title
        )
        return np.asarray(rule.weight * self._clearness(fit) * fit, np.float32)

    def _clearness(self, fit: FloatArray) -> float:
        """0 to 1: how far the best product stands out from the tenth, or the last of fewer."""
        if not len(fit):
            return 0.0
        place = min(self._rule.rival, len(fit)) - 1
        tenth = -np.partition(-fit, place)[place]
        margin = (float(fit.max() - tenth) - self._rule.margin) / self._rule.width
        return float(1.0 / (1.0 + np.exp(-np.clip(margin, -30.0, 30.0))))


def _words_of(item: Item) -> ProductText:
    kind = item.attributes.get("product_type", "").split(">")[-1]
    return ProductText(item.title, f"{item.description} {item.attributes.get('brand', '')} {kind}")
