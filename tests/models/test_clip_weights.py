"""A user's CLIP weights: read in the published forms, refused by the tensor."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.backbones.clip import ClipFrameEncoder, ClipTextEncoder
from models.backbones.clip_weights import load_clip
from runtime.bundle.files import file_digest
from runtime.errors import ExportError
from tests.models.small_clip import frame_tower, published, text_tower

Tensors = dict[str, Tensor]
QKV = "visual.transformer.resblocks.1.attn.in_proj_weight"
TABLE = "visual.positional_embedding"


@pytest.fixture(scope="module")
def state() -> Tensors:
    return {name: tensor.detach() for name, tensor in published().state_dict().items()}


@pytest.fixture
def towers() -> tuple[ClipFrameEncoder, ClipTextEncoder]:
    torch.manual_seed(9)
    return frame_tower(), text_tower()


def _held(towers: tuple[ClipFrameEncoder, ClipTextEncoder]) -> Tensors:
    frames, texts = towers
    return {
        **{f"visual.{name}": tensor.clone() for name, tensor in frames.state_dict().items()},
        **{name: tensor.clone() for name, tensor in texts.state_dict().items()},
    }


def _as_openai(state: Tensors) -> Tensors:
    """Half precision where OpenAI's program has it, and its sizes as tensors."""
    half = {k: v.half() if v.ndim > 1 and "token" not in k else v for k, v in state.items()}
    sizes = {"input_resolution": 224, "context_length": 77, "vocab_size": 49_408}
    return half | {name: torch.tensor(size) for name, size in sizes.items()}


FORMS: dict[str, Callable[[Tensors], Any]] = {
    "plain": lambda s: s,
    "openai": _as_openai,
    "open_clip training": lambda s: {
        "epoch": 3,
        "name": "run",
        "state_dict": {f"module.{name}": tensor for name, tensor in s.items()},
        "optimizer": {"param_groups": [{"lr": 1e-3}]},
    },
    "bfloat16": lambda s: {name: tensor.bfloat16() for name, tensor in s.items()},
    "without its temperature": lambda s: {k: v for k, v in s.items() if k != "logit_scale"},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_published_form_is_read(
    state: Tensors,
    towers: tuple[ClipFrameEncoder, ClipTextEncoder],
    tmp_path: Path,
    form: Callable[[Tensors], Any],
) -> None:
    file = tmp_path / "clip.bin"
    torch.save(form(state), file)
    assert load_clip(*towers, file) == file_digest(file)
    held = _held(towers)
    assert held.keys() == state.keys() - {"logit_scale"}
    for name, tensor in held.items():
        assert tensor.dtype == torch.float32
        assert torch.allclose(tensor, state[name], atol=0.02, rtol=0.01), name


def test_safetensors_are_read_exactly(
    state: Tensors, towers: tuple[ClipFrameEncoder, ClipTextEncoder], tmp_path: Path
) -> None:
    file = tmp_path / "clip.safetensors"
    save_file(state, file)
    load_clip(*towers, file)
    assert all(torch.equal(tensor, state[name]) for name, tensor in _held(towers).items())


def _with_nan(tensor: Tensor) -> Tensor:
    spoilt = tensor.clone()
    spoilt.view(-1)[-1] = float("nan")
    return spoilt


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"ln_final.bias": None}, r"1 missing: ln_final\.bias"),
    "unexpected": ({"visual.extra": torch.zeros(1)}, r"1 unexpected: visual\.extra"),
    "a larger picture's positions": (
        {TABLE: torch.zeros(197, 64)},
        r"visual\.positional_embedding \(197, 64\) instead of \(50, 64\)",
    ),
    "a longer text's positions": (
        {"positional_embedding": torch.zeros(248, 64)},
        r"positional_embedding \(248, 64\) instead of \(77, 64\)",
    ),
    "turned round": ({QKV: torch.zeros(64, 192)}, r"in_proj_weight \(64, 192\) instead of"),
    "integers": (
        {"ln_final.bias": torch.zeros(64, dtype=torch.int8)},
        r"1 not in floating point: ln_final\.bias \(torch\.int8\)",
    ),
    "NaN": ({QKV: _with_nan(torch.zeros(192, 64))}, rf"1 not finite: {QKV}"),
    "infinite": ({"ln_final.bias": torch.full((64,), torch.inf)}, r"1 not finite: ln_final\.bias"),
}


