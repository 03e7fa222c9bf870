from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.bundle import contents
from runtime.bundle.layout import present_files
from runtime.bundle.manifest import MAX_FILE_BYTES, SCHEMA_VERSION, SUBMODULES, FileEntry
from runtime.bundle.reader import MAX_MANIFEST_BYTES, open_bundle, verify
from runtime.bundle.writer import seal
from runtime.errors import BundleError
from tests.runtime.bundle.conftest import bad_sector, make_manifest

MODEL = "onnx/text_encoder.fp32.onnx"
ALL_FILES = ["manifest.json", "manifest.json.sha256", "tokenizer.json"] + [
    f"onnx/{name}.fp32.onnx" for name in SUBMODULES
]


def refused(folder: Path, *words: str) -> BundleError:
    with pytest.raises(BundleError) as caught:
        open_bundle(folder)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.fix
    return caught.value


def test_a_sound_bundle_opens(bundle_folder: Path) -> None:
    bundle = open_bundle(bundle_folder)
    data = (bundle_folder / "manifest.json").read_bytes()
    assert bundle.digest == hashlib.sha256(data).hexdigest()
    assert bundle.manifest == verify(bundle_folder)
    assert set(bundle.manifest.files) == set(ALL_FILES[2:])


@pytest.mark.parametrize("name", ALL_FILES)
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_a_flipped_byte_anywhere_is_found(bundle_folder: Path, name: str, place: float) -> None:
    path = bundle_folder / name
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    path.write_bytes(data)
    refused(bundle_folder, "damaged")


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_missing_file_is_named(bundle_folder: Path, name: str) -> None:
    (bundle_folder / name).unlink()
    refused(bundle_folder, name)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_truncated_file_is_found(bundle_folder: Path, name: str) -> None:
    path = bundle_folder / name
    os.truncate(path, path.stat().st_size // 2)
    refused(bundle_folder, "damaged")


def test_a_size_is_compared_before_any_file_is_read(forge) -> None:
    folder = forge(lambda m: m["files"][MODEL].update(size_bytes=3))
    refused(folder, MODEL, "instead of 3")


def test_a_size_that_no_file_of_a_bundle_has(forge) -> None:
    refused(forge(lambda m: m["files"][MODEL].update(size_bytes=MAX_FILE_BYTES + 1)), "size_bytes")


@pytest.mark.parametrize("field", ["name", "version", "preset", "precision"])
@pytest.mark.parametrize("text", ["", "\x1b[2J", "two\nlines", "\u202egnp", "9" * 5000])
def test_labels_can_be_printed(forge, field: str, text: str) -> None:
    refused(forge(lambda m: m.update({field: text})), field, "damaged")


def test_a_missing_folder(tmp_path: Path) -> None:
    refused(tmp_path / "absent", "does not exist")


def test_an_empty_folder(tmp_path: Path) -> None:
    refused(tmp_path, "manifest.json")


def test_a_newer_schema_asks_for_an_update_even_with_unknown_fields(forge) -> None:
    newer = SCHEMA_VERSION + 1
    folder = forge(lambda m: m.update(schema_version=newer, invented=1))
    error = refused(folder, f"schema version is {newer}")
    assert "update sgmn-edge" in error.fix


def test_an_older_schema_is_refused_by_name_before_its_fields_are_read(forge) -> None:
    folder = forge(lambda m: (m.pop("decision"), m.update(schema_version=1, gone=2)))
    error = refused(folder, "older version of this program", "schema version is 1", "reads 2")
    assert "damaged" not in str(error)
    assert "sgmn export" in error.fix


@pytest.mark.parametrize("version", [0, -1, "1", None, 1.5])
def test_a_senseless_schema_version_is_damage(forge, version: object) -> None:
    refused(forge(lambda m: m.update(schema_version=version)), "schema_version")


def test_an_unknown_field_is_named(forge) -> None:
    refused(forge(lambda m: m.update(invented=1)), "invented")


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "onnx/../../secret", "a\\b", "./tokenizer.json", "a//b", "", "."],
)
def test_unsafe_paths_are_refused(forge, name: str) -> None:
    entry = {"sha256": "0" * 64, "size_bytes": 0}
    refused(forge(lambda m: m["files"].update({name: entry})), "unsafe path", repr(name))


