"""The TensorRT engine on a GPU and a TensorRT made of NumPy and ONNX Runtime."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle, open_bundle
from runtime.engines import Engine, TensorSpec
from runtime.engines.device import SETTLED_RUNS, Device
from runtime.engines.onnxruntime_engine import OnnxRuntimeEngine
from runtime.engines.settings import EngineSettings
from runtime.engines.tensorrt_engine import TensorRtEngine
from runtime.engines.tensorrt_runtime import TensorRtRuntime, load_tensorrt
from runtime.errors import EngineError, GpuError
from tests.runtime.engines.fake_cuda import FakeCuda
from tests.runtime.engines.fake_tensorrt import FakeTensorRt, make_plan

INPUTS = (TensorSpec("x", "float32", ("N", 3)), TensorSpec("ids", "int64", ("N", 3)))
OUTPUTS = (TensorSpec("y", "float32", ("N", 3)), TensorSpec("z", "float32", ("N",)))


@pytest.fixture(scope="module")
def onnx_bytes() -> bytes:
    """y = x + ids, z = the sum of each row of y."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Cast", ["ids"], ["f"], to=kinds.FLOAT),
        helper.make_node("Add", ["x", "f"], ["y"]),
        helper.make_node("ReduceSum", ["y", "axis"], ["z"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "sum",
        [
            helper.make_tensor_value_info("x", kinds.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("ids", kinds.INT64, ["N", 3]),
        ],
        [
            helper.make_tensor_value_info("y", kinds.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("z", kinds.FLOAT, ["N"]),
        ],
        [helper.make_tensor("axis", kinds.INT64, [1], [1])],
    )
    opset = [helper.make_opsetid("", 17)]
    model: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return model


@pytest.fixture
def cuda() -> FakeCuda:
    return FakeCuda()


@pytest.fixture
def device(cuda: FakeCuda) -> Iterator[Device]:
    with Device(cuda) as device:
        yield device


@pytest.fixture
def trt(cuda: FakeCuda) -> FakeTensorRt:
    return FakeTensorRt(cuda)


@pytest.fixture
def plan(onnx_bytes: bytes, tmp_path: Path) -> Path:
    file = tmp_path / "sum.plan"
    file.write_bytes(make_plan(onnx_bytes))
    return file


def _engine(
    plan: Path,
    device: Device,
    trt: FakeTensorRt,
    inputs: tuple[TensorSpec, ...] = INPUTS,
    outputs: tuple[TensorSpec, ...] = OUTPUTS,
) -> TensorRtEngine:
    return TensorRtEngine("sum", plan, inputs, outputs, device, TensorRtRuntime(trt))


def _feeds(rows: int, start: int = 0) -> dict[str, np.ndarray]:
    x = np.arange(start, start + rows * 3, dtype=np.float32).reshape(rows, 3)
    return {"x": x, "ids": np.full((rows, 3), start + 1, np.int64)}


def _wanted(feeds: dict[str, np.ndarray]) -> np.ndarray:
    return feeds["x"] + feeds["ids"].astype(np.float32)


@pytest.fixture
def engine(plan: Path, device: Device, trt: FakeTensorRt) -> Iterator[TensorRtEngine]:
    with _engine(plan, device, trt) as engine:
        yield engine


def test_it_is_an_engine_that_says_what_runs_it(engine: TensorRtEngine) -> None:
    assert isinstance(engine, Engine)
    assert (engine.name, engine.provider) == ("sum", "tensorrt:10.3.0")
    assert (engine.inputs, engine.outputs) == (INPUTS, OUTPUTS)


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 5, 9])
def test_a_batch_of_any_size_gives_every_row(engine: TensorRtEngine, rows: int) -> None:
    """Four rows fit into the plan's profile."""
    feeds = _feeds(rows)
    out = engine.run(feeds)
    assert np.array_equal(out["y"], _wanted(feeds))
    assert np.array_equal(out["z"], _wanted(feeds).sum(axis=1))
    assert all(spec.accepts(out[spec.name]) for spec in OUTPUTS)


def test_what_was_returned_stays_as_it_is(engine: TensorRtEngine) -> None:
    """The network keeps frames for minutes; the engine's buffers are used again at once."""
    first = engine.run(_feeds(2))
    before = first["y"].copy()
    engine.run(_feeds(2, start=50))
    assert np.array_equal(first["y"], before)


def test_ten_thousand_runs_allocate_nothing(
    engine: TensorRtEngine, cuda: FakeCuda, trt: FakeTensorRt
) -> None:
    engine.run(_feeds(4))
    used, made, held = cuda.used, cuda.made, cuda.held
    for turn in range(10_000):
        out = engine.run(_feeds(1 + turn % 5, start=turn % 7))
        assert out["y"][0, 0] == 2 * (turn % 7) + 1
    assert (cuda.used, cuda.made, cuda.held) == (used, made, held)
    assert (trt.contexts, trt.loaded) == (1, 1)


def test_threads_may_share_an_engine(engine: TensorRtEngine) -> None:
    def many(start: int) -> bool:
        feeds = _feeds(3, start)
        return all(np.array_equal(engine.run(feeds)["y"], _wanted(feeds)) for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(many, range(8)))


def test_an_integer_type_that_was_narrowed_is_converted(
    onnx_bytes: bytes, tmp_path: Path, device: Device, trt: FakeTensorRt
) -> None:
    file = tmp_path / "narrow.plan"
    file.write_bytes(make_plan(onnx_bytes, narrow=True))
    with _engine(file, device, trt) as engine:
        assert engine.dtype("ids") == "int32"
        feeds = _feeds(3)
        assert np.array_equal(engine.run(feeds)["y"], _wanted(feeds))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda feeds: feeds.pop("x"),
        lambda feeds: feeds.update(x=feeds["x"].astype(np.float64)),
        lambda feeds: feeds.update(x=feeds["x"][:, :2]),
    ],
    ids=["missing", "element type", "size"],
)
def test_a_wrong_input_is_refused(engine: TensorRtEngine, spoil: object) -> None:
    feeds = _feeds(2)
    spoil(feeds)  # type: ignore[operator]
    with pytest.raises(EngineError, match="sum got a wrong input x"):
        engine.run(feeds)


