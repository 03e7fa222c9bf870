"""Features of a corpus, kept on disk."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer
from typing import Any

import numpy as np
import pytest
import torch

from models.sgmn import Sgmn
from models.training.bank import LOCK, FeatureBank, build_bank, join
from runtime.lock import FileLock
from runtime.preprocess import frame_input
from tests.conftest import REPOSITORY
from tests.models.killed_encoding import USES, encoded
from tests.models.made_up_bank import COUNT, SHOWN, made_up_corpus, quiet, tokenizer
from tests.models.tiny_network import fresh_network


class Counting:
    """Counts the calls of a network's encoders."""

    def __init__(self, network: Sgmn) -> None:
        self.calls = 0
        for encoder in (network.frame_encoder, network.text_encoder):
            encoder.register_forward_hook(self._count)

    def _count(self, *_: Any) -> None:
        self.calls += 1


def _bank(network: Sgmn, cache: Path, digest: str = "made up") -> FeatureBank:
    return build_bank(made_up_corpus(digest), network, tokenizer(), cache, quiet)


def _tensors(bank: FeatureBank) -> list[torch.Tensor]:
    texts = [t for w in (bank.titles, bank.sentences) for t in (w.pooled, w.tokens, w.mask)]
    pictures = [t for p in (bank.items, bank.frames) for t in (p.cls, p.tokens)]
    return [*texts, *pictures, bank.said]


def test_features_are_those_of_the_encoders(tmp_path: Path) -> None:
    network, corpus = fresh_network(), made_up_corpus()
    bank = _bank(network, tmp_path)
    assert len(bank.items.cls) == COUNT
    assert len(bank.frames.cls) == COUNT * SHOWN
    item, source, rows = bank.shots[6]
    assert (item, source, rows) == (6, "store", (18, 19, 20))
    picture = frame_input(corpus.shots[6].pictures[1](), network.config.image_size)
    with torch.inference_mode():
        cls, _ = network.frame_encoder(torch.from_numpy(np.stack([picture])))
    assert torch.allclose(bank.frames.rows(torch.tensor([19]))[0], cls, atol=1e-3)
    words = tokenizer().encode([corpus.sentences[3][1]])
    with torch.inference_mode():
        pooled, _ = network.text_encoder(*map(torch.from_numpy, (words.ids, words.mask)))
    assert torch.allclose(bank.sentences.pooled[3], pooled[0], atol=1e-6)
    assert bank.sentences.mask[3].sum() == words.mask.sum()


def test_a_product_without_title_has_no_text(tmp_path: Path) -> None:
    corpus = made_up_corpus()
    items = (replace(corpus.items[0], title="", description=""), *corpus.items[1:])
    titles = build_bank(
        replace(corpus, items=items), fresh_network(), tokenizer(), tmp_path, quiet
    ).titles
    assert not any(part[0].any() for part in (titles.pooled, titles.tokens, titles.mask))
    assert all(part[1:].any() for part in (titles.pooled, titles.tokens, titles.mask))


def test_a_second_run_reads_what_the_first_kept(tmp_path: Path) -> None:
    network = fresh_network()
    counting = Counting(network)
    first = _bank(network, tmp_path)
    assert counting.calls > 0
    counting.calls = 0
    second = _bank(network, tmp_path)
    assert counting.calls == 0
    assert second.shots == first.shots
    for one, two in zip(_tensors(first), _tensors(second), strict=True):
        assert one.dtype == two.dtype
        assert torch.equal(one, two)


@pytest.mark.parametrize("changed", ["frame_encoder", "text_encoder", "data"])
def test_other_weights_or_data_are_encoded_anew(tmp_path: Path, changed: str) -> None:
    network = fresh_network()
    _bank(network, tmp_path)
    if changed != "data":
        with torch.no_grad():
            next(network.get_submodule(changed).parameters()).flatten()[0] += 0.5
    counting = Counting(network)
    _bank(network, tmp_path, "other" if changed == "data" else "made up")
    assert counting.calls > 0


