"""AdamW, its rate as a function of the step, and its moments as named tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.training.config import TrainerConfig

EPSILON = 1e-6
"""As published (publication 4); keeps mere rounding from moving weights without a gradient."""

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Group:
    """Parameters that are trained alike.

    Attributes:
        parameters: by name, unique over all groups.
        rate: factor on the run's rate.
    """

    parameters: Mapping[str, nn.Parameter]
    rate: float = 1.0


def adamw(groups: Sequence[Group], config: TrainerConfig) -> torch.optim.AdamW:
    """The optimiser; vectors and scalars (norms, biases, temperature) do not decay."""
    made = []
    for group in groups:
        for decays in (True, False):
            some = [p for p in group.parameters.values() if (p.ndim > 1) is decays]
            decay = config.weight_decay if decays else 0.0
            made.append({"params": some, "weight_decay": decay, "factor": group.rate})
    return torch.optim.AdamW([g for g in made if g["params"]], lr=config.rate, eps=EPSILON)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group, times its factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]


def rate_at(step: int, config: TrainerConfig) -> float:
    """Rise over the warm-up, then half a cosine down to ``floor`` (publication 4).

    Args:
        step: from 0.
        config: of the run.
    """
    rise = round(config.warmup * config.steps)
    if step < rise:
        return config.rate * (step + 1) / rise
    way = (step - rise) / max(1, config.steps - rise)
    falling = 0.5 * (1 + math.cos(math.pi * way))
    return config.rate * (config.floor + (1 - config.floor) * falling)


def moments(
    optimiser: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """What the optimiser remembers of every parameter, as ``exp_avg/NAME`` and so on."""
    return {
        f"{key}/{name}": optimiser.state[parameter][key]
        for name, parameter in parameters.items()
        for key in MOMENTS
        if parameter in optimiser.state
    }


def restore_moments(
    optimiser: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    kept: Mapping[str, Tensor],
) -> None:
    """Put back what `moments` gave."""
    for name, parameter in parameters.items():
        if f"step/{name}" in kept:
            optimiser.state[parameter] = {
                key: kept[f"{key}/{name}"].to("cpu" if key == "step" else parameter.device)
                for key in MOMENTS
            }
