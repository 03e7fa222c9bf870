"""From scores to what the screen says, without guessing and without flicker."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.bundle.manifest import Decision
from runtime.decision import SHOWN_CANDIDATES, Hysteresis, confidences, verdict
from runtime.events import Candidate, Event, EventKind

RULE = Decision(temperature=0.1, open_set_score=0.3, present=0.6, unsure=0.2, hold_steps=2)
SCORES = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40)


def _array(scores: list[float]) -> np.ndarray:
    return np.asarray(scores, np.float32)


@given(SCORES)
def test_something_is_left_for_none_of_these(scores: list[float]) -> None:
    chances = confidences(_array(scores), RULE)
    assert (chances.shape, chances.dtype) == ((len(scores),), np.float32)
    assert (chances > 0).all()
    assert chances.sum(dtype=np.float64) < 1


@given(SCORES)
def test_a_higher_score_is_never_less_likely(scores: list[float]) -> None:
    chances = confidences(_array(scores), RULE)
    assert (np.diff(chances[np.argsort(_array(scores), kind="stable")]) >= 0).all()


@given(SCORES, st.floats(0.125, 1, width=32))
def test_a_product_grows_likelier_as_its_score_grows(scores: list[float], more: float) -> None:
    better = [scores[0] + more, *scores[1:]]
    before, after = (confidences(_array(each), RULE) for each in (scores, better))
    assert after[0] > before[0] or after[0] > 0.999
    assert (after[1:] <= before[1:]).all()


def test_the_score_of_none_of_these_is_one_candidate_more() -> None:
    assert confidences(_array([0.3]), RULE)[0] == pytest.approx(0.5)
    assert confidences(_array([0.3, 0.3]), RULE) == pytest.approx(1 / 3)
    assert confidences(_array([0.4]), RULE)[0] == pytest.approx(np.e / (1 + np.e))
    assert confidences(_array([]), RULE).shape == (0,)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=8))
def test_extreme_scores_give_probabilities(scores: list[float]) -> None:
    sharp = RULE.model_copy(update={"temperature": 1e-6})
    chances = confidences(_array(scores), sharp)
    assert np.isfinite(chances).all()
    assert ((chances >= 0) & (chances <= 1)).all()
    assert chances.sum(dtype=np.float64) <= 1 + 1e-6


def _candidates(*chances: float) -> list[Candidate]:
    return [Candidate(f"p{n}", f"Product {n}", c, c) for n, c in enumerate(chances)]


@pytest.mark.parametrize(
    ("best", "kind"),
    [
        (0.0, EventKind.NOTHING),
        (0.1999, EventKind.NOTHING),
        (0.2, EventKind.UNSURE),
        (0.5999, EventKind.UNSURE),
        (0.6, EventKind.PRESENT),
        (1.0, EventKind.PRESENT),
    ],
)
def test_the_thresholds_decide(best: float, kind: EventKind) -> None:
    event = verdict(_candidates(best, 0.0), RULE, 1.5)
    assert (event.kind, event.time_s, event.confidence) == (kind, 1.5, best)
    assert event.product_id == ("p0" if kind is EventKind.PRESENT else None)
    assert bool(event.candidates) == (kind is not EventKind.NOTHING)


def test_no_candidates_are_nothing() -> None:
    assert verdict([], RULE, 2.0) == Event(EventKind.NOTHING, 2.0, None, 0.0)


def test_only_a_few_candidates_are_shown() -> None:
    event = verdict(_candidates(0.3, *[0.05] * 9), RULE, 0.0)
    assert [c.product_id for c in event.candidates] == ["p0", "p1", "p2", "p3", "p4"]
    assert len(event.candidates) == SHOWN_CANDIDATES


def _event(product: str | None, *others: str, time_s: float = 0.0) -> Event:
    """The verdict for a product, for candidates only, or for nothing."""
    listed = tuple(Candidate(p, p, 0.0, 0.4) for p in (product, *others) if p)
    if product is not None:
        return Event(EventKind.PRESENT, time_s, product, 0.9, listed)
    return Event(EventKind.UNSURE if listed else EventKind.NOTHING, time_s, None, 0.1, listed)


def _shown(*events: Event, rule: Decision = RULE) -> list[str | None]:
    hysteresis = Hysteresis(rule)
    return [hysteresis.settle(event).product_id for event in events]


def test_a_product_is_shown_once_enough_steps_agree() -> None:
    assert _shown(_event("a"), _event("a"), _event("a")) == [None, "a", "a"]


def test_before_that_it_is_only_a_candidate() -> None:
    event = Hysteresis(RULE).settle(_event("a", "b"))
    assert (event.kind, event.product_id) == (EventKind.UNSURE, None)
    assert [c.product_id for c in event.candidates] == ["a", "b"]


@pytest.mark.parametrize(
    "odd",
    [_event("b", "a"), _event("b"), _event(None, "b"), _event(None)],
    ids=["another, then it", "another", "only candidates", "nothing"],
)
def test_one_odd_step_changes_nothing(odd: Event) -> None:
    assert _shown(*[_event("a")] * 2, odd, _event("a")) == [None, "a", "a", "a"]


def test_another_product_is_shown_after_agreement() -> None:
    steps = [_event("a")] * 2 + [_event("b", "a")] * 3
    assert _shown(*steps) == [None, "a", "a", "b", "b"]


def test_the_screen_is_cleared_after_agreement() -> None:
    assert _shown(*[_event("a")] * 2, *[_event(None)] * 3) == [None, "a", "a", None, None]


def test_a_product_that_no_verdict_supports_any_more_is_cleared() -> None:
    quarrel = [_event("b"), _event("c"), _event("b"), _event("c")]
    assert _shown(*[_event("a")] * 2, *quarrel) == [None, "a", "a", None, None, None]


def test_a_new_product_gets_its_own_time() -> None:
    steps = [_event(product) for product in "aabbcb"]
    assert _shown(*steps) == [None, "a", "a", "b", "b", "b"]


def test_what_is_held_is_told_with_the_time_and_the_confidence_of_the_step() -> None:
    hysteresis = Hysteresis(RULE)
    for _ in range(2):
        hysteresis.settle(_event("a"))
    held = hysteresis.settle(_event("b", "a", time_s=7.0))
    assert (held.kind, held.product_id, held.time_s) == (EventKind.PRESENT, "a", 7.0)
    assert held.confidence == 0.4


def test_what_is_no_candidate_any_more_is_held_as_it_was() -> None:
    hysteresis = Hysteresis(RULE)
    before = [hysteresis.settle(_event("a", "b")) for _ in range(2)][-1]
    held = hysteresis.settle(_event(None, time_s=7.0))
    assert held == replace(before, time_s=7.0)


def test_reset_forgets_what_was_shown() -> None:
    hysteresis = Hysteresis(RULE)
    for _ in range(2):
        hysteresis.settle(_event("a"))
    hysteresis.reset()
    assert hysteresis.settle(_event("a")).product_id is None


STEPS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.booleans()), min_size=1, max_size=60
)


@given(steps=STEPS, hold=st.integers(1, 5))
def test_the_screen_never_changes_faster_than_the_rule(
    steps: list[tuple[str | None, bool]], hold: int
) -> None:
    rule = RULE.model_copy(update={"hold_steps": hold})
    events = [_event(product, *("abc" if more else "")) for product, more in steps]
    shown = _shown(*events, rule=rule)
    runs = [(product, len(list(run))) for product, run in groupby(shown)]
    assert all(length >= hold for product, length in runs[:-1] if product is not None)
    assert all(
        product is None or product in {p for p, _ in steps[max(0, n - hold) : n + 1]}
        for n, product in enumerate(shown)
    )


@given(steps=STEPS, hold=st.integers(1, 5))
def test_every_event_is_consistent(steps: list[tuple[str | None, bool]], hold: int) -> None:
    hysteresis = Hysteresis(RULE.model_copy(update={"hold_steps": hold}))
    for product, more in steps:
        event = hysteresis.settle(_event(product, *("abc" if more else "")))
        listed = {c.product_id for c in event.candidates}
        assert (event.kind is EventKind.PRESENT) == (event.product_id is not None)
        assert event.product_id is None or event.product_id in listed
        assert (event.kind is EventKind.NOTHING) == (not listed)