def test_trained_heads_do_not_need_new_features(tmp_path: Path) -> None:
    _bank(fresh_network(), tmp_path)
    network = fresh_network()
    with torch.no_grad():
        network.query_head.text_weight += 1.0
    counting = Counting(network)
    _bank(network, tmp_path)
    assert counting.calls == 0


def test_what_was_interrupted_is_not_read(tmp_path: Path) -> None:
    network = fresh_network()
    _bank(network, tmp_path)
    (frames,) = tmp_path.rglob("frames.npz")
    frames.rename(frames.with_suffix(".partial.npz")).write_bytes(b"half of it")
    counting = Counting(network)
    assert len(_bank(network, tmp_path).frames.cls) == COUNT * SHOWN
    assert counting.calls > 0


def _killed(cache: Path, use: int) -> None:
    program = [sys.executable, "-m", "tests.models.killed_encoding", str(cache), str(use)]
    ended = subprocess.run(program, cwd=REPOSITORY, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_encoding_goes_on_after_a_kill_where_it_was(tmp_path: Path) -> None:
    whole, uses = encoded(tmp_path / "whole")
    assert uses == USES
    for use in (2, 4):
        cache = tmp_path / str(use)
        _killed(cache, use)
        bank, needed = encoded(cache)
        assert needed == USES - (use - 1), "what was encoded before is not encoded again"
        assert all(torch.equal(o, t) for o, t in zip(_tensors(bank), _tensors(whole), strict=True))
        assert not list(cache.rglob("*.parts"))


def test_what_is_read_is_shown_as_what_is_encoded(tmp_path: Path) -> None:
    shown: list[list[str]] = []

    def show(items: Any, *, label: str, total: int) -> Any:
        assert total == len(items)
        shown[-1].append(label)
        return iter(items)

    for _ in range(2):
        shown.append([])
        build_bank(made_up_corpus(), fresh_network(), tokenizer(), tmp_path, show)
    assert shown[0] == shown[1] == ["Shop pictures", "Titles", "Frames", "Sentences"]


def test_parts_left_behind_by_a_kill_at_the_end_are_removed(tmp_path: Path) -> None:
    bank = _bank(fresh_network(), tmp_path)
    (frames,) = tmp_path.rglob("frames.npz")
    (frames.with_suffix(".parts")).mkdir()
    again = _bank(fresh_network(), tmp_path)
    assert torch.equal(again.frames.cls, bank.frames.cls)
    assert not list(tmp_path.rglob("*.parts"))


def test_who_comes_second_waits_to_read(tmp_path: Path) -> None:
    first, network = _bank(fresh_network(), tmp_path), fresh_network()
    (folder,) = tmp_path.iterdir()
    lock, counting, released = FileLock(folder / LOCK), Counting(network), Event()
    assert lock.acquire()

    def release() -> None:
        released.set()
        lock.release()

    timer = Timer(0.3, release)
    timer.start()
    second = _bank(network, tmp_path)
    assert released.is_set()
    timer.join()
    assert torch.equal(second.frames.cls, first.frames.cls)
    assert counting.calls == 0


def test_joined_banks_keep_their_products_apart(tmp_path: Path) -> None:
    network = fresh_network()
    one = _bank(network, tmp_path)
    both = join([one, one])
    assert len(both.items.cls) == 2 * COUNT
    item, source, rows = both.shots[COUNT + 6]
    assert (item, source) == (COUNT + 6, "store")
    assert rows == tuple(r + COUNT * SHOWN for r in one.shots[6][2])
    assert both.said[len(one.said) :].tolist() == (one.said + COUNT).tolist()
    for row, same in zip(rows, one.shots[6][2], strict=True):
        assert torch.equal(both.frames.cls[row], one.frames.cls[same])


def test_no_bank_file_holds_a_pickle(tmp_path: Path) -> None:
    _bank(fresh_network(), tmp_path)
    for file in tmp_path.rglob("*.npz"):
        with np.load(file, allow_pickle=False) as stored:
            assert all(stored[name].dtype.kind == "f" for name in stored)
