"""A training run's settings, read from TOML."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from models.config import PRESETS
from runtime.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class DataConfig:
    """What to draw training pictures from.

    Attributes:
        clip_tiers: GroceryLPR clip tiers beside the plain photos.
        staged: pictures staged from each GroceryLPR shop picture.
        feed_staged: the same for the second feed (the fashion catalog).
        stores: seeds of synthetic stores; 0 is the demo's and refused.
        store_views: pictures of each product of a synthetic store.
    """

    clip_tiers: tuple[str, ...] = ("L3",)
    staged: int = 4
    feed_staged: int = 2
    stores: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    store_views: int = 6


@dataclass(frozen=True)
class FitConfig:
    """How to train the heads.

    Attributes:
        steps: episodes.
        batch: products in an episode.
        rate: peak learning rate of new layers.
        projection_rate: of the whitened projection and the text half, which start near right.
        anchor: weight of the pull back to the starting projection.
        visual_weight: weight of the pictures-only loss.
        rerank_weight: weight of the second stage's loss.
    """

    steps: int = 600
    batch: int = 64
    rate: float = 5e-4
    projection_rate: float = 5e-5
    anchor: float = 1.0
    visual_weight: float = 1.0
    rerank_weight: float = 1.0


@dataclass(frozen=True)
class TrainConfig:
    """A whole run."""

    preset: str = "lite"
    seed: int = 7
    data: DataConfig = field(default_factory=DataConfig)
    fit: FitConfig = field(default_factory=FitConfig)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


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
    data = _section(DataConfig, values.pop("data", {}), path)
    fit = _section(FitConfig, values.pop("fit", {}), path)
    config = _section(TrainConfig, {**values, "data": data, "fit": fit}, path)
    if config.preset not in PRESETS or 0 in config.data.stores:
        raise UsageError(
            f"{path} asks for something impossible",
            why=f"presets are {', '.join(PRESETS)}; store 0 is the demo's and never trained on",
            fix="correct `preset` or `data.stores`",
        )
    return config


def _section(kind: type[Any], values: dict[str, Any], path: Path) -> Any:
    known = {f.name for f in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise UsageError(
            f"{path} has unknown settings {unknown}",
            why=f"known ones are {sorted(known)}",
            fix="remove or rename them",
        )
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
