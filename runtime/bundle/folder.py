"""A new folder appears whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime.bundle.files import sync
from runtime.errors import StorageError

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that appears under its name only when it is complete.

    What killed writers of the same folder left is removed.

    Raises:
        StorageError: it exists, none can be made there, or another process made it meanwhile.
    """
    if out.exists():
        raise _exists(out, "a bundle is never changed in place")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(out)
        partial, lock = _unfinished(out)
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
        if error.errno in _TAKEN and error.filename2 == str(out):
            raise _exists(out, "another process wrote it meanwhile") from error
        if error.errno not in _DISK:
            raise
        raise StorageError(
            f"cannot write {out}",
            why=str(error.strerror),
            fix="free some space, or name another --out",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def _exists(out: Path, why: str) -> StorageError:
    return StorageError(f"{out} exists already", why=why, fix="name another --out")


def _prefix(out: Path) -> str:
    return f".{out.name}.unfinished-"


def _unfinished(out: Path) -> tuple[Path, int]:
    """A folder under a passing name, and the lock on it that says its writer lives."""
    while True:
        partial = Path(tempfile.mkdtemp(prefix=_prefix(out), dir=out.parent))
        with suppress(FileNotFoundError):
            lock = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Between the two lines above another writer may have taken it for abandoned.
            if partial.is_dir():
                return partial, lock
            os.close(lock)


def _remove_abandoned(out: Path) -> None:
    for place in list(out.parent.iterdir()):
        if not place.name.startswith(_prefix(out)) or place.is_symlink():
            continue
        with suppress(FileNotFoundError, NotADirectoryError):
            lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
            except BlockingIOError:
                pass  # its writer is at work
            finally:
                os.close(lock)
