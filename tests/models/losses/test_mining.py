"""Hard negatives and the queue they may come from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.heads.norms import unit
from models.losses.mining import HardNegatives, Mining, hardest, likeness
from models.losses.pairs import Pairs
from models.losses.queue import MemoryQueue

VISUAL, TEXT = 6, 4
BY_LIKENESS = Mining(siblings="by likeness")


def _pairs(products: list[int], groups: list[int] | None = None, seed: int = 0) -> Pairs:
    generator = torch.Generator().manual_seed(seed)

    def vectors(weight: float) -> Tensor:
        seen = unit(torch.randn(len(products), VISUAL, generator=generator))
        said = unit(torch.randn(len(products), TEXT, generator=generator))
        return torch.cat([seen, weight * said], 1)

    groups = groups or [-1] * len(products)
    return Pairs(vectors(0.7), vectors(1.0), torch.tensor(products), torch.tensor(groups))


def _mined(found: HardNegatives) -> list[list[int]]:
    return [
        [c for c, real in zip(row, there, strict=True) if real]
        for row, there in zip(found.columns.tolist(), found.found.tolist(), strict=True)
    ]


def test_the_ranking_score_fuses_pictures_words_and_both_domains() -> None:
    pairs, mining = _pairs([1, 2, 3]), Mining(visual=2.0, text=0.5, within=0.3)
    found = likeness(pairs, pairs, VISUAL, mining)
    v, i = pairs.clips[0, :VISUAL], pairs.items[2, :VISUAL]
    a, t = unit(pairs.clips[0, VISUAL:]), pairs.items[2, VISUAL:]
    within = (pairs.items[0, :VISUAL] @ i + v @ pairs.clips[2, :VISUAL]) / 2
    expected = 2.0 * v @ i + 0.5 * a @ t + 0.3 * within
    assert float(found[0, 2]) == pytest.approx(float(expected), abs=1e-6)


def test_silence_ranks_by_pictures_alone() -> None:
    pairs = _pairs([1, 2, 3])
    pairs.clips[:, VISUAL:] = 0.0
    found = likeness(pairs, pairs, VISUAL, Mining())
    assert torch.allclose(found, pairs.clips[:, :VISUAL] @ pairs.items[:, :VISUAL].T, atol=1e-6)


def test_the_most_alike_come_first_in_both_directions() -> None:
    pairs = _pairs([1, 2, 3, 4, 5])
    score = likeness(pairs, pairs, VISUAL, Mining())
    for one, matrix in ((pairs, score), (pairs.swapped(), score.T)):
        mined = _mined(hardest(one, one, VISUAL, Mining(negatives=2)))
        for row in range(5):
            others = [c for c in matrix[row].argsort(descending=True).tolist() if c != row]
            assert mined[row] == others[:2]
    there, back = (_mined(hardest(p, p, VISUAL, Mining())) for p in (pairs, pairs.swapped()))
    assert there != back


def test_no_positive_is_mined_however_alike() -> None:
    """Products 7 and 8 twice; their other clip is the likest of all."""
    pairs = _pairs([7, 8, 7, 8, 9])
    pairs.items[2] = pairs.items[0] = pairs.clips[0] = pairs.clips[2]
    for one in (pairs, pairs.swapped()):
        mined = _mined(hardest(one, one, VISUAL, Mining(negatives=5)))
        for row, columns in enumerate(mined):
            products = one.products[columns].tolist()
            assert one.products[row].item() not in products
            assert len(columns) == int((one.products != one.products[row]).sum())


def test_siblings_come_first_by_likeness_or_never() -> None:
    pairs = _pairs([1, 2, 3, 4, 5], groups=[0, 0, 0, 1, -1])
    score = likeness(pairs, pairs, VISUAL, Mining())
    first = _mined(hardest(pairs, pairs, VISUAL, Mining(negatives=4)))
    likest = score[0].argsort(descending=True).tolist()
    assert first[0] == [c for c in likest if c in (1, 2)] + [c for c in likest if c in (3, 4)]
    plain = _mined(hardest(pairs, pairs, VISUAL, replace(BY_LIKENESS, negatives=4)))
    assert plain[0] == [c for c in likest if c]
    never = _mined(hardest(pairs, pairs, VISUAL, Mining(negatives=4, siblings="never")))
    assert never[0] == [c for c in likest if c in (3, 4)]
    # An unknown group has no siblings, not even others that are unknown.
    unknown = _pairs([1, 2, 3])
    by_rank = hardest(unknown, unknown, VISUAL, Mining(siblings="never"))
    assert [len(row) for row in _mined(by_rank)] == [2, 2, 2]


def test_equals_are_taken_in_the_order_of_their_index() -> None:
    pairs = _pairs([1, 2, 3, 4, 5])
    pairs.items[:] = pairs.items[0]
    found = hardest(pairs, pairs, VISUAL, Mining(negatives=3))
    assert _mined(found)[2] == [0, 1, 3]


def test_too_few_candidates_leave_columns_not_found() -> None:
    for products in ([1], [1, 2], [4, 4, 4]):
        pairs = _pairs(products)
        found = hardest(pairs, pairs, VISUAL, Mining(negatives=3))
        assert found.columns.shape == found.found.shape == (len(products), 3)
        assert found.found.sum(1).tolist() == [products.count(p) < len(products) for p in products]


def test_the_right_one_is_put_before_them() -> None:
    pairs = _pairs([1, 2, 2])
    whole = hardest(pairs, pairs, VISUAL, Mining(negatives=2)).behind(torch.arange(3))
    assert whole.columns[:, 0].tolist() == [0, 1, 2]
    assert whole.found.tolist() == [[True, True, True], [True, True, False], [True, True, False]]


def test_mining_has_no_gradient() -> None:
    pairs = _pairs([1, 2, 3])
    pairs.clips.requires_grad_()
    assert not likeness(pairs, pairs, VISUAL, Mining(within=1.0)).requires_grad


def _full_queue() -> MemoryQueue:
    queue = MemoryQueue(5, VISUAL + TEXT)
    queue.push(_pairs([1, 2, 3]))
    queue.push(_pairs([4, 5, 6], groups=[0, 1, 2], seed=1))
    return queue


def test_the_queue_keeps_the_last_pairs() -> None:
    kept, new = _full_queue().pairs(), _pairs([4, 5, 6], seed=1)
    assert kept.products.tolist() == [6, 2, 3, 4, 5]
    assert kept.groups.tolist() == [2, -1, -1, 0, 1]
    assert torch.equal(kept.items[0], new.items[2])
    assert torch.equal(kept.clips[3:], new.clips[:2])


def test_more_than_fits_keeps_the_last() -> None:
    queue = MemoryQueue(2, VISUAL + TEXT)
    queue.push(_pairs([1, 2, 3, 4, 5]))
    assert sorted(queue.pairs().products.tolist()) == [4, 5]


def test_nothing_of_the_queue_has_a_gradient_or_changes_later() -> None:
    queue, pairs = MemoryQueue(3, VISUAL + TEXT), _pairs([1, 2])
    pairs.clips.requires_grad_()
    queue.push(pairs)
    kept = queue.pairs()
    queue.push(_pairs([8, 9], seed=4))
    assert not kept.clips.requires_grad
    assert kept.products.tolist() == [1, 2, -1]
    assert torch.equal(kept.clips[:2], pairs.clips)


def test_a_resumed_queue_goes_on_exactly() -> None:
    queue, resumed = _full_queue(), MemoryQueue(5, VISUAL + TEXT)
    state = queue.state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())
    resumed.load_state_dict(state)
    for one in (queue, resumed):
        one.push(_pairs([7, 8], seed=2))
    ours, theirs = queue.pairs(), resumed.pairs()
    assert ours.products.tolist() == theirs.products.tolist() == [6, 7, 8, 4, 5]
    assert torch.equal(ours.items, theirs.items)


def test_the_queue_gives_negatives_but_no_empty_rows_and_no_positives() -> None:
    queue, batch = MemoryQueue(4, VISUAL + TEXT), _pairs([1, 2])
    queue.push(_pairs([2, 3], seed=1))
    candidates = batch.joined(queue.pairs())
    found = hardest(batch, candidates, VISUAL, Mining(negatives=4))
    mined = [{int(candidates.products[c]) for c in row} for row in _mined(found)]
    assert mined == [{2, 3}, {1, 3}]
    assert [len(row) for row in _mined(found)] == [3, 2]
