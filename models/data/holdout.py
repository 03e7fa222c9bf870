"""Whole products held back from training, with everything that shows them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

from models.data.corpus import Corpus
from models.data.pictures import digest

HELD = "held"
"""Source of the presentations held back."""


def unambiguous(corpus: Corpus) -> Corpus:
    """Without presentations of several products: in a batch one would be the other's negative."""
    shots = tuple(shot for shot in corpus.shots if not shot.also)
    return replace(corpus, shots=shots, digest=digest(corpus.digest, "unambiguous"))


def hold_out(corpus: Corpus, part: float, seed: int) -> tuple[Corpus, Corpus]:
    """Split into what is trained on and what judges the weights, no product in both.

    Whether a product is held back depends on its key and the seed alone.

    Args:
        corpus: of `unambiguous`.
        part: share of the products that are held back, in [0, 1).
        seed: of the choice.

    Returns:
        The rest, and the products held back: sentence i of those belongs to shot i, whose source
        is `HELD`. Either may be empty.
    """
    held = {i for i, item in enumerate(corpus.items) if _chance(item.key, seed) < part}
    rest = _only(corpus, set(range(len(corpus.items))) - held, ("rest", part, seed))
    judged = _only(corpus, held, (HELD, part, seed))
    shots = tuple(replace(shot, source=HELD) for shot in judged.shots)
    said = tuple((shot.item, shot.speech.heard or "") for shot in shots)
    return rest, replace(judged, shots=shots, sentences=said)


def _only(corpus: Corpus, kept: Collection[int], drawn: tuple[object, ...]) -> Corpus:
    place = {item: number for number, item in enumerate(sorted(kept))}
    return Corpus(
        tuple(corpus.items[item] for item in place),
        tuple(replace(s, item=place[s.item], gallery="") for s in corpus.shots if s.item in place),
        tuple((place[item], text) for item, text in corpus.sentences if item in place),
        digest(corpus.digest, *drawn),
    )


def _chance(key: str, seed: int) -> float:
    found = hashlib.sha256(f"{seed}:{key}".encode()).digest()[:8]
    return int.from_bytes(found, "big") / 2**64
