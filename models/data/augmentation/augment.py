"""A camera picture made harder, as a store does: composition of the single changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from models.data.augmentation import operations
from models.data.corpus import Corpus

BgrImage = npt.NDArray[np.uint8]
Chance = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(gt=0, le=0.9)]


@dataclass(frozen=True)
class Strengths:
    """How often and how much pictures are changed; parts are fractions of a side.

    The defaults give pictures between GroceryLPR's tiers L1 and L3.

    Attributes:
        shrink: chance to be small in another scene.
        smallest: least part that is left of a picture shrunk.
        beside: chance of another product beside it.
        widest: largest part of the width that the other takes.
        paste: chance of another product's shop picture laid over.
        pasted: largest part of the shorter side that it takes.
        occlude: chance of a covered part.
        covered: largest part of each side that is covered.
        recolour: chance of another light.
        cast: standard deviation of a channel's factor.
        darkest: least common factor.
        brightest: largest common factor.
        blur: chance of motion or lost focus.
        smeared: largest part of the shorter side that is smeared.
        compress: chance of JPEG.
        worst: lowest JPEG quality.
    """

    shrink: Chance = 0.25
    smallest: Part = 0.45
    beside: Chance = 0.15
    widest: Part = 0.45
    paste: Chance = 0.2
    pasted: Part = 0.4
    occlude: Chance = 0.2
    covered: Part = 0.4
    recolour: Chance = 0.5
    cast: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    darkest: Annotated[float, Field(gt=0, le=1)] = 0.65
    brightest: Annotated[float, Field(ge=1, le=2)] = 1.25
    blur: Chance = 0.3
    smeared: Part = 0.04
    compress: Chance = 0.4
    worst: Annotated[int, Field(ge=1, le=100)] = 20


OFF = Strengths(shrink=0, beside=0, paste=0, occlude=0, recolour=0, blur=0, compress=0)
"""Pictures stay as they are."""


@dataclass(frozen=True)
class Context:
    """What may stand around a product: everything but the product itself.

    Attributes:
        corpus: where other products and scenes come from; its look-alikes are welcome.
        own: the products shown, all that are right answers; they are never distractors.
    """

    corpus: Corpus
    own: frozenset[int]

    def product(self, rng: np.random.Generator) -> BgrImage | None:
        """Another product's shop picture, or None if there is no other."""
        item = self._other(rng, range(len(self.corpus.items)))
        return None if item is None else self.corpus.items[item].image()

    def scene(self, rng: np.random.Generator) -> BgrImage | None:
        """A camera picture of another product, or None if there is none."""
        item = self._other(rng, self.corpus.photographed)
        if item is None:
            return None
        shots = self.corpus.shown[item]
        shot = self.corpus.shots[shots[int(rng.integers(len(shots)))]]
        if self.own.intersection(shot.right):
            return None
        return shot.pictures[int(rng.integers(len(shot.pictures)))]()

    def _other(self, rng: np.random.Generator, items: range | tuple[int, ...]) -> int | None:
        if self.own.issuperset(items):
            return None
        while True:
            item = items[int(rng.integers(len(items)))]
            if item not in self.own:
                return item


def augment(
    picture: BgrImage,
    context: Context,
    rng: np.random.Generator,
    strengths: Strengths | None = None,
) -> BgrImage:
    """Change a picture by chance: what stands around it first, then the camera.

    Every change has a generator of its own, drawn from ``rng``: switching one off leaves what the
    others do as it was.

    Args:
        picture: uint8 [H, W, 3] BGR; left alone.
        context: other products.
        rng: source of randomness.
        strengths: how often and how much; the defaults if None.

    Returns:
        uint8 [H, W, 3] BGR.
    """
    strong = strengths or Strengths()
    changes = _changes(strong, context)
    # Not Generator.spawn: its count is no part of a state that a resumed run could restore.
    seeds = rng.integers(1 << 63, size=len(changes))
    for (chance, change), seed in zip(changes, seeds, strict=True):
        own = np.random.default_rng(int(seed))
        if own.random() < chance:
            picture = change(picture, own)
    return picture


_Change = Callable[[BgrImage, np.random.Generator], BgrImage]


def _changes(strong: Strengths, context: Context) -> tuple[tuple[float, _Change], ...]:
    def shrink(picture: BgrImage, rng: np.random.Generator) -> BgrImage:
        scene = context.scene(rng)
        if scene is None:
            return picture
        return operations.shrink_into(picture, scene, rng, strong.smallest)

    def beside(picture: BgrImage, rng: np.random.Generator) -> BgrImage:
        other = context.scene(rng)
        return picture if other is None else operations.beside(picture, other, rng, strong.widest)

    def paste(picture: BgrImage, rng: np.random.Generator) -> BgrImage:
        other = context.product(rng)
        return picture if other is None else operations.paste(picture, other, rng, strong.pasted)

    gain = (strong.darkest, strong.brightest)
    return (
        (strong.shrink, shrink),
        (strong.beside, beside),
        (strong.paste, paste),
        (strong.occlude, lambda p, rng: operations.occlude(p, rng, strong.covered)),
        (strong.recolour, lambda p, rng: operations.recolour(p, rng, strong.cast, gain)),
        (strong.blur, lambda p, rng: operations.blur(p, rng, strong.smeared)),
        (strong.compress, lambda p, rng: operations.compress(p, rng, strong.worst)),
    )
