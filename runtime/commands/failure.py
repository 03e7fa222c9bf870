"""Turns every failure into one clear message and an exit code."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from runtime.commands.output import printable_lines
from runtime.errors import INTERRUPTED, DependencyError, SgmnError, StorageError, UsageError

_EXTRAS = {
    "quantize": ("onnx",),
    "train": ("torch", "safetensors", "scipy", "tomli", "jinja2", "matplotlib"),
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
    with _noted_interrupts() as interrupts:
        try:
            result = command.main(prog_name="sgmn", standalone_mode=False)
        except (click.Abort, KeyboardInterrupt):
            return _interrupted()
        # Ctrl-C in the midst of native code, such as a library that is being loaded, may come up
        # as any other error.
        except Exception as error:  # noqa: BLE001
            return _interrupted() if interrupts else _failed(error)
    return result if isinstance(result, int) else 0


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Within the block Ctrl-C is noted beside raising `KeyboardInterrupt`."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored under nohup
        yield noted
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupted() -> int:
    click.echo("Interrupted.", err=True)
    return INTERRUPTED


def _failed(error: Exception) -> int:
    """Tell a failure that users can mend; a fault of the program goes on as it is."""
    if isinstance(error, click.ClickException) and not _wants_json():
        error.show()
        return error.exit_code
    known = _known(error)
    if known is None:
        raise error
    _settle_stdout()
    return _report(known)


def _settle_stdout() -> None:
    """Drop what stdout cannot take; Python would try again at its end and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _known(error: Exception) -> SgmnError | None:
    if isinstance(error, SgmnError):
        return error
    if isinstance(error, click.ClickException):
        return _as_usage_error(error)
    if isinstance(error, ModuleNotFoundError):
        return _as_dependency_error(error)
    return _as_storage_error(error) if isinstance(error, OSError) else None


def _report(error: SgmnError) -> int:
    if _wants_json():
        click.echo(json.dumps({"error": error.as_dict()}), err=True)
    else:
        what, why, fix = map(printable_lines, (error.what, error.why, error.fix))
        click.echo(f"Error: {what}\n  why: {why}\n  fix: {fix}", err=True)
    return error.exit_code


def _wants_json() -> bool:
    return "--json" in sys.argv


def _as_usage_error(error: click.ClickException) -> UsageError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "sgmn"
    return UsageError(
        error.format_message().removesuffix("."),
        why="the command line cannot be read",
        fix=f"run: {command} --help",
    )


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
