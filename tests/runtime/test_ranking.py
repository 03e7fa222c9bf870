"""The ranking of a whole catalog for one clip."""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from runtime.catalog.importer import import_feed
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.demo.store import Store
from runtime.matcher import Matcher, _merge
from runtime.network import Network
from runtime.sampler import spread
from tests.runtime.conftest import silent
from tests.runtime.counting import count_runs

QUESTIONS = [(0, "salted crisps"), (0, ""), (1, ""), (3, "pepper sauce"), (11, "the milk"), (0, "")]
SCORES = st.floats(-1e6, 1e6, width=32)


@pytest.fixture(scope="module")
def pictures(demo_store: Store) -> list[np.ndarray]:
    folder = demo_store.feed.parent / "images"
    return [cv2.imread(str(file)) for file in sorted(folder.glob("*.jpg"))[:12]]


@pytest.fixture
def matcher(network: Network, catalog: SqliteCatalog) -> Matcher:
    return Matcher(network, catalog)


@pytest.mark.parametrize(("count", "text"), QUESTIONS)
def test_every_product_is_ranked_once(
    matcher: Matcher, catalog: SqliteCatalog, pictures: list[np.ndarray], count: int, text: str
) -> None:
    ranking = matcher.rank_clip(pictures[:count], text)
    assert sorted(ranking.ids) == [item.id for item in catalog.items()]
    assert np.isfinite(ranking.scores).all()
    assert len(ranking.scores) == len(ranking.ids)
    assert (np.diff(ranking.scores) <= 0).all()


def test_a_clip_of_many_pictures_is_seen_at_its_spread_frames(
    matcher: Matcher,
    network: Network,
    pictures: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = count_runs(monkeypatch)
    whole = matcher.rank_clip(pictures, "")
    assert rows["frame_encoder"] == network.frames
    chosen = [pictures[index] for index in spread(len(pictures), network.frames)]
    part = matcher.rank_clip(chosen, "")
    assert whole.ids == part.ids
    assert np.array_equal(whole.scores, part.scores)


def test_a_ranking_agrees_with_the_stream(matcher: Matcher, pictures: list[np.ndarray]) -> None:
    ranking = matcher.rank_clip(pictures[:3], "salted crisps")
    for number, picture in enumerate(pictures[:3]):
        matcher.see(picture, number / 2)
    matcher.hear("salted crisps")
    answer = matcher.conclude(1.5)
    assert tuple(c.product_id for c in answer.candidates) == ranking.ids[: len(answer.candidates)]
    assert answer.event.kind is ranking.event.kind


def test_a_ranking_leaves_the_stream_alone(matcher: Matcher, pictures: list[np.ndarray]) -> None:
    matcher.see(pictures[0], 0.0)
    matcher.hear("tea")
    before = matcher.step(0.0)
    matcher.rank_clip(pictures[5:8], "pepper sauce")
    after = matcher.step(0.0)
    assert (after.candidates, after.transcript) == (before.candidates, "tea")
    assert set(after.latency_ms) < set(before.latency_ms)


def test_the_products_of_the_shop_s_own_pictures_come_first(
    matcher: Matcher, catalog: SqliteCatalog
) -> None:
    """Robust for any bundle worth shipping: picture and title of the very item that is sought."""
    found = []
    for item in catalog.items()[::6]:
        ranking = matcher.rank_clip([cv2.imread(str(item.image))], item.title)
        found.append(item.id in ranking.ids[:5])
    assert sum(found) > len(found) / 2


def test_the_order_of_the_feed_s_rows_does_not_matter(
    network: Network,
    catalog: SqliteCatalog,
    demo_store: Store,
    pictures: list[np.ndarray],
    tmp_path: Path,
) -> None:
    feed = _shuffled(demo_store.feed, tmp_path / "store")
    import_feed(feed, tmp_path / "catalog", network, network.bundle.digest, silent)
    with SqliteCatalog.open(tmp_path / "catalog", network.bundle.digest) as other:
        for count, text in QUESTIONS:
            one = Matcher(network, catalog).rank_clip(pictures[:count], text)
            two = Matcher(network, other).rank_clip(pictures[:count], text)
            assert one.ids == two.ids
            assert one.scores == pytest.approx(two.scores, abs=1e-4)


def _shuffled(feed: Path, folder: Path) -> Path:
    """The same store with its rows in another order."""
    folder.mkdir()
    shutil.copytree(feed.parent / "images", folder / "images")
    with feed.open(newline="", encoding="utf-8") as source:
        header, *rows = csv.reader(source)
    random.Random(7).shuffle(rows)
    with (folder / feed.name).open("w", newline="", encoding="utf-8") as target:
        csv.writer(target).writerows([header, *rows])
    return folder / feed.name


@given(
    arrays(np.float32, st.integers(0, 12), elements=SCORES),
    arrays(np.float32, st.integers(0, 12), elements=SCORES),
)
def test_candidates_come_before_the_rest_and_scores_never_rise(
    reranked: np.ndarray, rest: np.ndarray
) -> None:
    rest = -np.sort(-rest) if len(reranked) else rest[:0]
    first = np.concatenate([np.zeros(len(reranked), np.float32), rest])
    merged = _merge(reranked, first)
    assert sorted(merged.order) == list(range(len(first)))
    assert set(merged.order[: len(reranked)]) == set(range(len(reranked)))
    assert merged.order[len(reranked) :] == sorted(merged.order[len(reranked) :])
    assert (np.diff(merged.scores) <= 0).all()
    assert merged.scores.dtype == np.float32
