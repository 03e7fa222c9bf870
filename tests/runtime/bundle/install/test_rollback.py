"""Going back, and mending what went bad meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runtime.bundle.current import bundle_in_use
from runtime.bundle.shipped import shipped_bundle
from runtime.bundle.store import BundleStore
from runtime.errors import BundleError
from tests.runtime.bundle.install.conftest import MODEL, put, whole
from tests.runtime.bundle.signing import signed_bundle


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


def test_rollback_to_damage_is_refused(tmp_path: Path, store: BundleStore, old: str) -> None:
    new = put(signed_bundle(tmp_path / "new", "new"), store).digest
    (store.place(old) / MODEL).write_bytes(b"damaged")
    with pytest.raises(BundleError, match="damaged"):
        store.roll_back()
    assert store.installed().current == new


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
