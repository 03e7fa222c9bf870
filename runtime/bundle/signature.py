"""``manifest.sig``: an Ed25519 signature over the exact bytes of ``manifest.json``.

One line: ``ed25519 KEY SIGNATURE``, both in hex; KEY is the SHA-256 of the raw public key. The
manifest names every other file by digest, so the signature covers them all. It is checked before
the manifest is parsed. Source: RFC 8032.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from runtime.bundle.contents import check_files
from runtime.bundle.files import write_durably
from runtime.bundle.keys import PrivateKey, PublicKey
from runtime.bundle.layout import SIGNATURE
from runtime.bundle.reader import read_head
from runtime.errors import SignatureError
from runtime.home import keys_folder

_LINE = re.compile(rb"ed25519 ([0-9a-f]{64}) ([0-9a-f]{128})\n")


@dataclass(frozen=True)
class Signature:
    """What a signature file says.

    Attributes:
        key_id: of the key that is said to have signed.
        value: 64 bytes.
    """

    key_id: str
    value: bytes

    def line(self) -> bytes:
        """The file's bytes."""
        return f"ed25519 {self.key_id} {self.value.hex()}\n".encode("ascii")


def read_signature(folder: Path, line: bytes) -> Signature:
    """Take a signature file's bytes apart.

    Raises:
        SignatureError: they are not one line of the known form.
    """
    found = _LINE.fullmatch(line)
    if found is None:
        raise SignatureError(
            f"the signature of the bundle in {folder} cannot be read",
            why=f"{SIGNATURE} is damaged or of an unknown kind",
            fix="get the bundle from its maker again",
        )
    return Signature(found[1].decode("ascii"), bytes.fromhex(found[2].decode("ascii")))


@dataclass(frozen=True)
class Trust:
    """Whose signatures count, and whether there must be one.

    A signature that is there must be right even where none is required.

    Attributes:
        keys: those that count.
        required: whether a bundle without a signature is refused.
    """

    keys: tuple[PublicKey, ...]
    required: bool = True

    def check(self, folder: Path, manifest: bytes, line: bytes | None) -> str | None:
        """The id of the trusted key that signed these bytes; None without a signature.

        Args:
            folder: the bundle, for messages.
            manifest: the bytes of ``manifest.json``, not parsed yet.
            line: those of ``manifest.sig``, or None where there is none.

        Raises:
            SignatureError: there is none though one is required, it is by another key, or over
                other bytes.
        """
        if line is None:
            if self.required:
                raise _unsigned(folder)
            return None
        signature = read_signature(folder, line)
        key = next((k for k in self.keys if k.id == signature.key_id), None)
        if key is None:
            raise _untrusted(folder, signature.key_id, len(self.keys))
        if not key.verifies(signature.value, manifest):
            raise SignatureError(
                f"the bundle in {folder} was changed after it was signed",
                why=f"its signature by key {key.id[:16]} is not over this manifest.json",
                fix="do not use this bundle; get it from its maker again",
            )
        return key.id


def sign_bundle(folder: Path, key: PrivateKey) -> Signature:
    """Verify a bundle and put a signature beside its manifest, in place of an older one.

    Raises:
        BundleError: the bundle is damaged; nothing is written.
    """
    head = read_head(folder)
    check_files(folder, head.manifest)
    signature = Signature(key.public.id, key.sign(head.data))
    write_durably(folder / SIGNATURE, signature.line())
    return signature


def _unsigned(folder: Path) -> SignatureError:
    return SignatureError(
        f"the bundle in {folder} is not signed",
        why=f"it has no {SIGNATURE}",
        fix="get a signed one from its maker; for one you made: sgmn bundle sign, or "
        "--allow-unsigned",
    )


def _untrusted(folder: Path, key_id: str, known: int) -> SignatureError:
    return SignatureError(
        f"the bundle in {folder} is signed by a key that is not trusted here",
        why=f"the key is {key_id[:16]}, and none of the {known} trusted keys",
        fix=f"if it is its maker's, copy the public key to {keys_folder()} or give it with --key",
    )
