"""All engines of a bundle: built, kept, copied, refused."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export.tensorrt import bundle_builder
from export.tensorrt.bundle_builder import BundleBuilder
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle, open_bundle
from runtime.bundle.writer import seal
from runtime.engines.fingerprint import read_record, side_car
from runtime.errors import BuildError, GpuError, StorageError
from runtime.lock import FileLock
from tests.export.conftest import Exported
from tests.export.tensorrt.conftest import ORIN, InProcess
from tests.runtime.engines.fake_tensorrt import MAGIC

Make = Callable[..., tuple[BundleBuilder, InProcess, list[str]]]

LEFT_OUT = {"-CUBLAS", "-CUBLAS_LT", "-CUDNN"}


def test_every_submodule_gets_an_engine_with_its_record(builder: Make, bundle: Bundle) -> None:
    build, child, said = builder()
    report = build.build()
    assert [one.outcome for one in report.engines] == ["built"] * 5
    assert child.jobs == [
        ("probe", ""),
        *[(kind, name) for name in SUBMODULES for kind in ("build", "run")],
    ]
    assert "GPU 0 of 1: Orin, TensorRT 10.3.0" in said
    for name, one in zip(SUBMODULES, report.engines, strict=True):
        part = bundle.manifest.tensorrt[name]
        record = read_record(one.plan)
        assert one.record == record
        assert one.plan.name == f"{name}.{part.precision}.plan"
        assert record.plan_sha256 == hashlib.sha256(one.plan.read_bytes()).hexdigest()
        assert record.plan_bytes == one.plan.stat().st_size
        assert record.onnx_sha256 == bundle.manifest.files[part.file].sha256
        assert record.precision_asked == part.precision
        assert record.precision_found.get(part.precision, 0) > 0
        assert (record.fingerprint.gpu, record.fingerprint.tensorrt) == ("Orin", "10.3.0")
        assert "STRONGLY_TYPED" in record.flags
        assert record.peak_memory_bytes > 40 << 20, "what TensorRT says of the GPU is part of it"
        assert {p["output"] for p in record.parity} == {t.name for t in part.outputs}
    tried = {p["case"] for p in read_record(report.engines[0].plan).parity}
    assert tried == {"made-up, least", "made-up, largest"}
    assert report.timing_cache.exists()
    left = {path.name for path in report.folder.iterdir()}
    names = [f"{n}.{bundle.manifest.tensorrt[n].precision}.plan" for n in SUBMODULES]
    assert left == {*names, *(f"{name}.json" for name in names), "build.lock"}


def test_nobody_else_may_write_where_engines_lie(builder: Make) -> None:
    """Whatever the umask; but a kiosk of another user reads what root has built."""
    before = os.umask(0)
    try:
        report = builder()[0].build()
    finally:
        os.umask(before)
    for place in (report.folder, report.folder.parent, report.folder.parents[1]):
        assert stat.S_IMODE(place.stat().st_mode) == 0o755


def test_profiles_follow_the_contract(builder: Make, bundle: Bundle) -> None:
    engines = dict(zip(SUBMODULES, builder()[0].build().engines, strict=True))
    size = bundle.manifest.preprocessing.size
    longest = bundle.manifest.text.max_tokens
    least, usual, largest = engines["frame_encoder"].record.profile["images"]
    assert (least, usual, largest) == ([1, size, size, 3], [1, size, size, 3], [8, size, size, 3])
    assert engines["text_encoder"].record.profile["ids"][0] == [1, 1]
    assert engines["text_encoder"].record.profile["mask"][2] == [8, longest]
    assert set(engines["item_head"].record.profile) == {
        t.name for t in bundle.manifest.tensorrt["item_head"].inputs
    }
    assert engines["query_head"].record.profile == {}
    assert engines["reranker"].record.profile == {}


def test_a_second_build_keeps_all(builder: Make) -> None:
    first = builder()[0].build()
    build, child, said = builder()
    again = build.build()
    assert [one.outcome for one in again.engines] == ["kept"] * 5
    assert child.jobs == [("probe", ""), *(("run", name) for name in SUBMODULES)]
    assert [one.record for one in again.engines] == [one.record for one in first.engines]
    assert any("frame_encoder: kept" in line for line in said)


@pytest.mark.parametrize("spoil", ["plan", "record", "no record", "half a plan", "rules"])
def test_an_engine_that_does_not_fit_is_built_again(
    builder: Make, spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = builder()[0].build().engines[4].plan
    if spoil == "plan":
        shutil.copyfile(plan.with_name("query_head.fp16.plan"), plan)
    elif spoil == "half a plan":
        plan.write_bytes(plan.read_bytes()[:-100])
    elif spoil == "record":
        side_car(plan).write_text("{")
    elif spoil == "rules":
        monkeypatch.setattr(bundle_builder, "RULES", "rules-of-tomorrow")
    else:
        side_car(plan).unlink()
    build, child, _ = builder()
    build.build()
    assert child.built == (list(SUBMODULES) if spoil == "rules" else ["reranker"])
    assert read_record(plan).plan_sha256 == hashlib.sha256(plan.read_bytes()).hexdigest()


@pytest.mark.parametrize("fault", ["scale", "refuse"])
def test_an_engine_that_has_gone_wrong_is_built_again_though_its_record_fits(
    builder: Make, fault: str
) -> None:
    """As a device finds in its self-test, or when it loads the plan, and then asks for a build."""
    plan = builder()[0].build().engines[2].plan
    _spoil(plan, **{fault: 3.0})
    build, child, said = builder()
    report = build.build()
    assert [one.outcome for one in report.engines] == ["kept", "kept", "built", "kept", "kept"]
    assert child.built == ["query_head"]
    assert any("query_head: the engine of an earlier build is left out" in line for line in said)
    assert builder()[0].build().engines[2].outcome == "kept"


def test_a_device_without_memory_does_not_cost_the_engines(builder: Make) -> None:
    plans = [one.plan for one in builder()[0].build().engines]
    before = [plan.read_bytes() for plan in plans]
    build, child, _ = builder(child=InProcess(capacity=1000))
    with pytest.raises(GpuError) as caught:
        build.build()
    assert caught.value.reason == "out-of-memory"
    assert child.jobs[-1] == ("run", "frame_encoder")
    assert [plan.read_bytes() for plan in plans] == before


def test_all_is_built_again_if_asked(builder: Make) -> None:
    builder()[0].build()
    build, child, _ = builder(rebuild=True)
    assert {one.outcome for one in build.build().engines} == {"built"}
    assert child.built == list(SUBMODULES)


def test_room_is_asked_for_where_something_is_built(
    builder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder()[0].build()
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage)
    with monkeypatch.context() as patch:
        patch.setattr(bundle_builder.machine, "memory_bytes", lambda: (8 << 30, 1 << 20))
        assert {one.outcome for one in builder()[0].build().engines} == {"kept"}
        with pytest.raises(BuildError, match="too little memory"):
            builder(rebuild=True)[0].build()
    with pytest.raises(StorageError, match="MiB are free"):
        builder(rebuild=True)[0].build()


def _spoil(plan: Path, **header: Any) -> None:
    """An engine that does otherwise than when it was built, with a record that fits."""
    head, _, onnx = plan.read_bytes().removeprefix(MAGIC).partition(b"\n")
    plan.write_bytes(MAGIC + json.dumps({**json.loads(head), **header}).encode() + b"\n" + onnx)
    digest = hashlib.sha256(plan.read_bytes()).hexdigest()
    record = read_record(plan).model_copy(update={"plan_sha256": digest})
    side_car(plan).write_text(record.model_dump_json())


def test_another_machine_gets_engines_of_its_own(
    builder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = builder()[0].build()
    newer = builder(child=InProcess(version="10.16.1"))[0].build()
    assert newer.folder != first.folder
    monkeypatch.setattr(bundle_builder.machine, "driver_version", lambda: "L4T R36.5.0")
    build, child, _ = builder()
    assert build.build().folder == first.folder
    assert child.built == list(SUBMODULES), "a driver update is no other machine, but is built for"


def test_a_build_goes_on_where_it_stopped(builder: Make) -> None:
    build, _, _ = builder(child=InProcess(faults={"scale": 3.0}))
    with pytest.raises(BuildError):
        build.build()
    build, child, _ = builder()
    folder = build.build().folder
    os.unlink(side_car(folder / "query_head.fp16.plan"))
    stale = folder / ".building-left"
    stale.mkdir()
    (stale / "x.plan").write_bytes(b"x")
    build, child, _ = builder()
    build.build()
    assert child.built == ["query_head"]
    assert not stale.exists()


def test_a_bundle_with_the_same_graphs_copies_the_engines(
    builder: Make, bundle: Bundle, tmp_path: Path
) -> None:
    """As `sgmn calibrate` makes: another manifest, the same ONNX files."""
    first = builder()[0].build()
    _spoil(first.engines[3].plan, scale=3.0)
    copy = Path(shutil.copytree(bundle.folder, tmp_path / "copy"))
    seal(copy, bundle.manifest.model_copy(update={"version": "9"}))
    build, child, _ = builder(of=open_bundle(copy))
    report = build.build()
    assert [one.outcome for one in report.engines] == [*["copied"] * 3, "built", "copied"]
    assert child.built == ["item_head"]
    assert report.folder != first.folder
    assert all(one.plan.exists() and side_car(one.plan).exists() for one in report.engines)


def test_stored_inputs_are_tried_too(
    builder: Make, exported: Exported, bundle: Bundle, tmp_path: Path
) -> None:
    from runtime.bundle.recording import record, self_test_section
    from runtime.bundle.vectors import write_vectors

    folder = Path(shutil.copytree(bundle.folder, tmp_path / "tested"))
    section = self_test_section(bundle.manifest)
    write_vectors(folder / section.file, record(bundle, exported.feed, 0))
    seal(folder, bundle.manifest.model_copy(update={"self_test": section}))
    report = builder(of=open_bundle(folder))[0].build()
    for one in report.engines:
        assert "stored" in {p["case"] for p in one.record.parity}


@pytest.mark.parametrize("version", ["8.6.2", "10.3.0", "11.4.1"])
def test_every_generation_builds(builder: Make, version: str) -> None:
    report = builder(child=InProcess(version=version))[0].build()
    flags = set(report.engines[0].record.flags)
    wanted = {
        "8.6.2": {"EXPLICIT_BATCH", "INT8", "OBEY_PRECISION_CONSTRAINTS", *LEFT_OUT},
        "10.3.0": {"STRONGLY_TYPED"},
        "11.4.1": {"STRONGLY_TYPED"},
    }[version]
    assert flags - {"-TF32", bundle_builder.RULES} == wanted


def test_fp32_engines_come_from_the_exported_submodules(
    builder: Make, exported: Exported, bundle: Bundle
) -> None:
    plain = open_bundle(exported.bundle)
    with pytest.raises(BuildError, match="no graphs for TensorRT") as caught:
        builder(of=plain)[0].build()
    assert "sgmn quantize BUNDLE --target tensorrt" in caught.value.fix
    report = builder(of=plain, exact=True)[0].build()
    assert {one.record.precision_asked for one in report.engines} == {"fp32"}
    assert all(set(one.record.precision_found) <= {"fp32"} for one in report.engines)
    half = {
        n: p.model_copy(update={"precision": "fp16"}) for n, p in plain.manifest.submodules.items()
    }
    mixed = replace(plain, manifest=plain.manifest.model_copy(update={"submodules": half}))
    with pytest.raises(BuildError, match="no FP32 submodules"):
        builder(of=mixed, exact=True)[0].build()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"faults": {"parse": True}}, r"/trunk/odd \(Odd\): no importer"),
        ({"faults": {"build": "could not find any implementation for node x"}}, "node x"),
        ({"faults": {"build": "Cuda out of memory"}}, "memory ran out"),
        ({"faults": {"precision": "fp32"}}, r"is fp32, not int8"),
        ({"faults": {"scale": 1.3}}, "does not compute what its graph says"),
        ({"faults": {"scale": float("nan")}}, "not finite"),
        ({"faults": {"inspector": "mute"}}, "tells nothing"),
        ({"faults": {"builder": True}}, "cannot make a builder"),
        ({"version": "9.2.0"}, "release 9 was made for servers"),
        ({"version": "10.13.3.9"}, "no kernels for Jetson Orin"),
        ({"version": "12.0"}, "others have not been looked at"),
        ({"version": "8.5.2"}, "others have not been looked at"),
        ({"capacity": 1 << 30}, "too little GPU memory"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_fails_is_told_and_leaves_no_engine(
    builder: Make, told: dict[str, Any], said: str, tmp_path: Path
) -> None:
    build, _, _ = builder(child=InProcess(**told))
    with pytest.raises(BuildError, match=said) as caught:
        build.build()
    assert caught.value.fix
    assert not list((tmp_path / "engines").rglob("*.plan*"))
    assert not list((tmp_path / "engines").rglob(".building*"))
    # The lock is free again.
    builder()[0].build()


def test_what_is_refused_can_be_allowed(builder: Make) -> None:
    untested = builder(child=InProcess(version="10.13.3.9"), allow_untested=True)[0].build()
    assert any("no kernels" in warning for warning in untested.warnings)
    child = InProcess(faults={"precision": "fp32"})
    report = builder(child=child, allow_fallback=True)[0].build()
    frame_encoder = report.engines[0].record
    assert frame_encoder.fell_back
    # A later build that does not allow it takes none of these.
    build, strict, _ = builder()
    build.build()
    fell_back = [n for n, e in zip(SUBMODULES, report.engines, strict=True) if e.record.fell_back]
    assert strict.built == fell_back


def test_a_precision_that_cannot_be_read_is_not_taken_for_proven(builder: Make) -> None:
    mute = {"inspector": "mute"}
    with pytest.raises(BuildError, match="cannot be read"):
        builder(child=InProcess(faults=mute))[0].build()
    allowed = builder(child=InProcess(faults=mute), allow_fallback=True)[0].build()
    assert {one.outcome for one in allowed.engines} == {"built"}
    again = builder(child=InProcess(faults=mute), allow_fallback=True)[0].build()
    assert {one.outcome for one in again.engines} == {"kept"}
    build, strict, _ = builder()
    build.build()
    assert strict.built == list(SUBMODULES)


def test_a_release_with_known_crashes_is_warned_of(builder: Make) -> None:
    report = builder()[0].build()
    assert any("issues/4504" in warning for warning in report.warnings)
    assert not builder(child=InProcess(version="10.16.1"))[0].build().warnings


def test_little_memory_is_told_first(builder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_builder.machine, "memory_bytes", lambda: (8 << 30, 512 << 20))
    build, child, _ = builder()
    with pytest.raises(BuildError, match="too little memory") as caught:
        build.build()
    assert "512 MiB are free" in caught.value.why
    assert child.built == []


def test_opaque_layers_are_counted_and_not_judged(builder: Make) -> None:
    report = builder(child=InProcess(version="8.6.1", faults={"opaque": True}))[0].build()
    found = report.engines[0].record.precision_found
    assert found["opaque"] == 1
    assert found["unseen"] > 0


def test_two_builds_at_once_are_one_too_many(builder: Make) -> None:
    folder = builder()[0].build().folder
    lock = FileLock(folder / "build.lock")
    assert lock.acquire()
    build, child, _ = builder()
    with pytest.raises(BuildError, match="being built already"):
        build.build()
    assert child.built == []
    lock.release()
    build.build()


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_built(
    builder: Make, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "engines", Path("/proc/engines")):
        build, child, _ = builder(out=place)
        with pytest.raises(StorageError, match="cannot be written"):
            build.build()
        assert child.built == []


def test_a_disk_without_room_is_told_before_anything_is_built(
    builder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage)
    build, child, _ = builder()
    with pytest.raises(StorageError, match="0 MiB are free"):
        build.build()
    assert child.built == []


@pytest.mark.parametrize("fills", ["record", "inputs"])
def test_a_disk_that_fills_up_leaves_the_old_engines(
    builder: Make, fills: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = builder()[0].build()

    def full(path: Path, *data: Any, **more: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        write = {"record": "runtime.engines.engine_store.write_durably", "inputs": "numpy.savez"}
        patch.setattr(write[fills], full)
        with pytest.raises(StorageError, match="cannot be written") as caught:
            builder(rebuild=True)[0].build()
    assert "No space left" in caught.value.why
    assert "free some space" in caught.value.fix
    assert not list(first.folder.glob(".building-*"))
    again = builder()[0].build()
    assert [one.outcome for one in again.engines] == ["kept"] * 5
    assert [one.record for one in again.engines] == [one.record for one in first.engines]


def test_no_device_means_no_tensorrt(builder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(ordinal: int) -> None:
        raise GpuError("the GPU cannot be used", reason="no-device", why=f"{ordinal}", fix="x")

    monkeypatch.setattr(bundle_builder, "ask_driver", refuse)
    build, child, _ = builder(device=3)
    with pytest.raises(GpuError, match="3"):
        build.build()
    assert child.jobs == []


def test_a_graph_that_changed_since_it_was_verified_is_refused(
    builder: Make, bundle: Bundle, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(bundle.folder, tmp_path / "changed"))
    opened = open_bundle(folder)
    graph = folder / opened.manifest.tensorrt["frame_encoder"].file
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with pytest.raises(BuildError, match="was changed"):
        builder(of=opened)[0].build()


def test_a_shipped_timing_cache_is_used_and_left_alone(builder: Make, tmp_path: Path) -> None:
    first = builder(out=tmp_path / "other device")[0].build()
    shipped = first.timing_cache
    before = shipped.read_bytes()
    report = builder(timing_cache=shipped)[0].build()
    assert not [w for w in report.warnings if "timing" in w]
    assert shipped.read_bytes() == before
    assert report.timing_cache.read_bytes() == before
    cut = tmp_path / "cut.cache"
    cut.write_bytes(b"something else")
    report = builder(out=tmp_path / "third", timing_cache=cut)[0].build()
    assert any("cut.cache is not for this machine" in w for w in report.warnings)


def test_every_device_is_the_one_that_was_asked_for(
    builder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def driver(ordinal: int) -> Any:
        asked.append(ordinal)
        return replace(ORIN, ordinal=ordinal, devices=2)

    monkeypatch.setattr(bundle_builder, "ask_driver", driver)
    with pytest.raises(GpuError, match="INVALID_DEVICE"):  # the made-up GPU is the first
        builder(device=1)[0].build()
    assert asked == [1]
