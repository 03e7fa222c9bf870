"""A step on the device gives what a step on the processor gives."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.bundle.reader import open_bundle
from runtime.catalog.catalog import FloatArray, Hit, Item
from runtime.catalog.search import best_rows
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.engines.chain import DeviceChain
from runtime.engines.device_ring import ResidentFrame
from runtime.engines.engine_set import EngineSet
from runtime.errors import EngineError, GpuError
from runtime.matcher import Matcher, Step
from runtime.memory import KEPT_FRAMES
from runtime.network import Network
from tests.runtime.engines.fake_cuda import FakeCuda
from tests.runtime.engines.fake_tensorrt import FakeTensorRt
from tests.runtime.engines.on_fakes import open_engines, open_network, write_plans

TEXTS = ["the salted crisps in the red bag", "not the pepper sauce", ""]


class Shelf:
    """Some rows of a catalog as a catalog, which can be changed."""

    def __init__(self, catalog: SqliteCatalog, count: int) -> None:
        self.catalog = catalog
        self.count = count

    @property
    def snapshot(self) -> str:
        return f"{self.count} rows"

    def items(self) -> list[Item]:
        return self.catalog.items()[: self.count]

    def vectors(self, rows: object) -> tuple[FloatArray, FloatArray]:
        return self.catalog.vectors(list(rows))  # type: ignore[call-overload]

    def search(self, query: FloatArray, k: int, prior: FloatArray | None = None) -> list[Hit]:
        scores = self.scores(query, 0)
        scores = scores if prior is None else scores + prior
        return [Hit(int(r), self.items()[r], float(scores[r])) for r in best_rows(scores, k)]

    def scores(self, part: FloatArray, start: int) -> FloatArray:
        return self.catalog.scores(part, start)[: self.count]


@pytest.fixture(scope="module")
def plans(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_plans(open_bundle(bundle_folder), tmp_path_factory.mktemp("plans"))


@pytest.fixture
def cuda() -> FakeCuda:
    return FakeCuda()


@pytest.fixture
def on_gpu(bundle_folder: Path, plans: dict[str, Path], cuda: FakeCuda) -> Iterator[Network]:
    with open_network(bundle_folder, plans, cuda) as network:
        yield network


def _pictures(count: int, height: int = 360, width: int = 400) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count)]


def _same(first: Step, second: Step) -> None:
    assert [c.product_id for c in first.candidates] == [c.product_id for c in second.candidates]
    assert [c.score for c in first.candidates] == pytest.approx(
        [c.score for c in second.candidates], abs=1e-4
    )
    assert first.event.kind == second.event.kind
    assert (first.attention is None) == (second.attention is None)
    if first.attention is not None and second.attention is not None:
        assert first.attention == pytest.approx(second.attention, abs=1e-5)


def test_a_stream_gives_the_same_steps_as_on_the_processor(
    network: Network, on_gpu: Network, catalog: SqliteCatalog, cuda: FakeCuda
) -> None:
    """More frames than the window, words that come, change and go, and the answer at the end."""
    here, there = Matcher(network, catalog), Matcher(on_gpu, catalog)
    heard = {3: TEXTS[1], 6: f"this is the {catalog.items()[0].title}", 9: ""}
    for number, picture in enumerate(_pictures(network.frames + 3)):
        for matcher in (here, there):
            if number in heard:
                matcher.hear(heard[number])
            matcher.see(picture, number / 2)
        _same(here.step(number / 2), there.step(number / 2))
    _same(here.conclude(9.0), there.conclude(9.0))
    assert cuda.captured == 2, "one graph to see, one to match"
    assert "chain" in there.step(9.5).latency_ms


@pytest.mark.parametrize("words", TEXTS)
def test_words_alone_and_nothing_at_all_give_the_same(
    network: Network, on_gpu: Network, catalog: SqliteCatalog, words: str
) -> None:
    here, there = Matcher(network, catalog), Matcher(on_gpu, catalog)
    here.hear(words)
    there.hear(words)
    _same(here.step(0.0), there.step(0.0))


def test_a_clip_ranks_the_same(network: Network, on_gpu: Network, catalog: SqliteCatalog) -> None:
    pictures = _pictures(3)
    here = Matcher(network, catalog).rank_clip(pictures, TEXTS[0])
    there = Matcher(on_gpu, catalog).rank_clip(pictures, TEXTS[0])
    assert here.ids == there.ids
    assert here.scores == pytest.approx(there.scores, abs=1e-4)


def test_what_runs_between_two_steps_does_not_leak_into_them(
    network: Network, on_gpu: Network, catalog: SqliteCatalog
) -> None:
    """A ranking fills the inputs of the same engines with other words and other candidates."""
    here, there = Matcher(network, catalog), Matcher(on_gpu, catalog)
    for matcher in (here, there):
        matcher.hear(TEXTS[0])
        matcher.see(_pictures(1)[0], 0.0)
        matcher.step(0.0)
        matcher.rank_clip(_pictures(3)[1:], "something else about chocolate")
        matcher.see(_pictures(4)[3], 0.5)
    _same(here.step(0.5), there.step(0.5))
    with on_gpu:
        vectors = catalog.vectors([0, 1])
        query = on_gpu.query([], None)
        on_gpu.rerank(query, *vectors, np.ones(2, np.float32))
        _same(here.step(0.5), there.step(0.5))


@pytest.mark.parametrize("count", [1, 5, 31, 32, 33])
def test_catalogs_of_any_size_give_the_same(
    network: Network, on_gpu: Network, catalog: SqliteCatalog, count: int
) -> None:
    shelf = Shelf(catalog, min(count, len(catalog.items())))
    here, there = Matcher(network, shelf), Matcher(on_gpu, shelf)  # type: ignore[arg-type]
    for matcher in (here, there):
        matcher.see(_pictures(1)[0], 0.0)
        matcher.hear(TEXTS[0])
    _same(here.step(0.0), there.step(0.0))


def test_a_new_snapshot_is_taken_and_recorded_anew(
    network: Network, on_gpu: Network, catalog: SqliteCatalog, cuda: FakeCuda
) -> None:
    shelf = Shelf(catalog, 4)
    here, there = Matcher(network, shelf), Matcher(on_gpu, shelf)  # type: ignore[arg-type]
    for matcher in (here, there):
        matcher.see(_pictures(1)[0], 0.0)
        matcher.hear(TEXTS[0])
    used = []
    for count in (4, 9, 4):
        shelf.count = count
        _same(here.step(0.0), there.step(0.0))
        _same(here.step(0.0), there.step(0.0))
        used.append(cuda.used)
    assert used[0] == used[2] < used[1]
    assert cuda.captured == 1 + 3
    assert cuda.held["graphs"] == 2


def test_another_camera_size_is_recorded_anew(
    network: Network, on_gpu: Network, catalog: SqliteCatalog, cuda: FakeCuda
) -> None:
    here, there = Matcher(network, catalog), Matcher(on_gpu, catalog)
    used = []
    for size in ((360, 640), (480, 640), (360, 640), (1, 1)):
        for matcher in (here, there):
            matcher.reset()
            matcher.see(_pictures(1, *size)[0], 0.0)
        _same(here.step(0.0), there.step(0.0))
        used.append(cuda.used)
    assert used[0] == used[2] < used[1]


def test_a_camera_that_finds_no_memory_leaves_no_stale_graph(
    engine_set: EngineSet, catalog: SqliteCatalog, cuda: FakeCuda
) -> None:
    chain = engine_set.chain(catalog)
    assert chain is not None
    small, large = _pictures(1, 8, 8)[0], _pictures(1, 2000, 2000)[0]
    first = chain.match([chain.see(small, 0.0)], None, None)
    chain.see(small, 0.0)
    cuda.capacity = cuda.capacity - engine_set._device.call(cuda.memory)[0] + (1 << 20)
    with pytest.raises(GpuError, match="OUT_OF_MEMORY"):
        chain.see(large, 0.0)
    again = chain.match([chain.see(small, 0.0)], None, None)
    assert again.rows == first.rows


def test_a_thousand_steps_allocate_nothing(
    on_gpu: Network, catalog: SqliteCatalog, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    matcher = Matcher(on_gpu, catalog)
    matcher.hear(TEXTS[0])
    picture = _pictures(1)[0]

    def step() -> None:
        matcher.see(picture, 0.0)
        matcher.step(0.0)

    step()
    before = cuda.used, cuda.made, cuda.held, cuda.captured
    # Launched, but not computed: ONNX Runtime would take its time.
    monkeypatch.setattr(cuda, "synchronize", lambda stream: cuda._stream(stream).queued.clear())
    for _ in range(1000):
        step()
    assert (cuda.used, cuda.made, cuda.held, cuda.captured) == before
    assert cuda.launches == 2 * 1000


def test_a_step_sends_one_picture_up_and_candidates_down(
    on_gpu: Network, catalog: SqliteCatalog, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without graphs, so that each copy is seen."""
    cuda.captures = False
    matcher = Matcher(on_gpu, catalog)
    picture = _pictures(1)[0]
    matcher.see(picture, 0.0)
    matcher.step(0.0)
    up, down = [], []
    upload, download = cuda.upload, cuda.download

    def counted_upload(target: int, source: np.ndarray, stream: int) -> None:
        up.append(source.nbytes)
        upload(target, source, stream)

    def counted_download(target: np.ndarray, source: int, stream: int) -> None:
        down.append(target.nbytes)
        download(target, source, stream)

    monkeypatch.setattr(cuda, "upload", counted_upload)
    monkeypatch.setattr(cuda, "download", counted_download)
    matcher.see(picture, 0.0)
    matcher.step(0.0)
    assert max(up) == 360 * 360 * 3
    assert sum(up) - max(up) < 1024 + 4 * len(catalog.items())
    frames, patches = on_gpu.frames, on_gpu.bundle.manifest.patches
    assert sum(down) == 3 * 4 * on_gpu.shortlist + 4 * frames * patches
    assert cuda.captured == 0


