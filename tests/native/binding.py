"""The native libraries through ctypes, each result checked for writes outside it."""

import ctypes
import os
from collections.abc import Mapping
from ctypes import c_float
from pathlib import Path

import numpy as np
import pytest

from runtime.engines.native import Frame, Output, Roi, Rows, Search, declare

BUILD = Path(__file__).parents[2] / "build" / "native"
CPU_LIBRARY = Path(os.environ.get("SGMN_NATIVE_LIBRARY", BUILD / "libsgmn_native.so"))
CUDA_LIBRARY = Path(os.environ.get("SGMN_NATIVE_CUDA_LIBRARY", BUILD / "libsgmn_native_cuda.so"))

BGR, NV12 = 0, 1
FLOAT_NCHW, HALF_NCHW, UINT8_NHWC = 0, 1, 2
OK = 0
GUARD = 64
DTYPES = {FLOAT_NCHW: np.float32, HALF_NCHW: np.float16, UINT8_NHWC: np.uint8}

Box = tuple[int, int, int, int]


def load(path: Path) -> ctypes.CDLL:
    if not path.exists():
        pytest.skip(f"{path} has not been built")
    library = ctypes.CDLL(str(path))
    declare(library)
    return library


def bgr_frame(image: np.ndarray) -> Frame:
    height, width, _ = image.shape
    return Frame(BGR, width, height, image.strides[0], 0, image.ctypes.data, None)


def nv12_frame(luma: np.ndarray, chroma: np.ndarray) -> Frame:
    height, width = luma.shape
    strides = luma.strides[0], chroma.strides[0]
    return Frame(NV12, width, height, *strides, luma.ctypes.data, chroma.ctypes.data)


def preprocess(
    frame: Frame,
    side: int,
    output_format: int,
    roi: Box | None = None,
    mean: tuple[float, ...] = (127, 127, 127),
    inv_std: tuple[float, ...] = (1 / 128, 1 / 128, 1 / 128),
) -> np.ndarray:
    """Runs the CPU library into a buffer between guard bytes, and checks that they survive."""
    dtype = np.dtype(DTYPES[output_format])
    size = 3 * side * side * dtype.itemsize
    buffer = np.full(GUARD + size + GUARD, 0xA5, np.uint8)
    data = buffer.ctypes.data + GUARD
    output = Output(output_format, side, (c_float * 3)(*mean), (c_float * 3)(*inv_std), size, data)
    region = Roi(*roi) if roi else None
    assert load(CPU_LIBRARY).sgmn_preprocess_cpu(frame, region, output) == OK
    assert (buffer[:GUARD] == 0xA5).all()
    assert (buffer[-GUARD:] == 0xA5).all()
    shape = (side, side, 3) if output_format == UINT8_NHWC else (3, side, side)
    return buffer[GUARD:-GUARD].view(dtype).reshape(shape)


def search(
    items: np.ndarray,
    query: np.ndarray,
    best: int,
    prior: np.ndarray | None = None,
    changes: Mapping[str, object] | None = None,
) -> tuple[int, np.ndarray, np.ndarray]:
    """Runs the CPU library; its status, the rows found and their scores."""
    library = load(CPU_LIBRARY)
    found, scores = np.full(best + 1, 77, np.int32), np.full(best + 1, 77, np.float32)
    size = library.sgmn_search_workspace(len(items), best)
    workspace = np.full(size + 1, 77, np.uint64)
    fields = {
        "rows": len(items),
        "stride": items.shape[1],
        "length": len(query),
        "best": best,
        "items": items.ctypes.data,
        "query": query.ctypes.data,
        "prior": None if prior is None else prior.ctypes.data,
        "workspace": workspace.ctypes.data,
        "capacity": size,
        "found": found.ctypes.data,
        "scores": scores.ctypes.data,
    }
    status = library.sgmn_search_cpu(Search(**{**fields, **(changes or {})}))
    assert (workspace[-1], found[-1], scores[-1]) == (77, 77, 77)
    return status, found[:-1], scores[:-1]


def copy_rows(
    source: np.ndarray,
    target: np.ndarray,
    count: int,
    source_index: np.ndarray | None = None,
    target_index: np.ndarray | None = None,
    changes: Mapping[str, object] | None = None,
) -> int:
    """Runs the CPU library on arrays of rows of the same size; its status."""
    fields = {
        "count": count,
        "source_rows": len(source),
        "target_rows": len(target),
        "row_bytes": target[0].nbytes,
        "source": source.ctypes.data,
        "source_index": None if source_index is None else source_index.ctypes.data,
        "target": target.ctypes.data,
        "target_index": None if target_index is None else target_index.ctypes.data,
    }
    status: int = load(CPU_LIBRARY).sgmn_copy_rows_cpu(Rows(**{**fields, **(changes or {})}))
    return status
