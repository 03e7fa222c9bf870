"""Every outcome of the selection, and what was not touched before it was known."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle
from runtime.engines.crash_guard import CRASHES
from runtime.engines.cuda.failure import cuda_failure, no_driver
from runtime.engines.device import SETTLED_RUNS
from runtime.engines.engine_store import fingerprint_here
from runtime.engines.fingerprint import side_car
from runtime.engines.selection import choose_engines, crash_guard
from runtime.errors import GpuError, GpuReason
from tests.runtime.engines.gpu_machine import (
    GPU,
    TENSORRT,
    GpuMachine,
    doubling_bundle,
    make_record,
)

pytest.importorskip("onnx")

Change = Callable[[Bundle, GpuMachine], None]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return doubling_bundle(tmp_path_factory.mktemp("selection") / "bundle")


@pytest.fixture
def gpu(tmp_path: Path, bundle: Bundle) -> GpuMachine:
    machine = GpuMachine(tmp_path)
    machine.build(bundle)
    return machine


def test_engines_that_fit_are_used(bundle: Bundle, gpu: GpuMachine) -> None:
    choice = choose_engines(bundle, "forbid", gpu.machine())
    assert choice.engine_set is not None
    with choice.engine_set as engine_set:
        assert choice.selection.label == "tensorrt"
        assert choice.selection.warnings == ()
        assert "Fake GPU (device 0 of 1), TensorRT 10.3.0" in choice.selection.detail
        assert sorted(engine_set.engines) == sorted(SUBMODULES)
        x = np.ones((7, 3), np.float32)
        out = engine_set.engines["reranker"].run({"x": x})
        assert np.array_equal(out["y"], 2 * x)
    assert gpu.cuda.used == 0
    assert gpu.cuda.thread is None
    del choice, engine_set
    gc.collect()
    assert gpu.tensorrt.late == []
    assert choose_engines(bundle, "allow", gpu.machine(), rebuilt=True).selection.label == "rebuilt"


def _plan(gpu: GpuMachine, bundle: Bundle, name: str = "query_head") -> Path:
    return gpu.store(bundle).plan(name, bundle.manifest.tensorrt[name].precision)


def _rewrite(bundle: Bundle, gpu: GpuMachine, name: str = "query_head", **fields: Any) -> None:
    plan = _plan(gpu, bundle, name)
    record = make_record(bundle, name, plan.read_bytes(), gpu.here)
    side_car(plan).write_text(record.model_copy(update=fields).model_dump_json())


def _elsewhere(**fields: str) -> Change:
    """Built on another machine, and nothing here."""

    def change(bundle: Bundle, gpu: GpuMachine) -> None:
        gpu.store(bundle).folder.rename(gpu.folder / "away")
        gpu.build(bundle, gpu.here.model_copy(update=fields))

    return change


def _claimed(**fields: str) -> Change:
    """Lies here, and its side-car says that it was built elsewhere."""

    def change(bundle: Bundle, gpu: GpuMachine) -> None:
        _rewrite(bundle, gpu, fingerprint=gpu.here.model_copy(update=fields))

    return change


def _swapped(bundle: Bundle, gpu: GpuMachine) -> None:
    first, second = _plan(gpu, bundle), _plan(gpu, bundle, "reranker")
    for a, b in ((first, second), (side_car(first), side_car(second))):
        other = b.read_bytes()
        b.write_bytes(a.read_bytes())
        a.write_bytes(other)


def _cut(share: float) -> Change:
    def change(bundle: Bundle, gpu: GpuMachine) -> None:
        plan = _plan(gpu, bundle)
        whole = plan.read_bytes()
        plan.write_bytes(whole[: int(len(whole) * share)])

    return change


def _flip(bundle: Bundle, gpu: GpuMachine) -> None:
    plan = _plan(gpu, bundle)
    data = bytearray(plan.read_bytes())
    data[len(data) // 2] ^= 1
    plan.write_bytes(data)


def _crashed(bundle: Bundle, gpu: GpuMachine) -> None:
    for _ in range(CRASHES):
        guard = crash_guard(bundle, gpu.machine())
        guard.begin()
        guard.fail()


def _other_bytes(bundle: Bundle, gpu: GpuMachine) -> None:
    _plan(gpu, bundle).write_bytes(_plan(gpu, bundle, "reranker").read_bytes())


def _link(bundle: Bundle, gpu: GpuMachine) -> None:
    plan = _plan(gpu, bundle)
    plan.rename(gpu.folder / "there")
    plan.symlink_to(gpu.folder / "there")


def _replace(place: Path) -> None:
    was_folder = place.is_dir()
    place.rename(place.with_name("away"))
    place.write_text("") if was_folder else place.mkdir()


def _fails(what: str, error: Exception) -> Change:
    return lambda bundle, gpu: gpu.failing.update({what: error})


def _gpu_error(reason: GpuReason) -> GpuError:
    return GpuError("what", reason=reason, why="why", fix="fix")


BEFORE: list[tuple[str, GpuReason, Change]] = [
    ("no driver", "no-driver", _fails("driver", no_driver("libcuda.so.1 is missing"))),
    ("no device", "no-device", _fails("driver", cuda_failure("cuInit", "CUDA_ERROR_NO_DEVICE"))),
    (
        "a full GPU",
        "out-of-memory",
        _fails("driver", cuda_failure("cuInit", "CUDA_ERROR_OUT_OF_MEMORY")),
    ),
    ("no binding", "no-cuda", _fails("cuda", _gpu_error("no-cuda"))),
    ("no TensorRT", "no-tensorrt", _fails("tensorrt", _gpu_error("no-tensorrt"))),
    ("nothing built", "no-engine", lambda b, g: g.engines.rename(g.folder / "away")),
    ("one plan is missing", "no-engine", lambda b, g: _plan(g, b).unlink()),
    ("one side-car is missing", "no-engine", lambda b, g: side_car(_plan(g, b)).unlink()),
    ("built with another TensorRT", "tensorrt-version", _elsewhere(tensorrt="8.6.1")),
    ("built on another GPU", "gpu", _elsewhere(gpu="H1")),
    ("built for another capability", "compute-capability", _elsewhere(compute_capability="9.0")),
    ("built on another platform", "platform", _elsewhere(platform="linux-aarch64")),
    ("all differ", "tensorrt-version", _elsewhere(tensorrt="8.6.1", gpu="H1", platform="x")),
    ("copied from another TensorRT", "tensorrt-version", _claimed(tensorrt="10.3.1")),
    ("copied from another GPU", "gpu", _claimed(gpu="H1")),
    ("copied from another capability", "compute-capability", _claimed(compute_capability="9.0")),
    ("copied from another platform", "platform", _claimed(platform="linux-aarch64")),
    ("the side-car is garbage", "damaged", lambda b, g: side_car(_plan(g, b)).write_text("{")),
    ("plans are swapped", "swapped-submodule", _swapped),
    ("built from another graph", "other-graph", lambda b, g: _rewrite(b, g, onnx_sha256="0" * 64)),
    ("others may write the folder", "unsafe-folder", lambda b, g: g.store(b).folder.chmod(0o777)),
    ("others may write above it", "unsafe-folder", lambda b, g: g.engines.chmod(0o757)),
    ("others may write a plan", "unsafe-folder", lambda b, g: _plan(g, b).chmod(0o646)),
    ("others may write a record", "unsafe-folder", lambda b, g: side_car(_plan(g, b)).chmod(0o646)),
    ("a plan is a link", "unsafe-folder", _link),
    ("a file where the folder was", "unreadable", lambda b, g: _replace(g.store(b).folder)),
    ("a folder where a plan was", "unreadable", lambda b, g: _replace(_plan(g, b))),
    ("three crashes", "crash-loop", _crashed),
]  # fmt: skip
"""What is known before any plan is deserialised."""

AFTER: list[tuple[str, GpuReason, Change]] = [
    ("an empty plan", "damaged", _cut(0.0)),
    ("half a plan", "damaged", _cut(0.5)),
    ("all but the end", "damaged", _cut(0.999)),
    ("one bit", "damaged", _flip),
    ("another plan's bytes", "damaged", _other_bytes),
    ("no memory", "out-of-memory", lambda b, g: setattr(g.cuda, "capacity", 100)),
    ("no context", "out-of-memory", lambda b, g: setattr(g.tensorrt, "no_context", True)),
    ("TensorRT refuses it", "tensorrt", lambda b, g: g.build(b, refuse=True)),
    ("an unknown TensorRT", "tensorrt", lambda b, g: setattr(g.tensorrt, "TensorIOMode", None)),
    ("other tensors", "swapped-submodule", lambda b, g: _put_other_graph(b, g)),
    ("a size that is not known", "tensorrt", lambda b, g: _put_open_size(b, g)),
    ("wrong results", "self-test", lambda b, g: g.build(b, scale=1.5)),
    ("no numbers", "self-test", lambda b, g: g.build(b, scale=float("nan"))),
    ("the device fails", "cuda", lambda b, g: g.cuda.failing.update(create_stream="X")),
    ("a run fails", "cuda", lambda b, g: g.cuda.failing.update(download="X")),
]  # fmt: skip


def _put_other_graph(bundle: Bundle, gpu: GpuMachine) -> None:
    def rename(graph: Any) -> None:
        graph.node[0].output[0] = graph.output[0].name = "z"

    _put_changed(bundle, gpu, rename)


def _put_open_size(bundle: Bundle, gpu: GpuMachine) -> None:
    """An output whose size follows from no input's, as that of NonZero."""

    def rename(graph: Any) -> None:
        graph.output[0].type.tensor_type.shape.dim[0].dim_param = "M"

    _put_changed(bundle, gpu, rename)


