"""Distance-weighted triplets."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from models.heads.norms import unit
from models.losses.triplet import DistanceWeighting, symmetric_triplet, triplet


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _vectors(count: int, size: int = 16, seed: int = 0) -> Tensor:
    return unit(torch.randn(count, size, generator=_generator(seed)))


def _eye(count: int) -> Tensor:
    return torch.eye(count, dtype=torch.bool)


def test_weights_are_the_inverse_density_of_distances() -> None:
    cosines = torch.tensor([[0.99, 0.5, 0.0, -0.5, 1.0]])
    negatives = torch.tensor([[True, True, True, True, False]])
    found = DistanceWeighting().weights(cosines, negatives, dimension=8)[0]

    def weight(distance: float) -> float:
        return distance**-6 * (1 - distance**2 / 4) ** -2.5

    # 0.99 is nearer than 0.5 and counts as that far; -0.5 is 1.73 away, too far.
    expected = [weight(0.5), weight(1.0), weight(math.sqrt(2)), 0.0, 0.0]
    assert found.tolist() == pytest.approx([w / max(expected) for w in expected], rel=1e-6)


def test_weights_stay_finite_in_512_dimensions() -> None:
    cosines = torch.linspace(-1, 1, 9)[None]
    found = DistanceWeighting().weights(cosines, torch.ones(1, 9, dtype=torch.bool), 512)
    assert torch.isfinite(found).all()
    assert found.max() == 1.0


def test_draws_follow_the_weights() -> None:
    cosines = torch.tensor([[0.3, 0.2, 0.9, 0.1]]).expand(20_000, 4)
    negatives = torch.tensor([[True, True, False, True]]).expand(20_000, 4)
    weighting = DistanceWeighting()
    columns, found = weighting.draw(cosines, negatives, 6, _generator())
    weights = weighting.weights(cosines[:1], negatives[:1], 6)[0]
    shares = torch.bincount(columns, minlength=4) / 20_000
    assert found.all()
    assert shares[2] == 0
    assert torch.allclose(shares.double(), weights / weights.sum(), atol=0.015)


def test_draws_come_from_the_generator_alone() -> None:
    cosines = _vectors(8) @ _vectors(8, seed=1).T
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed * 7)
        draws.append(DistanceWeighting().draw(cosines, ~_eye(8), 16, _generator(seed))[0])
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_the_hinge_by_value_with_one_possible_negative() -> None:
    anchors = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    others = unit(torch.tensor([[2.0, 1.0], [1.0, 3.0]]))
    cosines = anchors @ others.T
    rows = [max(0.0, 0.2 + float(cosines[i, 1 - i] - cosines[i, i])) for i in range(2)]
    columns = [max(0.0, 0.2 + float(cosines[1 - i, i] - cosines[i, i])) for i in range(2)]
    found = triplet(anchors, others, _eye(2), _generator())
    assert float(found) == pytest.approx(sum(rows) / 2, abs=1e-6)
    both = symmetric_triplet(anchors, others, _eye(2), _generator())
    assert float(both) == pytest.approx((sum(rows) + sum(columns)) / 4, abs=1e-6)


def test_it_is_a_mean_and_not_a_sum() -> None:
    """Twice the same batch under other ids costs the same."""
    one = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    other = torch.tensor([[0.8, 0.6], [0.0, 1.0]])
    once = triplet(one, other, _eye(2), _generator())
    right = _eye(2).repeat(2, 2)
    twice = triplet(one.repeat(2, 1), other.repeat(2, 1), right, _generator())
    assert float(once) > 0.05
    assert float(twice) == pytest.approx(float(once), abs=1e-6)


def test_no_positive_is_drawn_or_pushed_away() -> None:
    """Rows 0 and 2 show one product; row 2's item would be the nearest negative of clip 0."""
    clips, items = _vectors(4), _vectors(4, seed=1)
    items[2] = clips[0]
    right = _eye(4)
    right[0, 2] = right[2, 0] = True
    for seed in range(20):
        columns, found = DistanceWeighting().draw(clips @ items.T, ~right, 16, _generator(seed))
        assert not right[torch.arange(4), columns][found].any()
    scores = (clips @ items.T).requires_grad_()
    eye = torch.eye(4)
    # Cosines themselves as vectors' products: anchors are unit rows, others the columns.
    triplet(eye, scores.T, right, _generator()).backward()
    assert scores.grad is not None
    assert (scores.grad[right] <= 0).all()
    assert (scores.grad[~right] >= 0).all()
    assert scores.grad.any()


def test_a_failed_draw_costs_nothing() -> None:
    """One product alone, and negatives that are all too far."""
    vectors = _vectors(3).requires_grad_()
    loss = triplet(vectors, vectors, torch.ones(3, 3, dtype=torch.bool), _generator())
    loss.backward()
    assert loss == 0.0
    assert vectors.grad is not None
    assert torch.isfinite(vectors.grad).all()
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert symmetric_triplet(opposite, opposite, _eye(2), _generator()) == 0.0


def test_a_batch_of_one_is_zero() -> None:
    one = _vectors(1).requires_grad_()
    loss = symmetric_triplet(one, one, _eye(1), _generator())
    loss.backward()
    assert loss == 0.0
