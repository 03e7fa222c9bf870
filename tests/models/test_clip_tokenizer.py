"""CLIP's tokenizer without merges, and the check of a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, processors

from models.backbones.clip_tokenizer import byte_tokenizer, check_clip_tokenizer
from models.backbones.tiny import tiny_tokenizer
from models.config import B32
from runtime.errors import ExportError
from runtime.text import TextTokenizer

START, END = 49_406, 49_407
# Ids of CLIP's published vocabulary: bytes in visible order, then the same as ends of words.
A, A_END, COMMA_END, BANG = 64, 320, 267, 0


@pytest.fixture(scope="module")
def spelling(tmp_path_factory: pytest.TempPathFactory) -> TextTokenizer:
    file = tmp_path_factory.mktemp("words") / "tokenizer.json"
    byte_tokenizer().save(str(file))
    return TextTokenizer.load(file, B32.text_tokens)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a", [A_END]),
        ("AA, a", [A, A_END, COMMA_END, A_END]),
        ("a's", [A_END, ord("'") - 33, ord("s") - 33 + 256]),
        ("a1a", [A_END, ord("1") - 33 + 256, A_END]),
        ("!a", [BANG + 256, A_END]),
        ("Ä", [94 + 12 + 0xC3 - 174, 94 + 0xA4 - 161 + 256]),
        ("", []),
    ],
)
def test_every_byte_has_clips_id(spelling: TextTokenizer, text: str, ids: list[int]) -> None:
    batch = spelling.encode([text])
    assert batch.ids[0].tolist() == [START, *ids, END]
    assert batch.mask.all()


def test_any_language_is_spelt_and_kept_apart(spelling: TextTokenizer) -> None:
    texts = ["green tea", "Größe 42", "日本茶", "🍵"]
    batch = spelling.encode(texts)
    assert batch.ids.max() == END
    assert len({tuple(row) for row in batch.ids.tolist()}) == len(texts)
    for row, mask, text in zip(batch.ids, batch.mask, texts, strict=True):
        letters = len(text.replace(" ", "").encode())
        assert mask.sum() == letters + 2
        assert row[mask.sum() - 1] == END


def test_a_long_text_still_ends(spelling: TextTokenizer) -> None:
    batch = spelling.encode(["word " * 100, "a"])
    assert batch.ids.shape == (2, B32.text_tokens)
    assert batch.ids[0, -1] == END
    assert batch.mask[0].all()
    assert batch.mask[1].sum() == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [("tea", True), ("日", True), ("7", True), ("", False), (" \n", False), ("🍵 ... !", False)],
)
def test_words_are_told_from_signs_without_an_unknown_token(
    spelling: TextTokenizer, text: str, said: bool
) -> None:
    assert spelling.says_something(text) is said


def test_the_digest_tells_tokenizers_apart(spelling: TextTokenizer) -> None:
    again = TextTokenizer(byte_tokenizer())
    assert again.digest == TextTokenizer(byte_tokenizer()).digest
    assert spelling.digest != TextTokenizer(tiny_tokenizer(B32.text_tokens)).digest


def _as_published() -> Tokenizer:
    """Built as the tokenizer.json beside published weights is."""
    vocabulary = {"!": 0, "a</w>": A_END, "<|startoftext|>": START, "<|endoftext|>": END}
    published = Tokenizer(
        models.BPE(vocabulary, [], unk_token="<|endoftext|>", end_of_word_suffix="</w>")
    )
    published.post_processor = processors.RobertaProcessing(
        ("<|endoftext|>", END), ("<|startoftext|>", START), add_prefix_space=False
    )
    return published


def test_a_users_tokenizer_is_accepted(tmp_path: Path) -> None:
    for tokenizer in (_as_published(), byte_tokenizer()):
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        check_clip_tokenizer(tmp_path / "tokenizer.json")


def _without_end(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A", special_tokens=[("<|startoftext|>", START)]
    )
    return tokenizer


@pytest.mark.parametrize(
    "tokenizer",
    [tiny_tokenizer(16), _without_end(_as_published()), Tokenizer(models.BPE({}, [])), None],
    ids=["another encoder's", "no end", "no tokens", "missing"],
)
def test_another_tokenizer_is_refused(tmp_path: Path, tokenizer: Tokenizer | None) -> None:
    file = tmp_path / "tokenizer.json"
    if tokenizer is not None:
        tokenizer.save(str(file))
    with pytest.raises(ExportError, match=r"is not CLIP's tokenizer") as caught:
        check_clip_tokenizer(file)
    assert caught.value.why
    assert "beside them" in caught.value.fix