def _put_changed(bundle: Bundle, gpu: GpuMachine, change: Callable[[Any], None]) -> None:
    import onnx

    from tests.runtime.engines.fake_tensorrt import make_plan

    graph = bundle.manifest.tensorrt["reranker"]
    model = onnx.load_from_string((bundle.folder / graph.file).read_bytes())
    change(model.graph)
    plan = make_plan(model.SerializeToString())
    gpu.write(bundle, "reranker", gpu.store(bundle), plan)


def _ids(cases: list[tuple[str, GpuReason, Change]]) -> list[str]:
    return [case[0] for case in cases]


@pytest.mark.parametrize("case", [*BEFORE, *AFTER], ids=_ids([*BEFORE, *AFTER]))
def test_every_obstacle_has_its_reason_and_leaves_nothing(
    bundle: Bundle, gpu: GpuMachine, case: tuple[str, GpuReason, Change]
) -> None:
    _, reason, change = case
    change(bundle, gpu)
    choice = choose_engines(bundle, "allow", gpu.machine())
    assert choice.engine_set is None
    assert choice.selection.label == f"fallback:{reason}"
    assert choice.selection.detail
    assert choice.selection.fix
    assert gpu.cuda.used == 0
    assert gpu.cuda.thread is None
    if case[0] == "a plan is a link":
        assert "is a link" in choice.selection.detail
    if case in BEFORE:
        assert gpu.tensorrt.loaded == 0
    if reason != "crash-loop":
        noted = crash_guard(bundle, gpu.machine()).folder
        assert not list(noted.glob("*")), "a told error is no crash"


