"""Immutable vectors on disk: a folder named by the digest of what is in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from runtime.bundle.files import file_digest, sync
from runtime.catalog.catalog import FloatArray
from runtime.catalog.search import LeadingColumns
from runtime.errors import CatalogError

_FILES = ("ids.json", "items.npy", "nodes.npy")
_UNFINISHED = ".unfinished-"


@dataclass(frozen=True)
class Snapshot:
    """Vectors of all products, in order of id.

    Attributes:
        name: digest of the contents.
        ids: N product ids, ascending.
        items: float32 [N, V], memory-mapped.
        nodes: float32 [N, M, G], memory-mapped.
    """

    name: str
    ids: tuple[str, ...]
    items: FloatArray
    nodes: FloatArray

    @cached_property
    def columns(self) -> LeadingColumns:
        """Of the items, for search."""
        return LeadingColumns(self.items)


def write_snapshot(
    folder: Path, ids: Sequence[str], items: FloatArray, nodes: FloatArray
) -> Snapshot:
    """Write a snapshot so that it is there whole, and on the disk, or not at all.

    Args:
        folder: holds all snapshots; made where it does not exist.
        ids: N product ids, ascending.
        items: float32 [N, V].
        nodes: float32 [N, M, G].
    """
    folder.mkdir(exist_ok=True)
    fresh = folder / f"{_UNFINISHED}{os.getpid()}"
    # In a container a killed writer had the same number; only one writer is at work at a time.
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir()
        (fresh / "ids.json").write_text(json.dumps(list(ids)), encoding="utf-8")
        np.save(fresh / "items.npy", items, allow_pickle=False)
        np.save(fresh / "nodes.npy", nodes, allow_pickle=False)
        for name in _FILES:
            sync(fresh / name)
        sync(fresh)
        name = _digest(fresh)
        _move(fresh, folder / name)
        sync(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return open_snapshot(folder, name)


def open_snapshot(folder: Path, name: str) -> Snapshot:
    """Open a snapshot after checking its digest.

    Raises:
        CatalogError: it is missing or damaged.
    """
    place = folder / name
    try:
        if _digest(place) != name:
            raise _damaged(place, "its files do not have the digest that names it")
        ids = tuple(json.loads((place / "ids.json").read_text(encoding="utf-8")))
        items, nodes = (
            np.load(place / part, mmap_mode="r", allow_pickle=False) for part in _FILES[1:]
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _damaged(place, f"{error.filename} is missing") from error
    return Snapshot(name, ids, items, nodes)


def remove_all_but(folder: Path, names: set[str]) -> None:
    """Delete snapshots that nothing names any more, and what killed writers left."""
    for place in folder.iterdir():
        if place.name not in names:
            shutil.rmtree(place, ignore_errors=True)


def _digest(place: Path) -> str:
    parts = "\n".join(f"{name} {file_digest(place / name)}" for name in _FILES)
    return hashlib.sha256(parts.encode()).hexdigest()


def _move(fresh: Path, place: Path) -> None:
    # The same content may be there already; a damaged namesake makes way for the sound one.
    if place.is_dir():
        if _is_sound(place):
            return
        shutil.rmtree(place)
    fresh.rename(place)


def _is_sound(place: Path) -> bool:
    return all((place / name).is_file() for name in _FILES) and _digest(place) == place.name


def _damaged(place: Path, why: str) -> CatalogError:
    return CatalogError(
        f"the catalog snapshot {place} is damaged",
        why=why,
        fix="run sgmn catalog import again, or sgmn catalog rollback",
    )
