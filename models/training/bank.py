"""The frozen encoders' features of a whole corpus, computed once and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.data.corpus import Corpus, Picture
from models.sgmn import Sgmn
from runtime.preprocess import frame_input, letterbox
from runtime.text import TextTokenizer

BATCH = 8
PREPROCESSING = "centre-square/letterbox"
"""Part of the cache's key: features of differently cut pictures are never mixed."""
Progress = Callable[..., Iterable[Any]]


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
    """Encode a corpus, or read what an earlier run with the same data and encoders kept."""
    encoders = f"{_encoders_digest(network)}:{tokenizer.digest}"
    made_of = f"{corpus.digest}:{encoders}:{PREPROCESSING}"
    key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    folder = cache / key
    folder.mkdir(parents=True, exist_ok=True)
    frames = [picture for shot in corpus.shots for picture in shot.pictures]
    shots, start = [], 0
    for shot in corpus.shots:
        shots.append((shot.item, shot.source, tuple(range(start, start + len(shot.pictures)))))
        start += len(shot.pictures)
    titles = [item.text for item in corpus.items]
    shop = [item.image for item in corpus.items]
    return FeatureBank(
        _pictures(shop, network, folder / "items", progress, "Shop pictures", still=True),
        _words(titles, network, tokenizer, folder / "titles", progress, "Titles"),
        _pictures(frames, network, folder / "frames", progress, "Frames", still=False),
        _words(
            [text for _, text in corpus.sentences],
            network,
            tokenizer,
            folder / "sentences",
            progress,
            "Sentences",
        ),
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


def _pictures(
    pictures: Sequence[Picture],
    network: Sgmn,
    place: Path,
    progress: Progress,
    label: str,
    *,
    still: bool,
) -> Pictures:
    size = network.config.image_size
    cls, tokens = [], []
    kept = place.with_suffix(".npz")
    if kept.exists():
        stored = np.load(kept, allow_pickle=False)
        return Pictures(torch.from_numpy(stored["cls"]), torch.from_numpy(stored["tokens"]))
    starts = range(0, len(pictures), BATCH)
    for start in progress(starts, label=label, total=len(starts)):
        batch = [
            letterbox(picture(), size, antialias=True) if still else frame_input(picture(), size)
            for picture in pictures[start : start + BATCH]
        ]
        with torch.inference_mode():
            some_cls, some_tokens = network.frame_encoder(
                torch.from_numpy(np.stack(batch)).to(_device(network))
            )
        cls.append(some_cls.half().cpu().numpy())
        tokens.append(some_tokens.half().cpu().numpy())
    arrays = {"cls": np.concatenate(cls), "tokens": np.concatenate(tokens)}
    _keep(kept, arrays)
    return Pictures(torch.from_numpy(arrays["cls"]), torch.from_numpy(arrays["tokens"]))


def _words(
    texts: Sequence[str],
    network: Sgmn,
    tokenizer: TextTokenizer,
    place: Path,
    progress: Progress,
    label: str,
) -> Words:
    kept = place.with_suffix(".npz")
    if kept.exists():
        stored = np.load(kept, allow_pickle=False)
        return Words(*(torch.from_numpy(stored[name]) for name in ("pooled", "tokens", "mask")))
    length, width = network.config.text_tokens, network.config.text_size
    pooled = np.zeros((len(texts), width), np.float32)
    tokens = np.zeros((len(texts), length, width), np.float16)
    mask = np.zeros((len(texts), length), np.float32)
    starts = range(0, len(texts), BATCH)
    for start in progress(starts, label=label, total=len(starts)):
        batch = tokenizer.encode(texts[start : start + BATCH])
        rows = slice(start, start + len(batch.ids))
        with torch.inference_mode():
            some_pooled, some_tokens = network.text_encoder(
                torch.from_numpy(batch.ids).to(_device(network)),
                torch.from_numpy(batch.mask).to(_device(network)),
            )
        pooled[rows] = some_pooled.cpu().numpy()
        tokens[rows, : batch.ids.shape[1]] = some_tokens.half().cpu().numpy()
        mask[rows, : batch.ids.shape[1]] = batch.mask
    # No text at all is not the encoder's answer to no words, but zeros, as at run time.
    empty = [row for row, text in enumerate(texts) if not text]
    pooled[empty], tokens[empty], mask[empty] = 0, 0, 0
    _keep(kept, {"pooled": pooled, "tokens": tokens, "mask": mask})
    return Words(torch.from_numpy(pooled), torch.from_numpy(tokens), torch.from_numpy(mask))


def _keep(place: Path, arrays: dict[str, Any]) -> None:
    partial = place.with_suffix(".partial.npz")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    partial.replace(place)


def _encoders_digest(network: Sgmn) -> str:
    digest = hashlib.sha256()
    for module in (network.frame_encoder, network.text_encoder):
        # Equal weights under another activation are another encoder.
        digest.update(repr(module).encode())
        for name, tensor in module.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def _device(network: Sgmn) -> torch.device:
    return network.shared.projection.linear.weight.device
