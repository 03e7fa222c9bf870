"""What is carried: bundles of three precisions, files shared, parts that join to one archive."""

from __future__ import annotations

import lzma
import subprocess
from pathlib import Path

import numpy as np
import pytest

from calibration.gpu_check.material import read_material, share_files, write_parts
from calibration.gpu_check.prepare import LEVELS, PERIOD, plan_name, tile_weights
from runtime.bundle.reader import open_bundle
from runtime.errors import UsageError


def test_every_precision_has_graphs_for_tensorrt(material: Path) -> None:
    encoders = {}
    for precision in ("int8", "fp16", "fp32"):
        manifest = open_bundle(material / "tiny" / precision).manifest
        assert {part.precision for part in manifest.submodules.values()} == {"fp32"}
        encoders[precision] = manifest.tensorrt["frame_encoder"].precision
    assert encoders == {"int8": "int8", "fp16": "fp16", "fp32": "fp32"}
    assert read_material(material)["presets"]["tiny"]["weights"] == "trained"


def test_files_of_one_content_lie_there_once(material: Path) -> None:
    same = [material / "tiny" / p / "tokenizer.json" for p in ("int8", "fp16", "fp32")]
    assert len({file.stat().st_ino for file in same}) == 1
    nodes = {file.stat().st_ino: file.stat().st_size for file in material.rglob("*.*")}
    about = (material / "material.json").stat().st_size
    assert sum(nodes.values()) - about == pytest.approx(
        read_material(material)["size_bytes"], rel=0.05
    )


def test_only_equal_files_are_shared(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "abc"]
    for file, text in zip(files, ("one", "two", "one"), strict=True):
        file.write_text(text)
    assert share_files([("1", files[0]), ("2", files[1]), ("1", files[2])]) == 3
    assert [file.read_text() for file in files] == ["one", "two", "one"]
    assert files[0].stat().st_ino == files[2].stat().st_ino != files[1].stat().st_ino


def test_parts_join_to_the_same_folder(material: Path, tmp_path: Path) -> None:
    parts = write_parts(material, tmp_path / "m.tar.xz", part_bytes=20_000)
    assert len(parts) > 3
    assert {part.stat().st_size for part in parts[:-1]} == {20_000}
    assert 0 < parts[-1].stat().st_size <= 20_000
    joined = tmp_path / "joined.tar"
    joined.write_bytes(lzma.decompress(b"".join(part.read_bytes() for part in parts)))
    subprocess.run(["tar", "-xf", joined, "-C", tmp_path], check=True)
    for precision in ("int8", "fp16", "fp32"):
        found = open_bundle(tmp_path / material.name / "tiny" / precision)
        assert found.digest == open_bundle(material / "tiny" / precision).digest
    once = [tmp_path / material.name / "tiny" / p / "tokenizer.json" for p in ("int8", "fp16")]
    assert len({file.stat().st_ino for file in once}) == 1


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no prepared networks"):
        read_material(tmp_path)


def test_a_transformer_is_int8_as_well() -> None:
    assert plan_name("b32", "int8") == "int8-encoders"
    assert plan_name("lite", "int8") == "int8"
    assert plan_name("b32", "fp16") == "fp16"


def test_drawn_weights_repeat_and_keep_their_spread() -> None:
    import torch

    from models.config import TINY
    from models.sgmn import Sgmn

    torch.manual_seed(0)
    network = Sgmn(TINY)
    network.large = torch.nn.Linear(200, 400)  # type: ignore[assignment]
    before = network.large.weight.detach().numpy().copy()
    small = network.large.bias.detach().numpy().copy()
    tile_weights(network)
    after = network.large.weight.detach().numpy()
    assert after.std() == pytest.approx(before.std(), rel=0.05)
    flat = after.ravel()
    np.testing.assert_array_equal(flat[PERIOD : 2 * PERIOD], flat[:PERIOD])
    assert len(np.unique(flat)) <= LEVELS
    assert np.linalg.matrix_rank(after) == 200, "no two rows may be one"
    np.testing.assert_array_equal(network.large.bias.detach().numpy(), small)
