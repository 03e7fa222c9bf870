"""What ``docs/reference/json.md`` says of the commands' JSON."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "json.md"


def described() -> list[str]:
    """Names of the commands that the page has a section of, e.g. ``bundle list``."""
    return re.findall(r"^## `sgmn (.+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def keys(command: str) -> set[str]:
    """Keys of a command's object: the first column of its table."""
    text = PAGE.read_text(encoding="utf-8")
    section = text.split(f"\n## `sgmn {command}`\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}
