"""Asks the driver what there is, before anything of TensorRT is loaded.

TensorRT crashes the process where no driver can be used, so the driver comes first; and it is asked
directly, so that the answer does not depend on which Python binding is installed.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from runtime.engines.cuda.failure import cuda_failure, no_driver

LIBRARY = "libcuda.so.1"
_NAME_BYTES = 256
_COMPUTE_CAPABILITY = (75, 76)  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR


@dataclass(frozen=True)
class Gpu:
    """A device as the driver names it.

    Attributes:
        name: e.g. ``NVIDIA H100 80GB HBM3`` or ``Orin``.
        compute_capability: e.g. ``8.7``.
        cuda: newest CUDA version that the driver knows, e.g. ``12.6``.
        ordinal: its number among the devices that this process may see.
        devices: how many there are.
    """

    name: str
    compute_capability: str
    cuda: str
    ordinal: int
    devices: int


def ask_driver(ordinal: int = 0, library: str = LIBRARY) -> Gpu:
    """What the driver says of a device.

    Raises:
        GpuError: there is no driver (``no-driver``), it has no such device (``no-device``), or it
            cannot even start (``out-of-memory``, ``cuda``).
    """
    try:
        driver = ctypes.CDLL(library)
    except OSError as error:
        raise no_driver(str(error)) from error
    _call(driver, "cuInit", ctypes.c_uint(0))
    count = _number(driver, "cuDeviceGetCount")
    if ordinal >= count:
        raise cuda_failure("cuDeviceGetCount", "CUDA_ERROR_NO_DEVICE")
    device = _number(driver, "cuDeviceGet", ctypes.c_int(ordinal))
    name = ctypes.create_string_buffer(_NAME_BYTES)
    _call(driver, "cuDeviceGetName", name, ctypes.c_int(_NAME_BYTES), ctypes.c_int(device))
    major, minor = (
        _number(driver, "cuDeviceGetAttribute", ctypes.c_int(which), ctypes.c_int(device))
        for which in _COMPUTE_CAPABILITY
    )
    return Gpu(
        name.value.decode("utf-8", "replace"),
        f"{major}.{minor}",
        _dotted(_number(driver, "cuDriverGetVersion")),
        ordinal,
        count,
    )


def _number(driver: ctypes.CDLL, call: str, *arguments: object) -> int:
    found = ctypes.c_int()
    _call(driver, call, ctypes.byref(found), *arguments)
    return found.value


def _call(driver: ctypes.CDLL, call: str, *arguments: object) -> None:
    try:
        function = getattr(driver, call)
    except AttributeError as error:
        raise no_driver(f"{driver._name} has no {call}") from error
    status = function(*arguments)
    if status:
        raise cuda_failure(call, _error_name(driver, status))


def _error_name(driver: ctypes.CDLL, status: int) -> str:
    text = ctypes.c_char_p()
    if driver.cuGetErrorName(ctypes.c_int(status), ctypes.byref(text)) or text.value is None:
        return f"CUDA error {status}"
    return text.value.decode("ascii", "replace")


def _dotted(version: int) -> str:
    """12060 as 12.6."""
    return f"{version // 1000}.{version % 1000 // 10}"
