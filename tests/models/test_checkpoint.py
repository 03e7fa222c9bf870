"""Checkpoints: exact, and refused when they are anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.config import B32, LITE, TINY, config_from
from models.sgmn import Sgmn, load_checkpoint, save_checkpoint
from runtime.errors import ExportError
from tests.conftest import REPOSITORY
from tests.models.tiny_network import query_inputs, stirred_network

NOTES = {"seed": 7, "data": ["abc"]}
Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def network() -> Sgmn:
    return stirred_network()


@pytest.fixture
def checkpoint(network: Sgmn, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, network, NOTES)
    return path


def _parts(path: Path) -> tuple[Tensors, dict[str, str]]:
    with safe_open(str(path), "pt") as file:
        return {k: file.get_tensor(k) for k in file.keys()}, file.metadata()  # noqa: SIM118


def test_a_round_trip_changes_no_bit(network: Sgmn, checkpoint: Path) -> None:
    loaded, notes = load_checkpoint(checkpoint)
    assert notes == NOTES
    assert loaded.config == TINY
    assert not loaded.training
    before, after = network.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    with torch.inference_mode():
        inputs = query_inputs(TINY)
        for ours, theirs in zip(
            network.query_head(**inputs), loaded.query_head(**inputs), strict=True
        ):
            assert torch.equal(ours, theirs)


def test_shared_parts_are_stored_once_and_shared_again(checkpoint: Path) -> None:
    tensors, _ = _parts(checkpoint)
    assert not [name for name in tensors if name.startswith("item_head.shared.")]
    loaded, _ = load_checkpoint(checkpoint)
    assert loaded.query_head.shared is loaded.item_head.shared


def test_nothing_but_the_checkpoint_is_left(checkpoint: Path) -> None:
    assert [p.name for p in checkpoint.parent.iterdir()] == [checkpoint.name]


def _without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {k: v for k, v in tensors.items() if k != name}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_without("reranker.evidence.2.weight"), "missing: reranker.evidence.2.weight"),
        (_without("query_head.shared.words.weight"), "missing: item_head.shared.words.weight"),
        (lambda t: {**t, "extra": torch.zeros(1)}, "superfluous: extra"),
        (
            lambda t: {**t, "query_head.text_weight": torch.zeros(2)},
            "of another shape: query_head.text_weight",
        ),
    ],
    ids=["missing", "missing shared", "superfluous", "reshaped"],
)
def test_other_tensors_are_refused(
    checkpoint: Path, change: Callable[[Tensors], Tensors], named: str
) -> None:
    tensors, header = _parts(checkpoint)
    save_file(change(tensors), checkpoint, header)
    with pytest.raises(ExportError, match="does not hold the network") as caught:
        load_checkpoint(checkpoint)
    assert caught.value.why.startswith(named)
    assert caught.value.fix


def test_all_that_is_wrong_is_told_in_short(checkpoint: Path) -> None:
    tensors, header = _parts(checkpoint)
    names = sorted(tensors)
    odd = {f"odd{i}": torch.zeros(1) for i in range(5)}
    save_file({**{n: tensors[n] for n in names[1:]}, **odd}, checkpoint, header)
    with pytest.raises(ExportError) as caught:
        load_checkpoint(checkpoint)
    assert caught.value.why == f"missing: {names[0]}; superfluous: odd0, odd1, odd2 and 2 more"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t.index_fill(0, torch.tensor([0]), float("nan")),
        lambda t: t.index_fill(0, torch.tensor([0]), float("inf")),
        lambda t: t.half(),
        lambda t: t.double(),
        lambda t: t.to(torch.int32),
    ],
    ids=["NaN", "infinite", "half", "double", "whole numbers"],
)
def test_numbers_that_are_no_weights_are_refused(
    checkpoint: Path, spoil: Callable[[Tensor], Tensor]
) -> None:
    name = "query_head.shared.words.weight"
    tensors, header = _parts(checkpoint)
    save_file({**tensors, name: spoil(tensors[name])}, checkpoint, header)
    with pytest.raises(ExportError, match="no network computes with") as caught:
        load_checkpoint(checkpoint)
    assert name in caught.value.why
    assert caught.value.fix


def _config(**changes: Any) -> str:
    return json.dumps({**TINY.as_dict(), **changes})


@pytest.mark.parametrize(
    "header",
    [
        {"config": json.dumps(LITE.as_dict())},
        {"config": _config(preset="b16")},
        {"config": _config(visual_size=64)},
        {"config": _config(visual_size="64")},
        {"config": _config(colour="red")},
        {"config": _config(heads=0)},
        {"config": _config(heads=5)},
        {"config": _config(visual_size=-1)},
        {"config": _config(reranker="none")},
        {"config": _config(text_size=10**9, cls_size=10**9)},
        {"notes": "[]"},
        {"config": json.dumps({"preset": "tiny"})},
        {"config": "[]"},
        {"config": "7"},
        {"config": "{"},
        {"config": None},
        {"notes": "{"},
        {"notes": None},
        {"format": None},
        {"format": "sgmn-edge-99"},
    ],
    ids=str,
)
def test_another_header_is_refused(checkpoint: Path, header: dict[str, str | None]) -> None:
    tensors, good = _parts(checkpoint)
    changed = {k: v for k, v in {**good, **header}.items() if v is not None}
    save_file(tensors, checkpoint, changed)
    with pytest.raises(ExportError) as caught:
        load_checkpoint(checkpoint)
    assert caught.value.why
    assert caught.value.fix


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    pickle = tmp_path / "network.safetensors"
    pickle.write_bytes(f"cos\nsystem\n(S'touch {proof}'\ntR.".encode())
    with pytest.raises(ExportError, match="cannot read the checkpoint"):
        load_checkpoint(pickle)
    assert not proof.exists()


def test_what_torch_save_writes_is_refused_and_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "proof",))

    renamed = tmp_path / "network.safetensors"
    for new in (True, False):
        torch.save({"weights": Bomb()}, renamed, _use_new_zipfile_serialization=new)
        with pytest.raises(ExportError, match="cannot read the checkpoint"):
            load_checkpoint(renamed)
    assert [p.name for p in tmp_path.iterdir()] == [renamed.name]


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(checkpoint: Path, kept: int) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:kept])
    with pytest.raises(ExportError, match="cannot read the checkpoint") as caught:
        load_checkpoint(checkpoint)
    assert "sgmn train" in caught.value.fix


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(ExportError, match="cannot read the checkpoint"):
            load_checkpoint(path)


def test_a_config_survives_its_json() -> None:
    for config in (LITE, B32, TINY):
        assert config_from(json.loads(json.dumps(config.as_dict()))) == config
    assert (LITE.vector_size, LITE.grid) == (641, 7)


def test_no_code_of_this_project_reads_pickles() -> None:
    unsafe = re.compile(
        r"\bimport pickle|\bimport (?:joblib|dill)|allow_pickle=True"
        r"|torch\.load\((?![^)]*\)?[^)]*weights_only=True)"
    )
    for floor in ("models", "export", "calibration", "runtime"):
        for file in (REPOSITORY / floor).rglob("*.py"):
            assert not unsafe.search(file.read_text(encoding="utf-8")), file
