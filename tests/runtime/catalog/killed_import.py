"""Changes a catalog and kills itself at the Nth step: a file operation or an SQL statement.

Run as ``python -m tests.runtime.catalog.killed_import SOURCE CATALOG N``; prints the steps it took
where it comes to the end. SOURCE is a feed, which is imported, or a list of photos (photos.csv),
which are enrolled.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from runtime.catalog.enrolment import enrol_photos
from runtime.catalog.importer import import_feed
from runtime.catalog.photos import read_photo_list
from tests.runtime.catalog.conftest import BUNDLE, FakeItemEncoder, silent

_WATCHED = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
_steps = 0
_last = 0
_connect = sqlite3.connect


def _step(_: object = None) -> None:
    global _steps
    _steps += 1
    if _steps == _last:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in _WATCHED:
        _step()


def _traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
    connection = _connect(*arguments, **options)
    connection.set_trace_callback(_step)
    return connection


if __name__ == "__main__":
    source, catalog, _last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    sys.addaudithook(_watch)
    sqlite3.connect = _traced
    if source.name == "photos.csv":
        enrol_photos(read_photo_list(source), catalog, FakeItemEncoder(), BUNDLE, silent)
    else:
        import_feed(source, catalog, FakeItemEncoder(), BUNDLE, silent)
    sys.stdout.write(str(_steps))
