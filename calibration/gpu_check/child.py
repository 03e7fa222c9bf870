"""The process of one section.

Run as ``python -m calibration.gpu_check.child``: the request comes as JSON on stdin, what is found
goes to the file that it names, whole after every step, so that a crash leaves what came before it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from calibration.gpu_check.job import Request
from calibration.gpu_check.lab import Lab
from calibration.gpu_check.outcome import SkippedError
from runtime.errors import GpuError, SgmnError

_PR_SET_PDEATHSIG = 1


class Notes:
    """What a section finds, in a file.

    Args:
        out: the file.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._kept: dict[str, Any] = {"found": {}}

    def __call__(self, **found: object) -> None:
        """See `calibration.gpu_check.lab.Tell`."""
        self._kept["found"].update(found)
        self._write()

    def end(self, **fields: Any) -> None:
        """Note how it ended."""
        self._kept.update(fields)
        self._write()

    def _write(self) -> None:
        partial = self._out.with_name(self._out.name + ".part")
        partial.write_text(json.dumps(self._kept), encoding="utf-8")
        partial.replace(self._out)


def lab_of(request: Request) -> Lab:
    """The real machine."""
    return Lab(request.job, limit_s=request.limit_s)


def do(request: Request, lab: Lab) -> None:
    """Run one section; every end but a crash is noted."""
    notes = Notes(request.out)
    lab.forget_crashes()
    try:
        module, _, name = request.work.partition(":")
        getattr(import_module(module), name)(lab, notes, **request.options)
    except SkippedError as error:
        notes.end(status="skipped", why=f"{error.what}: {error.why}. {error.fix}")
    except SgmnError as error:
        reason = {"reason": error.reason} if isinstance(error, GpuError) else {}
        notes.end(status="failed", why=str(error), error={**error.as_dict(), **reason})
    # The one place where any exception may end: it becomes a finding beside all the others.
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        notes.end(status="failed", why=f"{type(error).__name__}: {error}")
    else:
        notes.end(status="passed")


def main(make: Callable[[Request], Lab] = lab_of) -> NoReturn:
    """Run the section that stands on stdin and end the process."""
    # A section must not outlive a check that was killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    request = Request.model_validate(json.load(sys.stdin))
    do(request, make(request))
    sys.stderr.flush()
    # Without destructors, whose order across TensorRT, CUDA and Python is nobody's promise.
    os._exit(0)


if __name__ == "__main__":
    main()
