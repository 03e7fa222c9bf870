"""One step on the device: a frame goes up, the scores of K candidates come down.

Between them nothing leaves the GPU: the frame encoder writes into a ring, the query head reads from
it, the search compares with a catalog that lies there, and the re-ranker takes the rows it found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from runtime.catalog.catalog import CatalogReader
from runtime.engines.buffers import Buffers
from runtime.engines.captured import Captured
from runtime.engines.chain_memory import WORDS, ChainResult, StagedPicture, StagedStep
from runtime.engines.cuda.cuda import Array
from runtime.engines.device import Device
from runtime.engines.device_catalog import DeviceCatalog
from runtime.engines.device_ring import DeviceRing, ResidentFrame
from runtime.engines.engine import TensorSpec
from runtime.engines.native import Kernels
from runtime.engines.tensorrt_engine import TensorRtEngine
from runtime.lifecycle import Openable
from runtime.memory import KEPT_FRAMES

FloatArray = npt.NDArray[np.float32]
BgrImage = npt.NDArray[np.uint8]

_HANDED_ON = {"query": "query", "nodes": "query_nodes", "patches": "query_patches"}
"""Outputs of the query head and the inputs of the re-ranker that they become."""


class Words(Protocol):
    """A text after the text encoder; see `runtime.network.TextFeatures`."""

    @property
    def pooled(self) -> FloatArray:
        """float32 [1, E]."""

    @property
    def tokens(self) -> FloatArray:
        """float32 [1, L, E]."""

    @property
    def mask(self) -> FloatArray:
        """float32 [1, L]."""


class DeviceChain(Openable):
    """Runs steps on one device against one catalog.

    Args:
        device: open.
        kernels: of the native library.
        engines: ``frame_encoder``, ``query_head`` and ``reranker``, open on the device.
        catalog: what is searched; a new snapshot of it is loaded at the next step.
    """

    def __init__(
        self,
        device: Device,
        kernels: Kernels,
        engines: Mapping[str, TensorRtEngine],
        catalog: CatalogReader,
    ) -> None:
        self._device = device
        self._kernels = kernels
        self._encoder = engines["frame_encoder"]
        self._head = engines["query_head"]
        self._reranker = engines["reranker"]
        self._reader = catalog
        self._size = _fixed(_spec(self._encoder.inputs, "images"), 1)
        self._frames = _fixed(_spec(self._head.inputs, "cls"), 1)
        self._best = _fixed(_spec(self._reranker.inputs, "items"), 1)
        vector = _fixed(_spec(self._head.outputs, "query"), 1)
        self._searched = vector - _fixed(_spec(self._head.inputs, "text_pooled"), 1)
        self._patches = _fixed(_spec(self._head.outputs, "attention"), 2)
        self._opened: _Opened | None = None

    @property
    def captured(self) -> bool:
        """Whether the latest step left a CUDA graph for the next one."""
        return self._opened is not None and self._opened.matching.recorded

    def open(self) -> DeviceChain:
        """Allocate everything and load the catalog, unless that is done.

        Raises:
            GpuError: the GPU has no room for it (``out-of-memory``).
        """
        if self._opened is None:
            self._device.call(self._open)
        return self

    def see(self, image: BgrImage, time_s: float) -> ResidentFrame:
        """Encode the central square of a camera frame and keep it on the device.

        Args:
            image: uint8 [H, W, 3] BGR.
            time_s: media time.
        """
        return self._device.call(self._see, image, time_s)

    def match(
        self, frames: Sequence[ResidentFrame], words: Words | None, prior: FloatArray | None
    ) -> ChainResult:
        """Match at most T frames and the words heard.

        Args:
            frames: of `see`, oldest first.
            words: what was said; None for nothing.
            prior: float32 [N], evidence of the words for each product; None for none.

        Raises:
            EngineError: a frame is not kept any more.
            GpuError: the GPU failed, or a new snapshot of the catalog has no room.
        """
        return self._device.call(self._match, frames, words, prior)

    def close(self) -> None:
        """Free its memory; legal in every state."""
        if self._opened is not None:
            self._device.call(self._close)

    def _open(self) -> None:
        opened = self._opened = self._make()
        try:
            self._load(opened)
            self._write_words(opened, None)
        except BaseException:
            self._close()
            raise

    def _make(self) -> _Opened:
        device, kernels, frames = self._device, self._kernels, self._frames
        buffers = Buffers(device.cuda)
        nodes = _spec(self._reranker.inputs, "item_nodes")
        vector = _fixed(_spec(self._reranker.inputs, "items"), 2)
        floats = _fixed(nodes, 2) * _fixed(nodes, 3)
        row_bytes = {n: self._head.size_bytes(n) // frames for n in ("cls", "tokens")}
        try:
            return _Opened(
                buffers,
                DeviceRing(device, kernels, buffers, max(frames, KEPT_FRAMES), frames, row_bytes),
                StagedStep(buffers, self._head.inputs, self._best, frames, self._patches),
                StagedPicture(device),
                DeviceCatalog(device, kernels, self._best, vector, floats),
                Captured(device, self._queue_seeing),
                Captured(device, self._queue_matching),
            )
        except BaseException:
            buffers.close()
            raise

    def _see(self, image: BgrImage, time_s: float) -> ResidentFrame:
        opened = self._require()
        height, width = image.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        if opened.picture.side != side:
            # Not by its key alone: where memory runs short, this size may come back elsewhere.
            opened.seeing.close()
            opened.picture.resize(side)
        opened.picture.pixels[:] = image[top : top + side, left : left + side]
        frame = opened.ring.next_frame(time_s)
        self._encoder.reshape({"images": (1, self._size, self._size, 3)})
        opened.seeing.run((side, self._encoder.generation))
        self._finish()
        return frame

    def _match(
        self, frames: Sequence[ResidentFrame], words: Words | None, prior: FloatArray | None
    ) -> ChainResult:
        opened = self._require()
        if opened.catalog.snapshot != self._reader.snapshot:
            self._load(opened)
        opened.ring.choose(frames)
        opened.staged.set_frames(opened.ring.chosen)
        # What runs an engine by itself, as reading words does, leaves its own inputs there.
        if words is not opened.words or self._head.runs != opened.head_runs:
            self._write_words(opened, words)
        if self._reranker.runs != opened.reranker_runs:
            self._write_candidates(opened)
        opened.catalog.weigh(prior)
        opened.matching.run((opened.loads, self._head.generation, self._reranker.generation))
        self._finish()
        return opened.staged.result(min(self._best, opened.catalog.count))

    def _finish(self) -> None:
        self._device.cuda.synchronize(self._device.stream)
        self._device.count_run()

    def _queue_seeing(self) -> None:
        opened, stream = self._require(), self._device.stream
        picture, images = opened.picture, self._encoder.address("images")
        self._device.cuda.upload(picture.address, picture.pixels, stream)
        self._kernels.square(picture.address, picture.side, images, self._size, stream)
        self._encoder.enqueue()
        opened.ring.queue_store({n: self._encoder.address(n) for n in ("cls", "tokens")})

    def _queue_matching(self) -> None:
        opened, cuda, stream = self._require(), self._device.cuda, self._device.stream
        head, reranker, staged = self._head, self._reranker, opened.staged
        opened.ring.queue_load({name: head.address(name) for name in ("cls", "tokens")})
        for engine in (head, reranker):
            cuda.upload(engine.address("frame_mask"), staged.mask, stream)
        head.enqueue()
        for output, taken in _HANDED_ON.items():
            cuda.copy(
                reranker.address(taken), head.address(output), head.size_bytes(output), stream
            )
        scores = reranker.address("scores")
        opened.catalog.queue_search(head.address("query"), self._searched, staged.found_at, scores)
        opened.catalog.queue_gather(
            staged.found_at, reranker.address("items"), reranker.address("item_nodes")
        )
        reranker.enqueue()
        for target, source in (
            (staged.found, staged.found_at),
            (staged.scores, scores),
            (staged.reranked, reranker.address("reranked")),
            (staged.attention, head.address("attention")),
        ):
            cuda.download(target, source, stream)

    def _load(self, opened: _Opened) -> None:
        """Load the catalog; a graph knows its size and addresses, and is recorded anew."""
        opened.catalog.load(self._reader)
        opened.loads += 1
        self._write_candidates(opened)

    def _write_candidates(self, opened: _Opened) -> None:
        mask = opened.staged.candidates
        mask[:] = 0
        mask[: opened.catalog.count] = 1
        self._upload({"candidate_mask": mask}, self._reranker)
        opened.reranker_runs = self._reranker.runs

    def _write_words(self, opened: _Opened, words: Words | None) -> None:
        for name, array in opened.staged.words.items():
            array[:] = 0 if words is None else getattr(words, name.removeprefix(WORDS))
        self._upload(opened.staged.words, self._head)
        opened.words, opened.head_runs = words, self._head.runs

    def _upload(self, arrays: Mapping[str, Array], engine: TensorRtEngine) -> None:
        for name, array in arrays.items():
            self._device.cuda.upload(engine.address(name), array, self._device.stream)

    def _require(self) -> _Opened:
        if self._opened is None:
            raise RuntimeError("the chain is not open")
        return self._opened

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()


@dataclass
class _Opened:
    """All that exists from `open` to `close`."""

    buffers: Buffers
    ring: DeviceRing
    staged: StagedStep
    picture: StagedPicture
    catalog: DeviceCatalog
    seeing: Captured
    matching: Captured
    loads: int = 0
    words: Words | None = None
    head_runs: int = 0
    reranker_runs: int = 0

    def close(self) -> None:
        """Graphs first: they know the memory."""
        for part in (self.seeing, self.matching, self.catalog, self.picture, self.buffers):
            part.close()


def _spec(specs: Sequence[TensorSpec], name: str) -> TensorSpec:
    return next(spec for spec in specs if spec.name == name)


def _fixed(spec: TensorSpec, axis: int) -> int:
    size = spec.shape[axis]
    if not isinstance(size, int):
        raise ValueError(f"{spec.name} has no fixed size in axis {axis}")
    return size