@pytest.mark.parametrize("case", [*BEFORE, *AFTER], ids=_ids([*BEFORE, *AFTER]))
def test_where_nothing_may_take_its_place_it_is_an_error(
    bundle: Bundle, gpu: GpuMachine, case: tuple[str, GpuReason, Change]
) -> None:
    _, reason, change = case
    change(bundle, gpu)
    with pytest.raises(GpuError, match=f"^refused:{reason}:") as caught:
        choose_engines(bundle, "forbid", gpu.machine())
    assert caught.value.reason == reason
    assert caught.value.exit_code == 6
    assert "--fallback allow" in caught.value.fix
    gc.collect()
    assert gpu.tensorrt.late == []
    del caught
    gc.collect()
    assert gpu.tensorrt.late == [], "an error must not keep what TensorRT made"


def test_a_bundle_for_the_processor_asks_nothing(tmp_path: Path) -> None:
    gpu = GpuMachine(tmp_path)
    bundle = doubling_bundle(tmp_path / "plain", graphs=False)
    choice = choose_engines(bundle, "allow", gpu.machine())
    assert choice.selection.label == "fallback:no-graphs"
    assert gpu.asked == []


def test_the_driver_is_asked_before_anything_is_loaded(bundle: Bundle, gpu: GpuMachine) -> None:
    choose_engines(bundle, "allow", gpu.machine()).engine_set.close()  # type: ignore[union-attr]
    assert gpu.asked == ["driver", "cuda", "tensorrt"]
    gpu.asked.clear()
    gpu.failing["driver"] = no_driver("none")
    choose_engines(bundle, "allow", gpu.machine())
    assert gpu.asked == ["driver"]


