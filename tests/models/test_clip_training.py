"""Preset ``b32`` from settings to checkpoint, scaled down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from models.backbones.clip_tokenizer import byte_tokenizer
from models.backbones.registry import TOKENIZER
from models.commands import train
from models.sgmn import load_checkpoint
from models.training.config import read_config
from runtime.bundle.files import file_digest
from runtime.errors import ExportError
from tests.conftest import REPOSITORY
from tests.models.made_up_shop import make_grocery
from tests.models.small_clip import published, shrink_b32

SETTINGS = (
    'preset = "b32"\n[data]\nstores = []\nstaged = 1\n'
    "[train]\nsteps = 2\nbatch = 4\n[projection]\nsteps = 2\nbatch = 4\n"
)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "clip"
    folder.mkdir()
    torch.save(published().state_dict(), folder / "clip.pt")
    (folder / TOKENIZER).write_text(byte_tokenizer().to_str(pretty=False))
    return folder / "clip.pt"


def _train(folder: Path, name: str, more: str = "") -> tuple[Path, Any]:
    out, settings = folder / "runs" / name, folder / f"{name}.toml"
    settings.write_text(SETTINGS + more, encoding="utf-8")
    root = folder / "data"
    arguments = ["--config", str(settings), "--data", str(root), "--out", str(out), "--json"]
    return out, CliRunner().invoke(train, arguments)


@pytest.mark.filterwarnings("ignore::UserWarning:rich")
def test_a_run_with_and_without_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weights: Path
) -> None:
    shrink_b32(monkeypatch)
    make_grocery(tmp_path / "data")
    section = f'[weights]\nclip = "{weights}"\n'
    runs = {"random": "", "quick": section, "exact": f"{section}quick_gelu = false\n"}
    origins = {}
    for name, more in runs.items():
        out, answer = _train(tmp_path, name, more)
        assert answer.exception is None
        network, notes = load_checkpoint(out / "checkpoint.safetensors")
        origins[name] = notes["encoders"]
        assert network.config.quick_gelu is (name != "exact")
        assert notes["tokenizer"] == file_digest(out / TOKENIZER)
        run = json.loads((out / "run.json").read_text(encoding="utf-8"))
        assert notes == {key: run[key] for key in notes}
        table = network.text_encoder.get_parameter("token_embedding.weight")
        theirs = published().token_embedding.weight
        assert torch.equal(table, theirs) is (name != "random")
    digest = f"CLIP {file_digest(weights)}"
    assert origins == {"random": "random", "quick": digest, "exact": digest}
    assert (tmp_path / "runs" / "quick" / TOKENIZER).read_bytes() == (
        weights.with_name(TOKENIZER).read_bytes()
    )
    features = tmp_path / "runs" / "features"
    assert len(list(features.iterdir())) == 2 * 3, "encoders that differ must not share features"


@pytest.mark.parametrize("broken", ["clip.pt", TOKENIZER])
def test_unusable_weights_end_the_run_before_it_costs_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weights: Path, broken: str
) -> None:
    shrink_b32(monkeypatch)
    make_grocery(tmp_path / "data")
    weights.with_name(broken).unlink()
    out, answer = _train(tmp_path, "broken", f'[weights]\nclip = "{weights}"\n')
    assert isinstance(answer.exception, ExportError)
    assert broken in answer.exception.what
    assert not (out / "checkpoint.safetensors").exists()


def test_the_shipped_settings_are_read() -> None:
    config = read_config(REPOSITORY / "models" / "configs" / "b32.toml")
    assert (config.preset, config.weights.file, config.weights.quick_gelu) == ("b32", None, True)
