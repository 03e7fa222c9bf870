"""Puts a new bundle together from others: TensorRT graphs, a self-test, a version."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.bundle.contents import copy_file
from runtime.bundle.folder import new_folder
from runtime.bundle.manifest import Manifest, Submodule
from runtime.bundle.reader import Bundle, open_bundle
from runtime.bundle.recording import record, self_test_section
from runtime.bundle.self_test import run_apart
from runtime.bundle.vectors import write_vectors
from runtime.bundle.writer import seal
from runtime.errors import BundleError

TENSORRT = "tensorrt"
"""Folder of the graphs that engines are built from."""


@dataclass(frozen=True)
class SelfTestSource:
    """What a self-test is made from.

    Attributes:
        feed: products with pictures.
        seed: which of them are taken.
    """

    feed: Path
    seed: int = 0


def create_bundle(
    source: Path,
    out: Path,
    *,
    created_s: int,
    version: str | None = None,
    tensorrt: Path | None = None,
    self_test: SelfTestSource | None = None,
) -> Manifest:
    """Copy a bundle with additions; the same arguments give the same bundle.

    Args:
        source: the bundle that the processor runs.
        out: the new bundle's folder; must not exist.
        created_s: when it is made, seconds since 1970.
        version: the new bundle's; None for the source's.
        tensorrt: a bundle of the same checkpoint whose TensorRT graphs are added.
        self_test: makes stored vectors, and proves that the bundle passes here; None leaves the
            source's, if any.

    Raises:
        BundleError: one of the bundles is damaged, or they do not belong together.
        SelfTestError: the new bundle does not pass its own self-test.
        StorageError: ``out`` exists.
    """
    base = open_bundle(source)
    other = _graphs_for(base, tensorrt) if tensorrt is not None else None
    with new_folder(out) as folder:
        for name in _kept(base.manifest, replaced=other is not None):
            _copy(base, name, folder / name)
        changes = _stamp(base.manifest, version, created_s, base.digest)
        if other is not None:
            changes |= _add_graphs(other, folder, base.manifest.parity, changes["provenance"])
        if self_test is not None:
            changes |= _add_self_test(base, folder, self_test, changes["provenance"])
        sealed = seal(folder, base.manifest.model_copy(update=changes))
        if self_test is not None:
            run_apart(folder)
        return sealed


def _kept(manifest: Manifest, *, replaced: bool) -> list[str]:
    """The files to take over: not the graphs that others replace."""
    graphs = {part.file for part in manifest.tensorrt.values()} if replaced else set()
    graphs -= {part.file for part in manifest.submodules.values()}
    return [name for name in manifest.files if name not in graphs]


def _copy(source: Bundle, name: str, target: Path) -> None:
    """Its digest is checked on the way: what is sealed anew is what was verified."""
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_file(source.folder, name, source.manifest.files[name], target)


def _stamp(manifest: Manifest, version: str | None, created_s: int, digest: str) -> dict[str, Any]:
    return {
        "version": version or manifest.version,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created_s)),
        "provenance": {**manifest.provenance, "made_from": digest},
    }


def _graphs_for(base: Bundle, folder: Path) -> Bundle:
    """The other bundle, once it is known to hold the same network's graphs."""
    other = open_bundle(folder)
    if not other.manifest.tensorrt:
        raise BundleError(
            f"the bundle in {folder} has nothing for TensorRT",
            why="its manifest names no TensorRT graphs",
            fix="name a bundle of the profile for TensorRT",
        )
    odd = sorted(_differences(base.manifest, other.manifest))
    if odd:
        raise BundleError(
            f"the bundles in {base.folder} and {folder} do not belong together",
            why=f"they differ in {', '.join(odd)}",
            fix="make both from the same checkpoint",
        )
    return other


def _differences(base: Manifest, other: Manifest) -> set[str]:
    same = ("preset", "frames", "patches", "shortlist", "preprocessing", "text", "sampling")
    odd = {name for name in same if getattr(base, name) != getattr(other, name)}
    if base.provenance.get("training") != other.provenance.get("training"):
        odd.add("training")
    if base.files[base.text.tokenizer] != other.files[other.text.tokenizer]:
        odd.add("tokenizer")
    for name, part in base.submodules.items():
        if (part.inputs, part.outputs) != (
            other.tensorrt[name].inputs,
            other.tensorrt[name].outputs,
        ):
            odd.add(f"tensors of {name}")
    return odd


def _add_graphs(
    other: Bundle, folder: Path, parity: dict[str, Any], provenance: dict[str, Any]
) -> dict[str, Any]:
    graphs: dict[str, Submodule] = {}
    for name, part in other.manifest.tensorrt.items():
        file = f"{TENSORRT}/{name}.{part.precision}.onnx"
        _copy(other, part.file, folder / file)
        graphs[name] = part.model_copy(update={"file": file})
    made = other.manifest.provenance.get(TENSORRT, {})
    provenance[TENSORRT] = {**made, "bundle": other.digest}
    measured = {k: v for k, v in other.manifest.parity.items() if k.startswith(f"{TENSORRT}/")}
    return {"tensorrt": graphs, "parity": {**parity, **measured}}


def _add_self_test(
    base: Bundle, folder: Path, source: SelfTestSource, provenance: dict[str, Any]
) -> dict[str, Any]:
    section = self_test_section(base.manifest)
    write_vectors(folder / section.file, record(base, source.feed, source.seed))
    provenance["self_test"] = {"seed": source.seed}
    return {"self_test": section}
