"""The figures of a run as CSV, a line a step."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from models.tensor_file import write_whole


class CsvLog:
    """Appends rows; a run that goes on takes back those after its last kept state.

    Args:
        path: of the file; its first column is ``step``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def rewind(self, step: int) -> None:
        """Keep whole rows of steps before ``step`` only."""
        if not self._path.exists():
            return
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        rows = [line for line in lines[1:] if line.endswith("\n")]
        kept = [row for row in rows if int(row.split(",", 1)[0]) < step]
        write_whole(self._path, "".join([*lines[:1], *kept] if kept else []).encode())

    def write(self, row: Mapping[str, float]) -> None:
        """Append one row; the first one's names are the head of the file."""
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8", newline="")
            if self._file.tell() == 0:
                csv.writer(self._file, lineterminator="\n").writerow(row)
        values = (v if isinstance(v, int) else f"{v:.8g}" for v in row.values())
        csv.writer(self._file, lineterminator="\n").writerow(values)

    def flush(self) -> None:
        """Have every row on the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write what is left."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_log(path: Path) -> dict[str, list[float]]:
    """The columns of a log; empty where there is no file."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}