@pytest.mark.parametrize("field", ["driver", "cuda"])
def test_another_driver_is_a_warning_and_the_self_test_decides(
    bundle: Bundle, gpu: GpuMachine, field: str
) -> None:
    for name in SUBMODULES:
        _rewrite(bundle, gpu, name, fingerprint=gpu.here.model_copy(update={field: "1.2.3"}))
    choice = choose_engines(bundle, "forbid", gpu.machine())
    assert choice.engine_set is not None
    choice.engine_set.close()
    (warning,) = choice.selection.warnings
    assert f"{'CUDA' if field == 'cuda' else field} 1.2.3, here is" in warning
    gpu.build(bundle, scale=1.5)
    assert choose_engines(bundle, "allow", gpu.machine()).selection.reason == "self-test"


def test_another_driver_without_a_self_test_is_said(tmp_path: Path, gpu: GpuMachine) -> None:
    bundle = doubling_bundle(tmp_path / "untested", self_test=False)
    gpu.build(bundle)
    choice = choose_engines(bundle, "allow", gpu.machine())
    assert choice.selection.warnings == ()
    choice.engine_set.close()  # type: ignore[union-attr]
    _rewrite(bundle, gpu, fingerprint=gpu.here.model_copy(update={"driver": "1.2.3"}))
    choice = choose_engines(bundle, "allow", gpu.machine())
    assert any("no self-test" in text for text in choice.selection.warnings)
    choice.engine_set.close()  # type: ignore[union-attr]


