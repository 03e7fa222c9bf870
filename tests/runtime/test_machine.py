"""What the machine is said to be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime import machine


def test_x86_and_arm_processors_are_read(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Fast One\nflags\t\t: avx2 avx512_vnni\n\n" * 2)
    found = machine.cpu(file)
    assert (found.model, found.features) == ("Fast One", {"avx2", "avx512_vnni"})
    assert found.cores >= 1
    file.write_text("processor\t: 0\nFeatures\t: asimd asimddp\nCPU part\t: 0xd42\n")
    arm = machine.cpu(file)
    assert arm.features == {"asimd", "asimddp"}
    assert arm.model


@pytest.mark.parametrize(
    ("own", "limits", "cores"),
    [
        ("0::/", {}, 64),
        ("0::/", {"": "max 100000"}, 64),
        ("0::/", {"": "250000 100000"}, 2),
        ("0::/", {"": "50000 100000"}, 1),
        ("0::/", {"": "6400000 50000"}, 64),
        ("0::/shop/kiosk", {"shop/kiosk": "max 100000", "shop": "300000 100000"}, 3),
        ("0::/shop/kiosk", {"shop/kiosk": "400000 100000", "shop": "max 100000"}, 4),
        ("0::/shop", {"shop": "odd"}, 64),
        ("3:cpu:/shop", {"shop": "100000 100000"}, 64),
        (None, {"": "100000 100000"}, 64),
    ],
)
def test_cores_are_those_a_container_gets_time_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str | None,
    limits: dict[str, str],
    cores: int,
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    cgroup, groups = tmp_path / "cgroup", tmp_path / "groups"
    if own is not None:
        cgroup.write_text(f"1:name=systemd:/\n{own}\n")
    for name, text in limits.items():
        (groups / name).mkdir(parents=True, exist_ok=True)
        (groups / name / "cpu.max").write_text(text + "\n")
    assert machine.cores(cgroup, groups) == cores


def test_memory_is_read_in_bytes(tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:        2048 kB\nMemFree: 1 kB\nMemAvailable:    1024 kB\n")
    assert machine.memory_bytes(file) == (2 << 20, 1 << 20)


def _smi(folder: Path, script: str) -> str:
    program = folder / "smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_gpus_come_from_the_tool_then_the_driver_then_jetson(tmp_path: Path) -> None:
    none, driver, jetson = (tmp_path / name for name in ("none", "driver", "jetson"))
    assert machine.gpus(none, none, _smi(tmp_path, "echo 'H1, 550'; echo")) == ["H1, 550"]
    failing = _smi(tmp_path, "echo no devices; exit 9")
    driver.write_text("NVRM version: 550.1\nGCC\n")
    jetson.write_text("# R36 (release), REVISION: 4.0\n")
    assert machine.gpus(driver, jetson, failing) == ["NVIDIA driver: NVRM version: 550.1"]
    assert machine.gpus(none, jetson, failing) == ["Jetson: R36 (release), REVISION: 4.0"]
    assert machine.gpus(none, none, str(none)) == []


def test_a_tool_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "NVIDIA_SMI_TIMEOUT_S", 0.2)
    none = tmp_path / "none"
    assert machine.gpus(none, none, _smi(tmp_path, "exec sleep 5")) == []


def test_a_description_stands_beside_numbers() -> None:
    about = machine.describe()
    assert about["cores"] >= 1
    assert about["memory_bytes"] > 1 << 20
    assert about["cpu"]
    assert json.dumps(about)
