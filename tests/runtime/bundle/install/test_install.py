"""What is installed, from whom, and what it replaces."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from runtime.bundle import copying, install
from runtime.bundle.current import bundle_in_use
from runtime.bundle.install import install_bundle
from runtime.bundle.reader import open_bundle
from runtime.bundle.self_test import Check
from runtime.bundle.shipped import shipped_bundle
from runtime.bundle.signature import Trust, sign_bundle
from runtime.bundle.store import BundleStore
from runtime.errors import BundleError, SelfTestError, SignatureError
from tests.runtime.bundle.conftest import make_bundle
from tests.runtime.bundle.install.conftest import MODEL, put, whole
from tests.runtime.bundle.signing import MAKER, TRUST, passes, signed_bundle


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


def test_the_source_may_be_a_link(tmp_path: Path, store: BundleStore) -> None:
    signed_bundle(tmp_path / "v7")
    (tmp_path / "latest").symlink_to("v7")
    put(tmp_path / "latest", store)
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


def test_the_oldest_are_removed(tmp_path: Path, store: BundleStore, old: str) -> None:
    done = [put(signed_bundle(tmp_path / f"b{n}", f"{n}"), store) for n in range(4)]
    assert [one.removed for one in done] == [(), (), (old,), (done[0].digest,)]
    assert store.installed().bundles == tuple(one.digest for one in done[1:])
    whole(store)


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


def test_the_copy_is_verified_as_a_whole(
    tmp_path: Path, store: BundleStore, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(folder: Path) -> None:
        (store.staging / MODEL).write_bytes(b"spoilt")

    source = signed_bundle(tmp_path / "new", "new")
    with monkeypatch.context() as patch:
        patch.setattr(copying, "sync", spoil)
        with pytest.raises(BundleError, match="damaged"):
            put(source, store)
    assert store.installed().current == old
    whole(store)


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
