"""Hard negatives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.heads.norms import unit
from models.losses.mining import HardNegatives, Mining, hardest, likeness
from models.losses.pairs import Pairs

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


def test_an_unknown_product_is_nobodys_negative() -> None:
    """It may be the right one."""
    pairs = _pairs([1, -1, 2])
    mined = _mined(hardest(pairs, pairs, VISUAL, Mining()))
    assert (mined[0], mined[2]) == ([2], [0])
