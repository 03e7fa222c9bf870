"""Mixed precision on a GPU; a processor always computes in single precision."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from models.training.config import PrecisionName

_KINDS = {"fp16": torch.float16, "bf16": torch.bfloat16}


class Precision:
    """Half precision for the network, single for weights, losses and the optimiser.

    Args:
        name: ``fp32``, ``bf16`` or ``fp16``; the last scales the loss against underflow.
        device: where the network is.
    """

    def __init__(self, name: PrecisionName, device: torch.device) -> None:
        self._device = device.type
        self._half = name != "fp32" and device.type == "cuda"
        self._kind = _KINDS.get(name, torch.bfloat16)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._half and name == "fp16")

    def autocast(self) -> AbstractContextManager[None]:
        """Within the block the network computes in half precision."""
        return torch.autocast(self._device, self._kind, enabled=self._half)

    def backward(self, loss: Tensor) -> None:
        """Gradients of the loss."""
        self._scaler.scale(loss).backward()

    def unscale(self, optimiser: torch.optim.Optimizer) -> None:
        """Make the gradients those of the loss itself, for clipping."""
        self._scaler.unscale_(optimiser)

    def step(self, optimiser: torch.optim.Optimizer) -> None:
        """Change the weights, unless a scaled gradient overflowed."""
        self._scaler.step(optimiser)
        self._scaler.update()

    @property
    def scaled(self) -> bool:
        """Whether gradients may overflow now and then, which only skips a step."""
        return self._scaler.is_enabled()

    def facts(self) -> dict[str, float]:
        """The loss scale and how long it has held; JSON-ready."""
        return dict(self._scaler.state_dict())

    def restore(self, facts: dict[str, float]) -> None:
        """Put back what `facts` gave."""
        if facts and self.scaled:
            self._scaler.load_state_dict(facts)
