"""Disks that are full, folders that cannot be written, two at once, what a kill left."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundle import copying, install
from runtime.bundle.current import bundle_in_use
from runtime.bundle.installed import INSTALLED, Installed
from runtime.bundle.store import DAMAGED, LOCK, STAGING, BundleStore
from runtime.errors import BundleError, SgmnError, StorageError
from runtime.lock import FileLock
from tests.runtime.bundle.install.conftest import put, whole
from tests.runtime.bundle.signing import signed_bundle


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


def test_all_is_on_the_disk_before_the_list_names_it(
    tmp_path: Path, store: BundleStore, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut then finds the old list, or the new one and all that it names."""
    synced, missing = set(), []
    real_sync, real_write = os.fsync, install.write_installed

    def fsync(descriptor: int) -> None:
        real_sync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def write(folder: Path, installed: Installed) -> None:
        place = store.place(installed.current or "")
        needed = [folder, place, *place.rglob("*")]
        missing.extend(one for one in needed if one.stat().st_ino not in synced)
        synced.clear()
        real_write(folder, installed)

    source = signed_bundle(tmp_path / "new", "new")
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(install, "write_installed", write)
    put(source, store)
    assert not missing
    assert synced == {store.folder.stat().st_ino, (store.folder / INSTALLED).stat().st_ino}


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
