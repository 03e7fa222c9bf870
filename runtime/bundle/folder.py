"""A new folder appears whole or not at all."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.bundle.files import sync
from runtime.errors import StorageError

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that appears under its name only when it is complete.

    Raises:
        StorageError: it exists, or none can be made there.
    """
    if out.exists():
        raise StorageError(
            f"{out} exists already",
            why="a bundle is never changed in place",
            fix="name another --out",
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {out}", why=str(error), fix="name another --out"
        ) from error
    try:
        yield partial
        partial.chmod(0o755)
        partial.replace(out)
        sync(out.parent)
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise StorageError(
            f"cannot write {out}",
            why=str(error.strerror),
            fix="free some space, or name another --out",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
