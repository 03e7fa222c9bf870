"""The frozen encoders' features of a whole corpus, computed once and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.data.corpus import Corpus, Picture
from models.sgmn import Sgmn
from models.training.parts import Arrays, Progress, kept
from runtime.lock import FileLock
from runtime.preprocess import frame_input, letterbox
from runtime.text import TextTokenizer

PREPROCESSING = "centre-square/letterbox"
"""Part of the cache's key: features of differently cut pictures are never mixed."""
LOCK = "encoding.lock"


@dataclass(frozen=True)
class Words:
    """Encoded texts: pooled [N, E], tokens [N, L, E] half, mask [N, L]."""

    pooled: Tensor
    tokens: Tensor
    mask: Tensor

    def rows(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Some texts in single precision; zeros, as for no text at all, for row -1."""
        there = index >= 0
        found = []
        for tensor in (self.pooled, self.tokens, self.mask):
            rows = torch.zeros(len(index), *tensor.shape[1:])
            rows[there] = tensor[index[there]].float()
            found.append(rows)
        pooled, tokens, mask = found
        return pooled, tokens, mask


@dataclass(frozen=True)
class Pictures:
    """Encoded pictures: cls [N, C] half, tokens [N, P, D] half."""

    cls: Tensor
    tokens: Tensor

    def rows(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Some pictures in single precision."""
        return self.cls[index].float(), self.tokens[index].float()


@dataclass(frozen=True)
class FeatureBank:
    """A corpus after the encoders; row i of ``items`` and ``titles`` is product i.

    ``shots`` are (product, source, rows of ``frames``); ``said`` maps sentence rows to products.
    """

    items: Pictures
    titles: Words
    frames: Pictures
    sentences: Words
    said: Tensor
    shots: tuple[tuple[int, str, tuple[int, ...]], ...]


def build_bank(
    corpus: Corpus, network: Sgmn, tokenizer: TextTokenizer, cache: Path, progress: Progress
) -> FeatureBank:
    """Encode a corpus, or read what an earlier run with the same data and encoders kept.

    One process at a time encodes; another waits to read. What was killed is gone on with.
    """
    encoders = f"{_encoders_digest(network)}:{tokenizer.digest}"
    made_of = f"{corpus.digest}:{encoders}:{PREPROCESSING}"
    folder = cache / hashlib.sha256(made_of.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    lock.acquire(wait=True)
    try:
        return _encoded(corpus, Encoding(network, tokenizer, folder, progress))
    finally:
        lock.release()


def _encoded(corpus: Corpus, encoding: Encoding) -> FeatureBank:
    frames = [picture for shot in corpus.shots for picture in shot.pictures]
    shots, start = [], 0
    for shot in corpus.shots:
        shots.append((shot.item, shot.source, tuple(range(start, start + len(shot.pictures)))))
        start += len(shot.pictures)
    shop, titles = [item.image for item in corpus.items], [item.text for item in corpus.items]
    sentences = [text for _, text in corpus.sentences]
    return FeatureBank(
        encoding.pictures(shop, "items", "Shop pictures", still=True),
        encoding.words(titles, "titles", "Titles"),
        encoding.pictures(frames, "frames", "Frames", still=False),
        encoding.words(sentences, "sentences", "Sentences"),
        torch.tensor([item for item, _ in corpus.sentences], dtype=torch.long),
        tuple(shots),
    )


def join(banks: Sequence[FeatureBank]) -> FeatureBank:
    """Several banks as one; products, frames and sentences are renumbered."""
    shots: list[tuple[int, str, tuple[int, ...]]] = []
    said: list[Tensor] = []
    items = frames = 0
    for bank in banks:
        shots += [(i + items, s, tuple(r + frames for r in rows)) for i, s, rows in bank.shots]
        said.append(bank.said + items)
        items += len(bank.items.cls)
        frames += len(bank.frames.cls)
    return FeatureBank(
        _joined_pictures([b.items for b in banks]),
        _joined_words([b.titles for b in banks]),
        _joined_pictures([b.frames for b in banks]),
        _joined_words([b.sentences for b in banks]),
        torch.cat(said),
        tuple(shots),
    )


def _joined_pictures(parts: Sequence[Pictures]) -> Pictures:
    return Pictures(torch.cat([p.cls for p in parts]), torch.cat([p.tokens for p in parts]))


def _joined_words(parts: Sequence[Words]) -> Words:
    return Words(
        torch.cat([p.pooled for p in parts]),
        torch.cat([p.tokens for p in parts]),
        torch.cat([p.mask for p in parts]),
    )


@dataclass(frozen=True)
class Encoding:
    """How a corpus is encoded, and where its features are kept."""

    network: Sgmn
    tokenizer: TextTokenizer
    folder: Path
    progress: Progress

    def pictures(
        self, pictures: Sequence[Picture], name: str, label: str, *, still: bool
    ) -> Pictures:
        """Encode pictures; shop pictures are still and cut differently."""
        size = self.network.config.image_size

        def cut(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
            return letterbox(picture, size, antialias=True) if still else frame_input(picture, size)

        def made(rows: slice) -> Arrays:
            batch = [
                letterbox(picture(), size, antialias=True)
                if still
                else frame_input(picture(), size)
                for picture in pictures[rows]
            ]
            with torch.inference_mode():
                cls, tokens = self.network.frame_encoder(self._here(np.stack(batch)))
            return {"cls": cls.half().cpu().numpy(), "tokens": tokens.half().cpu().numpy()}

        return Pictures(**self._kept(name, len(pictures), made, label))

    def words(self, texts: Sequence[str], name: str, label: str) -> Words:
        """Encode texts."""
        if not texts:
            return Words(**_tensors(self._no_words(0)))
        return Words(**self._kept(name, len(texts), lambda rows: self._words(texts[rows]), label))

    def _words(self, texts: Sequence[str]) -> Arrays:
        batch, found = self.tokenizer.encode(texts), self._no_words(len(texts))
        with torch.inference_mode():
            pooled, tokens = self.network.text_encoder(
                self._here(batch.ids), self._here(batch.mask)
            )
        length = batch.ids.shape[1]
        found["pooled"][:] = pooled.cpu().numpy()
        found["tokens"][:, :length] = tokens.half().cpu().numpy()
        found["mask"][:, :length] = batch.mask
        # No text at all is not the encoder's answer to no words, but zeros, as at run time.
        empty = [row for row, text in enumerate(texts) if not text]
        for array in found.values():
            array[empty] = 0
        return found

    def _no_words(self, count: int) -> Arrays:
        length, width = self.network.config.text_tokens, self.network.config.text_size
        return {
            "pooled": np.zeros((count, width), np.float32),
            "tokens": np.zeros((count, length, width), np.float16),
            "mask": np.zeros((count, length), np.float32),
        }

    def _kept(
        self, name: str, count: int, make: Callable[[slice], Arrays], label: str
    ) -> dict[str, Tensor]:
        return _tensors(kept(self.folder / name, count, make, self.progress, label))

    def _here(self, array: npt.NDArray[Any]) -> Tensor:
        device = self.network.shared.projection.linear.weight.device
        return torch.from_numpy(array).to(device)


def _tensors(arrays: Arrays) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _encoders_digest(network: Sgmn) -> str:
    digest = hashlib.sha256()
    for module in (network.frame_encoder, network.text_encoder):
        # Equal weights under another activation are another encoder.
        digest.update(repr(module).encode())
        for name, tensor in module.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
