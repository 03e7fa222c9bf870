"""A training run's settings, read from TOML."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from models.data.clip import Tier
from runtime.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Part = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Known:
    """Settings in which every key must be known."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class DataConfig(_Known):
    """What to draw training pictures from.

    Attributes:
        clip_tiers: GroceryLPR clip tiers beside the plain photos.
        staged: pictures staged from each GroceryLPR shop picture.
        stores: seeds of synthetic stores; 0 is the demo's and refused.
        store_views: unrelated pictures of each product of a synthetic store.
        store_takes: takes of eight pictures each of such a product.
    """

    clip_tiers: tuple[Tier, ...] = ("L3",)
    staged: Count = 4
    stores: tuple[Positive, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    store_views: Count = 2
    store_takes: Count = 2


@dataclass(frozen=True)
class HeadConfig(_Known):
    """How to train text-guided attention, text half and re-ranker.

    Attributes:
        steps: episodes.
        batch: products in an episode.
        rate: peak learning rate.
        visual_weight: weight of the pictures-only loss.
        rerank_weight: weight of the second stage's loss.
    """

    steps: Count = 150
    batch: Annotated[int, Field(ge=2)] = 64
    rate: Rate = 3e-4
    visual_weight: Weight = 1.0
    rerank_weight: Weight = 1.0


@dataclass(frozen=True)
class ProjectionConfig(_Known):
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

    steps: Count = 300
    batch: Annotated[int, Field(ge=2)] = 64
    rate: Rate = 1e-4
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    real_weight: Rate = 2.0
    keep: Part = 0.7


@dataclass(frozen=True)
class WeightsConfig(_Known):
    """Encoder weights that the user supplies; for preset ``b32``.

    Attributes:
        clip: OpenAI's or open_clip's ViT-B/32 state dict, its ``tokenizer.json`` beside it; a path
            as the shell would take it. Random weights if empty.
        quick_gelu: whether they were trained with QuickGELU: OpenAI's were, most of open_clip's
            were not.
    """

    clip: str = ""
    quick_gelu: bool = True

    @property
    def file(self) -> Path | None:
        """The weights, None for random ones."""
        return Path(self.clip) if self.clip else None


@dataclass(frozen=True)
class TrainConfig(_Known):
    """A whole run.

    Attributes:
        preset: of the network.
        seed: of every draw.
        shrink: share of the within-class covariance that whitening replaces by its mean variance.
        data: what is shown.
        heads: how the heads are trained; no steps leave them as they start.
        projection: how the projection is trained; no steps leave it whitened.
        weights: of the encoders.
    """

    preset: Literal["lite", "b32", "tiny"] = "lite"
    seed: Count = 7
    shrink: Part = 0.5
    data: DataConfig = field(default_factory=DataConfig)
    heads: HeadConfig = field(default_factory=HeadConfig)
    projection: ProjectionConfig = field(default_factory=ProjectionConfig)
    weights: WeightsConfig = field(default_factory=WeightsConfig)

    def __post_init__(self) -> None:
        if self.preset != "b32" and self.weights != WeightsConfig():
            raise ValueError(f"preset {self.preset} takes no [weights]")

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
    try:
        return TypeAdapter(TrainConfig).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path} has unknown or impossible settings",
            why=f"{place}: {first['msg']} ({error.error_count()} problems)",
            fix="correct it after models/configs/lite.toml; store 0 is the demo's, not to train on",
        ) from error
