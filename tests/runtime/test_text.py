"""From words of any kind to token ids."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError
from runtime.text import MAX_CHARACTERS, TextTokenizer, clean

MOST = 16


@pytest.fixture(scope="module")
def tokenizer(bundle_folder: Path) -> TextTokenizer:
    name = open_bundle(bundle_folder).manifest.text.tokenizer
    return TextTokenizer.load(bundle_folder / name, MOST)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        (" \t\r\n ", ""),
        ("tea\x00bag\x1b[31m", "tea bag [31m"),
        ("tea \n\t bag", "tea bag"),
        ("ﬁne Ｔｅａ", "fine Tea"),
        ("te\u0301", "té"),
        ("\ud800", ""),
        ("\u200b\u202e\ufeff", ""),
    ],
)
def test_text_is_cleaned(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(max_size=200))
def test_clean_text_has_no_control_characters_and_single_spaces(text: str) -> None:
    cleaned = clean(text)
    assert not any(unicodedata.category(c).startswith("C") for c in cleaned)
    assert cleaned == " ".join(cleaned.split())
    cleaned.encode("utf-8")


def test_endless_text_is_cut() -> None:
    assert clean("a" * 10_000) == "a" * MAX_CHARACTERS


def test_a_batch_is_padded_to_its_longest_text(tokenizer: TextTokenizer) -> None:
    batch = tokenizer.encode(["tea", "green tea with lemon"])
    assert batch.ids.dtype == batch.mask.dtype == np.int64
    assert batch.ids.shape == batch.mask.shape
    short, long = batch.mask.sum(axis=1)
    assert short < long == batch.ids.shape[1]
    assert batch.mask[0].tolist() == [1] * int(short) + [0] * int(long - short)
    assert np.array_equal(batch.ids[0, :short], tokenizer.encode(["tea"]).ids[0])


@pytest.mark.parametrize("text", ["word " * 2_000, "x" * 10_000, "🍵" * 10_000])
def test_long_text_is_cut_to_the_token_limit(tokenizer: TextTokenizer, text: str) -> None:
    batch = tokenizer.encode([text])
    assert 1 <= batch.ids.shape[1] <= MOST
    assert batch.mask.all()


@pytest.mark.parametrize("text", ["", " \n", "\x00\x01", "🍵🍵🍵", "👩‍👩‍👧", "\ud800"])
def test_text_without_a_word_says_nothing(tokenizer: TextTokenizer, text: str) -> None:
    assert not tokenizer.says_something(text)
    assert tokenizer.encode([text]).mask.any()


@pytest.mark.parametrize("text", ["tea", "the of and", "🍵 tea", "te\x00a", "ＴＥＡ", "x" * 10_000])
def test_text_with_a_word_says_something(tokenizer: TextTokenizer, text: str) -> None:
    assert tokenizer.says_something(text) == (text != "x" * 10_000)


def test_case_and_width_do_not_matter(tokenizer: TextTokenizer) -> None:
    plain, shouted = tokenizer.encode(["green tea"]), tokenizer.encode(["ＧＲＥＥＮ  TEA"])
    assert np.array_equal(plain.ids, shouted.ids)


@pytest.mark.parametrize("content", [b"", b"{", b'{"model": {}}', b"\x00\xff"])
def test_a_damaged_tokenizer_is_a_bundle_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    with pytest.raises(BundleError, match=r"tokenizer\.json"):
        TextTokenizer.load(file, MOST)


def test_a_missing_tokenizer_is_a_bundle_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        TextTokenizer.load(tmp_path / "tokenizer.json", MOST)
