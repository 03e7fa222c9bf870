"""Seals a folder of network files into a bundle."""

from __future__ import annotations

from pathlib import Path

from runtime.bundle.files import file_digest, write_durably
from runtime.bundle.layout import MANIFEST, MANIFEST_DIGEST, SIGNATURE, present_files, safe_path
from runtime.bundle.manifest import FileEntry, Manifest
from runtime.bundle.reader import digest_line, verify


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """List every file of the folder in the manifest, write it with its digest, and verify.

    A signature is taken away: it was over another manifest.

    Args:
        folder: holds the submodules and the tokenizer; an older manifest is replaced.
        manifest: its ``files`` are ignored and filled in.

    Returns:
        The manifest as written.

    Raises:
        BundleError: what was sealed would not open, e.g. a submodule's file is missing.
    """
    (folder / SIGNATURE).unlink(missing_ok=True)
    places = {name: safe_path(folder, name) for name in present_files(folder)}
    files = {
        name: FileEntry(sha256=file_digest(place), size_bytes=place.stat().st_size)
        for name, place in places.items()
    }
    sealed = manifest.model_copy(update={"files": files})
    write_durably(folder / MANIFEST, (sealed.model_dump_json(indent=2) + "\n").encode())
    write_durably(folder / MANIFEST_DIGEST, digest_line(file_digest(folder / MANIFEST)))
    return verify(folder)
