"""A device with a bundle in use."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.bundle.install import Installation, install_bundle
from runtime.bundle.reader import open_bundle
from runtime.bundle.store import LOCK, BundleStore
from tests.runtime.bundle.signing import TRUST, passes, signed_bundle

MODEL = "onnx/reranker.fp32.onnx"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BundleStore:
    monkeypatch.setenv("SGMN_HOME", str(tmp_path / "home"))
    return BundleStore(tmp_path / "home" / "bundles")


@pytest.fixture
def old(tmp_path: Path, store: BundleStore) -> str:
    """The digest of a bundle in use."""
    return put(signed_bundle(tmp_path / "old", "old"), store).digest


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