def test_nothing_happens_before_it_is_opened(
    tmp_path: Path, device: Device, trt: FakeTensorRt
) -> None:
    engine = _engine(tmp_path / "none.plan", device, trt)
    with pytest.raises(EngineError, match="is not open"):
        engine.run(_feeds(1))
    engine.close()


def test_closing_is_legal_at_any_time_and_twice(
    plan: Path, device: Device, trt: FakeTensorRt, cuda: FakeCuda
) -> None:
    engine = _engine(plan, device, trt)
    engine.close()
    for _ in range(2):
        engine.open()
        engine.open()
        assert engine.run(_feeds(1))["z"][0] == 6
        engine.close()
        engine.close()
        assert cuda.held == {"memory": 0, "pinned": 0, "streams": 1, "events": 0, "graphs": 0}
    with pytest.raises(EngineError, match="is not open"):
        engine.run(_feeds(1))


def test_a_missing_plan_is_told(tmp_path: Path, device: Device, trt: FakeTensorRt) -> None:
    with pytest.raises(GpuError) as caught:
        _engine(tmp_path / "none.plan", device, trt).open()
    assert caught.value.reason == "damaged"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_plan_frees_what_it_took(
    plan: Path, device: Device, trt: FakeTensorRt, cuda: FakeCuda, share: float
) -> None:
    whole = plan.read_bytes()
    plan.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(GpuError, match="it is damaged") as caught:
        _engine(plan, device, trt).open()
    assert caught.value.reason == "tensorrt"
    assert cuda.used == 0


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        (INPUTS[:1], OUTPUTS, "'ids'"),
        (INPUTS, (TensorSpec("y", "float32", ("N", 4)), OUTPUTS[1]), "y is"),
        ((TensorSpec("x", "float16", ("N", 3)), INPUTS[1]), OUTPUTS, "x is float32"),
        ((TensorSpec("x", "float32", ("N", 3, 1)), INPUTS[1]), OUTPUTS, "x is"),
    ],
    ids=["tensors", "size", "element type", "dimensions"],
)
def test_another_submodule_s_plan_is_refused(
    plan: Path,
    device: Device,
    trt: FakeTensorRt,
    cuda: FakeCuda,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    said: str,
) -> None:
    with pytest.raises(GpuError) as caught:
        _engine(plan, device, trt, inputs, outputs).open()
    assert caught.value.reason == "swapped-submodule"
    assert said in caught.value.why
    assert cuda.used == 0


def test_memory_that_runs_out_is_given_back(
    plan: Path, device: Device, trt: FakeTensorRt, cuda: FakeCuda
) -> None:
    cuda.capacity = 100
    with pytest.raises(GpuError) as caught:
        _engine(plan, device, trt).open()
    assert caught.value.reason == "out-of-memory"
    assert cuda.used == 0
    cuda.capacity = 1 << 20
    trt.no_context = True
    with pytest.raises(GpuError, match="out of memory") as caught:
        _engine(plan, device, trt).open()
    assert caught.value.reason == "out-of-memory"


