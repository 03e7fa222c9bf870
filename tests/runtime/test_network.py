"""The five submodules behind typed calls, with the shipped weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle
from runtime.catalog.catalog import Item, ItemVectors
from runtime.engines.engine import Engine
from runtime.engines.onnxruntime_engine import OnnxRuntimeEngine
from runtime.engines.opening import specs
from runtime.engines.sessions import CPU
from runtime.engines.settings import EngineSettings, Provider
from runtime.errors import BundleError
from runtime.memory import EncodedFrame
from runtime.network import Network, Query, TextFeatures

WORDS = ["salted crisps", "a much longer text that says more about the pepper sauce", ""]


def _pictures(network: Network, count: int) -> np.ndarray:
    side = network.image_size
    return np.random.default_rng(5).integers(0, 256, (count, side, side, 3), np.uint8)


def _frames(network: Network, count: int) -> list[EncodedFrame]:
    return network.encode_frames(_pictures(network, count), [n / 2 for n in range(count)])


def _text(network: Network) -> TextFeatures:
    return network.encode_texts([WORDS[0]])


def _same(first: Query, second: Query) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in vars(first))


def test_every_submodule_runs_on_the_processor(network: Network) -> None:
    assert network.providers == dict.fromkeys(SUBMODULES, f"onnxruntime:{CPU}")


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        Network.open(tmp_path)


def test_frames_keep_their_order_and_time(network: Network) -> None:
    frames = _frames(network, 3)
    assert [frame.time_s for frame in frames] == [0.0, 0.5, 1.0]
    alone = network.encode_frames(_pictures(network, 3)[2:], [1.0])[0]
    assert np.array_equal(alone.cls, frames[2].cls)
    assert np.array_equal(alone.tokens, frames[2].tokens)


@pytest.mark.parametrize(("settings", "runs"), [("cpu", [1, 1, 1]), ("cuda", [3])])
def test_on_a_processor_pictures_are_encoded_one_by_one(
    bundle_folder: Path, network: Network, settings: Provider, runs: list[int]
) -> None:
    """A fake only in that what was asked for is not what runs: there is no GPU."""
    seen: list[int] = []

    class Counting(OnnxRuntimeEngine):
        def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            if self.name == "frame_encoder":
                seen.append(len(feeds["images"]))
            return super().run(feeds)

    def on_processor(bundle: Bundle, name: str, asked: EngineSettings) -> Engine:
        assert asked.provider == settings
        part = bundle.manifest.submodules[name]
        place, ports = bundle.folder / part.file, (specs(part.inputs), specs(part.outputs))
        return Counting(name, place, *ports, EngineSettings(threads=1))

    with Network.open(bundle_folder, EngineSettings(settings), on_processor) as opened:
        pictures = _pictures(network, 3)
        frames = opened.encode_frames(pictures, [0.0, 0.5, 1.0])
        items = opened.encode_items(pictures, [("milk", "")] * 3)
    assert seen == runs * 2
    for ours, theirs in zip(frames, _frames(network, 3), strict=True):
        assert np.allclose(ours.cls, theirs.cls, atol=1e-4)
    for i, item in enumerate(items):
        alone = network.encode_items(pictures[i : i + 1], [("milk", "")])[0]
        assert np.allclose(item.item, alone.item, atol=1e-4)


def test_a_text_does_not_depend_on_its_neighbours(network: Network) -> None:
    together = network.encode_texts(WORDS)
    for index, words in enumerate(WORDS):
        alone, row = network.encode_texts([words]), together.row(index)
        assert np.array_equal(alone.pooled, row.pooled)
        assert np.array_equal(alone.tokens, row.tokens)
        assert np.array_equal(alone.mask, row.mask)


def test_texts_are_padded_with_zeros(network: Network) -> None:
    features = network.encode_texts(WORDS)
    lengths = features.mask.sum(axis=1)
    assert 0 < lengths[2] < lengths[0] < lengths[1] < features.mask.shape[1]
    assert not features.tokens[features.mask == 0].any()
    assert np.linalg.norm(features.pooled, axis=1) == pytest.approx(1, abs=1e-3)


def test_a_product_does_not_depend_on_its_neighbours(network: Network) -> None:
    texts = [(words, "") for words in WORDS]
    pictures = _pictures(network, 3)
    together = network.encode_items(pictures, texts)
    for index, vectors in enumerate(together):
        alone = network.encode_items(pictures[index : index + 1], [texts[index]])[0]
        assert alone.item == pytest.approx(vectors.item, abs=1e-5)
        assert alone.nodes == pytest.approx(vectors.nodes, abs=1e-5)


def test_an_item_without_title_has_no_text(network: Network) -> None:
    silent, dot = network.encode_items(_pictures(network, 2), [("", ""), (".", "")])
    text = slice(network.encode_texts([""]).pooled.shape[1] * -1, None)
    assert not silent.item[text].any()
    assert dot.item[text].any()
    assert np.isfinite(silent.item).all()
    assert np.isfinite(silent.nodes).all()


@pytest.mark.parametrize("count", [0, 1, 3, 8])
@pytest.mark.parametrize("speaks", [False, True], ids=["silent", "speaking"])
def test_any_number_of_frames_makes_a_query(network: Network, count: int, speaks: bool) -> None:
    query = network.query(
        _frames(network, count) if count else [], _text(network) if speaks else None
    )
    assert np.isfinite(query.vector).all()
    assert np.isfinite(query.nodes).all()
    assert np.isfinite(query.patches).all()
    assert np.isfinite(query.attention).all()
    assert query.mask[0].tolist() == [1.0] * count + [0.0] * (network.frames - count)


def test_a_vector_is_pictures_quality_and_words(network: Network) -> None:
    """A clip of one picture repeated is wholly clear; pictures of nothing in common are not."""
    size, (picture, *others) = network.visual_size, _frames(network, 3)
    text = _text(network)
    same = network.query([picture] * 3, text).vector
    mixed = network.query([picture, *others], None).vector
    assert np.linalg.norm(same[:size]) == pytest.approx(1, abs=1e-3)
    assert same[size] == pytest.approx(1, abs=1e-3)
    assert 0.3 - 1e-3 <= mixed[size] <= 1 + 1e-3
    assert network.query([], text).vector[: size + 1] == pytest.approx(np.zeros(size + 1))
    assert len(same) == size + 1 + text.pooled.shape[1]
    (item,) = network.encode_items(_pictures(network, 1), [("salted crisps", "")])
    assert item.item[size] == 0, "its bias is set where it is published"
    assert np.linalg.norm(item.item[:size]) == pytest.approx(1, abs=1e-3)


def test_places_of_padding_are_zero_and_others_of_unit_length(network: Network) -> None:
    query = network.query(_frames(network, 2), None)
    lengths = np.linalg.norm(query.patches[0], axis=-1)
    assert lengths[:2] == pytest.approx(np.ones_like(lengths[:2]), abs=1e-3)
    assert not lengths[2:].any()
    (item,) = network.encode_items(_pictures(network, 1), [("", "")])
    assert len(item.nodes) == 1 + lengths.shape[1]


def test_places_reach_the_reranker(network: Network) -> None:
    """What the clip shows place by place moves the scores; that of padding does not."""
    query = network.query(_frames(network, 2), None)
    items, nodes = _catalog_side(network, 3)
    first = items @ query.vector
    clean = network.rerank(query, items, nodes, first)
    for frame, matters in ((0, True), (2, False)):
        patches = query.patches.copy()
        patches[0, frame] = nodes[1, 1:]
        moved = network.rerank(replace(query, patches=patches), items, nodes, first)
        assert (np.abs(moved - clean).max() > 1e-3) == matters
    assert moved == pytest.approx(clean, abs=1e-5)


def test_the_publisher_has_the_bundle_s_constants(network: Network) -> None:
    rule = network.bundle.manifest.publish
    items = [Item(name, "", "", Path("x")) for name in ("a", "b")]
    visual = np.zeros(network.visual_size, np.float32)
    visual[0] = 1
    vector = np.concatenate([visual, np.zeros(5, np.float32)])
    made = network.publisher.publish(
        items, [ItemVectors(vector, np.zeros((1, 1), np.float32))] * 2, {"a": visual[None]}
    )
    above = 1 - rule.usual
    assert made.items[1, network.visual_size] == pytest.approx(rule.bonus - rule.hubness * above)


def test_frames_beyond_the_window_are_not_seen(network: Network) -> None:
    frames = _frames(network, network.frames + 2)
    assert _same(network.query(frames, None), network.query(frames[: network.frames], None))


def test_words_and_pictures_both_matter(network: Network) -> None:
    frames, text = _frames(network, 2), _text(network)
    both, seen, heard = (
        network.query(f, t).vector for f, t in [(frames, text), (frames, None), ([], text)]
    )
    assert not np.allclose(both, seen, atol=1e-3)
    assert not np.allclose(both, heard, atol=1e-3)
    assert not np.allclose(seen, network.query(frames[:1], None).vector, atol=1e-3)


def test_what_lies_in_padding_changes_nothing(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, text = _frames(network, 3), _text(network)
    clean = network.query(frames, text)
    really_run = OnnxRuntimeEngine.run

    def run(engine: OnnxRuntimeEngine, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return really_run(engine, _littered(feeds))

    monkeypatch.setattr(OnnxRuntimeEngine, "run", run)
    littered = network.query(frames, text)
    assert littered.vector == pytest.approx(clean.vector, abs=1e-4)
    assert littered.nodes[0, :3] == pytest.approx(clean.nodes[0, :3], abs=1e-4)


def _littered(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs of the query head with rubbish wherever a mask is 0."""
    spoiled = {name: values.copy() for name, values in feeds.items()}
    for name, mask in [
        ("cls", "frame_mask"),
        ("tokens", "frame_mask"),
        ("text_tokens", "text_mask"),
    ]:
        assert (spoiled[mask] == 0).any()
        spoiled[name][spoiled[mask] == 0] = 3.0
    return spoiled


