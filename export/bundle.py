"""From a checkpoint to a sealed FP32 bundle, and from that to the ``cpu`` profile."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from export.onnx_files import write_onnx
from export.parity import Parity, measure, require
from export.quantize import (
    has_attention,
    quantize_frame_encoder,
    quantize_text_encoder,
    store_half,
)
from export.samples import Inputs, Samples, submodule_inputs
from export.submodules import Part, parts
from models.backbones.registry import BACKBONES, TOKENIZER
from models.config import NetworkConfig
from models.sgmn import Sgmn, load_checkpoint
from runtime.bundle.files import file_digest
from runtime.bundle.manifest import (
    Decision,
    FileEntry,
    Manifest,
    Preprocessing,
    Sampling,
    Submodule,
    TextInput,
)
from runtime.bundle.reader import verify
from runtime.bundle.writer import seal
from runtime.errors import ExportError, StorageError
from runtime.text import TextTokenizer
from runtime.version import __version__

Precision = Literal["fp32", "fp16", "int8"]
UNCALIBRATED = Decision(temperature=0.05, open_set_score=0.3)
"""Until `sgmn calibrate` has fitted a bundle's confidence to clips."""


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
        inputs = submodule_inputs(network, words, samples)
        entries, parity = _export_parts(network, inputs, folder)
        manifest = _manifest(network.config, entries, parity, notes)
        return seal(folder, manifest)


def quantize_bundle(checkpoint: Path, source: Path, samples: Samples, out: Path) -> Manifest:
    """Make the ``cpu`` profile of an FP32 bundle.

    Args:
        checkpoint: the one the bundle was exported from.
        source: the FP32 bundle.
        samples: calibration pictures and sentences.
        out: the new bundle's folder; must not exist.

    Raises:
        BundleError: the FP32 bundle is damaged.
        ExportError: the checkpoint is not the bundle's; nothing is left in ``out``.
        StorageError: ``out`` exists.
    """
    with new_folder(out) as folder:
        manifest = verify(source)
        network, _ = load_checkpoint(checkpoint)
        words = TextTokenizer.load(source / TOKENIZER, network.config.text_tokens)
        inputs = submodule_inputs(network, words, samples)
        shutil.copyfile(source / TOKENIZER, folder / TOKENIZER)
        entries, parity = {}, {}
        for part in parts(network):
            before = source / manifest.submodules[part.name].file
            require(part, before, inputs[part.name])
            after, precision = _quantized(part, before, folder / "onnx", inputs)
            entries[part.name] = _entry(part, after, folder, precision)
            parity[part.name] = _as_dicts(measure(part, after, inputs[part.name]))
        used = {"calibration_pictures": len(samples.pictures)}
        profile = manifest.model_copy(
            update={
                "precision": "int8-cpu",
                "accuracy": [],
                "submodules": entries,
                "parity": parity,
                "provenance": {**manifest.provenance, **used},
            }
        )
        return seal(folder, profile)


def _put_tokenizer(
    source: Path | None, config: NetworkConfig, notes: dict[str, Any], target: Path
) -> TextTokenizer:
    if source is None:
        BACKBONES[config.preset].write_tokenizer(target, None)
    words = TextTokenizer.load(source or target, config.text_tokens)
    found = file_digest(source or target)
    if notes.get("tokenizer", found) != found:
        raise ExportError(
            "the tokenizer is not the one that the network was trained with",
            why=f"its SHA-256 begins with {found[:16]}, expected {notes['tokenizer'][:16]}",
            fix="give the tokenizer.json of the run's folder with --tokenizer",
        )
    if source is not None:
        shutil.copyfile(source, target)
    return words


def _quantized(part: Part, before: Path, folder: Path, inputs: Inputs) -> tuple[Path, Precision]:
    folder.mkdir(exist_ok=True)
    if part.name == "frame_encoder" and not has_attention(before):
        after = folder / f"{part.name}.int8.onnx"
        feeds = [{"images": image[None].numpy()} for image in inputs[part.name][0]]
        quantize_frame_encoder(before, after, feeds)
        return after, "int8"
    if part.name == "text_encoder":
        after = folder / f"{part.name}.int8.onnx"
        quantize_text_encoder(before, after)
        return after, "int8"
    after = folder / f"{part.name}.fp16.onnx"
    store_half(before, after)
    return after, "fp16"


def _export_parts(
    network: Sgmn, inputs: Inputs, folder: Path
) -> tuple[dict[str, Submodule], dict[str, Any]]:
    onnx_folder = folder / "onnx"
    onnx_folder.mkdir()
    entries, parity = {}, {}
    for part in parts(network):
        file = write_onnx(part, onnx_folder)
        parity[part.name] = _as_dicts(require(part, file, inputs[part.name]))
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


def _as_dicts(results: list[Parity]) -> list[dict[str, Any]]:
    return [result.as_dict() for result in results]


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that appears under its name only when it is complete.

    Raises:
        StorageError: it exists, or none can be made there.
    """
    if out.exists():
        raise StorageError(
            f"{out} exists already",
            why="a bundle is never changed in place",
            fix="name another --out",
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {out}", why=str(error), fix="name another --out"
        ) from error
    try:
        yield partial
        partial.chmod(0o755)
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
