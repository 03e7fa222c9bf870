"""Stored inputs and expected outputs of the submodules: a NumPy archive without pickle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.bundle.files import open_plain, write_durably
from runtime.bundle.layout import REINSTALL
from runtime.bundle.manifest import Submodule
from runtime.bundle.reader import Bundle
from runtime.errors import BundleError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Vectors:
    """One run of one submodule.

    Attributes:
        feeds: every input by name.
        outputs: every output by name.
    """

    feeds: dict[str, Array]
    outputs: dict[str, Array]


def write_vectors(path: Path, vectors: Mapping[str, Vectors]) -> None:
    """Write the vectors of the submodules named; the same ones give the same bytes."""
    arrays = {}
    for submodule, stored in vectors.items():
        arrays.update({f"{submodule}/in/{name}": a for name, a in stored.feeds.items()})
        arrays.update({f"{submodule}/out/{name}": a for name, a in stored.outputs.items()})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    write_durably(path, packed.getvalue())


def read_vectors(bundle: Bundle) -> dict[str, Vectors]:
    """The stored vectors of a verified bundle by submodule; none where it has no self-test.

    Raises:
        BundleError: the archive is not whole or lacks a tensor of the manifest.
    """
    section = bundle.manifest.self_test
    if section is None:
        return {}
    path = bundle.folder / section.file
    try:
        with open_plain(path) as file, np.load(file, allow_pickle=False) as archive:
            return {
                name: _stored(archive, name, part)
                for name, part in bundle.manifest.submodules.items()
            }
    # All that NumPy and zipfile raise for archives that are none.
    except (
        *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError),
        zipfile.BadZipFile,
    ) as error:
        raise BundleError(
            f"the self-test of the bundle in {bundle.folder} cannot be read",
            why=f"{section.file}: {error}",
            fix=REINSTALL,
        ) from error


def _stored(archive: Mapping[str, Array], submodule: str, part: Submodule) -> Vectors:
    return Vectors(
        {t.name: archive[f"{submodule}/in/{t.name}"] for t in part.inputs},
        {t.name: archive[f"{submodule}/out/{t.name}"] for t in part.outputs},
    )
