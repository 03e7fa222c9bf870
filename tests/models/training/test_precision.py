"""Half precision is a matter of GPUs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.training.log import read_log
from models.training.state import load_state
from tests.models.made_up_bank import quiet
from tests.models.training.toy import EndedError, Toy, files, stopping, trainer


def _on_gpu() -> Toy:
    toy = Toy()
    for parameter in (toy.weight, toy.bias):
        parameter.data = parameter.data.cuda()
    return toy


def test_a_processor_computes_in_single_precision_whatever_is_asked(tmp_path: Path) -> None:
    weights = []
    for precision in ("fp32", "bf16", "fp16"):
        folder, toy = tmp_path / precision, Toy()
        folder.mkdir()
        trainer(folder, toy, precision=precision).run(quiet, "Toy")
        weights.append(toy.weight)
        assert load_state(files(folder).state)[0].scaler == {}
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_gpu_goes_on_in_half_precision(tmp_path: Path, precision: str) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    for folder in (whole, parted):
        folder.mkdir()
    settings = {"steps": 30, "precision": precision}
    expected, toy = _on_gpu(), _on_gpu()
    trainer(whole, expected, **settings).run(quiet, "Toy")
    with pytest.raises(EndedError):
        trainer(parted, _on_gpu(), **settings).run(stopping(17), "Toy")
    trainer(parted, toy, **settings).run(quiet, "Toy")
    assert toy.weight.dtype == torch.float32
    assert torch.allclose(toy.weight, expected.weight, atol=1e-6)
    losses = read_log(files(whole).log)["total"]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert bool(load_state(files(parted).state)[0].scaler) is (precision == "fp16")
