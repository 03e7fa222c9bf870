"""Settings read from TOML."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from models.training.config.run import TrainConfig
from runtime.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_config(path: Path) -> TrainConfig:
    """Read a TOML file; every key must be known.

    Raises:
        UsageError: the file is missing, not TOML, or has unknown keys or values.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"cannot read {path}", why=str(error), fix="start from models/configs/lite.toml"
        ) from error
    try:
        return TypeAdapter(TrainConfig).validate_python(values)
    except ValidationError as error:
        raise UsageError(
            f"{path} has unknown or impossible settings",
            why=f"{_told(error)} ({error.error_count()} problems)",
            fix="correct it after models/configs/lite.toml; store 0 is the demo's, not to train on",
        ) from error


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] != "unexpected_keyword_argument":
        return f"{place}: {first['msg']}" if place else first["msg"]
    *sections, name = place.split(".")
    known: Any = TrainConfig().as_dict()
    for section in sections:
        known = known[section]
    near = get_close_matches(name, known, 1, 0.0)
    return f"{place} is no setting; the nearest is {'.'.join((*sections, *near))}"
