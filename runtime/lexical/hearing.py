"""From the words heard to what the match uses of them, for one network and one catalog."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime.catalog.catalog import CatalogReader, FloatArray
from runtime.lexical.denial import split_denials
from runtime.lexical.spoken import SpokenEvidence
from runtime.network import Network, TextFeatures
from runtime.text import clean

EPSILON = 1e-6


@dataclass(frozen=True)
class Heard:
    """Words as the match uses them.

    Attributes:
        words: as they were heard.
        text: what they assert after the text encoder; None where that says nothing.
        prior: float32 [N], evidence for each product of the catalog; None where nothing was said.
        snapshot: of the catalog that the evidence is about.
    """

    words: str
    text: TextFeatures | None
    prior: FloatArray | None
    snapshot: str


class Hearing:
    """Reads words; once for each change of words or catalog.

    Args:
        network: open.
        catalog: open, of the same bundle.
    """

    def __init__(self, network: Network, catalog: CatalogReader) -> None:
        self._network = network
        self._catalog = catalog
        self._evidence: tuple[str, SpokenEvidence] | None = None

    def silence(self) -> Heard:
        """Nothing was said."""
        return Heard("", None, None, self._catalog.snapshot)

    def read(self, words: str) -> Heard:
        """What a text says of the catalog's products."""
        statement = split_denials(clean(words))
        text = self._encoded(statement.asserted)
        if text is None and not statement.denied:
            return Heard(words, None, None, self._catalog.snapshot)
        snapshot, evidence = self._of_catalog()
        prior = evidence.weigh(statement, self._alike(text))
        return Heard(words, text, prior, snapshot)

    def is_stale(self, heard: Heard) -> bool:
        """Whether the catalog has changed since, so that the words must be read again."""
        return heard.snapshot != self._catalog.snapshot

    def _encoded(self, text: str) -> TextFeatures | None:
        if not self._network.says_something(text):
            return None
        return self._network.encode_texts([text])

    def _alike(self, text: TextFeatures | None) -> FloatArray:
        if text is None:
            return np.zeros(len(self._catalog.items()), np.float32)
        # Titles went through the heads' matrix for words, so that the sentence must as well.
        start = self._network.visual_size + 1
        spoken = self._network.query([], text).vector[start:]
        length = max(EPSILON, float(np.linalg.norm(spoken)))
        return self._catalog.scores(np.asarray(spoken / length, np.float32), start)

    def _of_catalog(self) -> tuple[str, SpokenEvidence]:
        snapshot = self._catalog.snapshot
        if self._evidence is None or self._evidence[0] != snapshot:
            rule = self._network.bundle.manifest.spoken
            self._evidence = snapshot, SpokenEvidence(self._catalog.items(), rule)
        return self._evidence
