"""The ONNX Runtime engine, on the files that ship."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

from runtime import machine
from runtime.bundle.manifest import Submodule
from runtime.bundle.reader import Bundle, open_bundle
from runtime.engines import Engine, TensorSpec, sessions
from runtime.engines.onnxruntime_engine import OnnxRuntimeEngine
from runtime.engines.opening import specs
from runtime.engines.sessions import CPU, NAMES
from runtime.engines.settings import ON_PROCESSOR, EngineSettings, Fallback, Provider
from runtime.errors import EngineError
from tests.conftest import REPOSITORY

Array = np.ndarray


@pytest.fixture(scope="module")
def bundle(bundle_folder: Path) -> Bundle:
    return open_bundle(bundle_folder)


def _engine(bundle: Bundle, name: str = "reranker", **changes: object) -> OnnxRuntimeEngine:
    part: Submodule = bundle.manifest.submodules[name]
    fields = {
        "name": name,
        "file": bundle.folder / part.file,
        "inputs": specs(part.inputs),
        "outputs": specs(part.outputs),
        "settings": EngineSettings(threads=1),
        **changes,
    }
    return OnnxRuntimeEngine(**fields)  # type: ignore[arg-type]


def _feeds(engine: Engine, **sizes: int) -> dict[str, Array]:
    """Ones of the right kind; letters are replaced by ``sizes``, or by 1."""
    return {
        spec.name: np.ones(
            [n if isinstance(n, int) else sizes.get(n, 1) for n in spec.shape]
        ).astype(spec.dtype)
        for spec in engine.inputs
    }


@pytest.fixture(scope="module")
def reranker(bundle: Bundle) -> Iterator[OnnxRuntimeEngine]:
    with _engine(bundle) as engine:
        yield engine


def test_it_is_an_engine_that_says_what_runs_it(reranker: OnnxRuntimeEngine) -> None:
    assert isinstance(reranker, Engine)
    assert (reranker.name, reranker.provider) == ("reranker", f"onnxruntime:{CPU}")


@pytest.mark.parametrize(
    "name", ["frame_encoder", "text_encoder", "query_head", "item_head", "reranker"]
)
def test_every_submodule_gives_what_its_manifest_promises(bundle: Bundle, name: str) -> None:
    with _engine(bundle, name) as engine:
        out = engine.run(_feeds(engine, N=2, L=5))
    promised = engine.outputs
    assert list(out) == [spec.name for spec in promised]
    assert all(spec.accepts(out[spec.name]) for spec in promised)
    assert all(np.isfinite(values).all() for values in out.values())
    letters = {"N": 2, "L": 5}
    for spec in promised:
        assert out[spec.name].shape == tuple(letters.get(str(n), n) for n in spec.shape)


def test_the_same_input_gives_the_same_output(reranker: OnnxRuntimeEngine) -> None:
    first, second = (reranker.run(_feeds(reranker)) for _ in range(2))
    assert np.array_equal(first["reranked"], second["reranked"])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda feeds: feeds.pop("items"), "got nothing"),
        (lambda feeds: feeds.update(items=feeds["items"].astype(np.float64)), "got float64"),
        (lambda feeds: feeds.update(items=feeds["items"][:, :-1]), "got float32 [1, "),
        (lambda feeds: feeds.update(items=feeds["items"][0]), "got float32 ["),
    ],
    ids=["missing", "element type", "size", "dimensions"],
)
def test_a_wrong_input_is_refused_by_name(
    reranker: OnnxRuntimeEngine, spoil: Callable[[dict[str, Array]], object], said: str
) -> None:
    feeds = _feeds(reranker)
    spoil(feeds)
    with pytest.raises(EngineError) as caught:
        reranker.run(feeds)
    assert caught.value.what == "reranker got a wrong input items"
    assert said in caught.value.why


def test_an_engine_that_was_not_opened_does_not_run(bundle: Bundle) -> None:
    engine = _engine(bundle)
    with pytest.raises(EngineError, match="is not open"):
        engine.run(_feeds(engine))


def test_closing_is_legal_at_any_time_and_twice(bundle: Bundle) -> None:
    engine = _engine(bundle)
    engine.close()
    engine.open()
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="is not open"):
        engine.run(_feeds(engine))


def test_a_closed_engine_can_be_opened_again(bundle: Bundle) -> None:
    engine = _engine(bundle)
    with engine:
        first = engine.run(_feeds(engine))
    with engine:
        second = engine.run(_feeds(engine))
    assert np.array_equal(first["reranked"], second["reranked"])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_truncated_file_is_refused(bundle: Bundle, tmp_path: Path, share: float) -> None:
    whole = (bundle.folder / bundle.manifest.submodules["reranker"].file).read_bytes()
    file = tmp_path / "cut.onnx"
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(EngineError, match="reranker"):
        _engine(bundle, file=file).open()


def test_a_missing_file_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="reranker cannot be loaded"):
        _engine(bundle, file=tmp_path / "gone.onnx").open()


@pytest.mark.parametrize("provider", sorted({*NAMES} - {"cpu"}))
def test_no_provider_ever_stands_in_for_another(bundle: Bundle, provider: Provider) -> None:
    if NAMES[provider] in onnxruntime.get_available_providers():
        pytest.skip(f"{NAMES[provider]} is installed here")
    engine = _engine(bundle, settings=EngineSettings(provider))
    with pytest.raises(EngineError) as caught:
        engine.open()
    assert caught.value.what == f"reranker would not run on {NAMES[provider]}"
    assert CPU in caught.value.why
    assert "--provider cpu" in caught.value.fix
    with pytest.raises(EngineError, match="is not open"):
        engine.run(_feeds(engine))


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> EngineSettings:
    """A real provider that is offered here and can run none of the network's operations."""
    offered = onnxruntime.get_available_providers()
    azure = "AzureExecutionProvider"
    if azure not in offered:
        pytest.skip(f"this ONNX Runtime offers {offered}")
    monkeypatch.setitem(sessions.NAMES, "cuda", azure)
    return EngineSettings("cuda", threads=1)


