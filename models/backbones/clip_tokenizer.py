"""Tokenizers for CLIP's text tower: the user's own, or one that spells in bytes."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from models.backbones.clip import VOCABULARY
from runtime.errors import ExportError

START, END = ("<|startoftext|>", VOCABULARY - 2), ("<|endoftext|>", VOCABULARY - 1)
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""What CLIP calls a word."""

# Each byte as a visible character: itself where it is one, else one from 256 on, in CLIP's order.
_BYTES = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 324))]


def byte_tokenizer() -> Tokenizer:
    """CLIP's tokenizer without its merges: every byte is a token, bytes that end a word another.

    Ids are those of CLIP's vocabulary of 49408, of which the merges' are not used.
    """
    pieces = [*_BYTES, *(f"{byte}</w>" for byte in _BYTES)]
    vocabulary = {piece: i for i, piece in enumerate(pieces)} | dict([START, END])
    tokenizer = Tokenizer(models.BPE(vocabulary, [], end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.BertProcessing(END, START)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def check_clip_tokenizer(file: Path) -> None:
    """Make sure that a ``tokenizer.json`` is CLIP's.

    Raises:
        ExportError: it is not; CLIP's words under other ids would be noise to the text tower.
    """
    try:
        found = Tokenizer.from_file(str(file)).encode("a").ids
    except Exception as error:
        raise _refused(file, str(error)) from error
    if (found[:1], found[-1:]) != ([START[1]], [END[1]]):
        raise _refused(file, f"it puts {found} for the word `a`, not {START[1]} ... {END[1]}")


def _refused(file: Path, why: str) -> ExportError:
    return ExportError(
        f"{file} is not CLIP's tokenizer",
        why=why,
        fix="put the tokenizer.json that is published with the weights beside them",
    )
