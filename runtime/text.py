"""From words to token ids."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from runtime.errors import BundleError

MAX_CHARACTERS = 4_000
"""Longer text is cut before it is tokenised; far more than any token limit can use."""


@dataclass(frozen=True)
class TokenBatch:
    """Token ids and their mask.

    Attributes:
        ids: int64 [N, L].
        mask: int64 [N, L], 1 for tokens and 0 for padding.
    """

    ids: npt.NDArray[np.int64]
    mask: npt.NDArray[np.int64]


class TextTokenizer:
    """The bundle's tokenizer with its length limit."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._unknown = tokenizer.token_to_id("[UNK]")

    @classmethod
    def load(cls, path: Path, max_tokens: int) -> TextTokenizer:
        """Read ``tokenizer.json``.

        Raises:
            BundleError: the file is not a tokenizer.
        """
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:
            raise BundleError(
                f"cannot read the tokenizer {path.name}",
                why=str(error),
                fix="install the bundle again",
            ) from error
        tokenizer.enable_truncation(max_tokens)
        tokenizer.enable_padding()
        return cls(tokenizer)

    @property
    def digest(self) -> str:
        """The hex SHA-256 of everything that decides which ids come out."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> TokenBatch:
        """Tokenise cleaned texts, padded to the longest of them."""
        encodings = self._tokenizer.encode_batch([clean(text) for text in texts])
        return TokenBatch(
            np.asarray([e.ids for e in encodings], np.int64),
            np.asarray([e.attention_mask for e in encodings], np.int64),
        )

    def says_something(self, text: str) -> bool:
        """Whether at least one word of the text is known to the tokenizer.

        To one without an unknown token, such as one that spells in bytes, every word is known.
        """
        if self._unknown is None:
            return any(character.isalnum() for character in clean(text))
        encoding = self._tokenizer.encode(clean(text), add_special_tokens=False)
        return any(token != self._unknown for token in encoding.ids)


def clean(text: str) -> str:
    """Compatibility-normalised text without control characters, single-spaced and cut."""
    folded = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS])
    kept = "".join(" " if unicodedata.category(c).startswith("C") else c for c in folded)
    return " ".join(kept.split())


def item_text(title: str, description: str) -> str:
    """What the text encoder reads of a product; empty without a title and a description."""
    return f"{title}. {description}".strip() if title or description else ""
