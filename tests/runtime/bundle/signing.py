"""Keys that are the same in every run, and bundles signed with them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.bundle.keys import PrivateKey
from runtime.bundle.self_test import Check
from runtime.bundle.signature import Signature, Trust, sign_bundle
from tests.runtime.bundle.conftest import make_bundle


def made_up_key(number: int) -> PrivateKey:
    return PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


MAKER, STRANGER = made_up_key(1), made_up_key(2)
TRUST = Trust((MAKER.public,))


def signed_bundle(folder: Path, salt: str = "", **changes: Any) -> Path:
    """A bundle that the maker signed."""
    make_bundle(folder, salt, **changes)
    sign_bundle(folder, MAKER)
    return folder


def put_manifest(folder: Path, data: bytes, key: PrivateKey = MAKER) -> None:
    """Replace the manifest by any bytes, with the digest and signature that fit."""
    (folder / "manifest.json").write_bytes(data)
    (folder / "manifest.json.sha256").write_text(hashlib.sha256(data).hexdigest() + "\n")
    line = Signature(key.public.id, key.sign(data)).line()
    (folder / "manifest.sig").write_bytes(line)


def fields_of(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


def passes(folder: Path) -> list[Check]:
    """Stands in for the self-test: these bundles hold nothing that an engine could load."""
    return []
