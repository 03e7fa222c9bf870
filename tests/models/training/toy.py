"""A training of nine weights that shows what the engine does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.training.config import TrainerConfig
from models.training.optimiser import Group
from models.training.trainer import Files, Trainer


class Toy:
    """Fits a matrix through dropout; every random number of torch's counts."""

    def __init__(self, size: int = 3) -> None:
        self.weight = nn.Parameter(torch.linspace(-1, 1, size * size).reshape(size, size))
        self.bias = nn.Parameter(torch.zeros(size))

    def groups(self) -> Sequence[Group]:
        return [Group({"weight": self.weight}), Group({"bias": self.bias}, 2.0)]

    def loss(self, batch: Tensor) -> Mapping[str, Tensor]:
        batch = batch.to(self.weight.device)
        seen = F.dropout(batch, 0.3) @ self.weight + self.bias
        fit = (seen - batch.flip(1)).square().mean()
        return {"fit": fit, "total": fit}


class Numbers:
    """Batches of normal numbers; remembers which steps were drawn."""

    def __init__(self, spoilt: int | None = None) -> None:
        self.drawn: list[int] = []
        self._spoilt = spoilt

    def draw(self, step: int) -> Tensor:
        self.drawn.append(step)
        numbers = np.random.default_rng([3, step]).normal(size=(8, 3))
        return torch.from_numpy(numbers).float() * (float("nan") if step == self._spoilt else 1.0)


class Told:
    """A validation whose figures are told beforehand; keeps the weights it saw."""

    def __init__(self, toy: Toy, figures: Sequence[float]) -> None:
        self._toy = toy
        self._figures = iter(figures)
        self.seen: list[Tensor] = []

    def __call__(self) -> Mapping[str, float]:
        self.seen.append(self._toy.weight.detach().clone())
        return {"figure": next(self._figures)}


class EndedError(Exception):
    """Stands for the end of the process."""


def stopping(step: int) -> Any:
    """Progress that ends the run before a step."""

    def progress(items: Iterable[int], *, label: str, total: int) -> Iterator[int]:
        for item in items:
            if item == step:
                raise EndedError
            yield item

    return progress


def files(folder: Path) -> Files:
    return Files(folder / "log.csv", folder / "validation.csv", folder / "state.safetensors")


def trainer(folder: Path, toy: Toy, batches: Numbers | None = None, **settings: Any) -> Trainer:
    validation = settings.pop("validation", None)
    config = TrainerConfig(**{"steps": 10, "rate": 0.05, "save_every": 4, **settings})
    return Trainer(toy, batches or Numbers(), config, files(folder), seed=1, validation=validation)
