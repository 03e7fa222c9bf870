"""Rates and decay."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.training.config import TrainerConfig
from models.training.optimiser import Group, adamw, rate_at, set_rate


def _rates(**settings: float) -> list[float]:
    config = TrainerConfig(steps=10, rate=2.0, **settings)  # type: ignore[arg-type]
    return [rate_at(step, config) for step in range(11)]


def test_the_rate_rises_in_equal_steps_then_falls_as_a_cosine() -> None:
    rates = _rates(warmup=0.4)
    assert rates[:5] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0])
    assert rates[7] == pytest.approx(1.0)
    assert rates[10] == pytest.approx(0.0)
    assert sorted(rates[4:], reverse=True) == rates[4:]


def test_a_floor_is_left_at_the_end() -> None:
    assert _rates(warmup=0, floor=0.25)[10] == pytest.approx(0.5)
    assert _rates(warmup=0, floor=1.0) == pytest.approx([2.0] * 11)


def test_matrices_decay_and_vectors_do_not() -> None:
    matrix, vector = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    config = TrainerConfig(rate=0.1, weight_decay=0.5)
    optimiser = adamw([Group({"m": matrix, "v": vector})], config)
    (matrix.sum() * 0 + vector.sum() * 0).backward()
    optimiser.step()
    assert torch.allclose(matrix, torch.full((2, 2), 1 - 0.1 * 0.5))
    assert torch.equal(vector, torch.ones(2))


def test_groups_have_their_own_rate() -> None:
    slow, fast = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(2, 2))
    optimiser = adamw([Group({"s": slow}, 0.1), Group({"f": fast})], TrainerConfig(weight_decay=0))
    set_rate(optimiser, 0.5)
    (slow + fast).sum().backward()
    optimiser.step()
    assert torch.allclose(slow, torch.full((2, 2), -0.05))
    assert torch.allclose(fast, torch.full((2, 2), -0.5))
