"""Files of a report: all of them are new, or all are as they were."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runtime.bundle.files import sync, write_durably


def write_files(folder: Path, contents: Mapping[str, str], earlier: Iterable[str] = ()) -> None:
    """Write texts into a folder, in place of those of an earlier report.

    They are first written, in full, beside their places; a disk that is full is met there. The last
    one takes its place last: where it is new, all are.

    Args:
        folder: is made where it does not exist.
        contents: by file name, in order.
        earlier: names of files that an earlier report may have left; those not in ``contents`` are
            removed.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing has changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".report-", dir=folder))
    try:
        for name, text in contents.items():
            write_durably(fresh / name, text.encode())
            (fresh / name).chmod(0o644)
        for name in contents:
            (fresh / name).replace(folder / name)
        for name in set(earlier) - set(contents):
            (folder / name).unlink(missing_ok=True)
        sync(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Iterable[str] = ()) -> str:
    """Rows as CSV with a line of column names.

    Args:
        rows: all with the same keys.
        columns: names where there may be no row.
    """
    listed = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(listed[0]) if listed else list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()
