"""Makes the networks of the check where torch is, to be carried to where the GPU is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibration.bench.material import SEED, exported, seeded
from calibration.gpu_check.job import PRECISIONS
from calibration.gpu_check.material import ABOUT, share_files
from export.precision.maker import BundleMaker
from export.precision.presets import TRANSFORMERS, named_plan
from export.samples import samples_from_feed
from runtime.bundle.folder import new_folder
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle, verify
from runtime.bundle.writer import seal
from runtime.demo.store import FEED, shipped_store
from runtime.version import __version__

if TYPE_CHECKING:
    from models.config import NetworkConfig
    from models.sgmn import Sgmn

PRESETS = ("tiny", "lite", "b32")

PERIOD = 8191
"""Numbers after which made-up weights repeat; a prime, so that no two rows of a matrix are one."""

LEVELS = 15
"""Values that they have."""

SMALL = 4 * PERIOD
"""Tensors below are left as they were drawn."""


def prepare(
    out: Path,
    presets: Sequence[str],
    given: dict[str, Path],
    cache: Path,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Write FP32, FP16 and INT8 bundles of every network.

    Args:
        out: new folder, ``<preset>/<precision>`` within.
        presets: which networks.
        given: FP32 bundles of trained networks by preset; the others get weights that are drawn.
        cache: folder of exported bundles.
        tell: takes lines for people.

    Returns:
        What the folder holds, as `calibration.gpu_check.material.read_material` gives it.

    Raises:
        StorageError: the folder exists, or the disk is full.
        BundleError, ExportError: a given bundle is damaged or not FP32.
    """
    about: dict[str, Any] = {"sgmn_edge": __version__, "presets": {}}
    with new_folder(out) as folder:
        for preset in presets:
            tell(f"{preset}: exporting")
            source = given.get(preset) or _drawn(preset, cache)
            tell(f"{preset}: graphs for TensorRT")
            _write(source, folder / preset)
            about["presets"][preset] = _about(preset, folder / preset, preset in given)
        saved = share_files(_files(folder))
        about["size_bytes"] = sum(p.stat().st_size for p in folder.rglob("*.*") if p.is_file())
        about["size_bytes"] -= saved
        (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return about


def plan_name(preset: str, precision: str) -> str:
    """The plan that stands for a precision. What ships leaves a transformer's encoder at FP16."""
    return "int8-encoders" if precision == "int8" and preset in TRANSFORMERS else precision


def tile_weights(network: Sgmn) -> None:
    """Let large weights repeat a short sequence, as wide as they were drawn.

    As fast as any, and an archive of hundreds of megabytes becomes one of a few.
    """
    import torch

    generator = torch.Generator().manual_seed(SEED)
    levels = torch.randint(0, LEVELS, (PERIOD,), generator=generator) - LEVELS // 2
    block = levels.float() / levels.float().std()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.numel() > SMALL:
                times = -(-weight.numel() // PERIOD)
                flat = block.repeat(times)[: weight.numel()]
                weight.copy_((flat * weight.std() + weight.mean()).view_as(weight))


def _drawn(preset: str, cache: Path) -> Path:
    """The FP32 bundle of a preset that nobody trained."""
    from models.config import PRESETS as CONFIGS

    if preset not in TRANSFORMERS:
        return seeded(preset, cache).fp32
    network, notes = _tiled_network(CONFIGS[preset])
    return exported(network, notes, cache)


def _tiled_network(config: NetworkConfig) -> tuple[Sgmn, dict[str, Any]]:
    import torch

    from models.sgmn import Sgmn

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(SEED)
        network = Sgmn(config).eval()
    tile_weights(network)
    return network, {"seed": SEED, "weights": f"drawn, repeated after {PERIOD}"}


def _write(source: Path, folder: Path) -> None:
    """The bundles of one network. That for FP32 names the processor's graphs as TensorRT's too."""
    folder.mkdir()
    bundle = open_bundle(source)
    manifest = bundle.manifest
    maker = BundleMaker(bundle, samples_from_feed(shipped_store() / FEED))
    for precision in PRECISIONS:
        if precision == "fp32":
            shutil.copytree(source, folder / precision)
            seal(folder / precision, manifest.model_copy(update={"tensorrt": manifest.submodules}))
        else:
            plan = named_plan(plan_name(manifest.preset, precision), manifest.preset, "tensorrt")
            maker.make(plan, folder / precision)


def _about(preset: str, folder: Path, trained: bool) -> dict[str, Any]:
    bundles = {}
    for precision in PRECISIONS:
        manifest = verify(folder / precision)
        graphs = [manifest.files[manifest.tensorrt[name].file].size_bytes for name in SUBMODULES]
        bundles[precision] = {"plan": plan_name(preset, precision), "graphs_bytes": sum(graphs)}
    return {"weights": "trained" if trained else "drawn", "bundles": bundles}


def _files(folder: Path) -> list[tuple[str, Path]]:
    found = []
    for manifest in sorted(folder.glob("*/*/manifest.json")):
        files = verify(manifest.parent).files
        found += [(entry.sha256, manifest.parent / name) for name, entry in files.items()]
    return found
