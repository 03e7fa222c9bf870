"""Encoded frames that stay on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from runtime.engines.buffers import Buffers
from runtime.engines.device import Device
from runtime.engines.native import Kernels, Rows
from runtime.errors import EngineError


@dataclass(frozen=True)
class ResidentFrame:
    """A frame whose vectors are on the device.

    Attributes:
        number: counts the frames of a ring.
        time_s: media time in seconds.
    """

    number: int
    time_s: float


class DeviceRing:
    """The latest frames, each in a place of its own. Used on the thread of the device.

    Which place is written, and which places are read, stands in device memory, so that a CUDA graph
    recorded once serves every step.

    Args:
        device: open.
        kernels: copy rows.
        buffers: hold the memory.
        capacity: frames that are kept.
        window: T, the frames of one query.
        row_bytes: bytes of one frame in each of its tensors, by name.
    """

    def __init__(
        self,
        device: Device,
        kernels: Kernels,
        buffers: Buffers,
        capacity: int,
        window: int,
        row_bytes: dict[str, int],
    ) -> None:
        self._device = device
        self._kernels = kernels
        self._capacity = capacity
        self._row_bytes = row_bytes
        self._count = 0
        self._rows = {name: buffers.device(capacity * size) for name, size in row_bytes.items()}
        self._slot, self._slots = buffers.pinned([1], "int32"), buffers.pinned([window], "int32")
        self._slot_at, self._slots_at = (
            buffers.device(a.nbytes) for a in (self._slot, self._slots)
        )

    def next_frame(self, time_s: float) -> ResidentFrame:
        """The frame that `queue_store` will keep; the oldest one goes."""
        frame = ResidentFrame(self._count, time_s)
        self._slot[0] = self._count % self._capacity
        self._count += 1
        return frame

    def choose(self, frames: Sequence[ResidentFrame]) -> None:
        """The frames that `queue_load` will copy, in this order; the rest of the window is zeros.

        Raises:
            EngineError: one of them is not kept any more.
        """
        self._slots[:] = -1
        for place, frame in enumerate(frames[: len(self._slots)]):
            if not self._count - self._capacity <= frame.number < self._count:
                raise EngineError(
                    "a frame is not on the GPU any more",
                    why=f"the latest {self._capacity} frames are kept",
                    fix="start a new presentation",
                )
            self._slots[place] = frame.number % self._capacity

    def queue_store(self, sources: dict[str, int]) -> None:
        """Queue copying one frame's tensors from these addresses into its place."""
        self._device.cuda.upload(self._slot_at, self._slot, self._device.stream)
        for name, size in self._row_bytes.items():
            rows = Rows(1, 1, self._capacity, size, sources[name], None)
            rows.target, rows.target_index = self._rows[name], self._slot_at
            self._kernels.copy_rows(rows, self._device.stream)

    def queue_load(self, targets: dict[str, int]) -> None:
        """Queue copying the window's tensors to these addresses."""
        self._device.cuda.upload(self._slots_at, self._slots, self._device.stream)
        count = len(self._slots)
        for name, size in self._row_bytes.items():
            rows = Rows(count, self._capacity, count, size, self._rows[name], self._slots_at)
            rows.target = targets[name]
            self._kernels.copy_rows(rows, self._device.stream)

    @property
    def chosen(self) -> int:
        """How many frames of the window are real."""
        return int(np.count_nonzero(self._slots >= 0))
