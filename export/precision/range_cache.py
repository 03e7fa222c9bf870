"""What was measured of tensors, kept from one run to the next under a key of all it depends on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from export.precision.ranges import BINS, CALIBRATED
from export.samples import Samples
from runtime.bundle.files import write_durably
from runtime.bundle.manifest import Manifest
from runtime.errors import StorageError
from runtime.version import __version__

Statistic = Literal["minmax", "entropy", "percentile", "means"]
"""Ranges by a method, or means of channels."""

Table = Mapping[str, Sequence[float]]
"""Numbers of each tensor, by its name."""


@dataclass(frozen=True)
class RangeKey:
    """What the numbers measured of a submodule depend on.

    Attributes:
        submodule: name.
        statistic: what was measured.
        inputs: digest of what fed it: all five networks, tokenizer, preprocessing, samples.
        versions: of the programs that find ranges.
    """

    submodule: str
    statistic: Statistic
    inputs: str
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        search = {"bins": BINS, "operators": list(CALIBRATED)}
        return {
            "submodule": self.submodule,
            "statistic": self.statistic,
            "inputs": self.inputs,
            "versions": dict(self.versions),
            "search": search,
        }

    def digest(self) -> str:
        """Hex SHA-256 of all of it; names the file."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def range_key(
    manifest: Manifest, submodule: str, statistic: Statistic, samples: Samples
) -> RangeKey:
    """The key of a submodule of a bundle that was run on samples."""
    files = [part.file for part in manifest.submodules.values()] + [manifest.text.tokenizer]
    fields = {
        "files": {name: manifest.files[name].sha256 for name in files},
        "preprocessing": manifest.preprocessing.model_dump(),
        "text": manifest.text.model_dump(),
        "samples": samples.digest(),
    }
    inputs = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    return RangeKey(submodule, statistic, inputs, _versions())


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("onnx", "onnxruntime", "numpy")}
    return {"sgmn-edge": __version__, **found}


class RangeCache:
    """A folder of ranges and means; what is stale or damaged counts as missing.

    Args:
        folder: made when something is kept; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, key: RangeKey) -> Table | None:
        """The numbers under a key, if they are there and whole."""
        if self._folder is None:
            return None
        try:
            fields = json.loads(self._place(key).read_bytes())
            table = {name: tuple(map(float, values)) for name, values in fields["tensors"]}
            whole = fields["key"] == key.as_dict() and fields["sha256"] == _digest(table)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return table if whole else None

    def put(self, key: RangeKey, table: Table) -> None:
        """Keep what was measured.

        Raises:
            StorageError: the folder cannot be written.
        """
        if self._folder is None:
            return
        fields = {
            "key": key.as_dict(),
            "sha256": _digest(table),
            "tensors": _rows(table),
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_durably(self._place(key), (json.dumps(fields) + "\n").encode())
        except OSError as error:
            raise StorageError(
                f"cannot keep ranges in {self._folder}",
                why=str(error),
                fix="name another folder with --cache",
            ) from error

    def _place(self, key: RangeKey) -> Path:
        assert self._folder is not None
        return self._folder / f"{key.digest()}.json"


def _rows(table: Table) -> list[tuple[str, list[float]]]:
    return [(name, list(values)) for name, values in sorted(table.items())]


def _digest(table: Table) -> str:
    if not all(math.isfinite(value) for values in table.values() for value in values):
        raise ValueError("what is measured must be finite")
    return hashlib.sha256(json.dumps(_rows(table)).encode()).hexdigest()