def test_a_binding_without_graphs_gives_the_same(
    network: Network, bundle_folder: Path, plans: dict[str, Path], catalog: SqliteCatalog
) -> None:
    cuda = FakeCuda(captures=False)
    with open_network(bundle_folder, plans, cuda) as on_gpu:
        here, there = Matcher(network, catalog), Matcher(on_gpu, catalog)
        for number, picture in enumerate(_pictures(3)):
            for matcher in (here, there):
                matcher.see(picture, float(number))
            _same(here.step(number), there.step(number))
    assert (cuda.captured, cuda.launches) == (0, 0)


def test_an_engine_that_refuses_capture_runs_without(
    network: Network, on_gpu: Network, catalog: SqliteCatalog, cuda: FakeCuda
) -> None:
    cuda.failing["end_capture"] = "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"
    here, there = Matcher(network, catalog), Matcher(on_gpu, catalog)
    for number, picture in enumerate(_pictures(3)):
        for matcher in (here, there):
            matcher.see(picture, float(number))
        _same(here.step(number), there.step(number))
    assert cuda.launches == 0


@pytest.fixture
def engine_set(bundle_folder: Path, plans: dict[str, Path], cuda: FakeCuda) -> Iterator[EngineSet]:
    with open_engines(open_bundle(bundle_folder), plans, cuda) as engine_set:
        yield engine_set


