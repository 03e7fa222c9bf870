"""``sgmn doctor``: each finding, and that one broken part never hides the others."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import machine
from runtime.commands.main import cli
from runtime.doctor import computer, examination, sound
from runtime.doctor.computer import int8_finding, writable_finding
from runtime.doctor.finding import Finding, guarded, healthy
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
    found = {finding.check: finding for finding in computer.check_packages()}
    assert found["av"].status == "fail"
    assert found["av"].fix == "pip install --force-reinstall av"
    assert [f.check for f in found.values() if f.status == "fail"] == ["av"]
    assert found["numpy"].detail[0].isdigit()


def test_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: (4 << 30, 1 << 29))
    (found,) = computer.check_memory()
    assert (found.status, found.detail) == ("warn", "0.5 GiB available of 4.0 GiB")


def test_a_gpu_without_tensorrt_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: ["H1, 550, 1 MiB, 9.0"])
    monkeypatch.setattr(computer, "find_spec", lambda name: None)
    gpu, tensorrt = computer.check_gpu()
    assert gpu.detail == "H1, 550, 1 MiB, 9.0"
    assert (tensorrt.status, bool(tensorrt.fix)) == ("warn", True)
    assert tensorrt.detail == "not installed; its engines cannot be used"


def test_tensorrt_is_never_imported() -> None:
    list(computer.check_gpu())
    assert not {"tensorrt", "pycuda"} & set(sys.modules)


def test_a_missing_sound_library_is_only_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "find_library", lambda name: None)
    monkeypatch.setattr(sound, "find_spec", lambda name: None)
    assert [f.status for f in sound.check_microphone()] == ["warn", "warn"]


def test_the_speech_model_is_checked(
    speech_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (good,) = sound.check_speech(speech_model)
    assert good.status == "ok"
    (bad,) = guarded("speech", lambda: sound.check_speech(tmp_path))
    assert (bad.check, bad.status) == ("speech", "fail")
    shutil.copytree(speech_model, tmp_path / "odd")
    (tmp_path / "odd" / "graph" / "Gr.fst").write_bytes(b"whole to the eye" * 99)
    (odd,) = guarded("speech", lambda: sound.check_speech(tmp_path / "odd"))
    assert (odd.check, odd.status) == ("speech", "fail")
    monkeypatch.setattr("runtime.speech.model.find_model", lambda asked: None)
    (none,) = sound.check_speech(None)
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
    status = {finding.check: finding.status for finding in computer.check_folders()}
    assert status["working folder"] == "warn"


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computer, "LEAST_DISK_BYTES", 1 << 62)
    assert writable_finding("here", tmp_path, "mend it").status == "warn"


def test_a_used_port_is_a_warning() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (used,) = computer.check_port("127.0.0.1", port)
    (free,) = computer.check_port("127.0.0.1", port)
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
    monkeypatch.setattr(examination, "examine", lambda *_, **__: findings)
    assert cli.main(["doctor"], standalone_mode=False) == 0
    shown = capsys.readouterr().out
    assert "so [so]" in shown
    assert "fix: do this" in shown
    assert "2 checks, 0 failed, 1 warnings" in shown


def test_the_table_cuts_nothing_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        examination, "examine", lambda *_, **__: [Finding("a", "ok", "0123456789" * 20)]
    )
    cli.main(["doctor"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "".join(c for c in shown if c.isdigit()).startswith("0123456789" * 20)
