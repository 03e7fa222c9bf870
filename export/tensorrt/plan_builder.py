"""Builds one engine with TensorRT, in the process and on the thread that called."""

from __future__ import annotations

import hashlib
import resource
import time
from pathlib import Path
from typing import Any

from export.tensorrt.adapters.adapter import Adapter, Report
from export.tensorrt.inspection import (
    Found,
    compare_precision,
    read_layers,
    require_precision,
)
from export.tensorrt.job import BuildJob, Built
from export.tensorrt.messages import Messages
from export.tensorrt.network_view import NetworkView, Precision
from export.tensorrt.profiles import add_profile
from export.tensorrt.timing_cache import TimingCache
from runtime.engines.tensorrt_runtime import memory_ran_out
from runtime.errors import BuildError


class PlanBuilder:
    """One build.

    Args:
        trt: the ``tensorrt`` module; a device is open.
        adapter: of its generation.
        job: what to build.
        report: told of progress.
    """

    def __init__(self, trt: Any, adapter: Adapter, job: BuildJob, report: Report) -> None:
        self._trt = trt
        self._adapter = adapter
        self._job = job
        self._report = report
        self._messages = Messages()
        self._logger = self._messages.logger(trt)

    def build(self) -> Built:
        """Build, inspect and write the plan.

        Raises:
            BuildError: the graph was changed or does not parse, TensorRT fails or runs out of
                memory, or the engine is not in the precision that was asked for.
            OSError: the plan cannot be written.
        """
        began = time.monotonic()
        trt, job = self._trt, self._job
        builder = self._made("builder", lambda: trt.Builder(self._logger))
        network = builder.create_network(self._adapter.network_flags(trt))
        parser = trt.OnnxParser(network, self._logger)
        self._parse(parser)
        self._check_names(network)
        asked = NetworkView(trt, network).products()
        config = builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, job.workspace_bytes)
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        # FP32 shall be FP32: TensorFloat-32 keeps 10 bits of 23.
        config.clear_flag(trt.BuilderFlag.TF32)
        flags = (*self._adapter.configure(trt, network, config), "-TF32")
        add_profile(builder, config, job.profile)
        cache = TimingCache(job.timing_cache, job.shipped_timing_cache)
        cache.attach(config)
        watching = self._adapter.watch(trt, config, self._report)
        plan = builder.build_serialized_network(network, config)
        del watching
        if plan is None:
            raise self._failed(f"TensorRT cannot build {job.submodule}")
        _write(job.out, plan)
        digest = cache.store(config)
        seconds = time.monotonic() - began
        found = self._inspected(asked)
        return Built(
            flags=flags,
            precision_found=found.layers,
            fallen=found.fallen,
            build_seconds=round(seconds, 1),
            peak_memory_bytes=self._peak(),
            timing_cache_sha256=digest,
            notes=tuple(cache.notes),
        )

    def _parse(self, parser: Any) -> None:
        job = self._job
        # These very bytes are hashed and parsed: the file may change meanwhile.
        graph = job.graph.read_bytes()
        if hashlib.sha256(graph).hexdigest() != job.graph_sha256:
            raise BuildError(
                f"the graph of {job.submodule} was changed",
                why=f"{job.graph.name} has another digest than the manifest states",
                fix="install the bundle again, then run `sgmn build`",
            )
        if parser.parse(graph):
            return
        errors = [parser.get_error(i) for i in range(parser.num_errors)]
        told = [f"{self._adapter.node_of(error)}: {error.desc()}" for error in errors]
        raise BuildError(
            f"TensorRT cannot read the graph of {job.submodule}",
            why="; ".join(told) or self._messages.errors,
            fix="export and quantize the bundle again with this version of sgmn-edge",
        )

    def _check_names(self, network: Any) -> None:
        job = self._job
        found = {network.get_input(i).name for i in range(network.num_inputs)}
        found |= {network.get_output(i).name for i in range(network.num_outputs)}
        promised = {tensor.name for tensor in (*job.inputs, *job.outputs)}
        if found != promised:
            raise BuildError(
                f"{job.graph.name} is not the {job.submodule} that the manifest describes",
                why=f"tensors {sorted(found ^ promised)} differ",
                fix="install the bundle again",
            )

    def _inspected(self, asked: dict[str, Precision]) -> Found:
        trt, job = self._trt, self._job
        runtime = self._made("runtime", lambda: trt.Runtime(self._logger))
        engine = runtime.deserialize_cuda_engine(job.out.read_bytes())
        if engine is None:
            raise self._failed(f"the engine of {job.submodule} does not load")
        found = Found({}, ())
        try:
            found = compare_precision(read_layers(trt, engine), asked)
            require_precision(job.submodule, found, asked)
        except BuildError:
            if not job.allow_fallback:
                raise
            # Noted in the record, so that no later build takes the engine for a proven one.
            unproven = tuple((name, wanted, "unknown") for name, wanted in asked.items())
            return Found(found.layers, found.fallen or unproven)
        return found

    def _made(self, what: str, make: Any) -> Any:
        """An object whose factory raises, instead of returning None, where it fails."""
        try:
            return make()
        except TypeError as error:
            raise self._failed(f"TensorRT cannot make a {what}") from error

    def _failed(self, what: str) -> BuildError:
        why = self._messages.errors
        if memory_ran_out(why):
            fix = "stop the kiosk and other programs, or give a smaller --workspace-mib"
            return BuildError(f"{what}: memory ran out", why=why, fix=fix)
        return BuildError(what, why=why, fix="see docs/guides/jetson.md for releases that work")

    def _peak(self) -> int:
        """Largest resident memory of this process, plus what TensorRT says of the GPU's."""
        host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return host + self._messages.gpu_peak_bytes


def _write(path: Path, plan: Any) -> None:
    with path.open("wb") as target:
        target.write(plan)
