"""Names of blocks."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

from export.onnx_files import write_onnx
from export.precision.blocks import Block, blocks, names_of
from export.precision.graph import load, weighted
from export.submodules import parts
from models.config import LITE, NetworkConfig
from models.sgmn import Sgmn
from runtime.bundle.manifest import SUBMODULES
from tests.export.conftest import Exported
from tests.models.small_clip import SMALL, shrink_b32


def _blocks(config: NetworkConfig, submodule: str, folder: Path) -> tuple[Block, ...]:
    torch.manual_seed(0)
    part = next(part for part in parts(Sgmn(config).eval()) if part.name == submodule)
    return blocks(write_onnx(part, folder))


@pytest.mark.parametrize("name", SUBMODULES)
def test_every_node_is_in_one_block(exported: Exported, name: str) -> None:
    file = exported.bundle / "onnx" / f"{name}.fp32.onnx"
    found = blocks(file)
    names = [node for block in found for node in block.nodes]
    model = load(file)
    assert sorted(names) == sorted(n.name for n in model.graph.node if n.op_type != "Constant")
    assert len({block.name for block in found}) == len(found)
    assert sum(block.weighted for block in found) == len(weighted(model))


def test_a_small_network_has_the_blocks_of_its_modules(exported: Exported) -> None:
    folder = exported.bundle / "onnx"
    frame = blocks(folder / "frame_encoder.fp32.onnx")
    assert [block.name for block in frame] == ["input", "trunk", "rest", "head"]
    assert [block.weighted for block in frame] == [0, 2, 0, 1]
    query = {block.name for block in blocks(folder / "query_head.fp32.onnx") if block.weighted}
    assert query == {"attention", "linear", "temporal", "words", "node"}


def test_shared_weights_are_seen_through_and_counted_once(exported: Exported) -> None:
    """The exporter puts Identity between equal weights and their users."""
    file = exported.bundle / "onnx" / "query_head.fp32.onnx"
    assert any(node.op_type == "Identity" for node in onnx.load(str(file)).graph.node)
    assert not any(node.op_type == "Identity" for node in load(file).graph.node)


def test_a_module_that_runs_twice_is_one_block(tmp_path: Path) -> None:
    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = torch.nn.Module()
            self.trunk.blocks = torch.nn.ModuleList([torch.nn.Conv2d(3, 3, 1) for _ in range(2)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(2):
                for block in self.trunk.blocks:  # type: ignore[union-attr]
                    x = block(x)
            return x

    from export.submodules import Part, Port

    ports = (Port("x", "float32", (1, 3, 4, 4)),), (Port("y", "float32", (1, 3, 4, 4)),)
    found = blocks(write_onnx(Part("twice", Twice(), *ports), tmp_path))
    assert [(b.name, b.weighted, b.parameters) for b in found] == [
        ("blocks.0", 2, 9),
        ("blocks.1", 2, 9),
    ]


def test_vision_transformers_have_a_block_for_each_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink_b32(monkeypatch)
    names = [block.name for block in _blocks(SMALL, "frame_encoder", tmp_path)]
    assert {"conv1", "ln_pre", "resblocks.0", "resblocks.1", "ln_post"} <= set(names)
    assert "transformer" not in names


@pytest.mark.slow
def test_lite_has_a_block_for_each_bottleneck_and_layer(tmp_path: Path) -> None:
    found = [block.name for block in _blocks(LITE, "frame_encoder", tmp_path)]
    trunk = ["stem", *(f"blocks.{i}" for i in range(16)), "head"]
    assert found == ["input", *trunk, "rest"]
    words = [block.name for block in _blocks(LITE, "text_encoder", tmp_path) if block.weighted]
    assert words == [f"layers.{i}" for i in range(6)]


def test_nodes_outside_modules_are_before_or_behind_them(exported: Exported) -> None:
    model = load(exported.bundle / "onnx" / "frame_encoder.fp32.onnx")
    names = names_of(model)
    order = [names[node.name] for node in model.graph.node if node.op_type != "Constant"]
    assert order.index("trunk") > order.index("input")
    assert "input" not in order[order.index("trunk") :]
