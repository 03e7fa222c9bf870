"""Hits counted as LPR4M and MovingFashion do, against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.data.corpus import Corpus, CorpusItem, Shot
from models.evaluation.protocols.published import lpr4m, moving_fashion
from models.evaluation.protocols.recall import Query, Recall, recall

SHELF = ("a", "b", "c", "d")


def _values(found: Recall, *, optimistic: bool = False) -> dict[int, float]:
    by_k = found.optimistic if optimistic else found.pessimistic
    return {k: estimate.value for k, estimate in by_k.items()}


def _one(answer: dict[str, float], *right: str, gallery: tuple[str, ...] = SHELF) -> Recall:
    return recall([Query("q", right, gallery)], {"q": answer}, (1, 2, 3, 4))["all"]


def _ranked(*ids: str) -> dict[str, float]:
    return {item: 1.0 - place / 10 for place, item in enumerate(ids)}


def test_any_right_item_among_the_first_is_a_hit() -> None:
    # Order b, c, a, d with a and c right: c stands second, so only k = 1 misses.
    found = _one(_ranked("b", "c", "a", "d"), "a", "c")
    assert _values(found) == {1: 0, 2: 1, 3: 1, 4: 1}
    assert _values(found, optimistic=True) == _values(found)


def test_right_items_do_not_push_one_another_down() -> None:
    # a and c share the first place, both are right: a hit at 1, however the tie falls.
    found = _one({"a": 0.9, "c": 0.9, "b": 0.5, "d": 0.1}, "a", "c")
    assert _values(found)[1] == _values(found, optimistic=True)[1] == 1


def test_ties_with_wrong_items_count_both_ways() -> None:
    # a ties with b and d for the first place: rank 1 at best, 3 at worst.
    found = _one({"a": 0.9, "b": 0.9, "c": 0.1, "d": 0.9}, "a")
    assert _values(found) == {1: 0, 2: 0, 3: 1, 4: 1}
    assert _values(found, optimistic=True) == {1: 1, 2: 1, 3: 1, 4: 1}


def test_all_equal_scores_are_no_skill() -> None:
    found = _one(dict.fromkeys(SHELF, 0.0), "a")
    assert _values(found) == {1: 0, 2: 0, 3: 0, 4: 1}


def test_what_is_on_another_shelf_does_not_count() -> None:
    # z would be first, but stands on another shelf.
    found = _one({"z": 9.0} | _ranked("a", "b", "c", "d"), "a")
    assert _values(found)[1] == 1


def test_a_right_item_beyond_the_shelf_is_a_miss_that_is_told() -> None:
    found = _one({"z": 9.0} | _ranked("a", "b", "c", "d"), "z")
    assert (found.unreachable, found.failed, found.queries) == (1, 0, 1)
    assert _values(found) == {1: 0, 2: 0, 3: 0, 4: 0}
    both = _one(_ranked("a", "b", "c", "d"), "z", "b")
    assert both.unreachable == 0
    assert _values(both) == {1: 0, 2: 1, 3: 1, 4: 1}


def test_items_without_a_score_come_last() -> None:
    # Only d and a were scored: a is second, and a right item without a score is never found.
    assert _values(_one({"d": 0.9, "a": 0.1}, "a")) == {1: 0, 2: 1, 3: 1, 4: 1}
    assert _values(_one({"d": 0.9, "b": 0.1}, "a")) == {1: 0, 2: 0, 3: 0, 4: 0}


def test_the_worst_score_still_has_a_rank() -> None:
    # Minus infinity for all that were scored; b was not scored at all and ties with them.
    found = _one({"a": -np.inf, "c": -np.inf, "d": 0.0}, "a")
    assert _values(found) == {1: 0, 2: 0, 3: 0, 4: 1}
    assert _values(found, optimistic=True) == {1: 0, 2: 1, 3: 1, 4: 1}


def test_an_item_listed_twice_on_a_shelf_is_one() -> None:
    found = _one(_ranked("b", "a"), "a", gallery=("a", "b", "b", "b"))
    assert _values(found)[2] == 1


def test_failures_stay_in_the_denominator() -> None:
    # Four queries: a hit, a miss, one without an answer and one with an empty answer: 1 / 4.
    queries = [Query(f"q{n}", ("a",), SHELF, ("odd",) if n % 2 else ()) for n in range(4)]
    answers = {"q0": _ranked("a", "b"), "q1": _ranked("b", "a"), "q3": {}, "stranger": {"a": 1.0}}
    found = recall(queries, answers, (1, 2))
    assert (found["all"].queries, found["all"].failed) == (4, 2)
    assert _values(found["all"]) == {1: 0.25, 2: 0.5}
    assert _values(found["all"], optimistic=True) == {1: 0.25, 2: 0.5}
    # Group odd holds q1 (second) and q3 (no answer).
    assert (found["odd"].queries, found["odd"].failed) == (2, 1)
    assert _values(found["odd"]) == {1: 0.0, 2: 0.5}


@pytest.mark.parametrize(
    ("queries", "said"),
    [
        ([], "no queries"),
        ([Query("q", (), SHELF)], "no right item"),
        ([Query("q", ("a",), ())], "empty gallery"),
        ([Query("q", ("a",), SHELF)] * 2, "occurs twice"),
    ],
)
def test_impossible_queries_are_refused(queries: list[Query], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recall(queries, {}, (1,))


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="query q is NaN"):
        _one({"a": float("nan"), "b": 0.1}, "b")


def _corpus(shots: list[Shot], galleries: dict[str, tuple[int, ...]]) -> Corpus:
    items = tuple(
        CorpusItem(i, "", "", "", "", lambda: np.zeros((1, 1, 3), np.uint8)) for i in SHELF
    )
    there = tuple(shot for shot in shots if shot.pictures)
    lost = tuple(shot for shot in shots if not shot.pictures)
    return Corpus(items, there, (), "", galleries, lost)


def _shot(key: str, item: int, gallery: str, *also: int, there: bool = True, **labels: str) -> Shot:
    pictures = (lambda: np.zeros((1, 1, 3), np.uint8),) if there else ()
    return Shot(item, "clip", pictures, key=key, also=also, gallery=gallery, conditions=labels)


def test_lpr4m_searches_each_clip_on_its_own_shelf() -> None:
    shelves = {"x": (0, 1), "y": (2, 3, 1)}
    shots = [
        _shot("c0", 0, "x", scale="small", duration="long", number="single"),
        _shot("c1", 2, "y", 3, scale="large", duration="long", number="single"),
        _shot("c2", 1, "y", scale="small"),
        _shot("c3", 1, "x", there=False),
    ]
    # All clips score a > b > c > d.
    # c0, shelf a b: a is first. c1, shelf c d b: b first, then c (right): second.
    # c2, shelf c d b: b (right) is first. c3 has no frames and no answer: a miss.
    answers = {f"c{n}": _ranked(*SHELF) for n in range(3)}
    found = lpr4m(_corpus(shots, shelves), answers)
    assert _values(found["all"]) == {1: 0.5, 5: 0.75, 10: 0.75}
    assert (found["all"].queries, found["all"].failed) == (4, 1)
    assert found["all"].gallery == (2 + 3 + 3 + 2) / 4
    assert _values(found["scale small"])[1] == 1.0
    assert _values(found["scale large"]) == {1: 0, 5: 1, 10: 1}
    assert _values(found["duration long"])[1] == 0.5
    assert set(found) == {"all", "scale small", "scale large", "duration long", "number single"}


def test_moving_fashion_in_both_scopes() -> None:
    shelves = {"regular": (0, 1), "hard": (2, 3)}
    shots = [
        _shot("v0", 1, "regular", source="regular"),
        _shot("v1", 2, "hard", source="hard"),
        _shot("v2", 3, "hard", source="hard", there=False),
    ]
    # Both videos score a > c > b > d.
    # innersource: v0 among a b: b second. v1 among c d: c first. v2 failed.
    # allsource:   v0: b third.             v1: c second.          v2 failed.
    answers = {f"v{n}": _ranked("a", "c", "b", "d") for n in range(2)}
    corpus = _corpus(shots, shelves)
    inner = moving_fashion(corpus, answers, "innersource")
    outer = moving_fashion(corpus, answers, "allsource")
    assert [_values(inner[g])[1] for g in ("all", "regular", "hard")] == [
        pytest.approx(1 / 3),
        0.0,
        0.5,
    ]
    assert [_values(outer[g])[1] for g in ("all", "regular", "hard")] == [0.0, 0.0, 0.0]
    assert [_values(outer[g])[20] for g in ("all", "regular", "hard")] == [
        pytest.approx(2 / 3),
        1.0,
        0.5,
    ]
    assert (inner["all"].gallery, outer["all"].gallery) == (2, 4)
    assert set(inner["all"].pessimistic) == {1, 5, 10, 20}
    assert inner["hard"].failed == 1


def test_results_are_json_ready() -> None:
    found = _one(_ranked("b", "a"), "a").as_dict()
    assert found["queries"] == 1
    assert found["r1"] == {"value": 0.0, "low": None, "high": None}
    assert found["r2_optimistic"]["value"] == 1.0
