"""Exponential moving average of weights, which retrieves better than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """Averages of a set of parameters.

    The decay is less in the first steps, so that the random start is forgotten soon.

    Args:
        parameters: by name.
        decay: share of the average that stays in a step; 0 follows the weights.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self._parameters = parameters
        self._decay = decay
        self.tensors = copied(parameters)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, the first of which is 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, average in self.tensors.items():
            average.lerp_(self._parameters[name].detach(), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the parameters are the averages."""
        own = copied(self._parameters)
        put(self._parameters, self.tensors)
        try:
            yield
        finally:
            put(self._parameters, own)


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies, without gradients."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


@torch.no_grad()
def put(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Fill tensors from those of the same names, in place."""
    for name, tensor in target.items():
        tensor.copy_(source[name])
