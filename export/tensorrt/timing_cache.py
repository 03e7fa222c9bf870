"""The timing cache: what TensorRT measured of its kernels on this machine, kept for later builds.

With one, a build need not measure again, which is most of its time: 9 s instead of 108 s in
microsoft/onnxruntime#14767. The cache of a device can be shipped to others of the same model.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from runtime.bundle.files import write_durably
from runtime.lock import FileLock

MOST_BYTES = 256 << 20


class TimingCache:
    """The cache of one build.

    Args:
        own: file of this device's cache, read and written; it need not be there.
        shipped: a file to begin with besides, only read; None without one.
    """

    def __init__(self, own: Path, shipped: Path | None = None) -> None:
        self._own = own
        self._shipped = shipped
        self._kept: Any = None
        self.notes: list[str] = []

    def attach(self, config: Any) -> None:
        """Give the cache to a build; files that TensorRT does not take are noted and left out."""
        own = self._read(self._own)
        cache = config.create_timing_cache(own)
        if cache is None or not config.set_timing_cache(cache, False):
            if own:
                self.notes.append(f"the timing cache {self._own} does not fit; it is made anew")
            cache = config.create_timing_cache(b"")
            config.set_timing_cache(cache, False)
        self._kept = cache  # as long as the config: TensorRT does not
        if self._shipped is not None and not self._add(config, cache, self._read(self._shipped)):
            self.notes.append(f"the timing cache {self._shipped} is not for this machine")

    def store(self, config: Any) -> str:
        """Keep what the build measured, beside what other builds kept meanwhile.

        Returns:
            Hex SHA-256 of what the build knew at its end.

        Raises:
            OSError: the file cannot be written.
        """
        cache = config.get_timing_cache()
        lock = FileLock(self._own.with_name(self._own.name + ".lock"))
        lock.acquire(wait=True)
        try:
            now = self._read(self._own)
            if now:
                self._add(config, cache, now)
            data = bytes(cache.serialize())
            write_durably(self._own, data)
        finally:
            lock.release()
        return hashlib.sha256(data).hexdigest()

    def _add(self, config: Any, cache: Any, data: bytes) -> bool:
        other = config.create_timing_cache(data) if data else None
        return other is not None and bool(cache.combine(other, False))

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as source:
                data = source.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            self.notes.append(f"the timing cache {path} cannot be read ({error.strerror})")
            return b""
        return data if len(data) <= MOST_BYTES else b""
