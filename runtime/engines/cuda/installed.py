"""Which binding of CUDA is installed."""

from __future__ import annotations

from importlib.util import find_spec

from runtime.engines.cuda.cuda import Cuda
from runtime.errors import GpuError


def installed_cuda() -> Cuda:
    """The binding to use, not opened: cuda-python, which can capture graphs, or else pycuda.

    Raises:
        GpuError: neither is installed (``no-cuda``).
    """
    if _is_there("cuda.bindings.driver") or _is_there("cuda.cuda"):
        from runtime.engines.cuda.cuda_python import CudaPython

        return CudaPython()
    if _is_there("pycuda.driver"):
        from runtime.engines.cuda.pycuda_driver import PyCuda

        return PyCuda()
    raise GpuError(
        "the GPU cannot be used",
        reason="no-cuda",
        why="neither cuda-python nor pycuda is installed",
        fix="pip install 'sgmn-edge[tensorrt]'",
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False
