from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundle import copying, install
from runtime.bundle.current import bundle_in_use
from runtime.bundle.install import Installation, install_bundle
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from runtime.bundle.self_test import Check
from runtime.bundle.shipped import shipped_bundle
from runtime.bundle.signature import Trust, sign_bundle
from runtime.bundle.store import DAMAGED, LOCK, STAGING, BundleStore
from runtime.bundle.writer import seal
from runtime.errors import BundleError, SelfTestError, SgmnError, SignatureError, StorageError
from runtime.lock import FileLock
from tests.runtime.bundle.conftest import bad_sector, make_bundle, make_manifest
from tests.runtime.bundle.signing import MAKER, TRUST, passes, signed_bundle

MODEL = "onnx/reranker.fp32.onnx"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BundleStore:
    monkeypatch.setenv("SGMN_HOME", str(tmp_path / "home"))
    return BundleStore(tmp_path / "home" / "bundles")


def put(source: Path, store: BundleStore, **options: object) -> Installation:
    return install_bundle(source, store, TRUST, **{"self_test": passes, **options})  # type: ignore[arg-type]


def listing(store: BundleStore) -> set[str]:
    return {place.name for place in store.folder.iterdir()}


def whole(store: BundleStore) -> None:
    """Nothing but what the list names is there, and all of it verifies."""
    installed = store.installed()
    assert listing(store) == {LOCK, "installed.json", *installed.bundles}
    for digest in installed.bundles:
        assert open_bundle(store.place(digest), TRUST).digest == digest


@pytest.fixture
def old(tmp_path: Path, store: BundleStore) -> str:
    """The digest of a bundle in use."""
    return put(signed_bundle(tmp_path / "old", "old"), store).digest


def test_an_installed_bundle_is_in_use(tmp_path: Path, store: BundleStore) -> None:
    assert bundle_in_use() == shipped_bundle()
    source = signed_bundle(tmp_path / "new")
    done = put(source, store)
    assert done.folder == store.in_use() == bundle_in_use()
    assert done.signed_by == MAKER.public.id
    assert done.previous is None
    size = sum(entry.size_bytes for entry in done.manifest.files.values())
    assert (done.copied_bytes, done.reused) == (size, ())
    shutil.rmtree(source)
    whole(store)


