"""What was measured once is not measured again.

Every number is kept under a digest of all that it depends on, in a file of its own. An entry that
depends on anything else has another name, so a stale one is never met; one that was damaged is
measured again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from calibration.records.json import from_json, to_json
from runtime.bundle.files import write_durably
from runtime.errors import InputError

SCHEMA = 2
"""Raised when what a measurement means changes; older entries are then measured again."""

T = TypeVar("T")


def digest_of(value: Any) -> str:
    """Hex SHA-256 of a JSON-ready value; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """Measurements in a folder.

    Args:
        folder: is made when the first entry is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def remembered(self, kind: type[T], depends: Mapping[str, Any], measure: Callable[[], T]) -> T:
        """The kept record, or a new one, which is on the disk when this returns.

        Args:
            kind: class of the record, a dataclass.
            depends: JSON-ready; everything that the record depends on.
            measure: makes the record where none is kept.

        Raises:
            OSError: the folder cannot be written or the disk is full.
        """
        key = key_of(kind, depends)
        kept = self.get(kind, key)
        if kept is not None:
            return kept
        made = measure()
        self._put(key, depends, made)
        return made

    def get(self, kind: type[T], key: str) -> T | None:
        """The record kept under a key; None where there is none, or none that is whole."""
        try:
            entry = json.loads(self.place(key).read_text(encoding="utf-8"))
            record = entry["record"]
            whole = entry["key"] == key and entry["sha256"] == digest_of(record)
            return from_json(kind, record) if whole else None
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, LookupError, InputError):  # whatever damage made of it
            return None

    def place(self, key: str) -> Path:
        """The file of an entry, there or not."""
        return self._folder / f"{key}.json"

    def _put(self, key: str, depends: Mapping[str, Any], record: Any) -> None:
        fields = to_json(record)
        entry = {"key": key, "depends": depends, "sha256": digest_of(fields), "record": fields}
        self._folder.mkdir(parents=True, exist_ok=True)
        write_durably(self.place(key), (json.dumps(entry, indent=1) + "\n").encode())


def key_of(kind: type[Any], depends: Mapping[str, Any]) -> str:
    """Names a record of a kind and all that it depends on."""
    return digest_of({"schema": SCHEMA, "kind": kind.__name__, **depends})
