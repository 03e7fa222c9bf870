"""The GPU library of `runtime/native`: camera frames, exact search and copies of rows."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_float, c_int32, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Protocol

import runtime
from runtime.errors import GpuError

LIBRARY = "libsgmn_native_cuda.so"
LIBRARY_VARIABLE = "SGMN_NATIVE_CUDA_LIBRARY"
MOST_FOUND = 256
"""K of one search; SGMN_MAX_BEST in ``sgmn/search.h``."""

_BGR, _UINT8_NHWC = 0, 2


class Frame(ctypes.Structure):
    """``sgmn_frame``."""

    _fields_ = (
        ("format", c_int32),
        ("width", c_int32),
        ("height", c_int32),
        ("stride", c_int32),
        ("chroma_stride", c_int32),
        ("data", c_void_p),
        ("chroma", c_void_p),
    )


class Roi(ctypes.Structure):
    """``sgmn_roi``."""

    _fields_ = (("x", c_int32), ("y", c_int32), ("width", c_int32), ("height", c_int32))


class Output(ctypes.Structure):
    """``sgmn_output``."""

    _fields_ = (
        ("format", c_int32),
        ("side", c_int32),
        ("mean", c_float * 3),
        ("inv_std", c_float * 3),
        ("capacity", c_size_t),
        ("data", c_void_p),
    )


class Search(ctypes.Structure):
    """``sgmn_search``."""

    _fields_ = (
        ("rows", c_int32),
        ("stride", c_int32),
        ("length", c_int32),
        ("best", c_int32),
        ("items", c_void_p),
        ("query", c_void_p),
        ("prior", c_void_p),
        ("workspace", c_void_p),
        ("capacity", c_size_t),
        ("found", c_void_p),
        ("scores", c_void_p),
    )


class Rows(ctypes.Structure):
    """``sgmn_rows``."""

    _fields_ = (
        ("count", c_int32),
        ("source_rows", c_int32),
        ("target_rows", c_int32),
        ("row_bytes", c_int32),
        ("source", c_void_p),
        ("source_index", c_void_p),
        ("target", c_void_p),
        ("target_index", c_void_p),
    )


class Kernels(Protocol):
    """What runs on the device beside TensorRT; all work is queued on a stream.

    Arguments are device addresses. Each call raises `GpuError` where the library refuses it.
    """

    def square(self, frame: int, side: int, target: int, size: int, stream: int) -> None:
        """Scale a square BGR picture.

        Args:
            frame: uint8 [side, side, 3] BGR.
            side: its side in pixels.
            target: uint8 [size, size, 3] RGB.
            size: side of the result.
            stream: of the device.
        """

    def workspace(self, rows: int, best: int) -> int:
        """Numbers of 64 bits that a search needs."""

    def search(self, search: Search, stream: int) -> None:
        """Find the rows of highest inner product."""

    def copy_rows(self, rows: Rows, stream: int) -> None:
        """Copy chosen rows."""


class NativeKernels:
    """`Kernels` of the library.

    Args:
        library: ``libsgmn_native_cuda``, loaded.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        declare(library)
        self._library = library

    def square(self, frame: int, side: int, target: int, size: int, stream: int) -> None:
        """See `Kernels.square`."""
        picture = Frame(_BGR, side, side, 3 * side, 0, frame, None)
        zeros = (c_float * 3)(0, 0, 0)
        output = Output(_UINT8_NHWC, size, zeros, zeros, 3 * size * size, target)
        self._check(self._library.sgmn_preprocess_cuda(picture, None, output, stream))

    def workspace(self, rows: int, best: int) -> int:
        """See `Kernels.workspace`."""
        return int(self._library.sgmn_search_workspace(rows, best))

    def search(self, search: Search, stream: int) -> None:
        """See `Kernels.search`."""
        self._check(self._library.sgmn_search_cuda(search, stream))

    def copy_rows(self, rows: Rows, stream: int) -> None:
        """See `Kernels.copy_rows`."""
        self._check(self._library.sgmn_copy_rows_cuda(rows, stream))

    def _check(self, status: int) -> None:
        if status:
            said: bytes = self._library.sgmn_status_text(status)
            raise GpuError(
                "the native library failed",
                reason="cuda",
                why=f"status {status}: {said.decode()}",
                fix="run `sgmn doctor`; restart the machine if it persists",
            )


def find_kernels() -> NativeKernels | None:
    """The library, or None where it has not been built: it needs a CUDA compiler.

    Looked for under the name in ``SGMN_NATIVE_CUDA_LIBRARY``, then where the system's loader looks,
    then in the build folder of a checkout.
    """
    named = os.environ.get(LIBRARY_VARIABLE)
    built = Path(runtime.__file__).resolve().parents[1] / "build" / "native" / LIBRARY
    for place in [named] if named else [LIBRARY, str(built)]:
        try:
            return NativeKernels(ctypes.CDLL(place))
        # AttributeError: an older library, without the search.
        except (OSError, AttributeError):
            continue
    return None


def declare(library: Any) -> None:
    """Tell ctypes what the functions of either library take."""
    cuda = hasattr(library, "sgmn_preprocess_cuda")
    ending, stream = ("cuda", [c_void_p]) if cuda else ("cpu", [])
    for name, arguments in (
        ("preprocess", [POINTER(Frame), POINTER(Roi), POINTER(Output)]),
        ("search", [POINTER(Search)]),
        ("copy_rows", [POINTER(Rows)]),
    ):
        getattr(library, f"sgmn_{name}_{ending}").argtypes = [*arguments, *stream]
    library.sgmn_search_workspace.argtypes = [c_int32, c_int32]
    library.sgmn_search_workspace.restype = c_size_t
    library.sgmn_status_text.argtypes = [c_int32]
    library.sgmn_status_text.restype = c_char_p


WORKSPACE_BYTES = ctypes.sizeof(c_uint64)
"""Of one number of a search's workspace."""
