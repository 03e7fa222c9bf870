"""Page-locked memory of a chain: what goes up to the device and what comes down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.engines.buffers import Buffers
from runtime.engines.cuda.cuda import Array
from runtime.engines.device import Device
from runtime.engines.engine import TensorSpec
from runtime.lifecycle import Closable

FloatArray = npt.NDArray[np.float32]

WORDS = "text_"
"""Inputs of the query head that begin so hold the words."""


@dataclass(frozen=True)
class ChainResult:
    """What one step found.

    Attributes:
        rows: of the catalog's snapshot, k of them, best of the first stage first.
        scores: float32 [k], of the first stage.
        reranked: float32 [k], of the second stage.
        attention: float32 [T, P], where the words look in each frame.
    """

    rows: list[int]
    scores: FloatArray
    reranked: FloatArray
    attention: FloatArray


class StagedStep:
    """The small arrays of a step. Used on the thread of the device.

    Args:
        buffers: hold the memory.
        head_inputs: of the query head.
        best: K, the candidates.
        frames: T.
        patches: P.

    Attributes:
        mask: float32 [T], which frames are real.
        candidates: float32 [K], which candidates are.
        words: the query head's inputs for words, by name.
        found: int32 [K], rows; with ``found_at``, its twin on the device.
        scores: float32 [K].
        reranked: float32 [K].
        attention: float32 [T, P].
    """

    def __init__(
        self,
        buffers: Buffers,
        head_inputs: Sequence[TensorSpec],
        best: int,
        frames: int,
        patches: int,
    ) -> None:
        self.mask = buffers.pinned([frames], "float32")
        self.candidates = buffers.pinned([best], "float32")
        self.words: dict[str, Array] = {
            spec.name: buffers.pinned([int(n) for n in spec.shape], spec.dtype)
            for spec in head_inputs
            if spec.name.startswith(WORDS)
        }
        self.found = buffers.pinned([best], "int32")
        self.scores = buffers.pinned([best], "float32")
        self.reranked = buffers.pinned([best], "float32")
        self.attention = buffers.pinned([frames, patches], "float32")
        self.found_at = buffers.device(self.found.nbytes)

    def set_frames(self, count: int) -> None:
        """Say how many frames of the window are real."""
        self.mask[:] = 0
        self.mask[:count] = 1

    def result(self, count: int) -> ChainResult:
        """What came down, copied: the arrays are written again at the next step."""
        return ChainResult(
            self.found[:count].tolist(),
            self.scores[:count].copy(),
            self.reranked[:count].copy(),
            self.attention.copy(),
        )


class StagedPicture(Closable):
    """A square picture on its way up; a camera has one size for a long time.

    Args:
        device: open.

    Attributes:
        pixels: uint8 [side, side, 3] BGR.
        address: of its twin on the device.
    """

    def __init__(self, device: Device) -> None:
        self._buffers = Buffers(device.cuda)
        self.pixels: Array = np.zeros((0, 0, 3), np.uint8)
        self.address = 0

    @property
    def side(self) -> int:
        """Its side in pixels."""
        return len(self.pixels)

    def resize(self, side: int) -> None:
        """Take memory for another size in place of what there is."""
        self.close()
        pixels = self._buffers.pinned([side, side, 3], "uint8")
        self.address = self._buffers.device(pixels.nbytes)
        self.pixels = pixels

    def close(self) -> None:
        """Free it; legal in every state."""
        self.pixels, self.address = np.zeros((0, 0, 3), np.uint8), 0
        self._buffers.close()
