"""The ONNX Runtime engine, on the files that ship."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from runtime.bundle.manifest import Submodule, Tensor
from runtime.bundle.reader import Bundle, open_bundle
from runtime.engines import Engine, TensorSpec
from runtime.engines.onnxruntime_engine import CPU, OnnxRuntimeEngine
from runtime.errors import EngineError

Array = np.ndarray
ABSENT = sorted({*onnxruntime.get_all_providers()} - {*onnxruntime.get_available_providers()})


@pytest.fixture(scope="module")
def bundle(bundle_folder: Path) -> Bundle:
    return open_bundle(bundle_folder)


def _specs(tensors: tuple[Tensor, ...]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(tensor.name, tensor.dtype, tensor.shape) for tensor in tensors)


def _engine(bundle: Bundle, name: str = "reranker", **changes: object) -> OnnxRuntimeEngine:
    part: Submodule = bundle.manifest.submodules[name]
    fields = {
        "name": name,
        "file": bundle.folder / part.file,
        "inputs": _specs(part.inputs),
        "outputs": _specs(part.outputs),
        "threads": 1,
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


@pytest.mark.parametrize("provider", [*ABSENT[:2], "NoSuchExecutionProvider"])
def test_no_provider_ever_stands_in_for_another(bundle: Bundle, provider: str) -> None:
    engine = _engine(bundle, provider=provider)
    with pytest.raises(EngineError) as caught:
        engine.open()
    assert caught.value.what == f"reranker would not run on {provider}"
    assert CPU in caught.value.why
    with pytest.raises(EngineError, match="is not open"):
        engine.run(_feeds(engine))


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_tensors_of_other_names_than_the_manifest_s_are_refused(bundle: Bundle, side: str) -> None:
    specs = _specs(getattr(bundle.manifest.submodules["reranker"], side))
    renamed = (replace(specs[0], name="odd"), *specs[1:])
    with pytest.raises(EngineError) as caught:
        _engine(bundle, **{side: renamed}).open()
    assert "is not the reranker that the manifest describes" in caught.value.what
    assert "'odd'" in caught.value.why
    assert repr(specs[0].name) in caught.value.why


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
