"""Batches of pictures and words themselves, for training the encoders as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.config import NetworkConfig
from models.data.augmentation.speech import Heard
from models.data.corpus import Corpus
from models.sgmn import Sgmn
from models.training.distributed import World
from models.training.episodes import Draw, Episode, EpisodeSampler, Shots
from models.training.spoiling import BgrImage, Spoiling
from runtime.preprocess import frame_input, letterbox
from runtime.text import TextTokenizer


@dataclass(frozen=True)
class Tokens:
    """Texts before the encoder.

    Attributes:
        ids: int64 [N, L].
        mask: int64 [N, L].
        there: 0 for a text without a word, which counts as no text at all, [N, 1].
    """

    ids: Tensor
    mask: Tensor
    there: Tensor

    def encoded(self, network: Sgmn, heard: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled [N, E], tokens [N, L, E], mask [N, L]; zero where not heard [N, 1]."""
        device = heard.device
        mask, heard = self.mask.to(device), heard * self.there.to(device)
        pooled, tokens = network.text_encoder(self.ids.to(device), mask)
        return pooled * heard, tokens * heard[..., None], mask * heard


@dataclass(frozen=True)
class PixelEpisode:
    """One process's part of a batch before the encoders.

    Attributes:
        whole: what the whole batch shows.
        own: what this part shows.
        frames: uint8 [N, T, S, S, 3] RGB, black where there is no frame.
        items: uint8 [N, S, S, 3] RGB.
        words: the speech.
        titles: the titles.
    """

    whole: Draw
    own: Draw
    frames: Tensor
    items: Tensor
    words: Tokens
    titles: Tokens

    def encoded(self, network: Sgmn) -> Episode:
        """Through the network's encoders, with gradients."""
        device = network.shared.projection.linear.weight.device
        mask, spoken = self.own.frame_mask.to(device), self.own.spoken.to(device)[:, None]
        cls, tokens = network.frame_encoder(self.frames.to(device).flatten(0, 1))
        item = network.frame_encoder(self.items.to(device))
        title = self.titles.encoded(network, torch.ones_like(spoken))
        query = (
            cls.reshape(*mask.shape, -1) * mask[..., None],
            tokens.reshape(*mask.shape, *tokens.shape[1:]) * mask[..., None, None],
            mask,
            *self.words.encoded(network, spoken),
        )
        return Episode(self.whole, query, (*item, *title))


class PixelBatches:
    """Episodes whose pictures are loaded, drawn and cut when they are shown.

    Args:
        corpora: numbered one after the other, as `numbered` does.
        sampler: draws what is shown.
        tokenizer: of the text encoder.
        config: of the network.
        world: whose part to load.
        spoiling: what happens to pictures and words; nothing by default.
    """

    def __init__(
        self,
        corpora: Sequence[Corpus],
        sampler: EpisodeSampler,
        tokenizer: TextTokenizer,
        config: NetworkConfig,
        world: World,
        spoiling: Spoiling | None = None,
    ) -> None:
        self._items = [(corpus, i) for corpus in corpora for i in range(len(corpus.items))]
        self._frames = [p for c in corpora for shot in c.shots for p in shot.pictures]
        self._sentences = [text for c in corpora for _, text in c.sentences]
        self._sampler = sampler
        self._tokenizer = tokenizer
        self._config = config
        self._world = world
        self._spoiling = spoiling or Spoiling()

    def draw(self, step: int) -> PixelEpisode:
        """This process's part of the episode of a step."""
        whole = self._sampler.draw(step)
        part = self._world.part(len(whole.items))
        # Every process must know of the whole batch whose words tell of their product.
        heard = self._heard(whole, step)
        told = [one.fate == "said" and bool(one.text) for one in heard]
        whole = replace(whole, told=whole.spoken * torch.tensor(told))
        own = whole.part(part)
        rows = [self._items[i] for i in own.items.tolist()]
        shown = [corpus.items[i] for corpus, i in rows]
        return PixelEpisode(
            whole,
            own,
            self._shot(own, step, part.start),
            torch.stack([self._cut(item.image(), _letterboxed) for item in shown]),
            self._encoded([one.text for one in heard[part]]),
            self._encoded([item.text for item in shown]),
        )

    def _heard(self, whole: Draw, step: int) -> list[Heard]:
        found = []
        rows = zip(whole.items.tolist(), whole.sentences.tolist(), strict=True)
        for place, (item, row) in enumerate(rows):
            text = self._sentences[row] if row >= 0 else ""
            corpus, number = self._items[item]
            found.append(self._spoiling.sentence(text, corpus, number, (step, place)))
        return found

    def _shot(self, own: Draw, step: int, first: int) -> Tensor:
        """Frames, uint8 [N, T, S, S, 3]; ``first`` is the first row's place in the whole batch."""
        size = self._config.image_size
        frames = torch.zeros(*own.frames.shape, size, size, 3, dtype=torch.uint8)
        for row, time in own.frame_mask.nonzero().tolist():
            picture = self._frames[int(own.frames[row, time])]()
            corpus, item = self._items[int(own.items[row])]
            picture = self._spoiling.picture(picture, corpus, item, (step, first + row, time))
            frames[row, time] = self._cut(picture, frame_input)
        return frames

    def _cut(self, picture: BgrImage, cut: Callable[..., np.ndarray]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(cut(picture, self._config.image_size)))

    def _encoded(self, texts: list[str]) -> Tokens:
        words = self._tokenizer.encode(texts)
        there = torch.tensor([[float(bool(text))] for text in texts])
        return Tokens(torch.from_numpy(words.ids), torch.from_numpy(words.mask), there)


def numbered(corpora: Sequence[Corpus]) -> tuple[Shots, list[int]]:
    """Shots and the product of every sentence, as `bank.join` numbers them."""
    shots: list[tuple[int, str, tuple[int, ...]]] = []
    said: list[int] = []
    items = frames = 0
    for corpus in corpora:
        for shot in corpus.shots:
            rows = tuple(range(frames, frames + len(shot.pictures)))
            shots.append((shot.item + items, shot.source, rows))
            frames += len(shot.pictures)
        said += [item + items for item, _ in corpus.sentences]
        items += len(corpus.items)
    return shots, said


def _letterboxed(picture: np.ndarray, size: int) -> np.ndarray:
    return letterbox(picture, size, antialias=True)
