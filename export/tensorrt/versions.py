"""Which releases of TensorRT engines are built with, and which are known to fail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from runtime.errors import BuildError

Version = tuple[int, ...]

SUPPORTED: Final[tuple[tuple[Version, Version], ...]] = (
    ((8, 6), (9,)),
    ((10, 0), (11,)),
    ((11, 0), (12,)),
)
"""From one release to before another. Before 8.6 a network takes no uint8 pictures."""


@dataclass(frozen=True)
class Fault:
    """What is known to be wrong with some releases.

    Attributes:
        since: the first release.
        before: the first one after it.
        compute_capability: of the GPUs that have it; None for all.
        severity: ``refuse``, or ``warn`` where many networks work and some do not.
        why: what goes wrong.
        source: where it is told.
    """

    since: Version
    before: Version
    compute_capability: str | None
    severity: Literal["refuse", "warn"]
    why: str
    source: str

    def concerns(self, version: Version, compute_capability: str) -> bool:
        """Whether a release on a GPU has it."""
        return self.since <= version < self.before and self.compute_capability in (
            None,
            compute_capability,
        )


FAULTS: Final = (
    Fault(
        (9,),
        (10,),
        None,
        "refuse",
        "release 9 was made for servers and is in no JetPack; nothing here was written for it",
        "https://github.com/NVIDIA/TensorRT/issues/3446",
    ),
    Fault(
        (10, 13),
        (10, 14),
        "8.7",
        "refuse",
        "this release has no kernels for Jetson Orin (sm_87)",
        "https://github.com/NVIDIA-ISAAC-ROS/isaac-ros-cli/issues/22",
    ),
    Fault(
        (10, 3),
        (10, 4),
        "8.7",
        "warn",
        "some networks crash in this release on Jetson Orin, while they are built or when they run",
        "https://github.com/NVIDIA/TensorRT/issues/4504 and /issues/4840",
    ),
)


def parse_version(text: str) -> Version:
    """``10.3.0.30`` as (10, 3, 0, 30); what is no number ends it."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def check_version(text: str, compute_capability: str, *, allow_untested: bool = False) -> list[str]:
    """Refuse a release that is not supported or known to fail.

    Args:
        text: the version that TensorRT tells.
        compute_capability: of the GPU, e.g. ``8.7``.
        allow_untested: only warn.

    Returns:
        Warnings, a sentence each.

    Raises:
        BuildError: the release is refused.
    """
    version = parse_version(text)
    warnings = []
    for fault in FAULTS:
        if fault.concerns(version, compute_capability):
            if fault.severity == "refuse" and not allow_untested:
                raise _refused(text, compute_capability, f"{fault.why} ({fault.source})")
            warnings.append(f"TensorRT {text}: {fault.why} ({fault.source})")
    if not warnings and not any(first <= version < last for first, last in SUPPORTED):
        why = "supported are 8.6, 10 and 11; others have not been looked at"
        if not allow_untested:
            raise _refused(text, compute_capability, why)
        warnings.append(f"TensorRT {text}: {why}")
    return warnings


def _refused(text: str, compute_capability: str, why: str) -> BuildError:
    return BuildError(
        f"engines are not built with TensorRT {text} for compute capability {compute_capability}",
        why=why,
        fix="install another release (docs/guides/jetson.md), or build with --allow-untested",
    )
