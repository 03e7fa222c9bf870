"""The one folder in which this device keeps what outlives a command: bundles, engines, keys."""

from __future__ import annotations

import os
from pathlib import Path

from runtime.errors import StorageError

HOME_VARIABLE = "SGMN_HOME"
"""Environment variable that names the folder."""


def home() -> Path:
    """The folder, absolute; not made here.

    The first of: the environment variable ``SGMN_HOME``, ``$XDG_DATA_HOME/sgmn``,
    ``~/.local/share/sgmn``. Source: XDG Base Directory Specification, which ignores relative paths.

    Raises:
        StorageError: the user has no home folder and no variable names one.
    """
    named = os.environ.get(HOME_VARIABLE, "").strip()
    if named:
        return Path(os.path.abspath(Path(named).expanduser()))
    shared = Path(os.environ.get("XDG_DATA_HOME", ""))
    if shared.is_absolute():
        return shared / "sgmn"
    try:
        return Path.home() / ".local" / "share" / "sgmn"
    except RuntimeError as error:
        raise StorageError(
            "there is no folder for what this device keeps",
            why=str(error),
            fix=f"set {HOME_VARIABLE} to a folder that this user may write",
        ) from error


def environment() -> dict[str, str]:
    """Of a child process with another working folder: a relative path names the same folder."""
    if not os.environ.get(HOME_VARIABLE, "").strip():
        return dict(os.environ)
    return {**os.environ, HOME_VARIABLE: str(home())}


def bundles_folder() -> Path:
    """Where installed bundles lie, each under its digest; not made here."""
    return home() / "bundles"


def engines_folder() -> Path:
    """Where engines lie that were built on this device; not made here."""
    return home() / "engines"


def state_folder() -> Path:
    """Where short notes of running programs lie, such as of crashes; not made here.

    The folder that a systemd unit's ``StateDirectory`` makes, since a service may read the folder
    of `home` only; else one in it.
    """
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if os.path.isabs(given) else home() / "state"


def keys_folder() -> Path:
    """Where the public keys lie whose signatures this device trusts; not made here."""
    return home() / "keys"
