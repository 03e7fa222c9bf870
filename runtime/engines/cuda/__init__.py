"""CUDA behind one small protocol, whichever Python binding is installed."""

from runtime.engines.cuda.cuda import Array, Cuda
from runtime.engines.cuda.installed import installed_cuda
from runtime.engines.cuda.question import Gpu, ask_driver

__all__ = ["Array", "Cuda", "Gpu", "ask_driver", "installed_cuda"]
