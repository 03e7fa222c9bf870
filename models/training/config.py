"""A training run's settings, read from TOML."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from models.data.clip import Tier
from models.losses.total import LossWeights
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
PrecisionName = Literal["fp32", "bf16", "fp16"]
PROJECTION = "query_head.shared.projection"


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
class NetworkOptions(_Known):
    """What of the network may be chosen; see `models.config.NetworkConfig`."""

    reranker: Literal["relation", "graph"] = "relation"
    fusion: Literal["words", "single_key"] = "words"
    joint_layers: Positive = 1
    text_guided_pool: bool = False


@dataclass(frozen=True)
class ClosedFormConfig(_Known):
    """What is set without gradients.

    Attributes:
        shrink: share of the within-class covariance that whitening replaces by its mean variance.
        remember: whether the item head's memory is filled.
        share: how much of an item's own vector stays beside what the memory adds.
        ridge: of the memory's regression.
        picture_share: weight of pictures against texts in the memory's likeness of items.
        patch_weight: of the agreement of places in the second stage.
    """

    shrink: Part = 0.2
    remember: bool = True
    share: Part = 0.5
    ridge: Rate = 1.0
    picture_share: Part = 0.6
    patch_weight: Weight = 1.2


@dataclass(frozen=True)
class TrainerConfig(_Known):
    """How weights are trained, whatever they are.

    Attributes:
        steps: batches.
        batch: products in a batch, over all processes.
        rate: peak learning rate.
        warmup: share of the steps in which the rate rises.
        floor: share of the rate that is left at the end of its cosine; 1 keeps it constant.
        weight_decay: of matrices.
        clip: longest gradient of all weights together; 0 does not clip.
        ema: share of the averaged weights that stays in a step; 0 does not average.
        validate_every: steps between validations; 0 never validates.
        patience: validations without a better figure after which training stops; 0 goes on.
        save_every: steps between states from which a killed run goes on.
        precision: of the network on a GPU; a processor always uses ``fp32``.
    """

    steps: Count = 150
    batch: Annotated[int, Field(ge=2)] = 64
    rate: Rate = 3e-4
    warmup: Part = 0.1
    floor: Part = 0.0
    weight_decay: Weight = 0.01
    clip: Weight = 1.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.99
    validate_every: Count = 25
    patience: Count = 0
    save_every: Positive = 25
    precision: PrecisionName = "bf16"


@dataclass(frozen=True)
class EpisodeConfig(_Known):
    """How batches of products are drawn.

    Attributes:
        silent: share of queries without words, so that pictures alone carry their share.
        fewer: share of queries with fewer than T pictures, as a kiosk sees at first.
        cut: share of clips whose end is cut off (spec section 4: 0.5); for pictures in order of
            time, useless for sets of photos.
        held_out: share of a batch's products that count as never photographed: their pictures do
            not teach the query side.
    """

    silent: Part = 0.5
    fewer: Part = 0.5
    cut: Part = 0.0
    held_out: Part = 0.0


@dataclass(frozen=True)
class LossConfig(_Known):
    """Weights of the losses; what has weight 0 is not computed (spec section 3).

    Attributes:
        joint: contrastive, pictures and words against items.
        visual: contrastive, pictures alone.
        text: contrastive, words alone, over the queries that have some.
        triplet: triplets of pictures.
        graph: triplets between vectors before and after the graph of the batch.
        regulariser: edges of that graph against distances.
        pair: pair scorer over mined hard negatives.
        rerank: second stage, over each query's shortlist.
        hard_negatives: mined for each query.
        faithful: graph and pair loss as published, faults and all (spec B1 to B3), for ablation.
    """

    joint: Weight = 1.0
    visual: Weight = 1.0
    text: Weight = 0.0
    triplet: Weight = 0.0
    graph: Weight = 0.0
    regulariser: Weight = 0.0
    pair: Weight = 0.0
    rerank: Weight = 1.0
    hard_negatives: Positive = 3
    faithful: bool = False

    def weights(self) -> LossWeights:
        """The weights alone."""
        return LossWeights(**{f.name: getattr(self, f.name) for f in fields(LossWeights)})


@dataclass(frozen=True)
class EncoderConfig(_Known):
    """Whether the encoders are trained as well, from pixels.

    Attributes:
        train: pictures and words pass through the encoders in every step.
        rate: factor on the run's learning rate (spec section 4: 0.001).
        closed_form: first set what is set in closed form, on features of the encoders as they
            start; else it starts at random.
        keep: how far the encoders go from where they start (0) to where training leads them (1).
        workers: threads that load pictures ahead.
    """

    train: bool = False
    rate: Rate = 0.001
    closed_form: bool = False
    keep: Part = 1.0
    workers: Count = 2


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
        frozen: beginnings of the names of head weights that are not trained on episodes.
        network: what it is made of.
        closed_form: what is set before.
        data: what is shown.
        episodes: how it is shown.
        train: how the heads are trained; no steps leave them as they start.
        losses: towards what.
        encoders: whether they are trained, too.
        projection: how the projection is trained; no steps leave it whitened.
        weights: of the encoders.
    """

    preset: Literal["lite", "b32", "tiny"] = "lite"
    seed: Count = 7
    frozen: tuple[str, ...] = (
        PROJECTION,
        "query_head.shared.patches",
        "query_head.temporal",
    )
    network: NetworkOptions = field(default_factory=NetworkOptions)
    closed_form: ClosedFormConfig = field(default_factory=ClosedFormConfig)
    data: DataConfig = field(default_factory=DataConfig)
    episodes: EpisodeConfig = field(default_factory=EpisodeConfig)
    train: TrainerConfig = field(default_factory=TrainerConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    encoders: EncoderConfig = field(default_factory=EncoderConfig)
    projection: ProjectionConfig = field(default_factory=ProjectionConfig)
    weights: WeightsConfig = field(default_factory=WeightsConfig)

    def __post_init__(self) -> None:
        if self.preset != "b32" and self.weights != WeightsConfig():
            raise ValueError(f"preset {self.preset} takes no [weights]")
        if self.encoders.train and not self.encoders.closed_form and PROJECTION in self.frozen:
            raise ValueError(f"a projection that starts at random must be trained: {PROJECTION}")

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
