"""Ranges kept from one run to the next, under a key of everything they depend on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from export.precision.plan import Method
from export.precision.ranges import BINS, CALIBRATED, Ranges
from export.samples import Samples
from runtime.bundle.files import write_durably
from runtime.bundle.manifest import Manifest
from runtime.errors import StorageError
from runtime.version import __version__


@dataclass(frozen=True)
class RangeKey:
    """What the ranges of a submodule depend on.

    Attributes:
        submodule: name.
        method: of the calibration.
        inputs: digest of what fed it: all five networks, tokenizer, preprocessing, samples.
        versions: of the programs that find ranges.
    """

    submodule: str
    method: Method
    inputs: str
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        search = {"bins": BINS, "operators": list(CALIBRATED)}
        return {
            "submodule": self.submodule,
            "method": self.method,
            "inputs": self.inputs,
            "versions": dict(self.versions),
            "search": search,
        }

    def digest(self) -> str:
        """Hex SHA-256 of all of it; names the file."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def range_key(manifest: Manifest, submodule: str, method: Method, samples: Samples) -> RangeKey:
    """The key of a submodule of a bundle that was run on samples."""
    files = [part.file for part in manifest.submodules.values()] + [manifest.text.tokenizer]
    fields = {
        "files": {name: manifest.files[name].sha256 for name in files},
        "preprocessing": manifest.preprocessing.model_dump(),
        "text": manifest.text.model_dump(),
        "samples": samples.digest(),
    }
    inputs = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    return RangeKey(submodule, method, inputs, _versions())


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("onnx", "onnxruntime", "numpy")}
    return {"sgmn-edge": __version__, **found}


class RangeCache:
    """A folder of ranges; what is stale or damaged counts as missing.

    Args:
        folder: made when something is kept; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, key: RangeKey) -> Ranges | None:
        """The ranges under a key, if they are there and whole."""
        if self._folder is None:
            return None
        try:
            fields = json.loads(self._place(key).read_bytes())
            ranges = {name: (float(low), float(high)) for name, (low, high) in fields["ranges"]}
            whole = fields["key"] == key.as_dict() and fields["sha256"] == _digest(ranges)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return ranges if whole else None

    def put(self, key: RangeKey, ranges: Ranges) -> None:
        """Keep ranges.

        Raises:
            StorageError: the folder cannot be written.
        """
        if self._folder is None:
            return
        rows = [[name, low, high] for name, (low, high) in sorted(ranges.items())]
        fields = {
            "key": key.as_dict(),
            "sha256": _digest(ranges),
            "ranges": [[name, [low, high]] for name, low, high in rows],
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_durably(self._place(key), (json.dumps(fields, indent=1) + "\n").encode())
        except OSError as error:
            raise StorageError(
                f"cannot keep ranges in {self._folder}",
                why=str(error),
                fix="name another folder with --cache",
            ) from error

    def _place(self, key: RangeKey) -> Path:
        assert self._folder is not None
        return self._folder / f"{key.digest()}.json"


def _digest(ranges: Ranges) -> str:
    if not all(math.isfinite(value) for pair in ranges.values() for value in pair):
        raise ValueError("ranges must be finite")
    return hashlib.sha256(json.dumps(sorted(ranges.items())).encode()).hexdigest()
