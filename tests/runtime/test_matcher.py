"""The streaming match on the shipped network and store."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.catalog.importer import import_feed
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.decision import SHOWN_CANDIDATES
from runtime.demo.store import Store
from runtime.events import EventKind
from runtime.matcher import Matcher, Step
from runtime.network import Network
from tests.runtime.conftest import silent
from tests.runtime.counting import count_runs

STREAM = ("frame_encoder", "text_encoder", "query_head", "reranker")


@pytest.fixture
def matcher(network: Network, catalog: SqliteCatalog) -> Matcher:
    return Matcher(network, catalog)


@pytest.fixture(scope="module")
def pictures(demo_store: Store) -> list[np.ndarray]:
    folder = demo_store.feed.parent / "images"
    return [cv2.imread(str(file)) for file in sorted(folder.glob("*.jpg"))[:12]]


def _told(step: Step) -> tuple[object, ...]:
    """A step without its latencies."""
    return step.transcript, step.candidates, step.event


def _finite(step: Step) -> bool:
    return all(math.isfinite(c.score) and 0 <= c.confidence <= 1 for c in step.candidates)


def _present(matcher: Matcher, pictures: list[np.ndarray], words: str = "") -> Step:
    for number, picture in enumerate(pictures):
        matcher.see(picture, number / 2)
    matcher.hear(words)
    return matcher.step(len(pictures) / 2)


def test_each_frame_is_encoded_once(
    matcher: Matcher, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = count_runs(monkeypatch)
    for number, picture in enumerate(pictures):
        matcher.see(picture, number / 2)
        matcher.step(number / 2)
    matcher.conclude(number / 2)
    steps = len(pictures) + 1
    assert [rows[name] for name in STREAM] == [len(pictures), 0, steps, steps]


def test_words_decide_between_products_that_look_alike(
    matcher: Matcher, pictures: list[np.ndarray]
) -> None:
    """The same frames, and each of three sisters is first when it is named."""
    for name in ("Salted crisps", "Onion crisps", "Pepper crisps"):
        step = _present(matcher, pictures[:3], f"so here we have the {name.lower()} for you")
        assert step.candidates[0].title == name
        matcher.reset()


def test_evidence_of_words_is_what_is_added_to_the_first_stage(
    matcher: Matcher,
    network: Network,
    catalog: SqliteCatalog,
    pictures: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It holds all that was said: the query's words do not count a second time."""
    frames, heard = matcher.encode_clip(pictures[:3]), matcher.read("the pepper sauce")
    assert heard.prior is not None
    query = network.query(frames, heard.text)
    seen = query.vector[: network.visual_size + 1]
    monkeypatch.setattr(Network, "rerank", lambda *asked: asked[-1])
    expected = np.sort(catalog.scores(seen, 0) + heard.prior)[::-1]
    assert matcher.rank(frames, heard).scores == pytest.approx(expected, abs=1e-5)
    flat = replace(heard, prior=np.zeros_like(heard.prior))
    assert matcher.rank([], heard).ids[0] == "sto-003"
    assert matcher.rank(frames, flat).ids[0] != "sto-003"


def test_chatter_does_not_decide(matcher: Matcher, network: Network) -> None:
    """It fits all products about alike; a title is worth far more than all of it."""
    chatter = matcher.read("hold on let me turn it around so that you can see it better")
    named = matcher.read("this is the lemon oil")
    assert chatter.prior is not None
    assert named.prior is not None
    assert np.ptp(chatter.prior) < 0.05 * np.ptp(named.prior)


def test_a_denial_lowers_the_sister_it_names(matcher: Matcher, catalog: SqliteCatalog) -> None:
    rows = {item.title: row for row, item in enumerate(catalog.items())}
    lemon, pepper = rows["Lemon oil"], rows["Pepper oil"]
    plain = matcher.read("this is the lemon oil, as pepper oil too").prior
    denied = matcher.read("this is the lemon oil, not the pepper oil").prior
    assert plain is not None
    assert denied is not None
    assert denied.argmax() == lemon
    assert denied[lemon] - denied[pepper] > plain[lemon] - plain[pepper] + 0.01


