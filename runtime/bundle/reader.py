"""Opens a bundle: nothing of it is used before every byte of it has been verified."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from runtime.bundle.contents import check_files
from runtime.bundle.files import open_plain
from runtime.bundle.layout import (
    MANIFEST,
    MANIFEST_DIGEST,
    REINSTALL,
    SIGNATURE,
    check_distinct,
    damaged,
    safe_path,
    unreadable,
)
from runtime.bundle.manifest import SCHEMA_VERSION, SUBMODULES, Manifest
from runtime.errors import BundleError

MAX_MANIFEST_BYTES = 1 << 20
MAX_SIGNATURE_BYTES = 1 << 10


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Attributes:
        folder: where it lies.
        manifest: what it says of itself.
        digest: hex SHA-256 of ``manifest.json``, which names the bundle and all its files.
        signed_by: id of the trusted key that signed it; None where there is no signature or nobody
            asked for one.
    """

    folder: Path
    manifest: Manifest
    digest: str
    signed_by: str | None = None


@dataclass(frozen=True)
class Head:
    """A manifest that was verified; of the files that it names, only the names were.

    Attributes:
        data: the bytes of ``manifest.json``.
        signature: those of ``manifest.sig``, or None.
        manifest: what the manifest says.
        digest: hex SHA-256 of ``data``.
        signed_by: as in `Bundle`.
    """

    data: bytes
    signature: bytes | None
    manifest: Manifest
    digest: str
    signed_by: str | None


class SignatureCheck(Protocol):
    """Who may have made a bundle; see `runtime.bundle.signature.Trust`."""

    def check(self, folder: Path, manifest: bytes, line: bytes | None) -> str | None:
        """The id of the key that signed, or None; raises `SignatureError`."""


def open_bundle(folder: Path, trust: SignatureCheck | None = None) -> Bundle:
    """Verify a bundle: signature, manifest, its version, the paths it names, sizes and digests.

    Args:
        folder: where it lies.
        trust: checks the signature before the manifest is parsed; None asks for no signature.

    Raises:
        BundleError: it is missing, damaged, unsafe, incomplete, or of another schema version.
        SignatureError: ``trust`` refuses its signature.
    """
    head = read_head(folder, trust)
    check_files(folder, head.manifest)
    return Bundle(folder, head.manifest, head.digest, head.signed_by)


def read_head(folder: Path, trust: SignatureCheck | None = None) -> Head:
    """The manifest, verified as far as it goes without the other files; as `open_bundle`."""
    if not os.path.isdir(folder):
        raise BundleError(
            f"there is no bundle in {folder}",
            why="the folder does not exist, or may not be read",
            fix="give the folder that holds manifest.json",
        )
    data = _read_needed(folder, MANIFEST, MAX_MANIFEST_BYTES)
    signature = _read(folder, SIGNATURE, MAX_SIGNATURE_BYTES)
    signed_by = trust.check(folder, data, signature) if trust is not None else None
    digest = _check_manifest_digest(folder, data)
    manifest = _parse(folder, data)
    _check_parts(folder, manifest)
    check_distinct(folder, manifest.files)
    for name in manifest.files:
        safe_path(folder, name)
    return Head(data, signature, manifest, digest, signed_by)


def verify(folder: Path) -> Manifest:
    """Verify a bundle and return its manifest.

    Raises:
        BundleError: as `open_bundle`.
    """
    return open_bundle(folder).manifest


def _read(folder: Path, name: str, limit: int) -> bytes | None:
    """A file that vouches for others; None where there is none."""
    try:
        with open_plain(safe_path(folder, name)) as source:
            data = source.read(limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(folder, name, error) from error
    if len(data) > limit:
        raise damaged(folder, f"{name} is larger than {limit} bytes")
    return data


def _read_needed(folder: Path, name: str, limit: int) -> bytes:
    data = _read(folder, name, limit)
    if data is None:
        raise BundleError(
            f"{folder} is not a bundle",
            why=f"it has no {name}",
            fix="give the folder that holds manifest.json, or " + REINSTALL,
        )
    return data


def _check_manifest_digest(folder: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    # Exact bytes, so that a flipped byte in this small file is found as well.
    if _read_needed(folder, MANIFEST_DIGEST, MAX_SIGNATURE_BYTES) != digest_line(digest):
        raise damaged(folder, f"{MANIFEST} does not have the digest in {MANIFEST_DIGEST}")
    return digest


def digest_line(digest: str) -> bytes:
    """The bytes of ``manifest.json.sha256``."""
    return f"{digest}\n".encode("ascii")


def _parse(folder: Path, data: bytes) -> Manifest:
    try:
        fields: Any = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise damaged(folder, f"{MANIFEST} is not JSON ({error})") from error
    version = fields.get("schema_version") if isinstance(fields, dict) else None
    if type(version) is not int:  # true is an int to Python
        raise damaged(folder, f"{MANIFEST} has no schema_version, or one that is no whole number")
    # Before the model is validated: another version's manifest may have other fields.
    _check_version(folder, version)
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        why = f"{MANIFEST}: {place}: {first['msg']} ({error.error_count()} problems)"
        raise damaged(folder, why) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may each take another one of two equal keys."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return fields


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def _check_version(folder: Path, version: int) -> None:
    if version < 1:
        raise damaged(folder, f"{MANIFEST} has the schema_version {version}")
    if version > SCHEMA_VERSION:
        raise BundleError(
            f"the bundle in {folder} is newer than this program",
            why=f"its schema version is {version}, this program reads {SCHEMA_VERSION}",
            fix="update sgmn-edge: pip install --upgrade sgmn-edge",
        )
    if version < SCHEMA_VERSION:
        raise BundleError(
            f"the bundle in {folder} was made for an older version of this program",
            why=f"its schema version is {version}, this program reads {SCHEMA_VERSION}",
            fix="export the checkpoint again (sgmn export), or use the program that wrote it",
        )


def _check_parts(folder: Path, manifest: Manifest) -> None:
    for parts in (manifest.submodules, manifest.tensorrt):
        odd = sorted(set(SUBMODULES) ^ set(parts))
        if odd and (parts or parts is manifest.submodules):
            raise damaged(folder, f"missing or unknown submodules: {', '.join(odd)}")
    graphs = [*manifest.submodules.values(), *manifest.tensorrt.values()]
    needed = [part.file for part in graphs] + [manifest.text.tokenizer]
    if manifest.self_test is not None:
        needed.append(manifest.self_test.file)
        odd = sorted(set(SUBMODULES) ^ set(manifest.self_test.tolerance))
        if odd:
            raise damaged(folder, f"the self-test lacks or invents: {', '.join(odd)}")
    for name in needed:
        safe_path(folder, name)
        if name not in manifest.files:
            raise damaged(folder, f"{name} is used but not in the manifest's list of files")