def test_an_unsafe_submodule_path_is_refused(forge) -> None:
    refused(forge(lambda m: m["submodules"]["reranker"].update(file="../x.onnx")), "unsafe path")


def test_an_unsafe_tokenizer_path_is_refused(forge) -> None:
    refused(forge(lambda m: m["text"].update(tokenizer="/tmp/t.json")), "unsafe path")


def test_a_used_file_must_be_listed(forge) -> None:
    refused(forge(lambda m: m["files"].pop(MODEL)), MODEL, "list of files")


def test_a_missing_submodule_is_named(forge) -> None:
    refused(forge(lambda m: m["submodules"].pop("reranker")), "reranker")


def test_an_unknown_submodule_is_named(forge) -> None:
    refused(forge(lambda m: m["submodules"].update(extra=m["submodules"]["reranker"])), "extra")


def test_a_link_to_a_file_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "outside.onnx"
    (bundle_folder / MODEL).rename(target)
    (bundle_folder / MODEL).symlink_to(target)
    refused(bundle_folder, MODEL, "symbolic link")


def test_a_link_to_a_folder_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    (bundle_folder / "onnx").rename(tmp_path / "outside")
    (bundle_folder / "onnx").symlink_to(tmp_path / "outside")
    refused(bundle_folder, "symbolic link")


def test_a_linked_manifest_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    (bundle_folder / "manifest.json").rename(tmp_path / "m.json")
    (bundle_folder / "manifest.json").symlink_to(tmp_path / "m.json")
    refused(bundle_folder, "symbolic link")


def test_a_folder_in_place_of_a_file_is_refused(bundle_folder: Path) -> None:
    (bundle_folder / MODEL).unlink()
    (bundle_folder / MODEL).mkdir()
    refused(bundle_folder, MODEL, "not a plain file")


def test_an_unlisted_file_is_refused(bundle_folder: Path) -> None:
    (bundle_folder / "onnx" / "extra.bin").write_bytes(b"")
    refused(bundle_folder, "onnx/extra.bin", "does not list")


@pytest.fixture
def usual_recursion() -> Iterator[int]:
    """How deep Python recurses by itself; other libraries may have raised it."""
    raised = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield 1000
    sys.setrecursionlimit(raised)


def test_folders_nested_deeper_than_python_recurses(
    bundle_folder: Path, usual_recursion: int
) -> None:
    nested = [bundle_folder / "d"]
    while len(nested) <= usual_recursion:
        nested.append(nested[-1] / "d")
    for place in nested:
        place.mkdir()
    (nested[-1] / "deep.bin").write_bytes(b"")
    refused(bundle_folder, "deep.bin", "does not list")
    (nested[-1] / "deep.bin").unlink()
    for place in reversed(nested):  # recursion would not remove them either
        place.rmdir()


def test_what_a_name_holds_does_not_reach_the_message(bundle_folder: Path) -> None:
    (bundle_folder / "x\x1b[2J\nall is well").write_bytes(b"")
    refused(bundle_folder, r"x\x1b[2J\nall is well")


