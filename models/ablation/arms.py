"""The arms of a study, read from TOML: a base config and what each arm changes of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.training.config import TrainConfig
from runtime.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Arm:
    """One way to make a network.

    Attributes:
        name: shown in tables.
        config: of its training; the seed is set by the study.
    """

    name: str
    config: TrainConfig


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    change: dict[str, Any] = Field(default_factory=dict)


class _Study(BaseModel):
    model_config = ConfigDict(extra="forbid")

    base: dict[str, Any] = Field(default_factory=dict)
    arm: list[_Change] = Field(min_length=1)


def read_arms(path: Path) -> tuple[Arm, ...]:
    """Read a study; see ``models/configs/ablation.toml``.

    Raises:
        UsageError: the file is missing, not TOML, an arm's settings are unknown or impossible, or
            two arms have one name.
    """
    try:
        study = _Study.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        arms = tuple(Arm(a.name, _config(study.base, a.change)) for a in study.arm)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise UsageError(
            f"cannot read the arms in {path}",
            why=str(error),
            fix="correct it after models/configs/ablation.toml",
        ) from error
    if len({arm.name for arm in arms}) < len(arms):
        raise UsageError(
            f"the arms in {path} cannot be told apart",
            why="two of them have one name",
            fix="name them differently",
        )
    return arms


def _config(base: Mapping[str, Any], change: Mapping[str, Any]) -> TrainConfig:
    return TypeAdapter(TrainConfig).validate_python(_merged(base, change))


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return merged
