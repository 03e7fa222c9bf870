"""``sgmn doctor``: each finding, and that one broken part never hides the others."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import doctor, machine
from runtime.commands.main import cli
from runtime.doctor import Finding, guarded, healthy, int8_finding, writable_finding
from runtime.errors import BundleError


def _broken() -> Iterator[Finding]:
    yield Finding("first", "ok", "fine")
    raise RuntimeError("boom")


def _refused() -> Iterator[Finding]:
    raise BundleError("no bundle", why="it is gone", fix="install it")
    yield


def test_a_broken_check_is_a_finding_and_keeps_the_earlier_ones() -> None:
    first, second = guarded("odd", _broken)
    assert first == Finding("first", "ok", "fine")
    assert (second.check, second.status) == ("odd", "fail")
    assert "RuntimeError: boom" in second.detail


def test_a_known_error_gives_its_own_fix() -> None:
    assert guarded("bundle", _refused) == [
        Finding("bundle", "fail", "no bundle: it is gone", "install it")
    ]


def test_warnings_are_healthy_and_failures_are_not() -> None:
    assert healthy([Finding("a", "ok", ""), Finding("b", "warn", "")])
    assert not healthy([Finding("a", "ok", ""), Finding("b", "fail", "")])


@pytest.mark.parametrize(
    ("features", "status", "said"),
    [
        ({"avx2", "avx512_vnni"}, "ok", "avx512_vnni: INT8 dot products"),
        ({"asimd", "asimddp"}, "ok", "asimddp: INT8 dot products"),
        ({"avx2"}, "ok", "AVX2 without VNNI"),
        ({"asimd"}, "ok", "NEON without"),
        ({"sse2"}, "warn", "slow"),
    ],
)
def test_what_int8_means_here(features: set[str], status: str, said: str) -> None:
    found = int8_finding(frozenset(features))
    assert found.status == status
    assert said in found.detail


def test_a_package_that_does_not_load_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    found = {finding.check: finding for finding in doctor.check_packages()}
    assert found["av"].status == "fail"
    assert found["av"].fix == "pip install --force-reinstall av"
    assert [f.check for f in found.values() if f.status == "fail"] == ["av"]
    assert found["numpy"].detail[0].isdigit()


def test_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: (4 << 30, 1 << 29))
    (found,) = doctor.check_memory()
    assert (found.status, found.detail) == ("warn", "0.5 GiB available of 4.0 GiB")


def test_a_gpu_without_tensorrt_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: ["H1, 550, 1 MiB, 9.0"])
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    gpu, tensorrt = doctor.check_gpu()
    assert gpu.detail == "H1, 550, 1 MiB, 9.0"
    assert (tensorrt.status, bool(tensorrt.fix)) == ("warn", True)
    assert tensorrt.detail == "not installed; its engines cannot be used"


def test_tensorrt_is_never_imported() -> None:
    list(doctor.check_gpu())
    assert not {"tensorrt", "pycuda"} & set(sys.modules)


def test_a_missing_sound_library_is_only_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_library", lambda name: None)
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert [f.status for f in doctor.check_microphone()] == ["warn", "warn"]


def test_the_speech_model_is_checked(
    speech_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (good,) = doctor.check_speech(speech_model)
    assert good.status == "ok"
    (bad,) = guarded("speech", lambda: doctor.check_speech(tmp_path))
    assert (bad.check, bad.status) == ("speech", "fail")
    shutil.copytree(speech_model, tmp_path / "odd")
    (tmp_path / "odd" / "graph" / "Gr.fst").write_bytes(b"whole to the eye" * 99)
    (odd,) = guarded("speech", lambda: doctor.check_speech(tmp_path / "odd"))
    assert (odd.check, odd.status) == ("speech", "fail")
    monkeypatch.setattr("runtime.speech.model.find_model", lambda asked: None)
    (none,) = doctor.check_speech(None)
    assert none.status == "warn"


def test_a_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    assert writable_finding("here", tmp_path, "mend it").status in ("ok", "warn")
    missing = writable_finding("here", tmp_path / "none", "mend it")
    assert (missing.status, missing.fix) == ("fail", "mend it")
    assert "No such file" in missing.detail


def test_a_working_folder_that_is_gone_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    status = {finding.check: finding.status for finding in doctor.check_folders()}
    assert status["working folder"] == "warn"


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_DISK_BYTES", 1 << 62)
    assert writable_finding("here", tmp_path, "mend it").status == "warn"


def test_a_used_port_is_a_warning() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (used,) = doctor.check_port("127.0.0.1", port)
    (free,) = doctor.check_port("127.0.0.1", port)
    assert (used.status, free.status) == ("warn", "ok")


def test_a_missing_bundle_hides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["doctor", "--bundle", str(tmp_path / "none"), "--json"]
    assert cli.main(arguments, standalone_mode=False) == 1
    answer = json.loads(capsys.readouterr().out)
    found = {finding["check"]: finding for finding in answer["findings"]}
    assert answer["ok"] is False
    assert found["bundle"]["status"] == "fail"
    assert found["bundle"]["fix"]
    assert {"python", "onnxruntime", "processor", "speech", "temporary folder", "port"} <= set(
        found
    )


def test_the_table_shows_each_fix_and_the_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [Finding("a", "ok", "fine"), Finding("b", "warn", "so [so]", "do this")]
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: findings)
    assert cli.main(["doctor"], standalone_mode=False) == 0
    shown = capsys.readouterr().out
    assert "so [so]" in shown
    assert "fix: do this" in shown
    assert "2 checks, 0 failed, 1 warnings" in shown


def test_the_table_cuts_nothing_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: [Finding("a", "ok", "0123456789" * 20)])
    cli.main(["doctor"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "".join(c for c in shown if c.isdigit()).startswith("0123456789" * 20)


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