def test_operations_do_not_move_to_the_processor_unasked(
    bundle: Bundle, lacking: EngineSettings
) -> None:
    with pytest.raises(EngineError) as caught:
        _engine(bundle, settings=lacking).open()
    assert caught.value.what == "reranker cannot be loaded in ONNX Runtime"
    assert "--fallback allow" in caught.value.fix


def test_where_they_may_it_is_told(bundle: Bundle, lacking: EngineSettings) -> None:
    settings = replace(lacking, fallback="allow")
    with _engine(bundle) as usual, _engine(bundle, settings=settings) as engine:
        if hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info"):
            assert engine.provider == f"onnxruntime:{CPU}", "what runs, not what was asked for"
        feeds = _feeds(engine)
        assert np.array_equal(engine.run(feeds)["reranked"], usual.run(feeds)["reranked"])


@pytest.mark.parametrize("fallback", ["forbid", "allow"])
def test_a_provider_whose_libraries_do_not_load_is_no_matter_of_operations(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, fallback: Fallback
) -> None:
    """As onnxruntime-gpu without CUDA's libraries: it takes the processor and only warns."""
    made = onnxruntime.InferenceSession

    def without_library(file: str, options: Any, *, providers: Any, **rest: Any) -> Any:
        # Raises by itself where it was not set.
        with suppress(RuntimeError):
            options.get_session_config_entry("session.disable_cpu_ep_fallback")
            raise ValueError("nodes are assigned to the default CPU EP, which is disabled")
        return made(file, options, providers=[CPU], **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", without_library)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [NAMES["cuda"], CPU])
    engine = _engine(bundle, settings=EngineSettings("cuda", threads=1, fallback=fallback))
    with pytest.raises(EngineError) as caught:
        engine.open()
    assert caught.value.what == f"reranker would not run on {NAMES['cuda']}"
    assert "libraries do not load" in caught.value.why
    assert "--fallback" not in caught.value.fix
    with pytest.raises(EngineError, match="is not open"):
        engine.run(_feeds(engine))


def test_a_file_that_does_not_load_is_no_matter_of_operations(
    bundle: Bundle, lacking: EngineSettings, tmp_path: Path
) -> None:
    (tmp_path / "odd.onnx").write_bytes(b"odd")
    with pytest.raises(EngineError) as caught:
        _engine(bundle, settings=lacking, file=tmp_path / "odd.onnx").open()
    assert "--fallback" not in caught.value.fix


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_session_that_is_refused_says_nothing_on_stdout(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """ONNX Runtime's own fallback prints there, where commands print JSON."""
    monkeypatch.setitem(sessions.NAMES, "cuda", "MadeUpExecutionProvider")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [NAMES["cuda"], CPU])
    with pytest.raises(EngineError):
        _engine(bundle, settings=EngineSettings("cuda", fallback="allow")).open()
    assert capsys.readouterr().out == ""


class _FailingProvider:
    """A real session underneath, whose provider fails in every run."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, *_: object) -> None:
        raise EPFail("the GPU fell off the bus")


def test_a_provider_that_fails_in_a_run_is_not_replaced(
    bundle: Bundle, lacking: EngineSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """ONNX Runtime would make the session anew on the processor, and go on."""
    with _engine(bundle, settings=replace(lacking, fallback="allow")) as engine:
        engine._session._sess = _FailingProvider(engine._session._sess)
        with pytest.raises(EngineError, match="reranker failed in ONNX Runtime: the GPU fell"):
            engine.run(_feeds(engine))
    assert capsys.readouterr().out == ""


def test_the_provider_of_most_operations_comes_first() -> None:
    @dataclass
    class Part:
        ep_name: str
        nodes: int

        def get_nodes(self) -> list[int]:
            return [0] * self.nodes

    class Session:
        def get_providers(self) -> list[str]:
            return ["TensorrtExecutionProvider", "CUDAExecutionProvider", CPU]

        def get_provider_graph_assignment_info(self) -> list[Part]:
            return [Part(CPU, 2), Part("CUDAExecutionProvider", 2), Part(CPU, 1), Part("X", 4)]

    assert sessions.providers_used(Session()) == ["X", CPU, "CUDAExecutionProvider"]


def test_an_older_onnx_runtime_tells_what_might_run() -> None:
    class Old:
        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider", CPU]

    assert sessions.providers_used(Old()) == ["CUDAExecutionProvider", CPU]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_run_has_as_many_threads_as_asked_for(bundle: Bundle, threads: int) -> None:
    before = _threads()
    with _engine(bundle, settings=EngineSettings(threads=threads)):
        assert _threads() - before == threads - 1
    assert _threads() == before


def test_left_open_there_is_a_thread_for_every_core_this_process_may_use() -> None:
    answer = "from runtime.engines.settings import ON_PROCESSOR as s; print(s.thread_count)"
    core = min(os.sched_getaffinity(0))
    said = subprocess.run(
        [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}}); {answer}"],
        check=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert said.stdout == "1\n"
    assert ON_PROCESSOR.thread_count == machine.cores()


def test_waiting_threads_do_not_spin() -> None:
    options = sessions.session_options(ON_PROCESSOR)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _drawn(engine: Engine, seed: int, **sizes: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        name: (rng.random(values.shape) * 50).astype(values.dtype)
        for name, values in _feeds(engine, **sizes).items()
    }


@pytest.fixture(scope="module")
def heads(bundle: Bundle) -> Iterator[OnnxRuntimeEngine]:
    with _engine(bundle, "item_head") as engine:
        yield engine


def test_a_later_run_changes_no_earlier_result(heads: OnnxRuntimeEngine) -> None:
    first = heads.run(_drawn(heads, 1, N=2))
    kept = {name: values.copy() for name, values in first.items()}
    second = heads.run(_drawn(heads, 2, N=2))
    assert not np.array_equal(second["item"], kept["item"])
    assert all(np.array_equal(first[name], kept[name]) for name in kept)
    heads.run(_drawn(heads, 3, N=3))
    assert all(np.array_equal(first[name], kept[name]) for name in kept)


def test_a_result_may_be_changed_without_changing_the_next(heads: OnnxRuntimeEngine) -> None:
    feeds = _drawn(heads, 1)
    first = heads.run(feeds)
    expected = first["item"].copy()
    first["item"][:] = 7.0
    assert np.array_equal(heads.run(feeds)["item"], expected)


def test_an_array_with_new_values_is_read_anew(heads: OnnxRuntimeEngine) -> None:
    feeds, other = _drawn(heads, 1), _drawn(heads, 2)
    expected = heads.run(other)["item"]
    heads.run(feeds)
    for name, values in feeds.items():
        values[:] = other[name]
    assert np.array_equal(heads.run(feeds)["item"], expected)


def test_scattered_memory_is_read_in_order_and_anew(heads: OnnxRuntimeEngine) -> None:
    plain = _drawn(heads, 1, N=2)
    expected = heads.run(plain)["item"]
    wide = {name: np.repeat(values, 2, axis=-1) for name, values in plain.items()}
    scattered = {name: values[..., ::2] for name, values in wide.items()}
    assert not any(values.flags.c_contiguous for values in scattered.values())
    assert np.array_equal(heads.run(scattered)["item"], expected)
    other = _drawn(heads, 2, N=2)
    for name, values in scattered.items():
        values[:] = other[name]
    assert np.array_equal(heads.run(scattered)["item"], heads.run(other)["item"])


def test_sizes_may_change_from_run_to_run(bundle: Bundle) -> None:
    with _engine(bundle, "text_encoder") as engine:
        long = engine.run(_feeds(engine, N=1, L=9))
        short = engine.run(_feeds(engine, N=2, L=4))
        again = engine.run(_feeds(engine, N=1, L=9))
    assert long["tokens"].shape[:2] == (1, 9)
    assert short["tokens"].shape[:2] == (2, 4)
    assert np.array_equal(long["tokens"], again["tokens"])


def test_memory_that_cannot_be_written_is_read(heads: OnnxRuntimeEngine) -> None:
    feeds = _drawn(heads, 1)
    expected = heads.run(feeds)["item"]
    for values in feeds.values():
        values.flags.writeable = False
    assert np.array_equal(heads.run(feeds)["item"], expected)


def test_inputs_need_not_outlive_the_call(heads: OnnxRuntimeEngine) -> None:
    expected = heads.run(_drawn(heads, 1))["item"]
    feeds = _drawn(heads, 1)
    for name in feeds:
        feeds[name] = feeds[name].copy()
    assert np.array_equal(heads.run(feeds)["item"], expected)
    del feeds
    gc.collect()
    assert np.array_equal(heads.run(_drawn(heads, 1))["item"], expected)


@pytest.mark.parametrize(
    ("provider", "precision", "expected"),
    [
        ("cuda", "int8", {"use_tf32": "0"}),
        ("ort-tensorrt", "int8", {"trt_int8_enable": "1", "trt_fp16_enable": "0"}),
        ("ort-tensorrt", "fp16", {"trt_int8_enable": "0", "trt_fp16_enable": "1"}),
        ("ort-tensorrt", "fp32", {"trt_int8_enable": "0", "trt_fp16_enable": "0"}),
    ],
)
def test_options_of_a_gpu(provider: Provider, precision: str, expected: dict[str, str]) -> None:
    options = sessions.provider_options(EngineSettings(provider), precision)
    assert options.items() >= expected.items()


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_tensors_of_other_names_than_the_manifest_s_are_refused(bundle: Bundle, side: str) -> None:
    promised = specs(getattr(bundle.manifest.submodules["reranker"], side))
    renamed = (replace(promised[0], name="odd"), *promised[1:])
    with pytest.raises(EngineError) as caught:
        _engine(bundle, **{side: renamed}).open()
    assert "is not the reranker that the manifest describes" in caught.value.what
    assert "'odd'" in caught.value.why
    assert repr(promised[0].name) in caught.value.why


def test_another_submodule_s_file_is_refused(bundle: Bundle) -> None:
    other = bundle.folder / bundle.manifest.submodules["item_head"].file
    with pytest.raises(EngineError, match="not the reranker"):
        _engine(bundle, file=other).open()


@pytest.mark.parametrize(
    ("array", "accepted"),
    [
        (np.zeros((1, 3), np.float32), True),
        (np.zeros((9, 3), np.float32), True),
        (np.zeros((1, 4), np.float32), False),
        (np.zeros((1, 3, 1), np.float32), False),
        (np.zeros((1, 3), np.float16), False),
        (np.zeros((1, 3), ">f4"), False),
    ],
)
def test_a_spec_takes_only_what_fits(array: Array, accepted: bool) -> None:
    assert TensorSpec("x", "float32", ("N", 3)).accepts(array) is accepted
