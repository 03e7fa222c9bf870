"""A training run's settings, read from TOML."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from models.config import PRESETS
from models.data.clip import Tier
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
        stores: seeds of synthetic stores; 0 is the demo's and refused.
        store_views: unrelated pictures of each product of a synthetic store.
        store_takes: takes of eight pictures each of such a product.
    """

    clip_tiers: tuple[Tier, ...] = ("L3",)
    staged: int = 4
    stores: tuple[int, ...] = (1, 2, 3, 4, 5)
    store_views: int = 4
    store_takes: int = 1


@dataclass(frozen=True)
class HeadConfig:
    """How to train text-guided attention, text half and re-ranker.

    Attributes:
        steps: episodes.
        batch: products in an episode.
        rate: peak learning rate.
        visual_weight: weight of the pictures-only loss.
        rerank_weight: weight of the second stage's loss.
    """

    steps: int = 150
    batch: int = 64
    rate: float = 3e-4
    visual_weight: float = 1.0
    rerank_weight: float = 1.0


@dataclass(frozen=True)
class ProjectionConfig:
    """How to train the shared projection from its whitened start.

    Attributes:
        steps: batches.
        batch: products in a batch.
        rate: learning rate.
        dropout: share of features dropped on both sides.
        real_weight: how much oftener a photographed product is drawn than a synthetic one.
        keep: how far to go from the whitened start (0) to the trained matrix (1); products without
            photos lose beyond the middle.
    """

    steps: int = 300
    batch: int = 64
    rate: float = 1e-4
    dropout: float = 0.3
    real_weight: float = 2.0
    keep: float = 0.7


@dataclass(frozen=True)
class TrainConfig:
    """A whole run."""

    preset: str = "lite"
    seed: int = 7
    data: DataConfig = field(default_factory=DataConfig)
    heads: HeadConfig = field(default_factory=HeadConfig)
    projection: ProjectionConfig = field(default_factory=ProjectionConfig)

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
    heads = _section(HeadConfig, values.pop("heads", {}), path)
    projection = _section(ProjectionConfig, values.pop("projection", {}), path)
    sections = {"data": data, "heads": heads, "projection": projection}
    config = _section(TrainConfig, {**values, **sections}, path)
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
