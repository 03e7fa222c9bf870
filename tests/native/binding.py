"""The preprocessing libraries through ctypes, each result checked for writes outside it."""

import ctypes
import os
from ctypes import POINTER, c_char_p, c_float, c_int32, c_size_t, c_void_p
from pathlib import Path

import numpy as np
import pytest

BUILD = Path(__file__).parents[2] / "build" / "native"
CPU_LIBRARY = Path(os.environ.get("SGMN_NATIVE_LIBRARY", BUILD / "libsgmn_native.so"))
CUDA_LIBRARY = Path(os.environ.get("SGMN_NATIVE_CUDA_LIBRARY", BUILD / "libsgmn_native_cuda.so"))

BGR, NV12 = 0, 1
FLOAT_NCHW, HALF_NCHW, UINT8_NHWC = 0, 1, 2
OK = 0
GUARD = 64
DTYPES = {FLOAT_NCHW: np.float32, HALF_NCHW: np.float16, UINT8_NHWC: np.uint8}

Box = tuple[int, int, int, int]


class Frame(ctypes.Structure):
    """Mirrors sgmn_frame."""

    _fields_ = [
        ("format", c_int32),
        ("width", c_int32),
        ("height", c_int32),
        ("stride", c_int32),
        ("chroma_stride", c_int32),
        ("data", c_void_p),
        ("chroma", c_void_p),
    ]


class Roi(ctypes.Structure):
    """Mirrors sgmn_roi."""

    _fields_ = [("x", c_int32), ("y", c_int32), ("width", c_int32), ("height", c_int32)]


class Output(ctypes.Structure):
    """Mirrors sgmn_output."""

    _fields_ = [
        ("format", c_int32),
        ("side", c_int32),
        ("mean", c_float * 3),
        ("inv_std", c_float * 3),
        ("capacity", c_size_t),
        ("data", c_void_p),
    ]


def load(path: Path) -> ctypes.CDLL:
    if not path.exists():
        pytest.skip(f"{path} has not been built")
    library = ctypes.CDLL(str(path))
    request = [POINTER(Frame), POINTER(Roi), POINTER(Output)]
    if hasattr(library, "sgmn_preprocess_cuda"):
        library.sgmn_preprocess_cuda.argtypes = [*request, c_void_p]
    else:
        library.sgmn_preprocess_cpu.argtypes = request
    library.sgmn_status_text.argtypes = [c_int32]
    library.sgmn_status_text.restype = c_char_p
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
