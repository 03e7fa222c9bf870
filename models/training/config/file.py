"""Settings read from TOML: a file of one's own, or one that comes with the program."""

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

SHIPPED = ("lite", "zero_shot", "b32", "tiny")
_FOLDER = Path(__file__).resolve().parents[2] / "configs"


def config_file(given: str) -> Path:
    """The file meant by ``--config``: a path that ends in ``.toml``, or one of `SHIPPED` by name.

    Raises:
        UsageError: it is neither.
    """
    if given in SHIPPED:
        return _FOLDER / f"{given}.toml"
    if given.endswith(".toml"):
        return Path(given)
    raise UsageError(
        f"there are no settings {given}",
        why=f"there are {', '.join(SHIPPED)}, and .toml files of your own",
        fix="name one of them with --config",
    )


def read_config(path: Path) -> TrainConfig:
    """Read a TOML file; every key must be known.

    Raises:
        UsageError: the file is missing, not TOML, or has unknown keys or values.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"cannot read {path}",
            why=str(error),
            fix=f"give a .toml file of yours, or one of {', '.join(SHIPPED)}, with --config",
        ) from error
    try:
        return TypeAdapter(TrainConfig).validate_python(values)
    except ValidationError as error:
        raise UsageError(
            f"{path} has unknown or impossible settings",
            why=f"{_told(error)} ({error.error_count()} problems)",
            fix=f"correct it after {_FOLDER / 'lite.toml'}; store 0 is the demo's, not to train on",
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