def test_the_same_words_are_read_again_when_the_catalog_has_changed(
    network: Network, demo_store: Store, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    folder, digest = tmp_path / "catalog", network.bundle.digest
    shutil.copytree(demo_store.feed.parent / "images", tmp_path / "images")

    def put(*titles: str) -> None:
        feed = tmp_path / "feed.csv"
        rows = [f"p{n},{t},,images/sto-00{n}.jpg" for n, t in enumerate(titles)]
        feed.write_text("\n".join(["id,title,description,image_link", *rows]), encoding="utf-8")
        import_feed(feed, folder, network, digest, silent, publisher=network.publisher)

    put("Brown bread", "Green soap")
    with SqliteCatalog.open(folder, digest) as opened:
        matcher = Matcher(network, opened)
        matcher.hear("look at this green soap")
        assert matcher.step(0.0).candidates[0].product_id == "p1"
        put("Green soap", "Brown bread", "Blue cup")
        assert matcher.step(0.5).candidates[0].product_id == "p1", "not seen yet"
        assert opened.refresh()
        step = matcher.step(1.0)
        assert "words" in step.latency_ms
        assert step.candidates[0].product_id == "p0"
        assert len(step.candidates) == 3
        assert "words" not in matcher.step(1.5).latency_ms


def test_words_are_encoded_only_when_they_change(
    matcher: Matcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = count_runs(monkeypatch)
    counts = []
    for words in ["", "green", "green", "green tea", "green tea", "", "green tea"]:
        matcher.hear(words)
        matcher.step(0.0)
        counts.append(rows["text_encoder"])
    assert counts == [0, 1, 1, 2, 2, 2, 3]


@pytest.mark.parametrize(
    "words", ["", "🍵🍵", "\x00", "the of and", "tea " * 2_500, "pepper sauce"]
)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_any_words_with_any_frames_make_a_step(
    matcher: Matcher, pictures: list[np.ndarray], count: int, words: str
) -> None:
    step = _present(matcher, pictures[:count], words)
    assert _finite(step)
    assert step.transcript == words
    assert (step.attention is None) == (count == 0)
    scores = [c.score for c in step.candidates]
    assert scores == sorted(scores, reverse=True)
    assert len({c.product_id for c in step.candidates}) == len(scores) <= SHOWN_CANDIDATES


def test_without_frames_and_words_nothing_is_said(matcher: Matcher) -> None:
    for end in (matcher.step, matcher.step, matcher.conclude):
        step = end(0.0)
        assert (step.event.kind, step.event.candidates, step.candidates) == (
            EventKind.NOTHING,
            (),
            (),
        )


def test_words_that_cannot_be_read_are_as_no_words(
    matcher: Matcher, pictures: list[np.ndarray]
) -> None:
    silent = _present(matcher, pictures[:2])
    matcher.reset()
    babbling = _present(matcher, pictures[:2], "🍵 \x00")
    assert babbling.candidates == silent.candidates


def test_a_step_repeated_finds_the_same(matcher: Matcher, pictures: list[np.ndarray]) -> None:
    first = _present(matcher, pictures[:3], "salted crisps")
    second = matcher.step(first.time_s)
    assert first.candidates == second.candidates
    assert np.array_equal(first.attention, second.attention)


def test_an_earlier_presentation_leaves_no_trace(
    network: Network, catalog: SqliteCatalog, pictures: list[np.ndarray]
) -> None:
    fresh, used = Matcher(network, catalog), Matcher(network, catalog)
    for _ in range(3):
        _present(used, pictures[4:], "pepper sauce")
    used.reset()
    assert _told(used.step(0.0)) == _told(fresh.step(0.0))
    for words in ("", "salted crisps"):
        assert _told(_present(used, pictures[:2], words)) == _told(
            _present(fresh, pictures[:2], words)
        )
    assert _told(used.conclude(2.0)) == _told(fresh.conclude(2.0))


def test_time_spent_before_a_reset_is_not_counted_after_it(
    matcher: Matcher, pictures: list[np.ndarray]
) -> None:
    matcher.see(pictures[0], 0.0)
    matcher.hear("pepper sauce")
    matcher.reset()
    stages = matcher.step(0.0).latency_ms
    assert set(stages) == {"query_head", "search", "reranker", "decision", "total"}


def test_only_stages_that_ran_have_a_latency(matcher: Matcher, pictures: list[np.ndarray]) -> None:
    heard = set(_present(matcher, pictures[:1], "tea").latency_ms)
    assert heard > {"preprocess", "frame_encoder", "words"}
    again = matcher.step(0.5).latency_ms
    assert set(again) == heard - {"preprocess", "frame_encoder", "words"}
    assert again["total"] == pytest.approx(sum(again.values()) - again["total"])


def test_only_the_latest_frames_decide_a_step(
    network: Network, catalog: SqliteCatalog, pictures: list[np.ndarray]
) -> None:
    long, short = Matcher(network, catalog), Matcher(network, catalog)
    whole, latest = _present(long, pictures), _present(short, pictures[-network.frames :])
    assert whole.candidates == latest.candidates
    assert long.conclude(9.0).candidates != whole.candidates


def test_a_step_is_ready_for_json(matcher: Matcher, pictures: list[np.ndarray]) -> None:
    fields = _present(matcher, pictures[:1], "tea").as_dict()
    assert list(fields) == ["time_s", "transcript", "ranked", "event", "latency_ms"]
    assert len(fields["ranked"]) == SHOWN_CANDIDATES


def test_an_empty_catalog_answers_nothing(
    network: Network, catalog_folder: Path, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    with SqliteCatalog.build(tmp_path, network.bundle.digest) as empty:
        empty.publish()
        matcher = Matcher(network, empty)
        step = _present(matcher, pictures[:2], "salted crisps")
        assert (step.candidates, step.event.kind) == ((), EventKind.NOTHING)
        ranking = matcher.rank_clip(pictures[:2], "salted crisps")
        assert (ranking.ids, ranking.scores.shape) == ((), (0,))
        assert ranking.event.kind is EventKind.NOTHING
