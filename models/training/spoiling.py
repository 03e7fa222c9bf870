"""Pictures changed and sentences spoiled as they are shown, by seed, step and place alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.data.augmentation.augment import Context, Strengths, augment
from models.data.augmentation.speech import Heard, SpeechStrengths, spoil, wrong_sentences
from models.data.corpus import Corpus
from models.training.config import TrainConfig

BgrImage = npt.NDArray[np.uint8]
Place = tuple[int, ...]


@dataclass(frozen=True)
class Spoiling:
    """What happens to pictures and words on their way to the network.

    Attributes:
        seed: of every draw.
        pictures: how pictures are changed; not at all if None.
        speech: how sentences fail; not at all if None.
    """

    seed: int = 0
    pictures: Strengths | None = None
    speech: SpeechStrengths | None = None

    @classmethod
    def of(cls, config: TrainConfig) -> Spoiling:
        """As the settings want it."""
        pictures, speech = config.augmentation, config.speech
        return cls(config.seed, pictures if pictures.on else None, speech if speech.on else None)

    def picture(self, picture: BgrImage, corpus: Corpus, item: int, place: Place) -> BgrImage:
        """A picture as it is shown.

        Args:
            picture: uint8 [H, W, 3] BGR.
            corpus: whose other products may stand around it.
            item: the product shown.
            place: step, row of the batch and frame.
        """
        if self.pictures is None:
            return picture
        rng = np.random.default_rng([self.seed, 31, *place])
        return augment(picture, Context(corpus, frozenset({item})), rng, self.pictures)

    def sentence(self, text: str, corpus: Corpus, item: int, place: Place) -> Heard:
        """A sentence as it is heard.

        Args:
            text: as it was said.
            corpus: whose look-alikes a wrong sentence is about.
            item: the product that it tells of.
            place: step and row of the batch.
        """
        if self.speech is None or not text:
            return Heard(text, "said")
        rng = np.random.default_rng([self.seed, 37, *place])
        return spoil(text, wrong_sentences(corpus, {item}), rng, self.speech)
