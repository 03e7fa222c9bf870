"""The shelf answers as the runtime does with the exported network."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from export.bundle import export_bundle
from export.samples import Samples
from models.ablation.shelf import Shelf, ask, publish, read_sentences
from models.backbones.tiny import tiny_tokenizer
from models.config import TINY
from models.data.corpus import Corpus, CorpusItem, Shot
from models.data.staging import feed_items
from models.sgmn import Sgmn, save_checkpoint
from models.training.bank import FeatureBank, build_bank
from runtime.catalog.enrolment import enrol_photos
from runtime.catalog.importer import import_feed
from runtime.catalog.photos import Photo
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.engines.settings import EngineSettings
from runtime.matcher import Matcher
from runtime.network import Network
from runtime.text import TextTokenizer
from tests.models.made_up_bank import quiet
from tests.models.tiny_network import stirred_network

NAMES = [f"{colour} {thing}" for colour in ("red", "green", "blue") for thing in
         ("milk", "pear", "plum", "tea")]  # fmt: skip
"""More products than are listed for the second stage."""

PHOTOS, ENROLLED, ASKED = 3, range(0, len(NAMES), 2), range(len(NAMES))
"""Photos of each enrolled product; the others have a shop image alone."""

SAID = [
    "",
    "look at the red milk",
    "the pear, not the red milk",
    "not the blue tea",
    "the green plum, ｎｏｔ the red milk",
    "...",
]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Both:
    """One network in torch and in the runtime, with the same products and pictures."""

    network: Sgmn
    tokenizer: TextTokenizer
    items: Sequence[CorpusItem]
    bank: FeatureBank
    shelf: Shelf
    matcher: Matcher


def _picture(product: int, shot: int) -> Picture:
    base = np.random.default_rng(product).integers(0, 200, (5, 5, 3), dtype=np.uint8)
    large = cv2.resize(base, (80, 64), interpolation=cv2.INTER_NEAREST).astype(np.int64)
    noise = np.random.default_rng([product, shot]).integers(0, 50, large.shape)
    return (large + noise).astype(np.uint8)


def _clip(product: int) -> list[Picture]:
    """One to four pictures: all but the longest are padded."""
    return [_picture(product, 50 + n) for n in range(1 + product % TINY.frames)]


def _feed(folder: Path) -> Path:
    folder.mkdir()
    with (folder / "catalog.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "title", "description", "image_link", "product_type"])
        for i, name in enumerate(NAMES):
            cv2.imwrite(str(folder / f"{i}.png"), _picture(i, 99))
            rows.writerow([f"p{i:02d}", name, f"number {i} from the valley", f"{i}.png", "Food"])
    return folder / "catalog.csv"


def _photos(folder: Path) -> list[Photo]:
    photos = [(i, n, folder / f"photo-{i}-{n}.png") for i in ENROLLED for n in range(PHOTOS)]
    for i, n, path in photos:
        cv2.imwrite(str(path), _picture(i, n))
    return [Photo(f"p{i:02d}", path, path.name) for i, _, path in photos]


def _corpus(feed: Path) -> Corpus:
    shots = [Shot(i, "photo", [partial(_picture, i, n) for n in range(PHOTOS)]) for i in ENROLLED]
    shots += [
        Shot(i, "clip", [partial(_picture, i, 50 + n) for n in range(len(_clip(i)))]) for i in ASKED
    ]
    return Corpus(tuple(feed_items(feed, "shop")), tuple(shots), (), "shelf")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("shelf")
    feed, network = _feed(folder / "shop"), stirred_network()
    tiny_tokenizer(TINY.text_tokens).save(str(folder / "tokenizer.json"))
    save_checkpoint(folder / "checkpoint.safetensors", network, {})
    samples = Samples([_picture(i, 99) for i in range(4)], NAMES[:4])
    export_bundle(
        folder / "checkpoint.safetensors", folder / "tokenizer.json", samples, folder / "bundle"
    )
    tokenizer = TextTokenizer.load(folder / "tokenizer.json", TINY.text_tokens)
    corpus = _corpus(feed)
    bank = build_bank(corpus, network, tokenizer, folder / "features", quiet)
    photos = {product: rows for product, source, rows in bank.shots if source == "photo"}
    shelf = publish(network, bank, corpus.items, photos)
    with Network.open(folder / "bundle", EngineSettings(threads=1)) as opened:
        digest, kept = opened.bundle.digest, folder / "catalog"
        import_feed(feed, kept, opened, digest, quiet)
        enrol_photos(_photos(folder), kept, opened, digest, quiet)
        with SqliteCatalog.open(kept, digest) as catalog:
            yield Both(network, tokenizer, corpus.items, bank, shelf, Matcher(opened, catalog))


def _asked(both: Both, text: str) -> torch.Tensor:
    frames = [rows for _, source, rows in both.bank.shots if source == "clip"]
    (sentence,) = read_sentences(both.network, both.tokenizer, [text])
    said = [sentence if text else None] * len(frames)
    return ask(both.network, both.bank, both.shelf, frames, said)


@pytest.mark.parametrize("text", SAID)
def test_the_shelf_ranks_as_the_matcher_does(both: Both, text: str) -> None:
    scores = _asked(both, text)
    for product in ASKED:
        ranking = both.matcher.rank_clip(_clip(product), text)
        order = [int(name.removeprefix("p")) for name in ranking.ids]
        ours = scores[product].argsort(descending=True).tolist()
        assert ours == order
        listed = scores[product][order[: TINY.shortlist]].numpy()
        assert listed == pytest.approx(ranking.scores[: TINY.shortlist], abs=1e-3)


def test_what_is_not_listed_comes_behind_in_its_own_order(both: Both) -> None:
    assert len(NAMES) > TINY.shortlist
    for scores in _asked(both, "look at the red milk"):
        ordered = scores.sort(descending=True).values
        assert ordered[TINY.shortlist - 1] - ordered[TINY.shortlist] >= 1.0 - 1e-4


def test_words_and_photos_count(both: Both) -> None:
    """The agreement above is about something."""
    silent, spoken = _asked(both, ""), _asked(both, "look at the red milk")
    assert (spoken[:, 0] - spoken.mean(1) > silent[:, 0] - silent.mean(1)).float().mean() > 0.5
    bare = publish(both.network, both.bank, both.items, {})
    changed = (bare.items != both.shelf.items).any(1)
    assert changed.all(), "photos move their products, and the others get a bias"
    assert torch.equal(bare.nodes, both.shelf.nodes)


def test_an_answer_does_not_depend_on_the_clips_beside_it(both: Both) -> None:
    frames = [rows for _, source, rows in both.bank.shots if source == "clip"]
    together = _asked(both, "")
    for product, rows in enumerate(frames):
        alone = ask(both.network, both.bank, both.shelf, [rows], [None])
        assert torch.allclose(alone[0], together[product], atol=1e-5)
