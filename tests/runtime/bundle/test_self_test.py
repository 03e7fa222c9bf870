"""The self-test on the shipped bundle: real ONNX Runtime, in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.bundle import self_test
from runtime.bundle.create import SelfTestSource, create_bundle
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from runtime.bundle.self_test import run_apart, run_self_test
from runtime.bundle.shipped import shipped_bundle
from runtime.bundle.vectors import Vectors, read_vectors, write_vectors
from runtime.bundle.writer import seal
from runtime.demo.store import Store
from runtime.errors import BundleError, SelfTestError, StorageError
from tests.runtime.bundle.conftest import make_bundle

CREATED_S = 1_800_000_000


@pytest.fixture(scope="module")
def created(demo_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped bundle with a self-test; tests leave it alone."""
    if not (shipped_bundle() / "manifest.json").is_file():
        pytest.skip("no shipped bundle")
    out = tmp_path_factory.mktemp("created") / "bundle"
    source = SelfTestSource(demo_store.feed, seed=3)
    create_bundle(shipped_bundle(), out, created_s=CREATED_S, version="1.4", self_test=source)
    return out


@pytest.fixture
def copied(created: Path, tmp_path: Path) -> Path:
    """A copy that a test may change; the large files are linked."""
    shutil.copytree(created, tmp_path / "copy", copy_function=os.link)
    (tmp_path / "copy" / "self_test.npz").unlink()
    shutil.copyfile(created / "self_test.npz", tmp_path / "copy" / "self_test.npz")
    return tmp_path / "copy"


def spoil(folder: Path, submodule: str, change: float) -> None:
    """Store other outputs of a submodule than it gives, off by a share of their length."""
    bundle = open_bundle(folder)
    stored = read_vectors(bundle)
    outputs = {name: a * np.float32(1 + change) for name, a in stored[submodule].outputs.items()}
    stored[submodule] = replace(stored[submodule], outputs=outputs)
    write_vectors(folder / "self_test.npz", stored)
    for name in ("manifest.json", "manifest.json.sha256"):
        (folder / name).unlink()  # linked to the original
    seal(folder, bundle.manifest)


def test_a_bundle_passes_the_test_made_from_it(created: Path) -> None:
    checks = run_apart(created)
    assert [check.submodule for check in checks] == list(SUBMODULES)
    assert all(check.passed for check in checks)
    assert max(check.error for check in checks) < 1e-5


def test_what_was_added_is_in_the_manifest(created: Path) -> None:
    manifest, before = open_bundle(created).manifest, open_bundle(shipped_bundle())
    assert (manifest.version, manifest.created_at) == ("1.4", "2027-01-15T08:00:00Z")
    assert set(manifest.files) - set(before.manifest.files) == {"self_test.npz"}
    assert manifest.provenance["made_from"] == before.digest
    assert manifest.provenance["self_test"] == {"seed": 3}
    assert manifest.decision == before.manifest.decision
    assert manifest.files["self_test.npz"].size_bytes < 2_000_000


def test_the_inputs_are_real_ones(created: Path) -> None:
    stored = read_vectors(open_bundle(created))
    assert stored["frame_encoder"].feeds["images"].std() > 20
    assert stored["text_encoder"].feeds["ids"].size > 3
    assert stored["query_head"].feeds["frame_mask"].sum() == 2
    assert stored["reranker"].feeds["candidate_mask"].all()
    for one in stored.values():
        assert all(np.isfinite(a).all() and a.any() for a in one.outputs.values())


def test_the_same_arguments_give_the_same_bundle(created: Path, tmp_path: Path) -> None:
    source = SelfTestSource(created.parent / "none.csv")
    with pytest.raises(Exception, match=r"none\.csv"):
        create_bundle(created, tmp_path / "x", created_s=0, self_test=source)
    assert not list(tmp_path.iterdir())
    outs = [tmp_path / "a", tmp_path / "b"]
    for out in outs:
        create_bundle(created, out, created_s=CREATED_S)
    first, second = (open_bundle(out).digest for out in outs)
    assert first == second
    with pytest.raises(StorageError, match="exists already"):
        create_bundle(created, outs[0], created_s=CREATED_S)


@pytest.mark.parametrize(
    ("submodule", "change", "passes"),
    [
        ("frame_encoder", 0.5, False),
        ("frame_encoder", 0.05, True),
        ("query_head", 0.05, False),
        ("reranker", float("nan"), False),
    ],
)
def test_other_outputs_than_stored(
    copied: Path, submodule: str, change: float, passes: bool
) -> None:
    spoil(copied, submodule, change)
    if passes:
        assert run_apart(copied)
        return
    with pytest.raises(SelfTestError, match=f"{submodule} is off by") as caught:
        run_apart(copied)
    assert caught.value.why.count("is off by") == 1


def test_an_output_of_another_shape(copied: Path) -> None:
    bundle = open_bundle(copied)
    stored = read_vectors(bundle)
    outputs = {name: a[..., :-1] for name, a in stored["item_head"].outputs.items()}
    one = Vectors(stored["item_head"].feeds, outputs)
    with self_test.submodule_engine(bundle, "item_head") as engine:
        assert self_test.worst_error(engine, one) == float("inf")


def test_a_model_that_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(SelfTestError, match="frame_encoder cannot be loaded"):
        run_apart(make_bundle(tmp_path / "bundle"))


def test_without_stored_vectors_every_submodule_is_loaded() -> None:
    bundle = open_bundle(shipped_bundle())
    assert run_self_test(bundle) == []


def test_a_crash_of_the_engine_is_only_a_failed_test(
    created: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ONNX Runtime that takes its process with it when a session is made."""
    (tmp_path / "onnxruntime.py").write_text(
        f"import os\nos.kill(os.getpid(), {int(signal.SIGSEGV)})\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(SelfTestError, match=r"crashed.*SIGSEGV"):
        run_apart(created)


def test_where_memory_runs_out_the_test_goes_before_the_kiosk(
    created: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ONNX Runtime that finds what the kernel is told, and ends as the kernel would end it."""
    told = tmp_path / "told"
    (tmp_path / "onnxruntime.py").write_text(
        "import os, pathlib\n"
        f"pathlib.Path({str(told)!r}).write_text(open('/proc/self/oom_score_adj').read())\n"
        f"os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(SelfTestError, match=r"SIGKILL, as when memory runs out"):
        run_apart(created)
    assert told.read_text().strip() == "1000"


def test_an_engine_that_hangs(
    created: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(self_test, "TIMEOUT_S", 2.0)
    with pytest.raises(SelfTestError, match="did not end"):
        run_apart(created)


def test_a_process_that_breaks_off(
    created: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise MemoryError('no memory left')\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(SelfTestError, match="no memory left"):
        run_apart(created)


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\x93NUMPY\x01\x00", b"PK\x03\x04" + b"x" * 50])
def test_an_archive_that_is_none(copied: Path, data: bytes) -> None:
    bundle = open_bundle(copied)
    (copied / "self_test.npz").write_bytes(data)
    with pytest.raises(BundleError, match="cannot be read"):
        read_vectors(bundle)


def test_a_pickle_in_the_archive_is_not_read(copied: Path) -> None:
    bundle = open_bundle(copied)
    arrays = {
        f"{name}/{side}/{t.name}": np.array([object()], dtype=object)
        for name, part in bundle.manifest.submodules.items()
        for side, tensors in (("in", part.inputs), ("out", part.outputs))
        for t in tensors
    }
    np.savez(copied / "self_test.npz", **arrays)
    with pytest.raises(BundleError, match="allow_pickle"):
        read_vectors(bundle)
