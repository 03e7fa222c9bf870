"""The release's procedure: what it computes, what it costs, how parts are scaled to a shelf."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from calibration.bench.paired import Rounds, Series, measure
from calibration.bench.release.network import ReleaseNetwork
from calibration.bench.release.query import CHUNK, PAIRS, ReleaseQuery, Sampled, Shelf
from models.backbones.clip import ClipFrameEncoder
from models.config import B32
from tests.models.small_clip import JOINT, SMALL, frame_tower

SMALL_SAMPLE = Sampled(shelf=300, images=2, pairs=4)


@pytest.fixture(scope="module")
def network() -> ReleaseNetwork:
    torch.manual_seed(0)
    return ReleaseNetwork(frame_tower(), JOINT, SMALL.frames).eval()


@pytest.fixture(scope="module")
def query(network: ReleaseNetwork) -> ReleaseQuery:
    return ReleaseQuery(network, SMALL.image_size, SMALL.frames, seed=1)


@torch.inference_mode()
def test_the_first_row_alone_gives_the_logit(network: ReleaseNetwork) -> None:
    """The form with one query row (publication 2.6), which `models.fusion` scores pairs in."""
    image, video = torch.randn(5, 50, JOINT), torch.randn(5, 150, JOINT)
    whole = network.matcher(image, video)
    torch.testing.assert_close(network.matcher(image, video, rows=1), whole)
    # Each row sees the whole image before: what stands in another token matters.
    image[:, 7] = torch.randn(5, JOINT)
    assert (network.matcher(image, video) - whole).abs().min() > 1e-4


@torch.inference_mode()
def test_pairs_do_not_depend_on_their_neighbours(network: ReleaseNetwork) -> None:
    image, video = torch.randn(4, 50, JOINT), torch.randn(1, 150, JOINT)
    together = network.matcher(image, video.expand(4, -1, -1))
    alone = [network.matcher(one[None], video) for one in image]
    torch.testing.assert_close(torch.cat(alone), together, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_vectors_score_as_published(network: ReleaseNetwork, query: ReleaseQuery) -> None:
    """s = cos(v, i) + 0.5 cos(a, t), by one inner product (publication 2.2)."""
    frames, shelf = network.tokens(query.shelf(SMALL.frames).images), query.shelf(4)
    asr = torch.randn(1, JOINT)
    vector, video = network.clip(frames, asr)
    items, fused = network.shelf(network.tokens(shelf.images), shelf.titles)
    cosine = torch.nn.functional.cosine_similarity
    pictures = network.tokens(shelf.images)[:, 0]
    seen = cosine(network.temporal(frames[None, :, 0]), pictures)
    said = cosine(network.asr(asr), network.title(shelf.titles))
    torch.testing.assert_close(items @ vector[0], seen + 0.5 * said)
    assert video.shape == (1, SMALL.frames * 50, JOINT)
    assert fused.shape == (4, 50, JOINT)


def test_a_query_sorts_the_whole_shelf(query: ReleaseQuery, network: ReleaseNetwork) -> None:
    shelf = query.shelf(5)
    best_first = query.whole(shelf)
    assert sorted(best_first.tolist()) == list(range(5))
    reverse = Shelf(shelf.images.flip(0), shelf.titles.flip(0))
    assert query.whole(reverse).tolist() == [4 - place for place in best_first.tolist()]


def test_the_shelf_is_encoded_anew_and_matched_in_pairs(
    query: ReleaseQuery, network: ReleaseNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded, matched, clips = [], [], []
    tokens, matcher, clip = network.tokens, network.matcher.forward, network.clip
    monkeypatch.setattr(network, "tokens", lambda x: encoded.append(len(x)) or tokens(x))
    monkeypatch.setattr(
        network.matcher, "forward", lambda x, v: matched.append((len(x), len(v))) or matcher(x, v)
    )
    monkeypatch.setattr(network, "clip", lambda *x: clips.append(1) or clip(*x))
    query.whole(query.shelf(CHUNK + 3))
    assert encoded == [SMALL.frames, CHUNK, 3]
    assert len(clips) == 2
    assert matched == [(PAIRS, PAIRS)] * (CHUNK // PAIRS + 1) + [(1, 1)]


def test_parts_happen_as_often_as_a_whole_query_has_them() -> None:
    sampled = Sampled(shelf=603, images=8, pairs=16)
    assert sampled.scale == {
        "release_clip": 1.0,
        "release_chunk": 5.0,
        "release_images": 603 / 8,
        "release_pairs": 603 / 16,
    }
    assert sampled.as_dict()["times"]["release_images"] == 75.375


def test_a_whole_query_is_the_scaled_sum_of_its_parts() -> None:
    times = {"clip": (2.0, 3.0), "chunk": (10.0, 20.0), "images": (100.0, 1.0), "pairs": (8.0, 0.5)}
    parts = {f"release_{n}": Series(n, tuple((ms,) for ms in t)) for n, t in times.items()}
    total = SMALL_SAMPLE.total(parts, "query")
    # 300 items: three chunks, 150 times two images, 75 times four pairs.
    assert total == Series("query", ((2 + 30 + 15000 + 600,), (3 + 60 + 150 + 37.5,)))


def test_parts_are_run_under_the_names_that_are_scaled(query: ReleaseQuery) -> None:
    ticks = itertools.count()
    calls = query.parts(SMALL_SAMPLE)
    parts = measure(calls, Rounds(2, warmup=0), clock=lambda: float(next(ticks)))
    total = SMALL_SAMPLE.total(parts, "query")
    assert total.samples() == [(1 + 3 + 150 + 75) * 1e3] * 2


def _gmac(network: ReleaseNetwork, work: object) -> float:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 2e9


def test_the_cost_is_what_the_description_says() -> None:
    """GMAC of publication 2.6 and 2.7, counted on tensors without contents."""
    with torch.device("meta"), torch.inference_mode():
        network = ReleaseNetwork(ClipFrameEncoder(B32), B32.token_size, B32.frames).eval()
        picture = torch.zeros(1, B32.image_size, B32.image_size, 3, dtype=torch.uint8)
        frames, text = torch.zeros(B32.frames, 50, 512), torch.zeros(1, 512)
        image, video = torch.zeros(1, 50, 512), torch.zeros(1, 500, 512)
        encode = _gmac(network, lambda: network.tokens(picture))
        clip = _gmac(network, lambda: network.clip(frames, text))
        fuse = _gmac(network, lambda: network.shelf(image, text))
        pair = _gmac(network, lambda: network.matcher(image, video))
        row = _gmac(network, lambda: network.matcher(image, video, rows=1))
    assert encode == pytest.approx(4.43, rel=0.02)
    assert clip == pytest.approx(0.149 + 0.787, rel=0.03)
    assert fuse == pytest.approx(0.079, rel=0.03)
    assert 0.95 * 0.579 < pair <= 0.579
    assert pair - row == pytest.approx(0.157 - 0.0029, rel=0.1)
    total = B32.frames * encode + 603 * (encode + pair)
    assert total == pytest.approx(3060, rel=0.01)
