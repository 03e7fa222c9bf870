"""What the machine is: a measured number is worth nothing without it."""

from __future__ import annotations

from dataclasses import asdict

from calibration.gpu_check.lab import Lab, Tell
from runtime.engines.device import Device
from runtime.engines.engine_store import fingerprint_here
from runtime.machine import describe, driver_version, package_version

PACKAGES = {
    "numpy": ("numpy",),
    "onnx": ("onnx",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "cuda-python": ("cuda-bindings", "cuda-python"),
    "pycuda": ("pycuda",),
    "torch": ("torch",),
}


def environment(lab: Lab, tell: Tell) -> None:
    """GPU, driver, CUDA, TensorRT, versions and free memory.

    Raises:
        GpuError: there is no driver, no device, no CUDA binding or no TensorRT.
    """
    tell(
        machine=describe(),
        driver=driver_version(),
        versions={name: package_version(*names) for name, names in PACKAGES.items()},
        kernels=lab.machine.kernels() is not None,
    )
    gpu = lab.machine.ask_driver()
    tell(gpu=asdict(gpu))
    cuda = lab.machine.cuda()
    with Device(cuda, gpu.ordinal) as device:
        free, total = device.call(device.cuda.memory)
        tell(cuda={"binding": cuda.name, "graphs": cuda.captures, "free_bytes": free})
        tell(gpu_memory_bytes=total)
        tensorrt = str(device.call(lab.machine.load_tensorrt).__version__)
        tell(tensorrt=tensorrt, fingerprint=fingerprint_here(gpu, tensorrt).model_dump())
