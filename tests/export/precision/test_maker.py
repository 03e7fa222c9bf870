"""Bundles of a precision plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from calibration.commands import quantize as command
from export.precision.maker import make_bundle
from export.precision.presets import named_plan
from runtime.bundle.create import SelfTestSource, create_bundle
from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError, StorageError
from runtime.network import Network
from tests.export.conftest import Exported


@pytest.fixture(scope="module")
def profile(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("profile") / "int8"
    make_bundle(exported.bundle, named_plan("int8", "tiny"), exported.samples, out)
    return out


def test_the_profile_is_a_bundle_that_answers_alike(exported: Exported, profile: Path) -> None:
    manifest = open_bundle(profile).manifest
    assert manifest.precision == "int8-cpu"
    assert {n: part.precision for n, part in manifest.submodules.items()} == {
        "frame_encoder": "int8",
        "text_encoder": "int8",
        "query_head": "fp16",
        "item_head": "fp16",
        "reranker": "fp16",
    }
    note = manifest.provenance["precision"]
    assert note["plan"] == named_plan("int8", "tiny").as_dict()
    assert note["samples"]["pictures"] == len(exported.samples.pictures)
    assert note["source"] == open_bundle(exported.bundle).digest
    assert manifest.provenance["training"] == {"seed": 7}
    assert all(one["cosine"] > 0.98 for found in manifest.parity.values() for one in found)
    said = exported.samples.texts[0]
    with Network.open(exported.bundle) as exact, Network.open(profile) as small:
        full, less = (n.encode_texts([said]).pooled[0] for n in (exact, small))
    assert float(full @ less) > 0.99
    assert [p.name for p in profile.parent.iterdir()] == ["int8"]


def _arguments(exported: Exported, out: Path, feed: Path | None = None) -> list[str]:
    return [str(exported.bundle), "--feed", str(feed or exported.feed), "--out", str(out)]


def test_the_command_reports_cosines(exported: Exported, tmp_path: Path) -> None:
    out = tmp_path / "int8"
    photos = ["--pictures", str(exported.root / "dev" / "images" / "train"), "--count", "6"]
    arguments = [*_arguments(exported, out), *photos, "--json"]
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False)
    said = json.loads(answer.stdout)
    assert said["bundle"] == str(out)
    sizes = [p.stat().st_size for p in (*out.glob("onnx/*"), out / "tokenizer.json")]
    assert said["size_bytes"] == sum(sizes)
    assert sum(len(outputs) for outputs in said["parity"].values()) == 11
    drawn = open_bundle(out).manifest.provenance["precision"]["samples"]
    assert drawn["pictures"] + drawn["shop_images"] == 6


def test_an_existing_folder_and_a_damaged_bundle_are_refused(
    exported: Exported, tmp_path: Path
) -> None:
    plan = named_plan("int8", "tiny")
    with pytest.raises(StorageError, match="exists already"):
        make_bundle(exported.bundle, plan, exported.samples, tmp_path)
    with pytest.raises(BundleError):
        make_bundle(tmp_path, plan, exported.samples, tmp_path / "int8")
    assert list(tmp_path.iterdir()) == []


def test_what_was_stored_of_the_source_does_not_come_along(
    exported: Exported, tmp_path: Path
) -> None:
    """A self-test holds the outputs of the network that was, a date says when that was made."""
    test = SelfTestSource(exported.feed)
    source = tmp_path / "source"
    assert create_bundle(exported.bundle, source, created_s=0, self_test=test).self_test
    plan = named_plan("int8", "tiny")
    made = make_bundle(source, plan, exported.samples, tmp_path / "int8")
    assert (made.self_test, made.created_at) == (None, None)
    assert "self_test.npz" not in made.files
