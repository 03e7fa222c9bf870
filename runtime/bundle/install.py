"""Installs a bundle beside the ones that are there, tests it, and switches to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.bundle.contents import check_unlisted
from runtime.bundle.copying import Copy, Listed
from runtime.bundle.files import write_durably
from runtime.bundle.installed import Installed, write_installed
from runtime.bundle.layout import SIGNATURE
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import Head, SignatureCheck, open_bundle, read_head
from runtime.bundle.self_test import Check, run_apart
from runtime.bundle.shipped import shipped_bundle
from runtime.bundle.store import BundleStore
from runtime.errors import BundleError

KEPT = 3
"""Installed bundles that stay, the one in use and the one before included."""

SelfTest = Callable[[Path], list[Check]]
"""Tests the bundle in a folder; raises `SelfTestError`."""


@dataclass(frozen=True)
class Installation:
    """What an installation did.

    Attributes:
        folder: of the bundle, now in use.
        digest: its digest.
        manifest: its manifest.
        signed_by: id of the key that signed it, or None.
        previous: digest of the bundle that `rollback` goes to; None for the shipped one.
        copied_bytes: what was written.
        reused: files that installed bundles had already, by name.
        checks: of the self-test; none where the bundle has no stored vectors.
        removed: digests of the bundles that were given up.
    """

    folder: Path
    digest: str
    manifest: Manifest
    signed_by: str | None
    previous: str | None
    copied_bytes: int
    reused: tuple[str, ...]
    checks: tuple[Check, ...]
    removed: tuple[str, ...]


def install_bundle(
    source: Path,
    store: BundleStore,
    trust: SignatureCheck,
    *,
    self_test: SelfTest = run_apart,
    allow_downgrade: bool = False,
    keep: int = KEPT,
) -> Installation:
    """Verify, copy beside the old, self-test, switch.

    A file whose digest an installed bundle has is linked to it, not copied; it need not even be in
    ``source``, so a folder with the changed files alone is enough.

    Args:
        source: the bundle's folder; only read.
        store: where it is installed.
        trust: whose signature it needs.
        self_test: run on the copy before it is used.
        allow_downgrade: whether it may be older than the bundle in use.
        keep: installed bundles that stay, two at least.

    Raises:
        BundleError: the bundle is damaged, unsafe or older, or another installation is running.
        SignatureError: ``trust`` refuses it.
        SelfTestError: it does not compute here what its maker stored.
        StorageError: the disk is full or cannot be written. Whatever is raised, a whole bundle is
            in use: the old one, unless the very last write failed.
    """
    with store.changing() as installed:
        head = read_head(source, trust)
        check_unlisted(source, head.manifest)
        if not allow_downgrade:
            _refuse_downgrade(source, head.manifest, _manifest_in_use(store, installed))
        known = head.digest in installed.bundles and store.is_whole(head.digest)
        copy = Copy(source, store.staging, _files_at_hand(store, installed))
        if known:
            copy.check(head)
            checks = self_test(store.place(head.digest))
            _keep_signature(store.place(head.digest), head)
        else:
            copy.fill(head)
            open_bundle(store.staging, trust)
            checks = self_test(store.staging)
            store.admit(head.digest)
        after = installed.adding(head.digest, keep)
        write_installed(store.folder, after)
        removed = store.clear(after)
    return Installation(
        folder=store.place(head.digest),
        digest=head.digest,
        manifest=head.manifest,
        signed_by=head.signed_by,
        previous=after.previous,
        copied_bytes=copy.copied_bytes,
        reused=tuple(copy.reused),
        checks=tuple(checks),
        removed=tuple(removed),
    )


def _keep_signature(folder: Path, head: Head) -> None:
    """A bundle may have been installed before it was signed, or be signed by another key now."""
    if head.signature not in (None, read_head(folder).signature):
        write_durably(folder / SIGNATURE, head.signature)


def _manifest_in_use(store: BundleStore, installed: Installed) -> Manifest | None:
    """None where it is damaged: then nothing may stand in the way of a whole one."""
    current = installed.current
    try:
        return read_head(shipped_bundle() if current is None else store.place(current)).manifest
    except BundleError:
        return None


def _files_at_hand(store: BundleStore, installed: Installed) -> dict[str, Listed]:
    """Files of installed bundles by digest; their bytes are not looked at."""
    found: dict[str, Listed] = {}
    for digest in installed.bundles:
        place = store.place(digest)
        try:
            files = read_head(place).manifest.files
        except BundleError:
            continue
        found.update({entry.sha256: Listed(place, name) for name, entry in files.items()})
    return found


def _refuse_downgrade(source: Path, new: Manifest, current: Manifest | None) -> None:
    if current is not None and age_order(new) < age_order(current):
        raise BundleError(
            f"the bundle in {source} is older than the one in use",
            why=f"it is {_described(new)}, in use is {_described(current)}",
            fix="go back with `sgmn bundle rollback`, or give --allow-downgrade",
        )


def age_order(manifest: Manifest) -> tuple[tuple[int, ...], str]:
    """What is smaller for an older bundle: the numbers of its version, then when it was made."""
    leading = re.match(r"\d+(\.\d+)*", manifest.version)
    numbers = [int(part) for part in leading[0].split(".")] if leading else []
    while numbers and not numbers[-1]:  # 1.0 is 1
        numbers.pop()
    return tuple(numbers), manifest.created_at or ""


def _described(manifest: Manifest) -> str:
    return f"version {manifest.version} of {manifest.created_at or 'an unknown day'}"
