"""Where the TensorRT engines of a bundle lie on this device, and what is known of them.

::

    <engines>/<digest of the bundle>/<Fingerprint.key()>/<submodule>.<precision>.plan
                                                         <submodule>.<precision>.plan.json
    <engines>/timing/<Fingerprint.key()>.cache

They lie outside the bundle, which is signed and never changes, and for each GPU and release of
TensorRT apart, so that an update of either finds none rather than the wrong ones. `sgmn build`
writes the side-car after its plan: a plan without one is not finished and does not count.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from runtime import machine
from runtime.bundle.files import sync, write_durably
from runtime.engines.cuda.question import Gpu
from runtime.engines.fingerprint import EngineRecord, Fingerprint, read_record, side_car
from runtime.engines.ownership import why_unsafe
from runtime.errors import EngineError
from runtime.lock import FileLock

LOCK: Final = "build.lock"


class EngineStore:
    """The engines of one bundle for one machine.

    Args:
        root: the folder of all engines; `runtime.home.engines_folder` unless a user names another.
        bundle: digest of the bundle.
        fingerprint: of the machine.
    """

    def __init__(self, root: Path, bundle: str, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self._root = root
        self.folder = root / bundle / fingerprint.key()

    @property
    def lock(self) -> Path:
        """The file that is locked while engines are being built here."""
        return self.folder / LOCK

    @property
    def timing_cache(self) -> Path:
        """What TensorRT measured on this machine, for builds of every bundle."""
        return self._root / "timing" / f"{self.fingerprint.key()}.cache"

    def plan(self, submodule: str, precision: str) -> Path:
        """The plan file of a submodule, which need not be there."""
        return self.folder / f"{submodule}.{precision}.plan"

    def record(self, submodule: str, precision: str) -> EngineRecord | None:
        """The side-car of a submodule's engine; None where none has been built.

        Neither the plan's bytes nor the fingerprint are compared here.

        Raises:
            EngineError: there is a side-car, and it is not readable.
        """
        plan = self.plan(submodule, precision)
        return read_record(plan) if side_car(plan).exists() else None

    def elsewhere(self, submodule: str, precision: str) -> Iterator[tuple[Path, EngineRecord]]:
        """Engines of other bundles for this machine; a new bundle often keeps most graphs.

        Only those that nobody but this user and root can have put there: a plan is code.
        """
        for folder in sorted(self._root.glob(f"*/{glob.escape(self.folder.name)}")):
            plan = folder / self.plan(submodule, precision).name
            places = (folder.parent, folder, plan, side_car(plan))
            if folder == self.folder or not all(map(_is_own, places)):
                continue
            with suppress(EngineError):  # whose engine it is will tell
                yield plan, read_record(plan)

    def put(self, built: Path, record: EngineRecord) -> Path:
        """Give a finished plan its place, and its record.

        A full disk leaves the old engine; a power cut leaves it, the new one, or none that counts.

        Args:
            built: the plan, in a folder within this one; it is moved.
            record: its side-car.

        Raises:
            OSError: the disk is full or the folder cannot be written.
        """
        place = self.plan(record.submodule, record.precision_asked)
        sync(built)
        write_durably(side_car(built), (record.model_dump_json(indent=2) + "\n").encode())
        # Without its old record first: the new plan must never stand beside it.
        side_car(place).unlink(missing_ok=True)
        sync(self.folder)
        built.replace(place)
        sync(self.folder)
        side_car(built).replace(side_car(place))
        sync(self.folder)
        return place


def remove_engines(root: Path, bundles: Iterable[str]) -> None:
    """Remove the engines of bundles that were given up, for all machines; what cannot be, stays.

    A bundle whose engines are being built is passed over.

    Args:
        root: the folder of all engines.
        bundles: their digests.
    """
    for place in (root / bundle for bundle in bundles):
        if place.is_symlink():
            continue
        for folder in place.glob("*"):
            if folder.is_dir() and not folder.is_symlink():
                _remove(folder)
        with suppress(OSError):  # there is none, or something is left
            place.rmdir()


def _remove(folder: Path) -> None:
    lock = FileLock(folder / LOCK)
    with suppress(OSError):
        if lock.acquire():
            shutil.rmtree(folder)
    lock.release()


def _is_own(place: Path) -> bool:
    try:
        return not why_unsafe(place)
    except OSError:
        return False


def fingerprint_here(gpu: Gpu, tensorrt: str) -> Fingerprint:
    """The fingerprint of this machine.

    Args:
        gpu: what the driver says of the device.
        tensorrt: version that TensorRT's module tells.
    """
    system = os.uname()
    return Fingerprint(
        tensorrt=tensorrt,
        cuda=gpu.cuda,
        driver=machine.driver_version(),
        gpu=gpu.name,
        compute_capability=gpu.compute_capability,
        platform=f"{system.sysname.lower()}-{system.machine}",
    )
