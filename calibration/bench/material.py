"""What is measured: bundles and networks, the user's own or made for the purpose.

Speed does not depend on what weights are, so that an architecture can be measured without a
trained network: the encoders are those that training starts from, the heads are drawn with a seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.bundle.files import file_digest
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import verify
from runtime.errors import BundleError, StorageError, UsageError
from runtime.version import __version__

if TYPE_CHECKING:
    from models.config import NetworkConfig
    from models.sgmn import Sgmn

SEED = 0
SEEDED = "made for the measurement: pretrained encoders, heads drawn with a seed"


@dataclass(frozen=True)
class Material:
    """One network in every form that is measured.

    Attributes:
        network: in torch, in evaluation mode.
        fp32: folder of its FP32 bundle.
        quantised: folder of the bundle that is to be fast; None where there is none.
        weights: where the weights of ``network`` and ``fp32`` come from, in words.
    """

    network: Sgmn
    fp32: Path
    quantised: Path | None
    weights: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: preset, weights, and the digests of the bundles' manifests."""
        found = {"fp32": self.fp32} | ({"quantised": self.quantised} if self.quantised else {})
        return {
            "preset": self.network.config.preset,
            "weights": self.weights,
            "bundles": {
                name: {
                    "precision": verify(folder).precision,
                    "manifest_sha256": file_digest(folder / "manifest.json"),
                }
                for name, folder in found.items()
            },
        }


