"""Turns every failure into one clear message and an exit code."""

from __future__ import annotations

import errno
import json
import os
import sys

import click

from runtime.errors import DependencyError, SgmnError, StorageError

INTERRUPTED = 130

_EXTRAS = {
    "train": ("torch", "onnx", "safetensors", "scipy", "tomli"),
    "kiosk": ("sounddevice",),
    "tensorrt": ("tensorrt", "pycuda", "cuda"),
    "cluster": ("pymilvus", "ray"),
}
"""Modules that are not everywhere, by the extra that installs them."""


def run_guarded(command: click.Command) -> int:
    """Run a command; errors go to stderr, as JSON where ``--json`` was given.

    A reader of stdout who leaves early is no error: click then ends the program without a word.

    Returns:
        0, the error's own exit code, 2 for a wrong command line, 130 after Ctrl-C.
    """
    try:
        result = command.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except SgmnError as error:
        return _report(error)
    except ModuleNotFoundError as error:
        missing = _as_dependency_error(error)
        if missing is None:
            raise
        return _report(missing)
    except OSError as error:
        known = _as_storage_error(error)
        if known is None:
            raise
        return _report(known)
    return result if isinstance(result, int) else 0


def _report(error: SgmnError) -> int:
    if "--json" in sys.argv:
        click.echo(json.dumps({"error": error.as_dict()}), err=True)
    else:
        click.echo(f"Error: {error.what}\n  why: {error.why}\n  fix: {error.fix}", err=True)
    return error.exit_code


def _as_storage_error(error: OSError) -> StorageError | None:
    place = error.filename or "the output folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"cannot write {place}", why="the disk is full", fix="free some space and run it again"
        )
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return StorageError(
            f"cannot write or read {place}",
            why=os.strerror(error.errno),
            fix="choose another folder or change its permissions",
        )
    return None


def _as_dependency_error(error: ModuleNotFoundError) -> DependencyError | None:
    module = (error.name or "").partition(".")[0]
    for extra, modules in _EXTRAS.items():
        if module in modules:
            return DependencyError(
                f"{module} is not installed",
                why="this command needs more than a kiosk does",
                fix=f"pip install 'sgmn-edge[{extra}]'",
            )
    return None
