"""Opens a bundle: nothing of it is used before every byte of it has been verified."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runtime.bundle.files import file_digest
from runtime.bundle.layout import MANIFEST, MANIFEST_DIGEST, REINSTALL, present_files, safe_path
from runtime.bundle.manifest import SCHEMA_VERSION, SUBMODULES, FileEntry, Manifest
from runtime.errors import BundleError

MAX_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Attributes:
        folder: where it lies.
        manifest: what it says of itself.
        digest: hex SHA-256 of ``manifest.json``, which names the bundle and all its files.
    """

    folder: Path
    manifest: Manifest
    digest: str


def open_bundle(folder: Path) -> Bundle:
    """Verify a bundle: the manifest, its version, the paths it names, sizes and digests.

    Raises:
        BundleError: it is missing, damaged, unsafe, incomplete, or of another schema version.
    """
    if not folder.is_dir():
        raise BundleError(
            f"there is no bundle in {folder}",
            why="the folder does not exist",
            fix="give the folder that holds manifest.json",
        )
    data = _read_capped(folder, MANIFEST)
    digest = _check_manifest_digest(folder, data)
    manifest = _parse(folder, data)
    _check_parts(folder, manifest)
    _check_files(folder, manifest)
    return Bundle(folder, manifest, digest)


def verify(folder: Path) -> Manifest:
    """Verify a bundle and return its manifest.

    Raises:
        BundleError: as `open_bundle`.
    """
    return open_bundle(folder).manifest


def _damaged(folder: Path, why: str) -> BundleError:
    return BundleError(f"the bundle in {folder} is damaged", why=why, fix=REINSTALL)


def _read_capped(folder: Path, name: str) -> bytes:
    path = safe_path(folder, name)
    if not path.is_file():
        raise BundleError(
            f"{folder} is not a bundle",
            why=f"it has no {name}",
            fix="give the folder that holds manifest.json, or " + REINSTALL,
        )
    with path.open("rb") as source:
        data = source.read(MAX_MANIFEST_BYTES + 1)
    if len(data) > MAX_MANIFEST_BYTES:
        raise _damaged(folder, f"{name} is larger than {MAX_MANIFEST_BYTES} bytes")
    return data


def _check_manifest_digest(folder: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    # Exact bytes, so that a flipped byte in this small file is found as well.
    if _read_capped(folder, MANIFEST_DIGEST) != _digest_line(digest):
        raise _damaged(folder, f"{MANIFEST} does not have the digest in {MANIFEST_DIGEST}")
    return digest


def _digest_line(digest: str) -> bytes:
    return f"{digest}\n".encode("ascii")


def _parse(folder: Path, data: bytes) -> Manifest:
    try:
        fields: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(folder, f"{MANIFEST} is not JSON ({error})") from error
    version = fields.get("schema_version") if isinstance(fields, dict) else None
    if type(version) is not int:  # true is an int to Python
        raise _damaged(folder, f"{MANIFEST} has no schema_version, or one that is no whole number")
    # Before the model is validated: another version's manifest may have other fields.
    _check_version(folder, version)
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        why = f"{MANIFEST}: {place}: {first['msg']} ({error.error_count()} problems)"
        raise _damaged(folder, why) from error


def _check_version(folder: Path, version: int) -> None:
    if version < 1:
        raise _damaged(folder, f"{MANIFEST} has the schema_version {version}")
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
            raise _damaged(folder, f"missing or unknown submodules: {', '.join(odd)}")
    graphs = [*manifest.submodules.values(), *manifest.tensorrt.values()]
    needed = [part.file for part in graphs] + [manifest.text.tokenizer]
    for name in needed:
        safe_path(folder, name)
        if name not in manifest.files:
            raise _damaged(folder, f"{name} is used but not in the manifest's list of files")


def _check_files(folder: Path, manifest: Manifest) -> None:
    places = {name: safe_path(folder, name) for name in manifest.files}
    extra = [name for name in present_files(folder) if name not in manifest.files]
    if extra:
        raise BundleError(
            f"the bundle in {folder} holds files that its manifest does not list",
            why=", ".join(extra[:10]),
            fix="remove them, or " + REINSTALL,
        )
    for name, entry in manifest.files.items():
        _check_size(folder, name, places[name], entry)
    for name, entry in manifest.files.items():
        if file_digest(places[name]) != entry.sha256:
            raise _damaged(folder, f"{name} does not have the digest in the manifest")


def _check_size(folder: Path, name: str, place: Path, entry: FileEntry) -> None:
    if not place.is_file():
        raise _damaged(folder, f"{name} is missing")
    size = place.stat().st_size
    if size != entry.size_bytes:
        raise _damaged(folder, f"{name} has {size} bytes instead of {entry.size_bytes}")