def default_cache() -> Path:
    """Where exported bundles are kept between measurements (XDG Base Directory Specification).

    Raises:
        StorageError: the user has no home folder.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named / "sgmn" / "bench"
    try:
        return Path.home() / ".cache" / "sgmn" / "bench"
    except RuntimeError as error:
        raise StorageError(
            "there is no folder to keep exported bundles in",
            why=str(error),
            fix="name one with --cache",
        ) from error


def twins(bundle: Path, fp32: Path | None, checkpoint: Path | None, cache: Path) -> Material:
    """A bundle beside its FP32 twin and the same network in torch.

    Args:
        bundle: the one that is to be fast.
        fp32: its twin; exported from the checkpoint, or from a seeded network, where None.
        checkpoint: of the torch network; seeded where None.
        cache: folder that keeps what had to be exported.

    Raises:
        BundleError: a bundle is missing or damaged.
        UsageError: ``bundle`` is FP32 and not for TensorRT, ``fp32`` is not FP32, or the
            architectures differ.
        ExportError: the checkpoint cannot be used.
    """
    from models.sgmn import load_checkpoint

    manifest = verify(bundle)
    quantised: Path | None = bundle
    if manifest.precision == "fp32" and manifest.tensorrt:
        # On a processor it is its own twin.
        quantised, fp32 = None, fp32 or bundle
    elif manifest.precision == "fp32":
        raise UsageError(
            f"{bundle} is an FP32 bundle",
            why="the bundle that is to be fast is measured against its FP32 twin",
            fix="give what `sgmn quantize` wrote with --bundle",
        )
    if checkpoint is not None:
        network, _ = load_checkpoint(checkpoint)
        weights, origin = f"the checkpoint {checkpoint.name}", file_digest(checkpoint)
        notes = {"checkpoint": origin}
    else:
        network, notes = seeded_network(config_of(manifest))
        weights = SEEDED
    require_same(network, manifest, bundle)
    if fp32 is None:
        fp32 = exported(network, notes, cache)
    twin = verify(fp32)
    if twin.precision != "fp32":
        raise UsageError(
            f"{fp32} is not an FP32 bundle",
            why=f"its precision is {twin.precision}",
            fix="give what `sgmn export` wrote with --fp32, or leave the option away",
        )
    require_same(network, twin, fp32)
    return Material(in_fast_layout(network), fp32, quantised, weights)


def seeded(preset: str, cache: Path) -> Material:
    """A preset as built, and its FP32 bundle.

    Args:
        preset: as in `models.config.PRESETS`.
        cache: folder that keeps the bundle.
    """
    from models.config import PRESETS

    network, notes = seeded_network(PRESETS[preset])
    fp32 = exported(network, notes, cache)
    return Material(in_fast_layout(network), fp32, None, SEEDED)


def in_fast_layout(network: Sgmn) -> Sgmn:
    """The same network with its convolutions in NHWC, in which torch runs a clip faster.

    Source: PyTorch tutorials, "Channels Last Memory Format".
    """
    import torch

    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def seeded_network(config: NetworkConfig) -> tuple[Sgmn, dict[str, Any]]:
    """The network of a config as training would start it, and notes that say so."""
    import torch

    from models.sgmn import Sgmn

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(SEED)
        network = Sgmn(config).eval()
    return network, {"seed": SEED, "encoders": network.load_pretrained()}


def config_of(manifest: Manifest) -> NetworkConfig:
    """The preset of a bundle with the choices that its training recorded.

    Raises:
        UsageError: this program does not know the preset.
    """
    from models.config import PRESETS

    preset = PRESETS.get(manifest.preset)
    if preset is None:
        raise UsageError(
            f"no network of preset {manifest.preset} can be built to compare with",
            why=f"this program knows {', '.join(sorted(PRESETS))}",
            fix="give the checkpoint with --checkpoint",
        )
    training = manifest.provenance.get("training", {})
    chosen = training.get("config", {}).get("network", {})
    known = {field.name for field in fields(preset)}
    return replace(preset, **{name: value for name, value in chosen.items() if name in known})


def require_same(network: Sgmn, manifest: Manifest, folder: Path) -> None:
    """Refuse a bundle whose submodules are not those of the network.

    Raises:
        UsageError: names, element types or sizes of tensors differ.
    """
    from export.submodules import parts

    for part in parts(network):
        other = manifest.submodules[part.name]
        ours = tuple(port.entry() for port in (*part.inputs, *part.outputs))
        if ours != (*other.inputs, *other.outputs):
            raise UsageError(
                f"{folder} is not of the architecture it is measured against",
                why=f"the tensors of its {part.name} differ from those of the network",
                fix="give a checkpoint and bundles of one network with --checkpoint and --fp32",
            )


def exported(network: Sgmn, notes: dict[str, Any], cache: Path) -> Path:
    """The FP32 bundle of a network, from the cache where it is there and sound.

    Args:
        network: to export.
        notes: name its weights; part of the key.
        cache: folder of bundles by key.
    """
    folder = cache / f"{network.config.preset}-{_key(network.config, notes)[:16]}"
    return folder if _is_sound(folder) else _export(network, notes, folder)


def _export(network: Sgmn, notes: dict[str, Any], folder: Path) -> Path:
    from export.bundle import export_bundle
    from export.samples import samples_from_feed
    from models.sgmn import save_checkpoint
    from runtime.demo.store import FEED, shipped_store

    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder.parent) as partial:
        checkpoint = Path(partial) / "checkpoint.safetensors"
        save_checkpoint(checkpoint, network, notes)
        samples = samples_from_feed(shipped_store() / FEED)
        export_bundle(checkpoint, None, samples, folder)
    return folder


def _key(config: NetworkConfig, notes: dict[str, Any]) -> str:
    versions = {name: version(name) for name in ("torch", "onnx")}
    named = {"config": config.as_dict(), "notes": notes, "code": _code(), **versions}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def _code() -> str:
    """Hex SHA-256 of the code that makes a bundle of a network."""
    import export
    import models

    digest = hashlib.sha256(__version__.encode())
    for package in (export, models):
        folder = Path(str(package.__file__)).parent
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"\0{file.relative_to(folder)}\0{file_digest(file)}".encode())
    return digest.hexdigest()


def _is_sound(folder: Path) -> bool:
    try:
        verify(folder)
    except BundleError:
        return False
    return True
