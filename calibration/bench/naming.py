"""Names of result files: hardware and versions, so that files of several machines lie together."""

from __future__ import annotations

import re

from runtime.machine import Cpu

_MAKERS = {"amd", "intel", "r", "tm", "cpu", "processor", "core", "gen", "with"}
_DOT_PRODUCTS = (
    ("avx512_vnni", "avx512vnni"),
    ("avx_vnni", "avxvnni"),
    ("avx512f", "avx512"),
    ("avx2", "avx2"),
    ("i8mm", "i8mm"),
    ("asimddp", "dotprod"),
    ("asimd", "neon"),
)
"""Flags of the kernel, best first, and what they are called in a name."""


def file_name(what: str, cpu: Cpu, versions: dict[str, str | None]) -> str:
    """For example ``bench-epyc-2core-avx512vnni-onnxruntime1.32.0-torch2.13.0.json``.

    Args:
        what: begins the name.
        cpu: of the machine.
        versions: by package; those that are not installed are left out.
    """
    ends = [f"{name}{version.split('+')[0]}" for name, version in versions.items() if version]
    return "-".join([what, hardware(cpu), *ends]) + ".json"


def hardware(cpu: Cpu) -> str:
    """Processor, cores that this process may use, and how INT8 is multiplied on them."""
    model = cpu.model.partition("@")[0].lower()
    words = [word for word in re.findall(r"[a-z0-9]+", model) if word not in _MAKERS]
    kind = [short for flag, short in _DOT_PRODUCTS if flag in cpu.features][:1]
    return "-".join([*words, f"{cpu.cores}core", *kind])