def test_a_user_without_a_home_uses_the_shipped_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("SGMN_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    assert bundle_in_use() == shipped_bundle()


def test_rollback_and_forward(tmp_path: Path, store: BundleStore, old: str) -> None:
    source = signed_bundle(tmp_path / "new", "new")
    new = put(source, store)
    assert new.previous == old
    assert store.roll_back().after == old
    assert bundle_in_use() == store.place(old)
    again = put(source, store)
    assert (again.digest, again.previous, again.copied_bytes) == (new.digest, old, 0)
    store.roll_back()
    assert store.roll_back().after is None
    assert bundle_in_use() == shipped_bundle()
    with pytest.raises(BundleError, match="no bundle to go back to"):
        store.roll_back()


def test_the_oldest_are_removed(tmp_path: Path, store: BundleStore, old: str) -> None:
    done = [put(signed_bundle(tmp_path / f"b{n}", f"{n}"), store) for n in range(4)]
    assert [one.removed for one in done] == [(), (), (old,), (done[0].digest,)]
    assert store.installed().bundles == tuple(one.digest for one in done[1:])
    whole(store)


def test_files_at_hand_are_not_copied_again(tmp_path: Path, store: BundleStore, old: str) -> None:
    """A delta: only what changed is copied, and only that need be in the source."""
    source = tmp_path / "delta"
    shutil.copytree(tmp_path / "old", source)
    (source / MODEL).write_bytes(b"retrained")
    seal(source, make_manifest())
    sign_bundle(source, MAKER)
    for name in SUBMODULES[:3]:
        (source / "onnx" / f"{name}.fp32.onnx").unlink()
    done = put(source, store)
    assert done.copied_bytes == len(b"retrained")
    assert set(done.reused) == {*done.manifest.files} - {MODEL}
    for name in done.reused:
        assert (done.folder / name).samefile(store.place(old) / name)
    whole(store)


def test_a_missing_file_that_is_not_at_hand(tmp_path: Path, store: BundleStore, old: str) -> None:
    source = signed_bundle(tmp_path / "new", "new")
    (source / MODEL).unlink()
    with pytest.raises(BundleError, match=f"{MODEL} is missing"):
        put(source, store)
    assert store.installed().current == old
    whole(store)


def test_damaged_files_at_hand_are_not_reused(tmp_path: Path, store: BundleStore, old: str) -> None:
    source = tmp_path / "delta"
    shutil.copytree(tmp_path / "old", source)
    seal(source, make_manifest().model_copy(update={"version": "1.1"}))
    sign_bundle(source, MAKER)
    place = store.place(old) / MODEL
    place.write_bytes(b"X" + place.read_bytes()[1:])
    done = put(source, store)
    assert MODEL not in done.reused
    assert open_bundle(done.folder)


def test_a_file_at_hand_on_a_bad_sector(
    tmp_path: Path, store: BundleStore, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither hinders another bundle that has the file, nor this one when it comes again."""
    source = tmp_path / "delta"
    shutil.copytree(tmp_path / "old", source)
    seal(source, make_manifest().model_copy(update={"version": "1.1"}))
    sign_bundle(source, MAKER)
    with monkeypatch.context() as patch:
        bad_sector(patch, store.place(old) / MODEL)
        assert MODEL not in put(source, store).reused
        assert put(tmp_path / "old", store, allow_downgrade=True).digest == old
    whole(store)


def test_links_at_hand_are_not_reused(tmp_path: Path, store: BundleStore, old: str) -> None:
    kept = store.place(old) / "tokenizer.json"
    kept.rename(tmp_path / "elsewhere")
    kept.symlink_to(tmp_path / "elsewhere")
    assert "tokenizer.json" not in put(signed_bundle(tmp_path / "new", "new"), store).reused


def test_another_bundle_in_the_place_of_one(tmp_path: Path, store: BundleStore, old: str) -> None:
    new = put(signed_bundle(tmp_path / "new", "new"), store)
    shutil.rmtree(store.place(old))
    shutil.copytree(new.folder, store.place(old))
    with pytest.raises(BundleError, match="damaged") as caught:
        store.roll_back()
    assert "another bundle" in caught.value.why
    assert store.installed().current == new.digest
    put(tmp_path / "old", store, allow_downgrade=True)
    whole(store)


def test_a_file_at_hand_does_not_hide_damage_in_the_source(
    tmp_path: Path, store: BundleStore, old: str
) -> None:
    (tmp_path / "old" / MODEL).write_bytes(b"Y" * (tmp_path / "old" / MODEL).stat().st_size)
    with pytest.raises(BundleError, match="does not have the digest"):
        put(tmp_path / "old", store)


def test_a_file_system_without_links(
    tmp_path: Path, store: BundleStore, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    source = tmp_path / "delta"
    shutil.copytree(tmp_path / "old", source)
    seal(source, make_manifest().model_copy(update={"version": "1.1"}))
    sign_bundle(source, MAKER)
    monkeypatch.setattr(copying.os, "link", no_links)
    put(source, store)
    whole(store)


def test_a_damaged_bundle_in_use_is_mended(tmp_path: Path, store: BundleStore, old: str) -> None:
    (store.place(old) / MODEL).write_bytes(b"damaged")
    assert put(tmp_path / "old", store).digest == old
    whole(store)


def test_a_bundle_in_use_that_is_gone(tmp_path: Path, store: BundleStore, old: str) -> None:
    new = put(signed_bundle(tmp_path / "new", "new"), store).digest
    shutil.rmtree(store.place(new))
    with pytest.raises(BundleError, match="is gone") as caught:
        bundle_in_use()
    assert "rollback" in caught.value.fix
    assert store.roll_back().after == old


def test_rollback_to_damage_is_refused(tmp_path: Path, store: BundleStore, old: str) -> None:
    new = put(signed_bundle(tmp_path / "new", "new"), store).digest
    (store.place(old) / MODEL).write_bytes(b"damaged")
    with pytest.raises(BundleError, match="damaged"):
        store.roll_back()
    assert store.installed().current == new


@pytest.mark.parametrize(
    ("now", "new", "older"),
    [
        (("2.0", None), ("1.9", None), True),
        (("1.10", None), ("1.9", None), True),
        (("1.9", None), ("1.10", None), False),
        (("1.0", "2026-02-01T00:00:00Z"), ("1.0", "2026-01-31T23:59:59Z"), True),
        (("1.0", "2026-01-31T23:59:59Z"), ("1.0", "2026-02-01T00:00:00Z"), False),
        (("1.0", "2026-02-01T00:00:00Z"), ("1.0.0", None), True),
        (("1.0", "2026-02-01T00:00:00Z"), ("1.1", None), False),
        (("1.0.0", None), ("1", None), False),
        (("1.0", None), ("nightly", None), True),
    ],
)
def test_what_is_older(
    tmp_path: Path,
    store: BundleStore,
    now: tuple[str, str | None],
    new: tuple[str, str | None],
    older: bool,
) -> None:
    bundles = [
        signed_bundle(tmp_path / salt, salt, version=version, created_at=made)
        for salt, (version, made) in (("now", now), ("new", new))
    ]
    current = put(bundles[0], store, allow_downgrade=True).digest
    if older:
        with pytest.raises(BundleError, match="older than the one in use") as caught:
            put(bundles[1], store)
        assert "--allow-downgrade" in caught.value.fix
        assert store.installed().current == current
    done = put(bundles[1], store, allow_downgrade=older)
    assert done.previous == current
    whole(store)


def test_a_bundle_older_than_the_shipped_one(
    tmp_path: Path, store: BundleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = make_bundle(tmp_path / "shipped", version="3.0")
    monkeypatch.setattr(install, "shipped_bundle", lambda: shipped)
    with pytest.raises(BundleError, match="older than the one in use"):
        put(signed_bundle(tmp_path / "new", "new", version="2.9"), store)


def test_an_unsigned_bundle_only_when_allowed(tmp_path: Path, store: BundleStore) -> None:
    source = make_bundle(tmp_path / "own")
    with pytest.raises(SignatureError, match="not signed"):
        put(source, store)
    lenient = Trust(TRUST.keys, required=False)
    done = install_bundle(source, store, lenient, self_test=passes)
    assert done.signed_by is None
    sign_bundle(source, MAKER)
    assert put(source, store).signed_by == MAKER.public.id
    whole(store)  # the signature came along, though the bundle was there


def test_a_failing_self_test_leaves_the_old_bundle(
    tmp_path: Path, store: BundleStore, old: str
) -> None:
    tested = []

    def fails(folder: Path) -> list[Check]:
        tested.append(open_bundle(folder).digest)
        assert store.installed().current == old
        raise SelfTestError("it fails", why="here", fix="there")

    source = signed_bundle(tmp_path / "new", "new")
    with pytest.raises(SelfTestError):
        put(source, store, self_test=fails)
    assert tested == [open_bundle(source).digest]
    assert bundle_in_use() == store.place(old)
    whole(store)


def test_two_at_once(tmp_path: Path, store: BundleStore, old: str) -> None:
    source = signed_bundle(tmp_path / "new", "new")
    lock = FileLock(store.folder / LOCK)
    assert lock.acquire()
    try:
        for change in (lambda: put(source, store), store.roll_back):
            with pytest.raises(BundleError, match="being changed"):
                change()
        assert bundle_in_use() == store.place(old)
    finally:
        lock.release()
    put(source, store)


def test_leftovers_are_cleared(tmp_path: Path, store: BundleStore, old: str) -> None:
    for name in (STAGING, DAMAGED, "f" * 64):
        shutil.copytree(store.place(old), store.folder / name)
    (store.folder / "installed.json.new").write_text("{")
    put(signed_bundle(tmp_path / "new", "new"), store)
    whole(store)


def test_what_is_not_a_bundle(tmp_path: Path, store: BundleStore, old: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "none", tmp_path / "file", tmp_path / "empty", Path("/")):
        with pytest.raises(BundleError):
            put(source, store)
    assert bundle_in_use() == store.place(old)


def test_others_may_read_what_is_installed(tmp_path: Path, store: BundleStore) -> None:
    """The user of the kiosk, whatever the umask of root."""
    source, before = signed_bundle(tmp_path / "new"), os.umask(0o077)
    try:
        put(source, store)
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    for place in (store.folder, *store.folder.rglob("*")):
        assert place.stat().st_mode & 0o777 == (0o755 if place.is_dir() else 0o644), place


def test_the_source_may_be_a_link(tmp_path: Path, store: BundleStore) -> None:
    signed_bundle(tmp_path / "v7")
    (tmp_path / "latest").symlink_to("v7")
    put(tmp_path / "latest", store)
    whole(store)


Fault = Callable[[int], None]


def failing_after(patch: pytest.MonkeyPatch, number: int) -> list[int]:
    """From the given wait for the disk on, the disk is full; returns the waits so far."""
    real, waits = os.fsync, [0]

    def fsync(descriptor: int) -> None:
        waits[0] += 1
        if waits[0] >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    patch.setattr(os, "fsync", fsync)
    return waits


def test_a_disk_that_fills_at_any_write(tmp_path: Path, store: BundleStore, old: str) -> None:
    source = signed_bundle(tmp_path / "new", "new")
    failures = []
    for number in range(1, 100):
        with pytest.MonkeyPatch.context() as patch:
            failing_after(patch, number)
            try:
                put(source, store)
            except StorageError as error:
                failures.append(error)
            else:
                break
        whole(store)  # a full disk is given its room back
    assert len(failures) > 10
    for error in failures:
        assert error.why == os.strerror(errno.ENOSPC)
        assert "free some space" in error.fix
    whole(store)


def test_too_little_room_is_said_before_anything_is_copied(
    tmp_path: Path, store: BundleStore, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(copying.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match="too little room"):
        put(signed_bundle(tmp_path / "new", "new"), store)
    whole(store)


@pytest.mark.parametrize(
    ("number", "fix"), [(errno.EROFS, "writable"), (errno.EACCES, "writable"), (errno.EIO, "dmesg")]
)
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, store: BundleStore, old: str, number: int, fix: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    for change in (
        lambda: put(signed_bundle(tmp_path / f"new{number}", "new"), store),
        store.roll_back,
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "open", refuse_writing(os.open, refuse))
            with pytest.raises(StorageError, match="cannot be changed") as caught:
                change()
        assert "SGMN_HOME" in caught.value.fix
        assert fix in caught.value.fix
        shutil.rmtree(tmp_path / f"new{number}", ignore_errors=True)
    assert bundle_in_use() == store.place(old)


def refuse_writing(real: Callable[..., int], refuse: Callable[..., None]) -> Callable[..., int]:
    def opened(path: object, flags: int, *rest: int, **more: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            refuse()
        return real(path, flags, *rest, **more)

    return opened


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    source = signed_bundle(tmp_path / "new")
    with pytest.raises(SgmnError, match="cannot be changed"):
        put(source, BundleStore(tmp_path / "file" / "bundles"))
