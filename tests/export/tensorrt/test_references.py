"""Inputs that engines are tried with, and profiles."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from export.tensorrt.profiles import profile
from export.tensorrt.references import cases, reference
from runtime.bundle.manifest import SUBMODULES, Tensor
from runtime.bundle.reader import Bundle
from runtime.engines.opening import specs
from runtime.errors import BuildError


@pytest.mark.parametrize("name", SUBMODULES)
def test_made_up_inputs_fit_the_contract_and_run(bundle: Bundle, name: str) -> None:
    part = bundle.manifest.tensorrt[name]
    shapes = profile(name, part, bundle.manifest)
    tried = cases(bundle, name, part, shapes)
    again = cases(bundle, name, part, shapes)
    assert len(tried) == (2 if shapes else 1)
    for case, feeds in tried.items():
        for spec in specs(part.inputs):
            assert spec.accepts(feeds[spec.name])
            assert np.array_equal(feeds[spec.name], again[case][spec.name]), "the same every time"
            if spec.name.endswith("mask") and feeds[spec.name].shape[-1] > 1:
                assert set(np.unique(feeds[spec.name])) == {0, 1}, "something is masked"
        for output in reference(bundle.folder / part.file, part, feeds).values():
            assert np.isfinite(output).all()
    for tensor, three in shapes.items():
        assert tried["made-up, least"][tensor].shape == three[0]
        assert tried["made-up, largest"][tensor].shape == three[2]


def test_the_reference_uses_no_8_bit_kernels(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They saturate on AVX2 without VNNI, which this machine may not be."""
    levels = []
    make = onnxruntime.InferenceSession

    def watched(file: str, options: onnxruntime.SessionOptions, **more: object) -> object:
        levels.append(options.graph_optimization_level)
        return make(file, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", watched)
    part = bundle.manifest.tensorrt["reranker"]
    (feeds,) = cases(bundle, "reranker", part, {}).values()
    reference(bundle.folder / part.file, part, feeds)
    assert levels == [onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL]


def test_an_axis_without_known_sizes_is_told(bundle: Bundle) -> None:
    part = bundle.manifest.tensorrt["reranker"]
    odd = Tensor(name="x", dtype="float32", shape=(1, "K"))
    with pytest.raises(BuildError, match="varies in K"):
        profile("reranker", part.model_copy(update={"inputs": (odd,)}), bundle.manifest)
