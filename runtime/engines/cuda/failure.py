"""From what CUDA reports to an error with its remedy."""

from __future__ import annotations

from runtime.errors import GpuError, GpuReason

OUT_OF_MEMORY = "CUDA_ERROR_OUT_OF_MEMORY"

_REASONS: dict[str, GpuReason] = {
    OUT_OF_MEMORY: "out-of-memory",
    "CUDA_ERROR_NO_DEVICE": "no-device",
    "CUDA_ERROR_INVALID_DEVICE": "no-device",
    "CUDA_ERROR_DEVICE_UNAVAILABLE": "no-device",
    "CUDA_ERROR_STUB_LIBRARY": "no-driver",
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "no-driver",
    "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE": "no-driver",
    "CUDA_ERROR_INSUFFICIENT_DRIVER": "no-driver",
    "CUDA_ERROR_UNKNOWN": "no-driver",
}

_FIXES: dict[GpuReason, str] = {
    "out-of-memory": "end other programs that use the GPU; nvidia-smi lists them",
    "no-device": "check that nvidia-smi lists the GPU, and CUDA_VISIBLE_DEVICES",
    "no-driver": "install or update the NVIDIA driver and restart; on a Jetson, JetPack",
}


def cuda_failure(call: str, error: str) -> GpuError:
    """The error of a CUDA call.

    Args:
        call: the function that failed, e.g. ``cuMemAlloc``.
        error: CUDA's name for what happened, e.g. ``CUDA_ERROR_OUT_OF_MEMORY``.
    """
    reason = _REASONS.get(error, "cuda")
    # Only the question whether there is a driver can be answered with "unknown".
    if error == "CUDA_ERROR_UNKNOWN" and call != "cuInit":
        reason = "cuda"
    fix = _FIXES.get(reason, "run `sgmn doctor`; restart the machine if it persists")
    return GpuError("the GPU cannot be used", reason=reason, why=f"{call}: {error}", fix=fix)


def no_driver(why: str) -> GpuError:
    """The error where no driver can be loaded."""
    return GpuError("the GPU cannot be used", reason="no-driver", why=why, fix=_FIXES["no-driver"])