@pytest.mark.parametrize(("changes", "named"), FAULTS.values(), ids=FAULTS.keys())
def test_one_wrong_tensor_is_named_and_nothing_is_loaded(
    state: Tensors,
    towers: tuple[ClipFrameEncoder, ClipTextEncoder],
    tmp_path: Path,
    changes: dict[str, Any],
    named: str,
) -> None:
    before, file = _held(towers), tmp_path / "clip.pt"
    torch.save({k: v for k, v in {**state, **changes}.items() if v is not None}, file)
    with pytest.raises(ExportError, match=named) as caught:
        load_clip(*towers, file)
    assert caught.value.why.count(";") == 0
    assert caught.value.fix
    assert all(torch.equal(before[name], tensor) for name, tensor in _held(towers).items())


def test_all_faults_are_told_at_once(
    state: Tensors, towers: tuple[ClipFrameEncoder, ClipTextEncoder], tmp_path: Path
) -> None:
    every = [changes for changes, _ in FAULTS.values()]
    file = tmp_path / "clip.pt"
    merged = {**state, **every[0], **every[1], **every[2], "ln_final.weight": _with_nan(state[QKV])}
    torch.save({k: v for k, v in merged.items() if v is not None}, file)
    with pytest.raises(ExportError) as caught:
        load_clip(*towers, file)
    for name in ("ln_final.bias", "visual.extra", TABLE, "2 of another shape", "not finite"):
        assert name in caught.value.why


def test_another_networks_names_are_counted_not_listed(
    towers: tuple[ClipFrameEncoder, ClipTextEncoder], tmp_path: Path
) -> None:
    file = tmp_path / "other.pt"
    torch.save({f"layer.{i}": torch.zeros(1) for i in range(40)}, file)
    with pytest.raises(ExportError, match=r"40 unexpected: layer\.0, .* and 35 more") as caught:
        load_clip(*towers, file)
    assert len(caught.value.why) < 600


def test_openais_program_is_refused_unrun_and_its_conversion_is_read(
    state: Tensors,
    towers: tuple[ClipFrameEncoder, ClipTextEncoder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "ViT-B-32.pt"
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(_Program(state)), str(file))
        with pytest.raises(ExportError, match="is a TorchScript program") as caught:
            load_clip(*towers, file)
        code = caught.value.fix.split('python -c "')[1].rstrip('"')
        exec(compile(code, "fix", "exec"))
    load_clip(*towers, tmp_path / "clip.pt")
    held = _held(towers)
    assert torch.equal(held[QKV], state[QKV])


class _Program(torch.nn.Module):
    """Parameters at the places that their names say."""

    def __init__(self, state: Tensors) -> None:
        super().__init__()
        for name, tensor in state.items():
            module: torch.nn.Module = self
            *path, last = name.split(".")
            for part in path:
                if part not in dict(module.named_children()):
                    module.add_module(part, torch.nn.Module())
                module = module.get_submodule(part)
            module.register_parameter(last, torch.nn.Parameter(tensor))

    def forward(self) -> int:
        return 0


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("weights"),
    "cut": lambda path: path.write_bytes(_saved()[:2000]),
    "a tensor alone": lambda path: torch.save(torch.zeros(3), path),
    "names without tensors": lambda path: torch.save({"a": 1}, path),
}


def _saved() -> bytes:
    from io import BytesIO

    stream = BytesIO()
    torch.save({"a": torch.zeros(4000)}, stream)
    return stream.getvalue()


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_state_dict_is_refused(
    towers: tuple[ClipFrameEncoder, ClipTextEncoder],
    tmp_path: Path,
    make: Callable[[Path], object],
    ending: str,
) -> None:
    file = tmp_path / f"clip{ending}"
    make(file)
    with pytest.raises(ExportError, match=r"cannot read the CLIP|holds no state dict") as caught:
        load_clip(*towers, file)
    assert str(file) in caught.value.what
    assert caught.value.why
    assert caught.value.fix


def test_a_pickle_is_refused_and_not_run(
    towers: tuple[ClipFrameEncoder, ClipTextEncoder], tmp_path: Path
) -> None:
    proof, file = tmp_path / "proof", tmp_path / "clip.pt"
    file.write_bytes(f"cos\nsystem\n(S'touch {proof}'\ntR.".encode())
    with pytest.raises(ExportError, match="cannot read the CLIP weights"):
        load_clip(*towers, file)
    assert not proof.exists()
