"""Settings of what is trained by gradients: how, and towards what."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from models.losses.total import LossWeights
from models.training.config.section import (
    Count,
    LessThanAll,
    Part,
    Positive,
    Rate,
    Section,
    Several,
    Weight,
)

PrecisionName = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class TrainerConfig(Section):
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
    batch: Several = 64
    rate: Rate = 3e-4
    warmup: Part = 0.1
    floor: Part = 0.0
    weight_decay: Weight = 0.01
    clip: Weight = 1.0
    ema: LessThanAll = 0.99
    validate_every: Count = 25
    patience: Count = 0
    save_every: Positive = 25
    precision: PrecisionName = "bf16"


@dataclass(frozen=True)
class LossConfig(Section):
    """Weights of the losses; what has weight 0 is not computed (publication 3).

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
        faithful: graph and pair loss as published (publication B1 to B3), for ablation.
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
class ProjectionConfig(Section):
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
    batch: Several = 64
    rate: Rate = 1e-4
    dropout: LessThanAll = 0.3
    real_weight: Rate = 2.0
    keep: Part = 0.7
