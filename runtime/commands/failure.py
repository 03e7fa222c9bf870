"""Turns every failure into one clear message and an exit code."""

from __future__ import annotations

import errno
import json
import os
import sys

import click

from runtime.errors import SgmnError, StorageError

INTERRUPTED = 130


def run_guarded(command: click.Command) -> int:
    """Run a command; errors go to stderr (as JSON too where ``--json`` was given).

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
    except BrokenPipeError:
        _silence_stdout()
        return 0
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


def _silence_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
