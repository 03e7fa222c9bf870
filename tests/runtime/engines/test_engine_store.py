"""Where engines lie, and that none counts before its record is there."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from runtime import machine
from runtime.engines.cuda.question import Gpu
from runtime.engines.engine_store import EngineStore, fingerprint_here, remove_engines
from runtime.engines.fingerprint import EngineRecord, Fingerprint, side_car
from runtime.errors import EngineError
from runtime.lock import FileLock

HERE = Fingerprint(
    tensorrt="10.3.0",
    cuda="12.6",
    driver="L4T R36.4.3",
    gpu="Orin (nvgpu)",
    compute_capability="8.7",
    platform="linux-aarch64",
)
DRIVERS = {
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 2024\n": "550.54.15",
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release Build\n": (
        "560.35.03"
    ),
    "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  580.00  Release\n": "580.00",
    "something else\n": "",
}


def _record(plan: bytes, **changes: object) -> EngineRecord:
    fields = {
        "submodule": "reranker",
        "plan_sha256": hashlib.sha256(plan).hexdigest(),
        "plan_bytes": len(plan),
        "onnx_sha256": "a" * 64,
        "fingerprint": HERE,
        "precision_asked": "fp16",
        "build_seconds": 1.5,
        "peak_memory_bytes": 1,
        "built_with": "1",
    }
    return EngineRecord.model_validate({**fields, **changes})


def _put(store: EngineStore, plan: bytes) -> Path:
    built = store.folder / "built"
    built.write_bytes(plan)
    return store.put(built, _record(plan))


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    store = EngineStore(tmp_path, "b" * 64, HERE)
    store.folder.mkdir(parents=True)
    return store


def test_an_engine_is_found_under_bundle_and_machine(store: EngineStore, tmp_path: Path) -> None:
    place = _put(store, b"plan")
    assert place.read_bytes() == b"plan"
    folder = tmp_path / ("b" * 64) / "trt10.3.0-sm8.7-Orin__nvgpu_-linux-aarch64"
    assert place == folder / "reranker.fp16.plan"
    assert store.record("reranker", "fp16") == _record(b"plan")
    assert store.record("reranker", "int8") is None


def test_a_plan_without_a_record_does_not_count(store: EngineStore) -> None:
    side_car(_put(store, b"plan")).unlink()
    assert store.record("reranker", "fp16") is None


def test_a_record_never_stands_beside_another_plan(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(store, b"old")
    seen = []

    def watched(place: Path) -> None:
        """What a power cut would leave if nothing after this got to the disk."""
        plan = store.plan("reranker", "fp16").read_bytes()
        seen.append((store.record("reranker", "fp16"), plan))

    monkeypatch.setattr("runtime.engines.engine_store.sync", watched)
    _put(store, b"new")
    old, new = _record(b"old"), _record(b"new")
    assert seen == [(old, b"old"), (None, b"old"), (None, b"new"), (new, b"new")]


def test_a_full_disk_leaves_the_old_engine(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(store, b"old")

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("runtime.engines.engine_store.write_durably", full)
    with pytest.raises(OSError, match="No space left"):
        _put(store, b"new")
    assert store.record("reranker", "fp16") == _record(b"old")
    assert store.plan("reranker", "fp16").read_bytes() == b"old"


def test_a_plan_that_cannot_be_moved_leaves_none_that_counts(store: EngineStore) -> None:
    _put(store, b"old")
    with pytest.raises(OSError):
        store.put(store.folder / "missing", _record(b"new"))
    assert store.record("reranker", "fp16") == _record(b"old")


def test_engines_of_other_bundles_are_found(store: EngineStore, tmp_path: Path) -> None:
    other = EngineStore(tmp_path, "c" * 64, HERE)
    other_gpu = EngineStore(tmp_path, "d" * 64, HERE.model_copy(update={"gpu": "Thor"}))
    damaged = EngineStore(tmp_path, "e" * 64, HERE)
    for one in (other, other_gpu, damaged):
        one.folder.mkdir(parents=True)
        _put(one, b"plan")
    side_car(damaged.plan("reranker", "fp16")).write_text("{")
    _put(store, b"plan")
    found = list(store.elsewhere("reranker", "fp16"))
    assert found == [(other.plan("reranker", "fp16"), _record(b"plan"))]


@pytest.mark.parametrize("place", ["bundle", "folder", "plan", "link"])
def test_an_engine_that_others_may_have_put_there_is_not_taken(
    store: EngineStore, tmp_path: Path, place: str
) -> None:
    other = EngineStore(tmp_path, "c" * 64, HERE)
    other.folder.mkdir(parents=True)
    plan = _put(other, b"plan")
    if place == "link":
        plan.rename(tmp_path / "elsewhere.plan")
        plan.symlink_to(tmp_path / "elsewhere.plan")
    else:
        {"bundle": other.folder.parent, "folder": other.folder, "plan": plan}[place].chmod(0o777)
    assert list(store.elsewhere("reranker", "fp16")) == []


def test_a_damaged_record_is_told(store: EngineStore) -> None:
    side_car(store.plan("reranker", "fp16")).write_text("{")
    with pytest.raises(EngineError, match="is not a record"):
        store.record("reranker", "fp16")


@pytest.mark.parametrize("said", DRIVERS)
def test_the_driver_s_version_is_read(said: str, tmp_path: Path) -> None:
    (tmp_path / "version").write_text(said)
    assert machine.driver_version(tmp_path / "version", tmp_path / "none") == DRIVERS[said]


def test_a_jetson_says_its_release(tmp_path: Path) -> None:
    release = tmp_path / "nv_tegra_release"
    release.write_text("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n")
    (tmp_path / "version").write_text(next(iter(DRIVERS)))
    assert machine.driver_version(tmp_path / "version", release) == "L4T R36.4.3"
    assert machine.driver_version(tmp_path / "none", tmp_path / "none") == ""


def test_the_fingerprint_names_this_machine() -> None:
    gpu = Gpu("NVIDIA H100 80GB HBM3", "9.0", "13.0", 0, 1)
    found = fingerprint_here(gpu, "10.16.1")
    assert (found.gpu, found.compute_capability, found.cuda) == (gpu.name, "9.0", "13.0")
    assert found.platform == f"linux-{os.uname().machine}"
    assert found.key() == f"trt10.16.1-sm9.0-NVIDIA_H100_80GB_HBM3-{found.platform}"


def _stores(root: Path, *bundles: str) -> list[EngineStore]:
    """With an engine for each of two machines."""
    made = []
    for bundle in bundles:
        for here in (HERE, HERE.model_copy(update={"tensorrt": "11.4.0"})):
            store = EngineStore(root, bundle * 64, here)
            store.folder.mkdir(parents=True)
            _put(store, b"plan")
            made.append(store)
    return made


def test_engines_go_with_their_bundle_and_no_others(tmp_path: Path) -> None:
    gone, other = _stores(tmp_path, "a"), _stores(tmp_path, "b")
    other[0].timing_cache.parent.mkdir()
    other[0].timing_cache.write_bytes(b"timings")
    remove_engines(tmp_path, ["a" * 64, "c" * 64])
    assert not gone[0].folder.parent.exists()
    assert all(store.record("reranker", "fp16") for store in other)
    assert other[0].timing_cache.exists()


def test_engines_that_are_being_built_stay(tmp_path: Path) -> None:
    building, old = _stores(tmp_path, "a")
    lock = FileLock(building.lock)
    assert lock.acquire()
    remove_engines(tmp_path, ["a" * 64])
    assert building.record("reranker", "fp16")
    assert not old.folder.exists()
    lock.release()
    remove_engines(tmp_path, ["a" * 64])
    assert not building.folder.parent.exists()


def test_nothing_is_removed_behind_a_link(tmp_path: Path) -> None:
    (store,) = _stores(tmp_path / "elsewhere", "a")[:1]
    root = tmp_path / "engines"
    (root / ("b" * 64)).mkdir(parents=True)
    (root / ("b" * 64) / "machine").symlink_to(store.folder)
    (root / ("a" * 64)).symlink_to(store.folder.parent)
    remove_engines(root, ["a" * 64, "b" * 64])
    assert store.record("reranker", "fp16")
