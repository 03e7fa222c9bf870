"""TensorRT: one submodule with one execution context and one set of buffers for its whole life."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime.engines.buffers import Buffers
from runtime.engines.device import Device
from runtime.engines.engine import Array, TensorSpec, check_feeds
from runtime.engines.submodule import SubmoduleEngine
from runtime.engines.tensorrt_io import Binding, read_bindings
from runtime.engines.tensorrt_runtime import TensorRtRuntime
from runtime.errors import EngineError, GpuError

_BATCH = "N"


class TensorRtEngine(SubmoduleEngine):
    """A plan file in TensorRT.

    Nothing is allocated after `open`: a context made for every call lets memory grow without end
    (NVIDIA/TensorRT#582). A batch larger than the plan's profile is run in parts.

    Args:
        name: the submodule's name.
        plan: the file.
        inputs: the specs that the bundle's manifest promises.
        outputs: likewise.
        device: open before and closed after this.
        runtime: made for the same device.
        sha256: hex digest that the file must have; None trusts it as it is.
    """

    def __init__(
        self,
        name: str,
        plan: Path,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        device: Device,
        runtime: TensorRtRuntime,
        *,
        sha256: str | None = None,
    ) -> None:
        super().__init__(name, inputs, outputs)
        self._sha256 = sha256
        self._plan = plan
        self._device = device
        self._runtime = runtime
        self._engine: Any = None
        self._context: Any = None
        self._buffers: Buffers | None = None
        self._bindings: dict[str, Binding] = {}
        self._staged: dict[str, Array] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._generation = 0
        self._runs = 0

    @property
    def provider(self) -> str:
        """What runs this submodule."""
        return f"tensorrt:{self._runtime.version}"

    @property
    def generation(self) -> int:
        """Counts changes of input shapes; a graph captured in an earlier one must not be used."""
        return self._generation

    @property
    def runs(self) -> int:
        """Counts calls of `run`, each of which leaves its own inputs at the addresses."""
        return self._runs

    def open(self) -> TensorRtEngine:
        """Load the plan and allocate all that it will ever need, unless that is done.

        Raises:
            GpuError: it does not load, is not the submodule of the manifest, or memory is short.
        """
        if self._engine is None:
            self._device.call(self._open)
        return self

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; see `Engine.run`. The results are copies, which later runs leave alone."""
        if self._engine is None:
            raise EngineError(
                f"{self._name} is not open", why="open() was not called", fix="open it first"
            )
        check_feeds(self._name, self._inputs, feeds)
        return self._device.call(self._run, feeds)

    def address(self, tensor: str) -> int:
        """Device address of an input or output, the same from `open` to `close`."""
        return self._bindings[tensor].address

    def size_bytes(self, tensor: str) -> int:
        """Bytes of an input or output in the shapes that were set last."""
        return self._bindings[tensor].size_bytes(self._shape(tensor))

    def dtype(self, tensor: str) -> str:
        """NumPy name of the type that an input or output has on the device."""
        return self._bindings[tensor].dtype

    def reshape(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Set the shapes of inputs; on the thread of the device.

        Raises:
            GpuError: the plan's profile does not allow them.
        """
        for name, shape in shapes.items():
            if self._shapes.get(name) != shape:
                if not self._context.set_input_shape(name, shape):
                    raise self._runtime.failure(f"{self._name} cannot take {name} {list(shape)}")
                self._shapes[name] = shape
                self._generation += 1

    def enqueue(self) -> None:
        """Queue one run on what is at the addresses; on the thread of the device."""
        if not self._context.execute_async_v3(self._device.stream):
            raise self._runtime.failure(f"{self._name} failed in TensorRT")

    def close(self) -> None:
        """Free everything; legal in every state."""
        if self._buffers is not None:
            self._device.call(self._close)

    def _open(self) -> None:
        plan = self._verified()
        try:
            self._buffers = Buffers(self._device.cuda)
            self._engine = self._runtime.load(plan)
            self._context = self._engine.create_execution_context()
            if self._context is None:
                raise self._runtime.failure(f"{self._name} has no room to run")
            self._allocate(self._buffers)
        except BaseException as error:
            # Its frames hold the engine, which must end before the device does.
            traceback.clear_frames(error.__traceback__)
            self._close()
            if isinstance(error, (AttributeError, TypeError, RuntimeError)):
                raise self._unknown(error) from error
            raise

    def _verified(self) -> bytes:
        """The plan's bytes, the very ones that were compared with their digest."""
        try:
            plan = self._plan.read_bytes()
        except OSError as error:
            raise self._damaged(f"{self._plan.name}: {error.strerror}") from error
        if self._sha256 not in (None, hashlib.sha256(plan).hexdigest()):
            raise self._damaged(f"{self._plan.name} does not have the digest in its side-car")
        return plan

    def _unknown(self, error: Exception) -> GpuError:
        return GpuError(
            f"the {self._name} cannot be opened in TensorRT {self._runtime.version}",
            reason="tensorrt",
            why=f"its Python module behaves in another way ({type(error).__name__}: {error})",
            fix="use TensorRT 8.6, 10 or 11, or update sgmn-edge",
        )

    def _damaged(self, why: str) -> GpuError:
        return GpuError(
            f"the engine of the {self._name} cannot be used",
            reason="damaged",
            why=why,
            fix="run `sgmn build`",
        )

    def _allocate(self, buffers: Buffers) -> None:
        found = read_bindings(
            self._name, self._runtime.module, self._engine, (*self._inputs, *self._outputs)
        )
        self._bindings = found
        self.reshape({s.name: found[s.name].largest for s in self._inputs})
        for spec in (*self._inputs, *self._outputs):
            shape = self._shape(spec.name)
            if min(shape, default=0) < 0:
                raise self._runtime.failure(f"{self._name} tells no size of {spec.name} beforehand")
            binding = found[spec.name]
            address = buffers.device(binding.size_bytes(shape))
            found[spec.name] = binding.at(address, shape)
            self._staged[spec.name] = buffers.pinned(shape, binding.dtype)
            if not self._context.set_tensor_address(spec.name, address):
                raise self._runtime.failure(f"{self._name} does not take a buffer for {spec.name}")

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        step = self._largest_batch()
        if step is None:
            return self._once(feeds)
        count = len(feeds[self._inputs[0].name])
        parts = [
            self._once({name: array[start : start + step] for name, array in feeds.items()})
            for start in range(0, count, step)
        ]
        if len(parts) == 1:
            return parts[0]
        return {
            spec.name: np.concatenate([part[spec.name] for part in parts])
            if parts
            else np.zeros(_empty(spec), spec.dtype)
            for spec in self._outputs
        }

    def _once(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        cuda, stream = self._device.cuda, self._device.stream
        self._runs += 1
        self.reshape({spec.name: feeds[spec.name].shape for spec in self._inputs})
        for spec in self._inputs:
            staged = self._part(spec.name)
            # TensorRT 8.6 turns int64 inputs into int32; ids and masks fit.
            np.copyto(staged, feeds[spec.name], casting="unsafe")
            cuda.upload(self.address(spec.name), staged, stream)
        self.enqueue()
        for spec in self._outputs:
            cuda.download(self._part(spec.name), self.address(spec.name), stream)
        cuda.synchronize(stream)
        self._device.count_run()
        return {s.name: self._part(s.name).astype(s.dtype) for s in self._outputs}

    def _part(self, tensor: str) -> Array:
        """The beginning of a staging array, in the shape that is set."""
        shape = self._shape(tensor)
        flat = self._staged[tensor].reshape(-1)
        return flat[: int(np.prod(shape, dtype=np.int64))].reshape(shape)

    def _shape(self, tensor: str) -> tuple[int, ...]:
        return tuple(self._context.get_tensor_shape(tensor))

    def _largest_batch(self) -> int | None:
        first = self._inputs[0]
        return self._bindings[first.name].largest[0] if first.shape[0] == _BATCH else None

    def _close(self) -> None:
        buffers, self._buffers = self._buffers, None
        # The context before the engine, and both before the memory that they use.
        self._context = None
        self._engine = None
        self._bindings, self._staged, self._shapes = {}, {}, {}
        if buffers is not None:
            buffers.close()


def _empty(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else 0 for size in spec.shape)