def test_a_file_that_cannot_be_read(bundle_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a stick that is failing, or was pulled out."""
    bad_sector(monkeypatch, bundle_folder / MODEL)
    refused(bundle_folder, f"{MODEL}: {os.strerror(errno.EIO)}")


def test_a_pipe_that_takes_the_place_of_a_file(
    bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its size was looked at; opening it must not wait for a writer."""

    def swap(place: Path) -> None:
        place.unlink()
        os.mkfifo(place)

    after_sizes(monkeypatch, swap)
    refused(bundle_folder, "not a plain file")


@pytest.mark.parametrize("change", [1, -1])
def test_a_file_that_grows_or_shrinks_after_its_size_was_looked_at(
    bundle_folder: Path, monkeypatch: pytest.MonkeyPatch, change: int
) -> None:
    """What is more must count even where it begins a block of its own."""
    size = (bundle_folder / MODEL).stat().st_size
    monkeypatch.setattr(contents, "BLOCK_BYTES", size)
    after_sizes(monkeypatch, lambda place: os.truncate(place, place.stat().st_size + change))
    refused(bundle_folder, "does not have")


def after_sizes(patch: pytest.MonkeyPatch, change: Callable[[Path], object]) -> None:
    """Someone changes one file of a bundle when only its size has been looked at."""
    real = contents.check_size

    def swapped(folder: Path, name: str, entry: FileEntry) -> None:
        real(folder, name, entry)
        if name == MODEL:
            change(folder / name)

    patch.setattr(contents, "check_size", swapped)


def test_an_unlisted_link_to_a_folder_is_refused(bundle_folder: Path) -> None:
    (bundle_folder / "more").symlink_to("/")
    refused(bundle_folder, "more", "does not list")


@pytest.mark.parametrize("text", ["[", "[1]", "null", "[" * 100_000, '{"schema_version": 2}'])
def test_a_manifest_that_is_none(bundle_folder: Path, text: str) -> None:
    path = bundle_folder / "manifest.json"
    path.write_text(text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (bundle_folder / "manifest.json.sha256").write_text(digest + "\n")
    refused(bundle_folder, "damaged")


def test_a_huge_manifest_is_not_read(bundle_folder: Path) -> None:
    (bundle_folder / "manifest.json").write_bytes(b" " * (MAX_MANIFEST_BYTES + 1))
    refused(bundle_folder, "larger than")


def test_present_files_leaves_the_manifest_out(bundle_folder: Path) -> None:
    assert present_files(bundle_folder) == sorted(ALL_FILES[2:])


@pytest.mark.parametrize("version", [None, "1", 1.0, True])
def test_a_manifest_without_a_schema_version_is_refused(forge, version: object) -> None:
    refused(forge(lambda fields: fields.update(schema_version=version)), "schema_version")


@pytest.mark.parametrize("name", ["onnx/TEXT_encoder.fp32.onnx", "Onnx/text_encoder.fp32.onnx"])
def test_names_that_differ_only_in_case_are_refused(bundle_folder: Path, name: str) -> None:
    """Both files are there, whole and listed, on this file system."""
    (bundle_folder / name).parent.mkdir(exist_ok=True)
    (bundle_folder / name).write_bytes((bundle_folder / MODEL).read_bytes())
    with pytest.raises(BundleError, match="lists a name twice"):
        seal(bundle_folder, make_manifest())


@pytest.mark.parametrize("name", ["manifest.sig", "manifest.json", "MANIFEST.SIG"])
def test_files_that_vouch_for_others_cannot_be_listed(forge, name: str) -> None:
    refused(forge(lambda m: m["files"].update({name: m["files"][MODEL]})), "lists a name twice")


def test_a_folder_that_cannot_be_listed(
    bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(path: object) -> object:
        if str(path).endswith("onnx"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", scandir)
    refused(bundle_folder, "Permission denied")


def test_a_self_test_must_cover_every_submodule(forge) -> None:
    tolerance = {"reranker": 0.1}
    section = {"file": "tokenizer.json", "tolerance": tolerance}
    refused(forge(lambda m: m.update(self_test=section)), "self-test lacks", "text_encoder")


def test_a_self_test_must_be_listed(forge) -> None:
    section = {"file": "self_test.npz", "tolerance": dict.fromkeys(SUBMODULES, 0.1)}
    refused(forge(lambda m: m.update(self_test=section)), "self_test.npz is used but not")


def test_graphs_for_tensorrt_must_be_all_five(forge) -> None:
    refused(
        forge(lambda m: m.update(tensorrt={"reranker": m["submodules"]["reranker"]})),
        "missing or unknown submodules",
    )
