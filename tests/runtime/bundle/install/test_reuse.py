"""Files that an installed bundle has already are linked, not copied."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from runtime.bundle import copying
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from runtime.bundle.signature import sign_bundle
from runtime.bundle.store import BundleStore
from runtime.bundle.writer import seal
from runtime.errors import BundleError
from tests.runtime.bundle.conftest import bad_sector, make_manifest
from tests.runtime.bundle.install.conftest import MODEL, put, whole
from tests.runtime.bundle.signing import MAKER, signed_bundle


@pytest.fixture
def newer(tmp_path: Path, old: str) -> Path:
    """Another version of the bundle in use, with the very same files."""
    shutil.copytree(tmp_path / "old", tmp_path / "newer")
    seal(tmp_path / "newer", make_manifest().model_copy(update={"version": "1.1"}))
    sign_bundle(tmp_path / "newer", MAKER)
    return tmp_path / "newer"


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


def test_damaged_files_at_hand_are_not_reused(
    tmp_path: Path, store: BundleStore, old: str, newer: Path
) -> None:
    place = store.place(old) / MODEL
    place.write_bytes(b"X" + place.read_bytes()[1:])
    done = put(newer, store)
    assert MODEL not in done.reused
    assert open_bundle(done.folder)


def test_a_file_at_hand_on_a_bad_sector(
    tmp_path: Path, store: BundleStore, old: str, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither hinders another bundle that has the file, nor this one when it comes again."""
    with monkeypatch.context() as patch:
        bad_sector(patch, store.place(old) / MODEL)
        assert MODEL not in put(newer, store).reused
        assert put(tmp_path / "old", store, allow_downgrade=True).digest == old
    whole(store)


def test_links_at_hand_are_not_reused(tmp_path: Path, store: BundleStore, old: str) -> None:
    kept = store.place(old) / "tokenizer.json"
    kept.rename(tmp_path / "elsewhere")
    kept.symlink_to(tmp_path / "elsewhere")
    assert "tokenizer.json" not in put(signed_bundle(tmp_path / "new", "new"), store).reused


def test_a_file_at_hand_does_not_hide_damage_in_the_source(
    tmp_path: Path, store: BundleStore, old: str
) -> None:
    (tmp_path / "old" / MODEL).write_bytes(b"Y" * (tmp_path / "old" / MODEL).stat().st_size)
    with pytest.raises(BundleError, match="does not have the digest"):
        put(tmp_path / "old", store)


def test_a_file_system_without_links(
    tmp_path: Path, store: BundleStore, old: str, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(copying.os, "link", no_links)
    put(newer, store)
    whole(store)
