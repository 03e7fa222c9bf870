"""A training run's settings, section by section."""

from __future__ import annotations

from models.training.config.data import AugmentationConfig, DataConfig, EpisodeConfig, SpeechConfig
from models.training.config.file import config_file, read_config
from models.training.config.network import (
    PROJECTION,
    ClosedFormConfig,
    EncoderConfig,
    NetworkOptions,
    WeightsConfig,
)
from models.training.config.run import TrainConfig
from models.training.config.training import (
    LossConfig,
    PrecisionName,
    ProjectionConfig,
    TrainerConfig,
)

__all__ = [
    "PROJECTION",
    "AugmentationConfig",
    "ClosedFormConfig",
    "DataConfig",
    "EncoderConfig",
    "EpisodeConfig",
    "LossConfig",
    "NetworkOptions",
    "PrecisionName",
    "ProjectionConfig",
    "SpeechConfig",
    "TrainConfig",
    "TrainerConfig",
    "WeightsConfig",
    "config_file",
    "read_config",
]
