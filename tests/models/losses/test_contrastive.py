"""Contrastive losses by value; a positive is never a negative."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.heads.norms import MASKED
from models.losses.contrastive import (
    Temperature,
    info_nce,
    listwise,
    same_products,
    symmetric_info_nce,
)

SCALE = torch.tensor(10.0)


def _scores(rows: int = 4, columns: int = 4) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))


def test_with_one_right_answer_each_it_is_cross_entropy_both_ways() -> None:
    scores, target = _scores(), torch.arange(4)
    expected = F.cross_entropy(scores * 10, target) + F.cross_entropy(scores.T * 10, target)
    assert torch.allclose(symmetric_info_nce(scores, SCALE), expected / 2, atol=1e-6)


def test_several_right_answers_are_each_weighed_against_wrong_ones_alone() -> None:
    scores = torch.tensor([[0.9, 0.8, 0.1, -0.2]])
    right = torch.tensor([[True, True, False, False]])
    wrong = math.exp(1.0) + math.exp(-2.0)
    each = [-math.log(math.exp(s) / (math.exp(s) + wrong)) for s in (9.0, 8.0)]
    assert float(info_nce(scores, SCALE, right)) == pytest.approx(sum(each) / 2, abs=1e-6)


def test_no_positive_is_ever_pushed_away() -> None:
    """Products 3 and 5 are shown twice: their four pairs may only be pulled together (B9)."""
    products = torch.tensor([3, 5, 3, 9, 5])
    right = same_products(products, products)
    scores = _scores(5, 5).requires_grad_()
    symmetric_info_nce(scores, SCALE, right).backward()
    assert scores.grad is not None
    assert (scores.grad[right] < 0).all()
    assert (scores.grad[~right] > 0).all()
    # With the diagonal alone, same-product pairs would be pushed apart.
    naive = _scores(5, 5).requires_grad_()
    symmetric_info_nce(naive, SCALE).backward()
    assert naive.grad is not None
    assert naive.grad[0, 2] > 0


def test_unknown_products_match_nothing() -> None:
    ids = torch.tensor([4, -1, 4])
    assert same_products(ids, ids).int().tolist() == [[1, 0, 1], [0, 0, 0], [1, 0, 1]]


def test_the_order_of_the_batch_does_not_matter() -> None:
    products, order = torch.tensor([3, 5, 3, 9, 5]), torch.tensor([2, 4, 1, 0, 3])
    scores, right = _scores(5, 5), same_products(products, products)
    plain = symmetric_info_nce(scores, SCALE, right)
    turned = symmetric_info_nce(scores[order][:, order], SCALE, right[order][:, order])
    assert torch.allclose(plain, turned, atol=1e-6)


def test_rows_that_do_not_count_are_as_if_absent_in_both_directions() -> None:
    """Clip 1 said nothing: its zeros are neither right nor wrong on the text half."""
    scores = _scores(3, 3)
    scores[1] = 0.0
    spoken = torch.tensor([True, False, True])[:, None].expand(3, 3)
    found = symmetric_info_nce(scores, SCALE, None, spoken)
    kept = scores[[0, 2]] * 10
    there = F.cross_entropy(kept, torch.tensor([0, 2]))
    back = F.cross_entropy(kept.T[[0, 2]], torch.arange(2))
    assert torch.allclose(found, (there + back) / 2, atol=1e-6)
    assert symmetric_info_nce(scores, SCALE, None, torch.zeros_like(spoken)) == 0.0


def test_a_batch_of_one_and_one_of_one_product_give_zero_with_finite_gradients() -> None:
    for size, right in ((1, None), (3, torch.ones(3, 3, dtype=torch.bool))):
        scores = torch.rand(size, size, requires_grad=True)
        loss = symmetric_info_nce(scores, torch.tensor(100.0), right)
        loss.backward()
        assert loss == 0.0
        assert scores.grad is not None
        assert not scores.grad.any()


def test_extra_columns_are_extra_negatives() -> None:
    scores, target = _scores(3, 7), torch.arange(3)
    right = torch.eye(3, 7, dtype=torch.bool)
    assert torch.allclose(
        info_nce(scores, SCALE, right), F.cross_entropy(scores * 10, target), atol=1e-6
    )


def test_a_list_is_cross_entropy_and_further_right_ones_are_left_out() -> None:
    scores, place = _scores(2, 4), torch.tensor([1, 3])
    expected = F.cross_entropy(scores * 10, place)
    assert torch.allclose(listwise(scores, SCALE, place), expected, atol=1e-6)
    also = torch.tensor([[True, False, False, False], [False] * 4])
    masked = scores.clone()
    masked[0, 0] = MASKED
    expected = F.cross_entropy(masked * 10, place)
    assert torch.allclose(listwise(scores, SCALE, place, also), expected, atol=1e-6)


def test_padded_candidates_of_a_list_do_not_count() -> None:
    scores, place = _scores(2, 4), torch.tensor([1, 0])
    padded = torch.cat([scores, torch.full((2, 3), MASKED)], 1)
    assert torch.equal(listwise(scores, SCALE, place), listwise(padded, SCALE, place))


def test_temperature_is_learnt_between_one_and_a_hundred() -> None:
    assert float(Temperature(20.0)().detach()) == pytest.approx(20.0, rel=1e-6)
    for start, kept in ((1e4, 100.0), (0.01, 1.0)):
        temperature = Temperature(start)
        scale = temperature()
        assert float(scale.detach()) == pytest.approx(kept, rel=1e-5)
        # At the bound there is still a way back.
        scale.backward()
        assert temperature.log_scale.grad is not None
        assert temperature.log_scale.grad > 0


def test_logits_of_a_hundred_are_finite() -> None:
    scores = torch.tensor([[1.0, -1.0], [1.0, -1.0]], requires_grad=True)
    loss = symmetric_info_nce(scores, torch.tensor(100.0))
    loss.backward()
    assert float(loss.detach()) == pytest.approx((100 + math.log(2)) / 2, rel=1e-4)
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
