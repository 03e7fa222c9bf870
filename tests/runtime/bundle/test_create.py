from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runtime.bundle import create
from runtime.bundle.create import create_bundle
from runtime.bundle.manifest import SUBMODULES, Manifest
from runtime.bundle.reader import Bundle, open_bundle
from runtime.bundle.writer import seal
from runtime.errors import BundleError
from tests.runtime.bundle.conftest import make_bundle, make_manifest


def with_graphs(folder: Path, salt: str, **changes: Any) -> Path:
    """A bundle whose files are also what TensorRT engines are built from."""
    make_bundle(folder, salt)
    (folder / "tokenizer.json").write_text("{}")
    manifest = make_manifest()
    seal(folder, manifest.model_copy(update={"tensorrt": manifest.submodules, **changes}))
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "base")


def joined(base: Path, other: Path, out: Path) -> Manifest:
    return create_bundle(base, out, created_s=0, tensorrt=other)


def test_graphs_are_added_under_names_of_their_own(base: Path, tmp_path: Path) -> None:
    notes = {"provenance": {"tensorrt": {"plan": "fp16"}}, "parity": {"tensorrt/reranker": [1]}}
    other = with_graphs(tmp_path / "other", "trt", **notes)
    made = joined(base, other, tmp_path / "out")
    before = open_bundle(base).manifest
    assert made.submodules == before.submodules
    for name in SUBMODULES:
        graph, file = made.tensorrt[name], f"tensorrt/{name}.fp32.onnx"
        assert graph.file == file
        assert (tmp_path / "out" / file).read_bytes() == f"{name}trt".encode() * 50
        assert made.files[before.submodules[name].file] == before.files[graph_file(before, name)]
    assert made.provenance["tensorrt"] == {"plan": "fp16", "bundle": open_bundle(other).digest}
    assert made.parity == {"tensorrt/reranker": [1]}
    assert made.created_at == "1970-01-01T00:00:00Z"
    assert open_bundle(tmp_path / "out").manifest == made
    assert open_bundle(base).manifest == before


def graph_file(manifest: Manifest, name: str) -> str:
    return manifest.submodules[name].file


def test_graphs_that_were_there_are_replaced(base: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    joined(base, with_graphs(tmp_path / "one", "one"), first)
    made = joined(first, with_graphs(tmp_path / "two", "two"), tmp_path / "second")
    assert len(made.files) == 11
    data = (tmp_path / "second" / made.tensorrt["reranker"].file).read_bytes()
    assert data == b"rerankertwo" * 50


def test_a_file_that_changes_after_it_was_verified_is_not_sealed(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = create.open_bundle

    def opened(folder: Path) -> Bundle:
        bundle = real(folder)
        place = folder / graph_file(bundle.manifest, "reranker")
        place.write_bytes(b"X" + place.read_bytes()[1:])
        return bundle

    monkeypatch.setattr(create, "open_bundle", opened)
    with pytest.raises(BundleError, match="does not have the digest"):
        create_bundle(base, tmp_path / "out", created_s=0)
    assert not (tmp_path / "out").exists()


def test_a_bundle_without_graphs(base: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nothing for TensorRT"):
        joined(base, make_bundle(tmp_path / "other"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "odd"),
    [
        ({"frames": 5}, "frames"),
        ({"preset": "lite"}, "preset"),
        ({"provenance": {"training": {"seed": 8}}}, "training"),
    ],
)
def test_bundles_of_different_networks(
    base: Path, tmp_path: Path, changes: dict[str, Any], odd: str
) -> None:
    other = with_graphs(tmp_path / "other", "trt", **changes)
    with pytest.raises(BundleError, match=f"do not belong together.*{odd}"):
        joined(base, other, tmp_path / "out")


def test_bundles_with_other_tensors_or_words(base: Path, tmp_path: Path) -> None:
    other = with_graphs(tmp_path / "other", "trt")
    parts = dict(make_manifest().submodules)
    parts["reranker"] = parts["reranker"].model_copy(update={"inputs": ()})
    (other / "tokenizer.json").write_text('{"other": 1}')
    seal(other, make_manifest().model_copy(update={"tensorrt": parts}))
    with pytest.raises(BundleError, match="tensors of reranker, tokenizer"):
        joined(base, other, tmp_path / "out")


def test_a_damaged_source_makes_nothing(base: Path, tmp_path: Path) -> None:
    os.truncate(base / "tokenizer.json", 1)
    with pytest.raises(BundleError, match="damaged"):
        create_bundle(base, tmp_path / "out", created_s=0)
    assert not (tmp_path / "out").exists()
