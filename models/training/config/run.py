"""All settings of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from models.training.config.data import (
    AugmentationConfig,
    DataConfig,
    EpisodeConfig,
    SpeechConfig,
)
from models.training.config.network import (
    PROJECTION,
    ClosedFormConfig,
    EncoderConfig,
    NetworkOptions,
    WeightsConfig,
)
from models.training.config.section import Count, Section
from models.training.config.training import LossConfig, ProjectionConfig, TrainerConfig


@dataclass(frozen=True)
class TrainConfig(Section):
    """A whole run.

    Attributes:
        preset: of the network.
        seed: of every draw.
        frozen: beginnings of the names of head weights that are not trained on episodes.
        network: what it is made of.
        closed_form: what is set before.
        data: what is shown.
        episodes: how it is shown.
        augmentation: how its pictures are changed.
        speech: how its words fail.
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
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
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
        for name, section in (("augmentation", self.augmentation), ("speech", self.speech)):
            if section.on and not self.encoders.train:
                raise ValueError(f"[{name}] needs [encoders] train: features are encoded only once")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)
