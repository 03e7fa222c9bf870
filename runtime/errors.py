"""Every error a user can meet, from general to exact.

::

    SgmnError
    ├── UsageError            the command line asks for something impossible
    ├── InputError            a file or text given by the user
    │   ├── ClipError         a video clip or its frames
    │   ├── AudioError        a sound track or wav file
    │   ├── FeedError         a catalog feed, a list of photos, or one of their images
    │   └── ClipListError     an evaluation manifest
    ├── BundleError           the bundle is missing, damaged or of another version
    │   ├── SignatureError    it is not signed, or not by a key that this device trusts
    │   └── SelfTestError     it does not compute on this device what its maker stored
    ├── CatalogError          the catalog folder is missing, damaged or of another bundle
    ├── EngineError           a submodule cannot be loaded or run
    │   └── GpuError          the GPU, its driver, TensorRT or an engine for it cannot be used
    ├── DeviceError           a camera or microphone cannot be used
    │   ├── CameraError
    │   └── MicrophoneError
    ├── SpeechError           the speech model or its child process
    ├── StorageError          the disk is full or a folder cannot be written
    ├── DependencyError       an optional package or program is not installed
    ├── TrainingError         a training run cannot go on
    ├── ExportError           a checkpoint cannot be turned into a bundle
    ├── BuildError            TensorRT engines cannot be built
    └── BudgetError           a precision plan loses more accuracy than allowed
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class SgmnError(Exception):
    """An error with its remedy.

    Args:
        what: what failed, in one sentence without a full stop.
        why: the cause as far as it is known.
        fix: the one command or setting that mends it.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str, fix: str) -> None:
        super().__init__(what, why, fix)
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what}: {self.why}. Fix: {self.fix}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.what, self.why, self.fix)

    def as_dict(self) -> dict[str, str]:
        """The error as JSON-ready fields: code, what, why, fix."""
        return {"code": self.code, "what": self.what, "why": self.why, "fix": self.fix}


def _rebuild(kind: type[SgmnError], what: str, why: str, fix: str) -> SgmnError:
    return kind(what, why=why, fix=fix)


class UsageError(SgmnError):
    """The options of a command contradict each other or name nothing."""

    code = "usage"
    exit_code = 2


class InputError(SgmnError):
    """A file or a text that the user gave cannot be used."""

    code = "input"
    exit_code = 3


class ClipError(InputError):
    """A video clip is missing, damaged or has no pictures."""

    code = "clip"


class AudioError(InputError):
    """A sound track or wav file is missing, damaged or empty."""

    code = "audio"


class FeedError(InputError):
    """A catalog feed, a list of photos, one of their rows or images cannot be used."""

    code = "feed"


class ClipListError(InputError):
    """An evaluation manifest cannot be read."""

    code = "clip-list"


class BundleError(SgmnError):
    """A bundle is missing, damaged, unsafe or newer than this program."""

    code = "bundle"
    exit_code = 4


class SignatureError(BundleError):
    """A bundle is not signed, was changed after signing, or its key is not trusted."""

    code = "signature"


class SelfTestError(BundleError):
    """A bundle cannot be loaded on this device, or computes other outputs than its maker stored."""

    code = "self-test"


class CatalogError(SgmnError):
    """A catalog folder is missing, damaged or was built with another bundle."""

    code = "catalog"
    exit_code = 5


class EngineError(SgmnError):
    """A submodule of the network cannot be loaded or run."""

    code = "engine"
    exit_code = 6


GpuReason = Literal[
    "no-graphs",
    "no-driver",
    "no-device",
    "no-cuda",
    "no-tensorrt",
    "no-engine",
    "tensorrt-version",
    "gpu",
    "compute-capability",
    "platform",
    "other-graph",
    "swapped-submodule",
    "damaged",
    "unsafe-folder",
    "unreadable",
    "out-of-memory",
    "self-test",
    "crash-loop",
    "cuda",
    "tensorrt",
]
"""Why TensorRT does not run a bundle; explained in ``docs/guides/kiosk.md``."""


class GpuError(EngineError):
    """The GPU, its driver, TensorRT or an engine for it cannot be used.

    Args:
        what: as of every error.
        why: likewise.
        fix: likewise.
        reason: the same in one word, for programs.
    """

    code = "gpu"

    def __init__(self, what: str, *, why: str, fix: str, reason: GpuReason = "cuda") -> None:
        super().__init__(what, why=why, fix=fix)
        self.reason: GpuReason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_gpu, (self.what, self.why, self.fix, self.reason)


def _rebuild_gpu(what: str, why: str, fix: str, reason: GpuReason) -> GpuError:
    return GpuError(what, why=why, fix=fix, reason=reason)


class DeviceError(SgmnError):
    """A camera or microphone cannot be used."""

    code = "device"
    exit_code = 7


class CameraError(DeviceError):
    """The camera cannot be opened or stopped giving pictures."""

    code = "camera"


class MicrophoneError(DeviceError):
    """The microphone cannot be opened or stopped giving sound."""

    code = "microphone"


class SpeechError(SgmnError):
    """The speech model cannot be used or its process failed."""

    code = "speech"
    exit_code = 8


class StorageError(SgmnError):
    """A folder cannot be written or the disk is full."""

    code = "storage"
    exit_code = 9


class DependencyError(SgmnError):
    """An optional package or program is not installed."""

    code = "dependency"
    exit_code = 10


class TrainingError(SgmnError):
    """A training run cannot go on: its loss, its kept state or another of its processes failed."""

    code = "training"
    exit_code = 12


class ExportError(SgmnError):
    """A checkpoint cannot be turned into a bundle, or parity was lost."""

    code = "export"
    exit_code = 11


class BuildError(SgmnError):
    """TensorRT engines cannot be built here, or what was built is not what was asked for."""

    code = "build"
    exit_code = 13


class BudgetError(SgmnError):
    """The precision plan that ships loses more accuracy than its budget."""

    code = "budget"
    exit_code = 14