def test_a_folder_of_another_user_is_not_trusted(
    bundle: Bundle, gpu: GpuMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        os.chown(gpu.store(bundle).folder, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    selection = choose_engines(bundle, "allow", gpu.machine()).selection
    assert selection.reason == "unsafe-folder"
    assert "belongs to another user" in selection.detail


@contextmanager
def _nobody() -> Iterator[None]:
    """A user whom permissions hold back, as they do not hold root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("which", ["root", "bundle", "machine", "plan", "record"])
def test_engines_that_this_user_may_not_read(bundle: Bundle, which: str) -> None:
    """As after `sgmn build` by root under a strict umask."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        gpu = GpuMachine(Path(folder))
        gpu.build(bundle)
        plan = _plan(gpu, bundle)
        place = {
            "root": gpu.engines,
            "bundle": plan.parents[1],
            "machine": plan.parent,
            "plan": plan,
            "record": side_car(plan),
        }[which]
        place.chmod(0)
        with _nobody():
            selection = choose_engines(bundle, "allow", gpu.machine()).selection
        place.chmod(0o755)
    assert selection.label == "fallback:unreadable"
    assert "Permission denied" in selection.detail
    assert str(gpu.engines) in str(selection.fix)


def test_a_group_of_one_s_own_may_write(bundle: Bundle, gpu: GpuMachine) -> None:
    """Many systems give every user a group and make files writable for it."""
    gpu.store(bundle).folder.chmod(0o775)
    choice = choose_engines(bundle, "forbid", gpu.machine())
    choice.engine_set.close()  # type: ignore[union-attr]
    if os.geteuid() == 0:
        os.chown(gpu.store(bundle).folder, -1, 54321)
        selection = choose_engines(bundle, "allow", gpu.machine()).selection
        assert selection.reason == "unsafe-folder"


def test_crashes_that_cannot_be_counted_are_said(bundle: Bundle, gpu: GpuMachine) -> None:
    (gpu.folder / "state").write_text("in the way")
    choice = choose_engines(bundle, "allow", gpu.machine())
    assert choice.selection.label == "tensorrt"
    assert any("cannot be counted" in text for text in choice.selection.warnings)
    choice.engine_set.close()  # type: ignore[union-attr]


def test_steps_that_leave_the_gpu_are_said(bundle: Bundle, gpu: GpuMachine) -> None:
    choice = choose_engines(bundle, "forbid", replace(gpu.machine(), kernels=lambda: None))
    choice.engine_set.close()  # type: ignore[union-attr]
    (warning,) = choice.selection.warnings
    assert "leave the GPU" in warning
    assert "make native" in warning


def _run(choice: Any, times: int) -> None:
    for _ in range(times):
        choice.engine_set.engines["reranker"].run({"x": np.ones((1, 3), np.float32)})


def test_an_error_of_the_gpu_before_it_settled_counts_as_a_crash(
    bundle: Bundle, gpu: GpuMachine
) -> None:
    """A service manager starts the kiosk again, whether it crashed or ended with an error."""
    guard = crash_guard(bundle, gpu.machine())
    for settles, crashes in ((False, 1), (False, 2), (True, 0)):
        choice = choose_engines(bundle, "allow", gpu.machine())
        if settles:
            _run(choice, SETTLED_RUNS)
        gpu.cuda.failing["enqueue"] = "CUDA_ERROR_ILLEGAL_ADDRESS"
        with pytest.raises(GpuError):
            _run(choice, 1)
        gpu.cuda.failing.clear()
        choice.engine_set.close()  # type: ignore[union-attr]
        assert guard.crashes() == crashes


def test_memory_that_runs_short_later_is_no_crash(bundle: Bundle, gpu: GpuMachine) -> None:
    """As for a catalog that does not fit: the processor searches it."""
    choice = choose_engines(bundle, "allow", gpu.machine())
    device = choice.engine_set._device  # type: ignore[union-attr]
    with pytest.raises(GpuError) as caught:
        device.call(gpu.cuda.alloc, 1 << 60)
    assert caught.value.reason == "out-of-memory"
    choice.engine_set.close()  # type: ignore[union-attr]
    assert crash_guard(bundle, gpu.machine()).crashes() == 0


def test_a_short_run_that_ends_in_order_says_nothing(bundle: Bundle, gpu: GpuMachine) -> None:
    guard = crash_guard(bundle, gpu.machine())
    guard.begin()
    guard.fail()
    choice = choose_engines(bundle, "allow", gpu.machine())
    _run(choice, 1)
    choice.engine_set.close()  # type: ignore[union-attr]
    assert crash_guard(bundle, gpu.machine()).crashes() == 1
    assert guard.clear() == 1
    assert guard.crashes() == 0


def test_the_fingerprint_is_the_one_that_builds_use(gpu: GpuMachine) -> None:
    assert gpu.here == fingerprint_here(GPU, TENSORRT)
