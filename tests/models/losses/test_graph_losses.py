"""Graph triplets, the edge regulariser, the pair loss and the total."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.graph.interaction import Interaction
from models.heads.norms import unit
from models.losses.graph import edge_regulariser, graph_triplets
from models.losses.pair import pair_cross_entropy
from models.losses.total import Losses, LossWeights, total
from models.losses.triplet import symmetric_triplet


def _vectors(count: int, seed: int) -> Tensor:
    return unit(torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)))


def _interaction(count: int = 4) -> Interaction:
    relevance = torch.randn(2, count, count, generator=torch.Generator().manual_seed(9))
    return Interaction(_vectors(count, 5), _vectors(count, 6), relevance[0], relevance[1])


def test_graph_triplets_are_the_three_of_the_publication() -> None:
    v, i, enhanced, right = _vectors(4, 1), _vectors(4, 2), _interaction(), torch.eye(4).bool()
    found = graph_triplets(v, i, enhanced, right, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    pairs = ((v, enhanced.items), (enhanced.clips, i), (enhanced.clips, enhanced.items))
    expected = sum(symmetric_triplet(a, b, right, generator) for a, b in pairs)
    assert float(found) == pytest.approx(float(expected), abs=1e-6)
    assert found > 0


def test_the_regulariser_is_ten_times_the_divergence_both_ways() -> None:
    v, i, enhanced = _vectors(4, 1), _vectors(4, 2), _interaction()
    near = (-torch.cdist(v, i)).exp()
    expected = 0.0
    for target, rows in ((enhanced.to_items, near), (enhanced.to_clips, near.T)):
        p, q = target.softmax(1), rows.softmax(1)
        expected += float((p * (p / q).log()).sum(1).mean())
    assert float(edge_regulariser(v, i, enhanced)) == pytest.approx(10 * expected, rel=1e-4)


def test_the_regulariser_moves_vectors_and_not_edges() -> None:
    v, i, enhanced = _vectors(4, 1).requires_grad_(), _vectors(4, 2), _interaction()
    enhanced.to_items.requires_grad_()
    edge_regulariser(v, i, enhanced).backward()
    assert enhanced.to_items.grad is None
    assert v.grad is not None
    assert v.grad.abs().max() > 1e-4


def test_equal_vectors_and_a_batch_of_one_have_finite_gradients() -> None:
    for count in (1, 3):
        v = _vectors(1, 1).repeat(count, 1).requires_grad_()
        enhanced = _interaction(count)
        generator = torch.Generator().manual_seed(0)
        right = torch.eye(count).bool()
        loss = edge_regulariser(v, v, enhanced)
        loss = loss + graph_triplets(v, v, enhanced, right, generator)
        loss.backward()
        assert v.grad is not None
        assert torch.isfinite(v.grad).all()


def test_the_pair_loss_leads_every_row_to_its_first_column() -> None:
    logits = torch.randn(6, 4, requires_grad=True)
    loss = pair_cross_entropy(logits)
    target = torch.zeros(6, dtype=torch.int64)
    assert torch.allclose(loss, F.cross_entropy(logits, target), atol=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[:, 0] < 0).all()
    assert (logits.grad[:, 1:] > 0).all()


def test_the_published_pair_loss_leads_rows_to_wrong_pairs() -> None:
    """B1: four rows count, and rows 1 to 3 are pulled to a hard negative."""
    logits = torch.zeros(6, 4, requires_grad=True)
    pair_cross_entropy(logits, diagonal=True).backward()
    assert logits.grad is not None
    assert [int(row.argmin()) for row in logits.grad[:4]] == [0, 1, 2, 3]
    assert not logits.grad[4:].any()


def test_pairs_that_were_not_found_do_not_count() -> None:
    logits = torch.tensor([[1.0, 5.0, 2.0], [1.0, 5.0, 5.0]])
    found = torch.tensor([[True, False, True], [True, False, False]])
    expected = (math.log(1 + math.e) + 0.0) / 2
    assert float(pair_cross_entropy(logits, found)) == pytest.approx(expected, abs=1e-6)


def test_the_total_weighs_and_reports_every_part() -> None:
    joint, pair = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    nan = torch.tensor(math.nan, requires_grad=True)
    weights = LossWeights(joint=0.5, pair=2.0, text=0.0)
    whole, report = total(Losses(joint=joint, pair=pair, text=nan), weights)
    assert float(whole.detach()) == 7.0
    assert math.isnan(report.pop("text"))
    assert {name: float(part) for name, part in report.items()} == {
        "joint": 2.0,
        "pair": 3.0,
        "total": 7.0,
    }
    assert not any(part.requires_grad for part in report.values())
    whole.backward()
    assert (joint.grad, pair.grad, nan.grad) == (0.5, 2.0, None)


def test_no_part_is_zero() -> None:
    whole, report = total(Losses(), LossWeights())
    assert (float(whole), list(report)) == (0.0, ["total"])
