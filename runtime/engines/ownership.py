"""Who may change what lies where the engines lie: a plan carries code."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def why_unsafe(place: Path) -> str:
    """Why others than this user and root may have put a file or folder there; empty if they cannot.

    Raises:
        OSError: it is not there, or cannot be asked.
    """
    found = place.lstat()
    by_group = found.st_mode & stat.S_IWGRP and found.st_gid not in (0, os.getegid())
    if stat.S_ISLNK(found.st_mode):
        return f"{place} is a link"
    if found.st_uid not in (0, os.geteuid()):
        return f"{place} belongs to another user (uid {found.st_uid})"
    if by_group or found.st_mode & stat.S_IWOTH:
        return f"other users may write to {place}"
    return ""