def test_the_ring_keeps_as_many_frames_as_the_memory(
    engine_set: EngineSet, catalog: SqliteCatalog, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = engine_set.chain(catalog)
    assert chain is not None
    monkeypatch.setattr(cuda, "synchronize", lambda stream: cuda._stream(stream).queued.clear())
    frames = [chain.see(_pictures(1, 8, 8)[0], float(n)) for n in range(KEPT_FRAMES + 1)]
    chain.match(frames[1:2], None, None)
    with pytest.raises(EngineError, match="not on the GPU any more"):
        chain.match(frames[:1], None, None)
    with pytest.raises(EngineError, match="not on the GPU any more"):
        chain.match([ResidentFrame(KEPT_FRAMES + 1, 0.0)], None, None)


def test_a_catalog_without_room_is_searched_by_the_processor(
    engine_set: EngineSet, catalog: SqliteCatalog, cuda: FakeCuda
) -> None:
    used = cuda.used
    cuda.capacity = cuda.capacity - engine_set._device.call(cuda.memory)[0] + (60 << 20)
    assert engine_set.chain(catalog) is None
    assert "products need" in engine_set.unchained
    assert cuda.used == used
    cuda.capacity = 4 << 30
    assert engine_set.chain(catalog) is not None
    assert engine_set.unchained == ""


def test_without_the_native_library_there_is_no_chain(
    network: Network, bundle_folder: Path, plans: dict[str, Path], catalog: SqliteCatalog
) -> None:
    with open_network(bundle_folder, plans, FakeCuda(), make_kernels=lambda cuda: None) as on_gpu:
        assert on_gpu.chain(catalog) is None
        here, there = Matcher(network, catalog), Matcher(on_gpu, catalog)
        for matcher in (here, there):
            matcher.see(_pictures(1)[0], 0.0)
            matcher.hear(TEXTS[0])
        _same(here.step(0.0), there.step(0.0))


def test_one_chain_a_catalog_and_an_earlier_one_is_closed(
    engine_set: EngineSet, catalog: SqliteCatalog, cuda: FakeCuda
) -> None:
    first = engine_set.chain(catalog)
    assert engine_set.chain(catalog) is first
    used = cuda.used
    second = engine_set.chain(Shelf(catalog, len(catalog.items())))  # type: ignore[arg-type]
    assert second is not first
    assert cuda.used == used


@pytest.mark.parametrize("call", ["alloc", "alloc_pinned", "upload"])
def test_a_chain_that_does_not_open_leaves_nothing(
    engine_set: EngineSet, catalog: SqliteCatalog, cuda: FakeCuda, call: str
) -> None:
    held = cuda.held
    cuda.failing[call] = "CUDA_ERROR_UNKNOWN"
    with pytest.raises(GpuError):
        engine_set.chain(catalog)
    cuda.failing.clear()
    assert cuda.held == held


def test_graphs_end_before_the_engines_that_they_run(
    bundle_folder: Path, plans: dict[str, Path], catalog: SqliteCatalog, cuda: FakeCuda
) -> None:
    trt = FakeTensorRt(cuda)
    with open_network(bundle_folder, plans, cuda, trt=trt) as network:
        matcher = Matcher(network, catalog)
        matcher.see(_pictures(1)[0], 0.0)
        matcher.step(0.0)
        assert cuda.held["graphs"] == 2
    del network, matcher
    gc.collect()
    assert trt.late == []


def test_closing_is_legal_at_any_time_and_twice(
    bundle_folder: Path, plans: dict[str, Path], catalog: SqliteCatalog, cuda: FakeCuda
) -> None:
    engine_set = open_engines(open_bundle(bundle_folder), plans, cuda)
    chain = engine_set.chain(catalog)
    assert isinstance(chain, DeviceChain)
    chain.close()
    chain.close()
    chain.open()
    chain.see(_pictures(1)[0], 0.0)
    engine_set.close()
    engine_set.close()
    assert cuda.used == 0
    assert cuda.thread is None
    assert replace(ResidentFrame(1, 2.0), number=3).number == 3
