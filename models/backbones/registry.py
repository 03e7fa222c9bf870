"""Which encoders and which tokenizer a preset stands for; the one place that says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from models.backbones import lite0, minilm, tiny, weights
from models.backbones.clip import ClipFrameEncoder, ClipTextEncoder
from models.backbones.clip_tokenizer import byte_tokenizer, check_clip_tokenizer
from models.backbones.clip_weights import load_clip
from models.backbones.encoder import FrameEncoder, TextEncoder
from models.config import TINY, NetworkConfig

TOKENIZER = "tokenizer.json"
RANDOM = "random"
"""Origin of weights that nobody trained."""

F = TypeVar("F", bound=FrameEncoder)
T = TypeVar("T", bound=TextEncoder)


@dataclass(frozen=True)
class Backbone(Generic[F, T]):
    """A preset's encoders.

    Attributes:
        frame_encoder: builds one with random weights.
        text_encoder: likewise.
        load: fills both with pretrained weights, from the user's file where the preset takes one;
            says where the weights come from, ``random`` where they stay as built.
        write_tokenizer: writes the text encoder's ``tokenizer.json`` to a path; given the user's
            weights, the one that belongs to them.
    """

    frame_encoder: Callable[[NetworkConfig], F]
    text_encoder: Callable[[NetworkConfig], T]
    load: Callable[[F, T, Path | None], str]
    write_tokenizer: Callable[[Path, Path | None], None]


def _load_lite(frames: lite0.Lite0FrameEncoder, texts: minilm.MiniLm, _: Path | None) -> str:
    lite0.load_pretrained(frames)
    minilm.load_pretrained(texts)
    return f"Lite0 {weights.LITE0_SHA256}, MiniLM {weights.MINILM_SHA256}"


def _write_minilm(target: Path, _: Path | None) -> None:
    shutil.copyfile(weights.minilm_folder() / TOKENIZER, target)


def _load_b32(frames: ClipFrameEncoder, texts: ClipTextEncoder, file: Path | None) -> str:
    return RANDOM if file is None else f"CLIP {load_clip(frames, texts, file)}"


def _write_clip(target: Path, file: Path | None) -> None:
    if file is None:
        byte_tokenizer().save(str(target))
        return
    own = file.with_name(TOKENIZER)
    check_clip_tokenizer(own)
    shutil.copyfile(own, target)


def _load_tiny(*_: object) -> str:
    return RANDOM


def _write_tiny(target: Path, _: Path | None) -> None:
    tiny.tiny_tokenizer(TINY.text_tokens).save(str(target))


BACKBONES: dict[str, Backbone[Any, Any]] = {
    "lite": Backbone(lite0.Lite0FrameEncoder, lambda _: minilm.MiniLm(), _load_lite, _write_minilm),
    "b32": Backbone(ClipFrameEncoder, ClipTextEncoder, _load_b32, _write_clip),
    "tiny": Backbone(tiny.TinyFrameEncoder, tiny.TinyTextEncoder, _load_tiny, _write_tiny),
}
