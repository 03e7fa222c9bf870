from __future__ import annotations

from pathlib import Path

import pytest

from runtime.bundle.files import replace_file
from runtime.bundle.reader import open_bundle
from runtime.bundle.writer import seal
from runtime.errors import BundleError, StorageError
from tests.runtime.bundle.conftest import make_manifest


def test_sealing_again_follows_the_files(bundle_folder: Path) -> None:
    before = open_bundle(bundle_folder).digest
    (bundle_folder / "tokenizer.json").write_text('{"new": 1}')
    sealed = seal(bundle_folder, make_manifest())
    after = open_bundle(bundle_folder)
    assert after.manifest == sealed
    assert after.digest != before


def test_sealing_the_same_files_gives_the_same_digest(bundle_folder: Path) -> None:
    before = open_bundle(bundle_folder).digest
    seal(bundle_folder, make_manifest())
    assert open_bundle(bundle_folder).digest == before


def test_an_incomplete_folder_cannot_be_sealed(bundle_folder: Path) -> None:
    (bundle_folder / "onnx" / "reranker.fp32.onnx").unlink()
    with pytest.raises(BundleError, match="reranker"):
        seal(bundle_folder, make_manifest())


def test_links_cannot_be_sealed(bundle_folder: Path) -> None:
    (bundle_folder / "more.bin").symlink_to("tokenizer.json")
    with pytest.raises(BundleError, match="symbolic link"):
        seal(bundle_folder, make_manifest())


def test_a_device_is_not_replaced_by_a_file() -> None:
    with pytest.raises(StorageError, match="not a plain file"):
        replace_file(Path("/dev/full"), b"data")
    assert Path("/dev/full").is_char_device()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    replace_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
