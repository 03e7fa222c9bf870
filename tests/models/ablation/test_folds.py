"""What a fold takes away, and what is asked of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from models.ablation.folds import Fold, leave_products_out
from models.training.bank import FeatureBank, Pictures
from tests.models.made_up_bank import COUNT, made_up_bank

SHOWN, ALIKE = 12, 4
"""Photos of each product, and how many at a time are of one kind."""

GROUPS = ["milk", "milk", "pear", "pear", "plum", "plum", "tea", "tea"]


def _bank() -> FeatureBank:
    """Photos of three kinds for products 0 to 5; clips of 0, staged and store pictures of 6, 7."""
    torch.manual_seed(1)
    bank = made_up_bank()
    size = bank.frames.cls.shape[1]
    kinds = 10 * torch.eye(size)[torch.arange(SHOWN) // ALIKE].repeat(COUNT, 1)
    frames = Pictures(
        (kinds + 0.1 * torch.randn_like(kinds)).half(), torch.zeros(COUNT * SHOWN, 1, 1).half()
    )
    rows = [tuple(range(i * SHOWN, (i + 1) * SHOWN)) for i in range(COUNT)]
    shots = [*((i, "photo", rows[i]) for i in range(6)), (0, "clip", (0, 1))]
    return replace(
        bank, frames=frames, shots=(*shots, (6, "staged", rows[6]), (7, "store", rows[7]))
    )


def _folds(seed: int = 1) -> list[Fold]:
    return list(leave_products_out(_bank(), GROUPS, seed=seed))


def _asked(fold: Fold, group: str, product: int) -> set[int]:
    mine = [q for q in fold.queries if (q.group, q.product) == (group, product)]
    return {row for query in mine for row in query.frames}


def test_every_photographed_product_is_held_out_once() -> None:
    held = Counter(product for fold in _folds() for product in fold.held)
    assert held == dict.fromkeys(range(6), 1)


def test_siblings_are_dealt_to_different_folds() -> None:
    for seed in range(1, 6):
        for fold in _folds(seed):
            groups = [GROUPS[product] for product in fold.held]
            assert len(set(groups)) == len(groups)


def test_training_easy_and_hard_photos_are_disjoint() -> None:
    for fold in _folds():
        for product, training in fold.training.items():
            easy, hard = _asked(fold, "easy", product), _asked(fold, "hard", product)
            own = set(range(product * SHOWN, (product + 1) * SHOWN))
            assert all((easy, hard, training))
            assert not set(training) & (easy | hard)
            assert not easy & hard
            assert set(training) | easy | hard == own
            assert max(training) < min(easy), "easy queries take the last photos of the rest"


def test_no_photo_of_a_held_product_is_in_training() -> None:
    for fold in _folds():
        assert set(fold.training) == set(range(6)) - fold.held
        trained = {row // SHOWN for rows in fold.training.values() for row in rows}
        assert not trained & fold.held
        assert {q.product for q in fold.queries if q.group == "held"} == fold.held


def test_hard_photos_are_all_photos_of_one_kind() -> None:
    for fold in _folds():
        for product in fold.training:
            hard = _asked(fold, "hard", product)
            assert len(hard) == ALIKE
            assert len({row % SHOWN // ALIKE for row in hard}) == 1


def test_queries_show_the_product_s_own_photos_each_once() -> None:
    for fold in _folds():
        for query in fold.queries:
            assert 1 <= len(query.frames) <= 8
            assert len(set(query.frames)) == len(query.frames)
            assert {row // SHOWN for row in query.frames} == {query.product}
        asked = Counter((query.product, query.group) for query in fold.queries)
        assert set(asked.values()) == {4}


def test_the_seed_decides() -> None:
    assert _folds(3) == _folds(3)
    assert [fold.held for fold in _folds(3)] != [fold.held for fold in _folds(4)]


def test_the_bank_of_a_fold_has_its_training_photos_alone() -> None:
    bank = _bank()
    for fold in _folds():
        shots = fold.bank(bank).shots
        photos = {product: rows for product, source, rows in shots if source == "photo"}
        assert photos == fold.training
        assert {shot[1] for shot in shots} == {"photo", "staged", "store"}
        assert [shot for shot in shots if shot[1] != "photo"] == list(bank.shots[-2:])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_photos_leave_one_to_train_with(count: int) -> None:
    bank = _bank()
    few = replace(bank, shots=tuple((i, "photo", rows[:count]) for i, _, rows in bank.shots[:6]))
    for fold in leave_products_out(few, GROUPS, seed=1):
        assert all(fold.training[product] for product in set(range(6)) - fold.held)
        assert all(query.frames for query in fold.queries)
