"""Inputs that an engine is tried with, and what ONNX Runtime makes of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.tensorrt.profiles import Profile
from runtime.bundle.manifest import Submodule, Tensor
from runtime.bundle.reader import Bundle
from runtime.bundle.vectors import read_vectors

Array = npt.NDArray[Any]
Feeds = dict[str, Array]

SEED = 0
IDS = (1, 200)
"""Made-up token ids; every vocabulary has so many."""

GRAIN = 8
"""Pixels of equal colour in made-up pictures: noise alone is unlike any picture."""


def cases(bundle: Bundle, name: str, part: Submodule, shapes: Profile) -> dict[str, Feeds]:
    """Inputs for one submodule: the bundle's stored ones, and made-up ones.

    Made-up inputs have the least and the largest sizes of the profile, so that all of an engine's
    range is tried.

    Raises:
        BundleError: the stored inputs cannot be read.
    """
    found: dict[str, Feeds] = {}
    stored = read_vectors(bundle).get(name)
    if stored is not None:
        found["stored"] = dict(stored.feeds)
    if not shapes:
        return {**found, "made-up": _made_up(name, part, {})}
    for place, size in ((0, "least"), (2, "largest")):
        sizes = {tensor: three[place] for tensor, three in shapes.items()}
        found[f"made-up, {size}"] = _made_up(name, part, sizes)
    return found


def reference(graph: Path, part: Submodule, feeds: Feeds) -> Feeds:
    """What a graph made for TensorRT gives on the processor.

    Every operator runs by itself, so that Q/DQ pairs round and all between them is float. Fused,
    ONNX Runtime would use its own 8-bit kernels, which saturate on AVX2.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    outputs = [tensor.name for tensor in part.outputs]
    return dict(zip(outputs, session.run(outputs, feeds), strict=True))


def _made_up(name: str, part: Submodule, sizes: Mapping[str, tuple[int, ...]]) -> Feeds:
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    return {
        tensor.name: _values(tensor, sizes.get(tensor.name, _fixed(tensor)), rng)
        for tensor in part.inputs
    }


def _values(tensor: Tensor, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    if tensor.name.endswith("mask"):
        mask = np.ones(shape, tensor.dtype)
        mask[..., max(1, 3 * shape[-1] // 4) :] = 0
        return mask
    if tensor.dtype == "uint8":
        count, high, wide, colours = shape
        coarse = rng.integers(0, 256, (count, -(-high // GRAIN), -(-wide // GRAIN), colours))
        fine = coarse.repeat(GRAIN, 1).repeat(GRAIN, 2)[:, :high, :wide]
        return fine.astype(np.uint8)
    if tensor.dtype == "int64":
        return rng.integers(*IDS, shape)
    return rng.standard_normal(shape).astype(tensor.dtype)


def _fixed(tensor: Tensor) -> tuple[int, ...]:
    return tuple(size for size in tensor.shape if isinstance(size, int))
