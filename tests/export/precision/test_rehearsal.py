"""What submodules are given in a rehearsal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from export.precision.rehearsal import Rehearsal, rehearse
from export.samples import Samples
from models.config import TINY
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from runtime.network import Network
from runtime.preprocess import letterbox
from tests.export.conftest import Exported
from tests.export.precision.quiet import silent


@pytest.fixture(scope="module")
def rehearsal(exported: Exported) -> Rehearsal:
    return rehearse(open_bundle(exported.bundle), exported.samples, silent)


def test_streams_as_they_are(rehearsal: Rehearsal) -> None:
    """Full clips, short ones, one frame and none; with words and without."""
    asked = rehearsal.feeds["query_head"]
    seen = {(int(f["frame_mask"].sum()), bool(f["text_mask"].any())) for f in asked}
    assert {(TINY.frames, True), (TINY.frames, False), (1, True), (1, False), (0, True)} <= seen
    assert {count for count, _ in seen} & set(range(2, TINY.frames))
    assert all(not f["cls"][0, int(f["frame_mask"].sum()) :].any() for f in asked)


def test_short_lists_are_full_and_not(rehearsal: Rehearsal) -> None:
    counts = {int(f["candidate_mask"].sum()) for f in rehearsal.feeds["reranker"]}
    assert counts == {TINY.shortlist, TINY.shortlist // 2}


def test_products_with_and_without_text(rehearsal: Rehearsal) -> None:
    written = [m for f in rehearsal.feeds["item_head"] for m in f["title_mask"].any(1)]
    assert any(written)
    assert not all(written)


def test_shop_images_are_letterboxed(exported: Exported) -> None:
    tall = np.full((90, 30, 3), 255, np.uint8)
    samples = replace(exported.samples, shop_images=[tall, tall])
    fed = rehearse(open_bundle(exported.bundle), samples, silent).feeds["frame_encoder"]
    boxed = letterbox(tall, TINY.image_size, antialias=True)
    assert any(np.array_equal(image, boxed) for f in fed for image in f["images"])


def test_the_feeds_are_the_runtimes_own(exported: Exported, rehearsal: Rehearsal) -> None:
    """Each query vector is what the query head makes of the feed that was kept."""
    assert set(rehearsal.feeds) == set(SUBMODULES)
    assert len(rehearsal.feeds["query_head"]) == len(rehearsal.queries)
    with Network.open(exported.bundle) as network:
        head = network._engines["query_head"]
        again = [head.run(feed)["query"][0] for feed in rehearsal.feeds["query_head"]]
    assert np.array_equal(np.stack(again), rehearsal.queries)


def test_the_same_samples_give_the_same(exported: Exported, rehearsal: Rehearsal) -> None:
    again = rehearse(open_bundle(exported.bundle), exported.samples, silent)
    assert np.array_equal(again.queries, rehearsal.queries)


def test_two_pictures_are_enough(exported: Exported) -> None:
    few = Samples(exported.samples.pictures[:2], exported.samples.texts[:2])
    found = rehearse(open_bundle(exported.bundle), few, silent)
    assert all(found.feeds[name] for name in SUBMODULES)
    assert np.isfinite(found.queries).all()