@pytest.mark.parametrize(
    ("says", "reason", "fix"),
    [
        ("CUDA initialization failure with error: 35", "tensorrt", "update the NVIDIA driver"),
        ("CUDA error 2: out of memory", "out-of-memory", "end other programs"),
    ],
)
def test_tensorrt_that_does_not_start_is_told_with_its_own_words(
    plan: Path, device: Device, trt: FakeTensorRt, says: str, reason: str, fix: str
) -> None:
    trt.no_runtime, trt.says = True, says
    with pytest.raises(GpuError, match="does not start") as caught:
        _engine(plan, device, trt).open()
    assert (caught.value.reason, caught.value.why) == (reason, says)
    assert fix in caught.value.fix
    trt.no_runtime = False
    _engine(plan, device, trt).open().close()


@pytest.mark.parametrize("call", ["upload", "download", "synchronize", "enqueue"])
def test_a_failing_run_is_told_and_the_next_one_is_right(
    engine: TensorRtEngine, cuda: FakeCuda, call: str
) -> None:
    cuda.failing[call] = "CUDA_ERROR_LAUNCH_FAILED"
    with pytest.raises(GpuError, match="CUDA_ERROR_LAUNCH_FAILED"):
        engine.run(_feeds(2))
    cuda.failing.clear()
    feeds = _feeds(2, start=9)
    assert np.array_equal(engine.run(feeds)["y"], _wanted(feeds))


def test_a_device_calls_its_settled_once_after_enough_runs(
    plan: Path, cuda: FakeCuda, trt: FakeTensorRt
) -> None:
    settled: list[int] = []
    with (
        Device(cuda, on_settled=lambda: settled.append(1)) as device,
        _engine(plan, device, trt) as engine,
    ):
        for turn in range(2 * SETTLED_RUNS):
            assert settled == ([] if turn < SETTLED_RUNS else [1])
            engine.run(_feeds(1))


def test_a_device_that_cannot_be_opened_leaves_no_thread(cuda: FakeCuda) -> None:
    cuda.failing["create_stream"] = "CUDA_ERROR_OUT_OF_MEMORY"
    before = threading.active_count()
    device = Device(cuda)
    with pytest.raises(GpuError):
        device.open()
    device.close()
    assert threading.active_count() == before
    assert cuda.thread is None
    with pytest.raises(EngineError, match="not open"):
        device.call(lambda: None)


def test_a_device_can_be_opened_again(cuda: FakeCuda) -> None:
    device = Device(cuda)
    device.close()
    for _ in range(2):
        with device:
            assert device.open() is device
            assert device.call(lambda a: a + 1, 1) == 2
            assert device.call(lambda: device.call(threading.get_ident)) == cuda.thread
        device.close()


def test_an_interrupted_wait_leaves_the_engine_usable(engine: TensorRtEngine) -> None:
    def job() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine._device.call(job)
    assert engine.run(_feeds(1))["z"][0] == 6


def test_tensorrt_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError("libnvinfer.so.10: cannot open shared object file")

    monkeypatch.setattr("runtime.engines.tensorrt_runtime.import_module", missing)
    with pytest.raises(GpuError, match=r"libnvinfer\.so\.10") as caught:
        load_tensorrt()
    assert caught.value.reason == "no-tensorrt"


@pytest.fixture(scope="module")
def bundle(bundle_folder: Path) -> Bundle:
    return open_bundle(bundle_folder)


@pytest.mark.parametrize("name", SUBMODULES)
def test_every_submodule_gives_what_the_processor_gives(
    bundle: Bundle, name: str, tmp_path: Path, device: Device, trt: FakeTensorRt
) -> None:
    part = bundle.manifest.submodules[name]
    specs = [
        tuple(TensorSpec(t.name, t.dtype, t.shape) for t in side)
        for side in (part.inputs, part.outputs)
    ]
    file = tmp_path / "a.plan"
    file.write_bytes(make_plan((bundle.folder / part.file).read_bytes(), fused=True))
    rng = np.random.default_rng(3)
    letters = {"N": 2, "L": 5}
    feeds = {
        s.name: rng.integers(0, 2, [letters.get(str(n), n) for n in s.shape]).astype(s.dtype)
        for s in specs[0]
    }
    reference = OnnxRuntimeEngine(
        name, bundle.folder / part.file, *specs, EngineSettings(threads=1)
    )
    with reference, _engine_of(name, file, specs, device, trt) as engine:
        wanted, found = reference.run(feeds), engine.run(feeds)
    assert list(wanted) == list(found)
    for tensor in wanted:
        assert np.array_equal(wanted[tensor], found[tensor])


def _engine_of(
    name: str,
    file: Path,
    specs: list[tuple[TensorSpec, ...]],
    device: Device,
    trt: FakeTensorRt,
) -> TensorRtEngine:
    return TensorRtEngine(name, file, specs[0], specs[1], device, TensorRtRuntime(trt))
