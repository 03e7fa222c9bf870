"""Workers in processes of their own: what they say, and every way in which they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from export.tensorrt import bundle_builder
from export.tensorrt.build_report import BuildOptions
from export.tensorrt.bundle_builder import BundleBuilder
from export.tensorrt.child import Child
from export.tensorrt.job import ProbeJob, Progress
from runtime.bundle.reader import Bundle
from runtime.errors import BuildError, GpuError, SgmnError, StorageError
from tests.conftest import REPOSITORY
from tests.export.tensorrt.fake_worker import VARIABLE
from tests.runtime.engines.test_cuda_bindings import driver

__all__ = ["driver"]

FAKE_WORKER = (sys.executable, "-m", "tests.export.tensorrt.fake_worker")
JOB = ProbeJob(device=0)


def _child(script: str, tick_s: float = 10.0) -> Child:
    return Child((sys.executable, "-c", "import sys, os, json, time\n" + script), tick_s)


def _do(child: Child, kind: str = "build") -> dict[str, Any]:
    return child.do(kind, JOB, lambda seconds, progress: None)


def test_a_worker_gets_its_job_and_gives_its_result() -> None:
    child = _child("print(json.dumps({'result': json.load(sys.stdin)}))")
    assert _do(child, "probe") == {"kind": "probe", "job": {"device": 0}}


def test_what_is_no_event_is_passed_over() -> None:
    child = _child(
        "print('[TRT] hello'); print('7'); print('{\"result\": {\"a\": 1}}')\n"
        'print(\'{"progress": {"phase": "x"}}\'); print(\'{"resu\')'
    )
    assert _do(child) == {"a": 1}


def test_progress_is_told_at_every_tick() -> None:
    script = (
        "print(json.dumps({'progress': {'phase': 'Building', 'done': 2, 'of': 3}}), flush=True)"
    )
    child = _child(f"{script}\ntime.sleep(0.5)\nprint('{{\"result\": {{}}}}')", tick_s=0.1)
    seen: list[tuple[float, Progress]] = []
    child.do("build", JOB, lambda seconds, progress: seen.append((seconds, progress)))
    assert seen
    assert seen[-1][1] == Progress("Building", 2, 3)
    assert [seconds for seconds, _ in seen] == sorted(seconds for seconds, _ in seen)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("build", BuildError), ("storage", StorageError), ("gpu", GpuError), ("engine", BuildError)],
)
def test_a_failure_keeps_its_kind_and_words(kind: str, error: type[SgmnError]) -> None:
    told = {"kind": kind, "what": "a", "why": "b", "fix": "c", "reason": "no-device"}
    with pytest.raises(error) as caught:
        _do(_child(f"print('{json.dumps({'failure': told})}')"))
    assert type(caught.value) is error
    assert (caught.value.what, caught.value.why, caught.value.fix) == ("a", "b", "c")
    if isinstance(caught.value, GpuError):
        assert caught.value.reason == "no-device"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("os.kill(os.getpid(), 11)", "SIGSEGV: without a word"),
        ("sys.stderr.write('terminate called\\n'); os.abort()", "SIGABRT: terminate called"),
        ("sys.exit(3)", "exit code 3"),
        ("raise RuntimeError('odd')", "RuntimeError: odd"),
        ("os.kill(os.getpid(), 9)", "most likely for want of memory"),
        ("os.close(0)", "exit code 0"),
    ],
)
def test_a_crash_is_told(script: str, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        _do(_child(script))


def test_a_result_counts_even_if_the_worker_crashes_in_its_end() -> None:
    """TensorRT's and CUDA's destructors may."""
    child = _child('print(\'{"result": {"a": 1}}\', flush=True); os.kill(os.getpid(), 11)')
    assert _do(child) == {"a": 1}


def test_an_interrupted_build_leaves_no_worker(tmp_path: Path) -> None:
    note = tmp_path / "note"
    script = f"note = open({str(note)!r}, 'w', 1)\nprint('begun', file=note)\ntime.sleep(3)"
    child = _child(f"{script}\nprint('went on', file=note)", tick_s=0.05)

    def interrupt(seconds: float, progress: Progress) -> None:
        if note.exists() and note.read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        child.do("build", JOB, interrupt)
    assert note.read_text() == "begun\n"


def test_what_libraries_print_is_kept_apart_from_events() -> None:
    script = (
        "import os\nfrom export.tensorrt import worker\n"
        "worker.ask_driver = lambda ordinal: None\n"
        "class Loud:\n"
        "    def do(self, kind, job):\n"
        "        os.write(1, b'[TRT] printed\\n')\n"
        "        return worker.Probed(tensorrt='10', free_bytes=1, total_bytes=2)\n"
        "worker.main(lambda emit: Loud())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        input=json.dumps({"kind": "probe", "job": {"device": 0}}),
        capture_output=True,
        text=True,
    )
    wanted = {"result": {"tensorrt": "10", "free_bytes": 1, "total_bytes": 2}}
    assert json.loads(done.stdout) == wanted, done.stderr
    assert "[TRT] printed" in done.stderr


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    """Killed with -9 the parent cannot tell it to."""
    note = tmp_path / "pid"
    # The worker's own main, with a worker that waits.
    script = (
        "import os, sys, time\n"
        "from export.tensorrt import worker\n"
        f"def make(emit):\n"
        f"    open({str(note)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "worker.main(make)\n"
    )
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\nfrom export.tensorrt.child import Child\n"
            "from export.tensorrt.job import ProbeJob\n"
            "Child((sys.executable, '-c', sys.argv[1])).do('build', ProbeJob(device=0), print)",
            script,
        ],
        cwd=REPOSITORY,
    )
    until = time.monotonic() + 60
    while not (note.exists() and note.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    worker = int(note.read_text())
    while Path(f"/proc/{worker}").exists() and _state(worker) != "Z" and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists() or _state(worker) == "Z"


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@pytest.mark.slow
def test_a_whole_build_in_processes_without_torch_and_onnx(
    bundle: Bundle,
    networks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made_up_gpu: None,
) -> None:
    told = {"networks": str(networks), "hide": ["torch", "onnx", "models", "calibration"]}
    monkeypatch.setenv(VARIABLE, json.dumps(told))
    said: list[str] = []
    options = BuildOptions(out=tmp_path)
    report = BundleBuilder(bundle, options, said.append, Child(FAKE_WORKER)).build()
    assert [one.outcome for one in report.engines] == ["built"] * 5


@pytest.mark.parametrize("call", ["Builder", "parse", "build_serialized_network"])
def test_a_crash_of_tensorrt_is_an_error_of_the_build(
    call: str,
    bundle: Bundle,
    networks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made_up_gpu: None,
) -> None:
    told = {"networks": str(networks), "faults": {"crash": call}}
    monkeypatch.setenv(VARIABLE, json.dumps(told))
    build = BundleBuilder(bundle, BuildOptions(out=tmp_path), print, Child(FAKE_WORKER))
    with pytest.raises(BuildError, match="crashed when it built an engine") as caught:
        build.build()
    assert "SIGSEGV" in caught.value.why
    assert not list(tmp_path.rglob("*.plan*"))


def test_a_plan_that_cannot_be_written_is_told_by_its_worker(
    bundle: Bundle,
    networks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made_up_gpu: None,
) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps({"networks": str(networks), "largest_file": 2000}))
    build = BundleBuilder(bundle, BuildOptions(out=tmp_path), print, Child(FAKE_WORKER))
    with pytest.raises(StorageError, match="File too large"):
        build.build()
    assert not list(tmp_path.rglob("*.plan*"))


TRAP = "import pathlib, os\npathlib.Path(os.environ['TRAP']).write_text('loaded')\nos.abort()\n"


@pytest.mark.parametrize("faults", [{}, {"FAKE_CUDA_INIT": "100"}, {"FAKE_CUDA_DEVICES": "0"}])
def test_without_a_device_tensorrt_is_never_loaded(
    driver: Path, faults: dict[str, str], bundle: Bundle, tmp_path: Path
) -> None:
    """A `tensorrt` that ends the process lies in wait, as the real one does."""
    (tmp_path / "tensorrt.py").write_text(TRAP)
    trap = tmp_path / "trap"
    environment = {
        **os.environ,
        **faults,
        "TRAP": str(trap),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(REPOSITORY)]),
        "SGMN_HOME": str(tmp_path / "home"),
        "LD_LIBRARY_PATH": str(driver if faults else _no_driver(tmp_path)),
    }
    request = json.dumps({"kind": "probe", "job": {"device": 0}})
    worker = [sys.executable, "-m", "export.tensorrt.worker"]
    command = [
        sys.executable,
        "-c",
        "import sys\nfrom runtime.commands.failure import run_guarded\n"
        "from export.tensorrt.command import build\nsys.exit(run_guarded(build))",
        str(bundle.folder),
    ]
    asked = subprocess.run(
        worker, env=environment, cwd=REPOSITORY, input=request, capture_output=True, text=True
    )
    built = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True)
    assert not trap.exists()
    wanted = "no-device" if faults else "no-driver"
    assert json.loads(asked.stdout)["failure"]["reason"] == wanted
    assert built.returncode == GpuError.exit_code, built.stderr
    assert "the GPU cannot be used" in built.stderr
    assert not (tmp_path / "home").exists()


def _no_driver(folder: Path) -> Path:
    """Where a file that is no library hides the machine's driver, if it has one."""
    place = folder / "nothing"
    place.mkdir()
    (place / "libcuda.so.1").write_bytes(b"")
    return place


