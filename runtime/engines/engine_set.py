"""The five engines of a bundle on one GPU, and their chain."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.catalog.catalog import CatalogReader
from runtime.engines.chain import DeviceChain
from runtime.engines.crash_guard import CrashGuard
from runtime.engines.device import Device
from runtime.engines.native import Kernels
from runtime.engines.tensorrt_engine import TensorRtEngine
from runtime.engines.tensorrt_runtime import TensorRtRuntime
from runtime.errors import GpuError
from runtime.lifecycle import Closable


class EngineSet(Closable):
    """Engines that share a device. All are open; closed in the order in which they depend.

    Args:
        device: open.
        runtime: what loaded the engines.
        engines: by submodule, open on the device.
        kernels: of the native library; None where it has not been built.
        guard: told how this start ends.
    """

    def __init__(
        self,
        device: Device,
        runtime: TensorRtRuntime,
        engines: Mapping[str, TensorRtEngine],
        kernels: Kernels | None,
        guard: CrashGuard | None = None,
    ) -> None:
        self._guard = guard
        self.engines = dict(engines)
        self._device = device
        self._runtime: TensorRtRuntime | None = runtime
        self._kernels = kernels
        self._chain: tuple[CatalogReader, DeviceChain] | None = None
        self._unchained = ""

    @property
    def unchained(self) -> str:
        """Why steps leave the device between engines; empty where they do not."""
        if self._kernels is None:
            return "libsgmn_native_cuda is not built (`make native`)"
        return self._unchained

    def chain(self, catalog: CatalogReader) -> DeviceChain | None:
        """Steps on the device against this catalog; None where it cannot hold the catalog.

        The same one for the same catalog; an earlier one for another catalog is closed.
        """
        if self._chain is not None and self._chain[0] is catalog:
            return self._chain[1]
        self._close_chain()
        if self._kernels is None:
            return None
        chain = DeviceChain(self._device, self._kernels, self.engines, catalog)
        try:
            chain.open()
        except GpuError as error:
            if error.reason != "out-of-memory":
                raise
            # The engines run without it; the processor searches.
            self._unchained = error.why
            return None
        self._unchained = ""
        self._chain = catalog, chain
        return chain

    def close(self) -> None:
        """Free everything; legal in every state."""
        try:
            self._close_chain()
            for engine in self.engines.values():
                engine.close()
            self._close_runtime()
            self._device.close()
        finally:
            self._leave_guard()

    def _close_runtime(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            self._device.call(runtime.close)

    def _leave_guard(self) -> None:
        if self._guard is not None:
            if self._device.failed:
                self._guard.fail()
            else:
                self._guard.close()

    def _close_chain(self) -> None:
        if self._chain is not None:
            self._chain[1].close()
            self._chain = None
