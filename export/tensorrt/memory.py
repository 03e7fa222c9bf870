"""Is there room to build? Asked before minutes are spent, as small boards run out of memory.

Source: NVIDIA/TensorRT#1404, #2712; NVIDIA-AI-IOT/nanoowl#5. How much a build takes is not told
anywhere; these are least amounts, below which none was found to succeed or worth trying.
"""

from __future__ import annotations

from runtime.errors import BuildError

MIB = 1 << 20
HOST_RESERVE = 1024 * MIB
DEVICE_RESERVE = 512 * MIB
COPIES = 4
"""Times that weights are held: in the file, as parsed, as converted, and in the plan."""


def require_memory(
    graph_bytes: int, workspace_bytes: int, *, host_free: int, device_free: int
) -> None:
    """Refuse to begin a build that has no room.

    Args:
        graph_bytes: size of the largest graph.
        workspace_bytes: limit of scratch memory.
        host_free: memory that is available.
        device_free: memory of the GPU that is free; a Jetson has one memory for both.

    Raises:
        BuildError: there is less than a build needs at least.
    """
    host = HOST_RESERVE + COPIES * graph_bytes
    device = DEVICE_RESERVE + graph_bytes + workspace_bytes
    for place, needed, free in (("memory", host, host_free), ("GPU memory", device, device_free)):
        if free < needed:
            raise BuildError(
                f"there is too little {place} to build engines",
                why=f"{free // MIB} MiB are free, at least {needed // MIB} MiB are needed",
                fix="stop the kiosk and other programs, or give a smaller --workspace-mib",
            )