def test_the_trap_would_spring(driver: Path, tmp_path: Path) -> None:
    """With a device TensorRT is loaded: in the worker, and nowhere else."""
    (tmp_path / "tensorrt.py").write_text(TRAP)
    trap = tmp_path / "trap"
    environment = {
        **os.environ,
        "TRAP": str(trap),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(REPOSITORY)]),
        "LD_LIBRARY_PATH": str(driver),
    }
    script = (
        "from export.tensorrt import worker\n"
        "from tests.runtime.engines.fake_cuda import FakeCuda\n"
        "worker.main(lambda emit: worker.Worker(emit, FakeCuda))\n"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=REPOSITORY,
        input=json.dumps({"kind": "probe", "job": {"device": 0}}),
        capture_output=True,
        text=True,
    )
    assert trap.exists()
    assert asked.returncode == -signal.SIGABRT


def test_two_commands_at_once(
    bundle: Bundle,
    networks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made_up_gpu: None,
) -> None:
    """The second is refused while the first builds, and no longer when that was killed."""
    waiting = tmp_path / "wait"
    waiting.write_text("")
    told = {"networks": str(networks), "faults": {"wait": str(waiting)}}
    environment = {**os.environ, VARIABLE: json.dumps(told)}
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from export.tensorrt import bundle_builder as b\n"
        "from export.tensorrt.child import Child\n"
        "from runtime.bundle.reader import open_bundle\n"
        "from runtime.engines.cuda import Gpu\n"
        "b.ask_driver = lambda n: Gpu('Orin', '8.7', '12.6', 0, 1)\n"
        "b.machine.memory_bytes = lambda: (8 << 30, 6 << 30)\n"
        "o = b.BuildOptions(out=Path(sys.argv[2]))\n"
        f"b.BundleBuilder(open_bundle(Path(sys.argv[1])), o, print, Child({FAKE_WORKER!r})).build()"
    )
    out = tmp_path / "engines"
    command = [sys.executable, "-c", script, str(bundle.folder), str(out)]
    first = subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not list(out.rglob(".building-*")) and time.monotonic() < until:
            time.sleep(0.05)
        second = BundleBuilder(bundle, BuildOptions(out=out), print, Child(FAKE_WORKER))
        monkeypatch.setenv(VARIABLE, json.dumps({"networks": str(networks)}))
        with pytest.raises(BuildError, match="being built already"):
            second.build()
    finally:
        first.kill()
        first.wait()
    monkeypatch.setattr(bundle_builder, "SUBMODULES", ("reranker",))
    assert second.build().engines[0].outcome == "built"
    assert not list(out.rglob(".building-*"))