def _catalog_side(network: Network, count: int) -> tuple[np.ndarray, np.ndarray]:
    vectors = network.encode_items(
        _pictures(network, count), [(f"thing {n}", "") for n in range(count)]
    )
    return np.stack([v.item for v in vectors]), np.stack([v.nodes for v in vectors])


def test_reranking_does_not_depend_on_the_order_of_the_candidates(network: Network) -> None:
    query = network.query(_frames(network, 2), _text(network))
    items, nodes = _catalog_side(network, 5)
    first = items @ query.vector
    order = np.asarray([3, 0, 4, 2, 1])
    straight = network.rerank(query, items, nodes, first)
    shuffled = network.rerank(query, items[order], nodes[order], first[order])
    assert straight.shape == (5,)
    assert shuffled == pytest.approx(straight[order], abs=1e-3)


def test_rubbish_behind_masked_frames_does_not_reach_the_reranker(network: Network) -> None:
    query = network.query(_frames(network, 2), None)
    items, nodes = _catalog_side(network, 3)
    rubbish, places = query.nodes.copy(), query.patches.copy()
    rubbish[0, 2:] = places[0, 2:] = 7.0
    first = items @ query.vector
    clean = network.rerank(query, items, nodes, first)
    spoilt = replace(query, nodes=rubbish, patches=places)
    assert network.rerank(spoilt, items, nodes, first) == pytest.approx(clean, abs=1e-4)


def test_a_photo_is_a_wordless_query_of_one_frame(network: Network) -> None:
    """Its vector is the visual part alone; the rest of such a query is empty."""
    pictures = _pictures(network, 3)
    photos = network.encode_photos(pictures)
    for picture, photo in zip(pictures, photos, strict=True):
        vector = network.query(network.encode_frames(picture[None], [0.0]), None).vector
        assert photo.vector.shape == (network.visual_size,)
        assert photo.vector == pytest.approx(vector[: network.visual_size], abs=1e-5)
        assert vector[network.visual_size] == 1, "the quality of one frame"
        assert not vector[network.visual_size + 1 :].any()


def test_no_candidates_give_no_scores(network: Network) -> None:
    query = network.query([], None)
    nothing = np.zeros((0, 0), np.float32), np.zeros((0, 0, 0), np.float32)
    assert network.rerank(query, *nothing, np.zeros(0, np.float32)).shape == (0,)


def test_closing_twice_is_legal(bundle_folder: Path) -> None:
    network = Network.open(bundle_folder, EngineSettings(threads=1))
    network.close()
    network.close()
