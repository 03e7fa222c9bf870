"""CLIP weights that a user supplies: OpenAI's or open_clip's state dict, checked by the tensor."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.backbones.clip import ClipFrameEncoder, ClipTextEncoder
from runtime.bundle.files import file_digest
from runtime.errors import ExportError

IGNORED = frozenset({"logit_scale", "input_resolution", "context_length", "vocab_size"})
"""A temperature of CLIP's own training, and sizes that OpenAI's files hold as tensors."""

FLOATS = (torch.float32, torch.float16, torch.bfloat16)
NAMED = 5
"""Tensors named for each kind of fault; the rest are counted."""


def load_clip(frames: ClipFrameEncoder, texts: ClipTextEncoder, file: Path) -> str:
    """Fill both towers.

    Args:
        frames: image tower; its tensors are called ``visual.*`` in the file.
        texts: text tower.
        file: safetensors, or a state dict kept by ``torch.save``, alone or under ``state_dict``.

    Returns:
        The file's SHA-256.

    Raises:
        ExportError: the file cannot be read, is a program (TorchScript), or a tensor is missing,
            superfluous, of another shape or type, or not finite. Nothing is changed then.
    """
    found = _unwrapped(_read(file), file)
    targets = {f"visual.{name}": tensor for name, tensor in frames.state_dict().items()}
    targets.update(texts.state_dict())
    _check(found, targets, file)
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(found[name])
    return file_digest(file)


def _read(file: Path) -> Any:
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        program = _is_program(file)
        stored = None if program else torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # A damaged file raises nearly anything in torch's reader.
        raise ExportError(
            f"cannot read the CLIP weights {file}",
            why=str(error).split("\n")[0] or type(error).__name__,
            fix="give a .safetensors file, or a state dict of tensors kept by torch.save",
        ) from error
    if program:
        raise ExportError(
            f"{file} is a TorchScript program, not a state dict",
            why="OpenAI publishes CLIP in this form; to read its weights is to run its code",
            fix='convert it once, where you trust it: python -c "import torch; torch.save('
            f"torch.jit.load('{file}', 'cpu').state_dict(), 'clip.pt')\"",
        )
    return stored


def _is_program(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _unwrapped(stored: Any, file: Path) -> dict[str, Tensor]:
    """The tensors under CLIP's own names: without training's envelope, prefix and extras."""
    inner = stored.get("state_dict", stored) if isinstance(stored, Mapping) else stored
    if not isinstance(inner, Mapping) or not all(isinstance(t, Tensor) for t in inner.values()):
        raise ExportError(
            f"{file} holds no state dict",
            why="names with tensors were expected, alone or under `state_dict`",
            fix="save model.state_dict(), not the model",
        )
    named = {str(name).removeprefix("module."): tensor for name, tensor in inner.items()}
    return {name: tensor for name, tensor in named.items() if name not in IGNORED}


def _check(found: dict[str, Tensor], targets: dict[str, Tensor], file: Path) -> None:
    both = [name for name in targets if name in found]
    shaped = [name for name in both if found[name].shape == targets[name].shape]
    floats = [name for name in both if found[name].dtype in FLOATS]
    faults = {
        "missing": [name for name in targets if name not in found],
        "unexpected": [name for name in found if name not in targets],
        "of another shape": [
            f"{name} {tuple(found[name].shape)} instead of {tuple(targets[name].shape)}"
            for name in both
            if name not in shaped
        ],
        "not in floating point": [
            f"{name} ({found[name].dtype})" for name in both if name not in floats
        ],
        "not finite": [name for name in floats if not found[name].isfinite().all()],
    }
    told = [f"{len(names)} {kind}: {_listed(names)}" for kind, names in faults.items() if names]
    if told:
        raise ExportError(
            f"{file} does not hold CLIP ViT-B/32",
            why="; ".join(told),
            fix="give OpenAI's ViT-B/32 at 224 px, or open_clip's, under the names they publish",
        )


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
