"""From a checkpoint to a sealed FP32 bundle."""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from export.compare import as_dicts
from export.onnx_files import write_onnx
from export.parity import require_all
from export.samples import Samples
from export.submodules import Part, parts
from export.torch_inputs import parity_cases
from models.backbones.registry import BACKBONES, TOKENIZER
from models.config import NetworkConfig
from models.sgmn import Sgmn, load_checkpoint
from runtime.bundle.files import file_digest
from runtime.bundle.folder import new_folder
from runtime.bundle.manifest import (
    Decision,
    FileEntry,
    Manifest,
    Preprocessing,
    Sampling,
    Submodule,
    TextInput,
)
from runtime.bundle.writer import seal
from runtime.errors import BundleError, ExportError
from runtime.text import TextTokenizer
from runtime.version import __version__

Precision = Literal["fp32", "fp16", "int8"]
UNCALIBRATED = Decision(temperature=0.05, open_set_score=0.3)
"""Until `sgmn calibrate` has fitted a bundle's confidence to clips."""

_OWN_TOKENIZER = "give the tokenizer.json of the run's folder with --tokenizer"


def export_bundle(
    checkpoint: Path, tokenizer: Path | None, samples: Samples, out: Path
) -> Manifest:
    """Export, check parity, seal.

    Args:
        checkpoint: written by `sgmn train`.
        tokenizer: ``tokenizer.json`` of the text encoder; None for the one beside the checkpoint,
            or, without that, the preset's own.
        samples: pictures and sentences for the parity check.
        out: the bundle's folder; must not exist.

    Raises:
        ExportError: the checkpoint or the tokenizer is not usable or parity is lost; nothing is
            left in ``out``.
        StorageError: ``out`` exists.
    """
    with new_folder(out) as folder:
        network, notes = load_checkpoint(checkpoint)
        beside = checkpoint.with_name(TOKENIZER)
        chosen = tokenizer or (beside if beside.exists() else None)
        words = _put_tokenizer(chosen, network.config, notes, folder / TOKENIZER)
        cases = parity_cases(network, words, samples)
        entries, parity = _export_parts(network, cases, folder)
        manifest = _manifest(network.config, entries, parity, notes)
        return seal(folder, manifest)


def _put_tokenizer(
    source: Path | None, config: NetworkConfig, notes: dict[str, Any], target: Path
) -> TextTokenizer:
    if source is None:
        BACKBONES[config.preset].write_tokenizer(target, None)
    try:
        words = TextTokenizer.load(source or target, config.text_tokens)
    except BundleError as error:
        raise ExportError(
            f"cannot read the tokenizer {source or target}", why=error.why, fix=_OWN_TOKENIZER
        ) from error
    found = file_digest(source or target)
    if notes.get("tokenizer", found) != found:
        raise ExportError(
            "the tokenizer is not the one that the network was trained with",
            why=f"its SHA-256 begins with {found[:16]}, expected {notes['tokenizer'][:16]}",
            fix=_OWN_TOKENIZER,
        )
    if source is not None:
        shutil.copyfile(source, target)
    return words


def _export_parts(
    network: Sgmn, cases: dict[str, list[list[Tensor]]], folder: Path
) -> tuple[dict[str, Submodule], dict[str, Any]]:
    onnx_folder = folder / "onnx"
    onnx_folder.mkdir()
    entries, parity = {}, {}
    for part in parts(network):
        file = write_onnx(part, onnx_folder)
        parity[part.name] = as_dicts(require_all(part, file, cases[part.name]))
        entries[part.name] = _entry(part, file, folder, "fp32")
    return entries, parity


def _entry(part: Part, file: Path, folder: Path, precision: Precision) -> Submodule:
    return Submodule(
        file=file.relative_to(folder).as_posix(),
        precision=precision,
        inputs=tuple(port.entry() for port in part.inputs),
        outputs=tuple(port.entry() for port in part.outputs),
    )


def _manifest(
    config: NetworkConfig,
    entries: dict[str, Submodule],
    parity: dict[str, Any],
    notes: dict[str, Any],
) -> Manifest:
    return Manifest(
        name=f"sgmn-{config.preset}",
        version=__version__,
        preset=config.preset,
        precision="fp32",
        frames=config.frames,
        patches=config.patches,
        shortlist=config.shortlist,
        submodules=entries,
        preprocessing=Preprocessing(size=config.image_size),
        text=TextInput(tokenizer=TOKENIZER, max_tokens=config.text_tokens),
        sampling=Sampling(frames=config.frames),
        decision=UNCALIBRATED,
        parity=parity,
        provenance={"training": notes, "versions": _versions()},
        files={"tokenizer.json": FileEntry(sha256="0" * 64, size_bytes=0)},
    )


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("torch", "onnx", "onnxruntime", "numpy")}
    return {"sgmn-edge": __version__, "python": platform.python_version(), **found}
