"""Settings of the network: what it is made of, where its weights begin, what is set at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.training.config.section import Count, Part, Positive, Rate, Section, Weight

PROJECTION = "query_head.shared.projection"
"""Beginning of the names of its weights."""


@dataclass(frozen=True)
class NetworkOptions(Section):
    """What of the network may be chosen; see `models.config.NetworkConfig`."""

    reranker: Literal["relation", "graph"] = "relation"
    fusion: Literal["words", "single_key"] = "words"
    joint_layers: Positive = 1
    text_guided_pool: bool = False


@dataclass(frozen=True)
class ClosedFormConfig(Section):
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
    patch_weight: Weight = 0.83


@dataclass(frozen=True)
class EncoderConfig(Section):
    """Whether the encoders are trained as well, from pixels.

    Attributes:
        train: pictures and words pass through the encoders in every step.
        rate: factor on the run's learning rate (publication 4: 0.001).
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
class WeightsConfig(Section):
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
