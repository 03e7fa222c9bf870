"""What this machine is, read from the kernel and the vendor's tools; nothing is imported for it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CGROUP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")
CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
JETSON_RELEASE = Path("/etc/nv_tegra_release")
BOARD_MODEL = Path("/proc/device-tree/model")

NVIDIA_SMI_TIMEOUT_S = 10.0

_L4T = re.compile(r"\bR(\d+)\b.*?REVISION:\s*([\d.]+)")
_DRIVER = re.compile(r"Kernel Module\b.*?\s(\d+(?:\.\d+)+)\s")


@dataclass(frozen=True)
class Cpu:
    """The processor.

    Attributes:
        model: as the kernel names it.
        cores: as `cores`.
        features: the kernel's flags, e.g. avx2, avx512_vnni, asimddp.
    """

    model: str
    cores: int
    features: frozenset[str]


def cpu(cpuinfo: Path = CPUINFO) -> Cpu:
    """The processor; of several, the first one's model and features.

    Raises:
        OSError: the kernel does not tell.
    """
    fields: dict[str, str] = {}
    for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    flags = fields.get("flags") or fields.get("features") or ""
    model = fields.get("model name") or _board() or platform.machine()
    return Cpu(model, cores(), frozenset(flags.split()))


def cores(cgroup: Path = CGROUP, cgroups: Path = CGROUPS) -> int:
    """How many cores this process may use at once, at least 1.

    No more than its affinity mask has, nor than the time that a container (``docker run --cpus``)
    or a service (``CPUQuota=``) is given: a thread more would stand still for a part of every
    period. Source: cgroup v2, ``cpu.max``.
    """
    allowed = len(os.sched_getaffinity(0))
    try:
        lines = cgroup.read_text(encoding="utf-8").splitlines()
    except OSError:
        return allowed
    # A group's own quota, and those of all above it.
    own = [Path(line.removeprefix("0::/")).parts for line in lines if line.startswith("0::/")]
    groups = [cgroups.joinpath(*parts[:n]) for parts in own for n in range(len(parts) + 1)]
    return max(1, int(min([allowed, *map(_quota, groups)])))


def _quota(group: Path) -> float:
    """Cores' worth of time that a control group gets; infinite where nothing limits it."""
    try:
        time, period = (group / "cpu.max").read_text(encoding="ascii").split()
        return float(time.replace("max", "inf")) / float(period)
    except (OSError, ValueError, ZeroDivisionError):
        return float("inf")


def memory_bytes(meminfo: Path = MEMINFO) -> tuple[int, int]:
    """All memory and what is available now, in bytes.

    Raises:
        OSError: the kernel does not tell.
        KeyError: likewise.
    """
    fields = dict(
        line.split(":", 1)
        for line in meminfo.read_text(encoding="ascii").splitlines()
        if ":" in line
    )
    total, available = (int(fields[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    return total * 1024, available * 1024


def gpus(
    driver: Path = NVIDIA_DRIVER, jetson: Path = JETSON_RELEASE, smi: str = "nvidia-smi"
) -> list[str]:
    """The NVIDIA GPUs in a line each; empty without one.

    From ``nvidia-smi`` where it answers, else what the driver or the Jetson release file says.
    """
    listed = _nvidia_smi(smi)
    if listed:
        return listed
    for kind, file in (("NVIDIA driver", driver), ("Jetson", jetson)):
        try:
            first = file.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
        except OSError:
            continue
        return [f"{kind}: {first.strip(' #')}"]
    return []


def driver_version(driver: Path = NVIDIA_DRIVER, jetson: Path = JETSON_RELEASE) -> str:
    """The L4T release on a Jetson, e.g. ``L4T R36.4.3``, else the version of the NVIDIA driver.

    Empty where neither is there. Jetsons come first: from JetPack 7 on they have both, and the
    release tells more.
    """
    try:
        first = jetson.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
        found = _L4T.search(first)
        if found:
            return f"L4T R{found[1]}.{found[2]}"
    except OSError:
        pass
    try:
        module = driver.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    version = _DRIVER.search(module)
    return version[1] if version else ""


def package_version(*names: str) -> str | None:
    """Version of the first of these distributions that is installed."""
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def describe() -> dict[str, Any]:
    """What must stand beside a measured number: hardware, versions and load; JSON-ready."""
    processor = cpu()
    return {
        "cpu": processor.model,
        "cores": processor.cores,
        "memory_bytes": memory_bytes()[0],
        "gpus": gpus(),
        "load_1min": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sgmn_edge": package_version("sgmn-edge"),
        "onnxruntime": package_version("onnxruntime", "onnxruntime-gpu"),
    }


def _nvidia_smi(program: str) -> list[str]:
    found = shutil.which(program)
    if found is None:
        return []
    fields = "name,driver_version,memory.total,compute_cap"
    try:
        answer = subprocess.run(
            [found, f"--query-gpu={fields}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
            timeout=NVIDIA_SMI_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]


def _board() -> str:
    """Name of an ARM board; such kernels do not name the processor."""
    try:
        return BOARD_MODEL.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""
