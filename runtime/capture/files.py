"""The checks every media file gets before a decoder sees it."""

from __future__ import annotations

from pathlib import Path

from runtime.errors import InputError


def check_file(path: Path, error: type[InputError], noun: str) -> None:
    """See that a file is there, is a plain file, can be read and is not empty.

    Args:
        path: the file.
        error: what to raise.
        noun: what the file should be, for the message.

    Raises:
        InputError: of the kind given in ``error``.
    """
    fix = f"give the path of a {noun}"
    try:
        if path.is_dir():
            raise error(f"{path} is not a {noun}", why="it is a folder", fix=fix)
        if path.exists() and not path.is_file():  # opening a pipe would wait for its writer
            raise error(f"{path} is not a {noun}", why="it is a pipe or a device", fix=fix)
        with path.open("rb") as file:
            if not file.read(1):
                raise error(f"{path} is not a {noun}", why="the file is empty", fix="copy it again")
    except FileNotFoundError as missing:
        raise error(f"no {noun} at {path}", why="there is no such file", fix=fix) from missing
    except (OSError, ValueError) as failure:
        raise error(f"{path} cannot be read", why=str(failure), fix=fix) from failure
