"""Fitting confidence to scores whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.confidence import PRECISION, fit_decision
from models.evaluation.confidence import Ranked, calibration_error, with_absent
from runtime.bundle.manifest import Decision
from runtime.decision import confidences

START = Decision(temperature=0.05, open_set_score=0.3, hold_steps=3)


def _ranked(scores: list[float], right: int | None, weight: float = 1.0) -> Ranked:
    return Ranked(np.array(scores, np.float32), right, weight)


def _drawn(temperature: float, open_set: float, count: int, seed: int = 0) -> list[Ranked]:
    """Clips whose product is drawn with just the probabilities that the rule gives."""
    rng = np.random.default_rng(seed)
    rule = START.model_copy(update={"temperature": temperature, "open_set_score": open_set})
    clips = []
    for _ in range(count):
        scores = np.sort(rng.uniform(0.2, 0.7, 6).astype(np.float32))[::-1]
        chances = confidences(scores, rule).astype(np.float64)
        place = int(rng.choice(7, p=[*chances, 1 - chances.sum()]))
        clips.append(Ranked(scores, place if place < 6 else None))
    return clips


def test_the_temperature_is_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibration.confidence.with_absent", list)
    fitted = fit_decision(_drawn(0.12, 0.45, 1500), START)
    assert fitted.temperature == pytest.approx(0.12, rel=0.1)
    assert fitted.open_set_score == pytest.approx(0.45, abs=0.04)


@pytest.mark.parametrize("temperature", [0.03, 0.2])
def test_fitting_improves_the_calibration_of_other_clips(temperature: float) -> None:
    fitted = fit_decision(_drawn(temperature, 0.4, 600), START)
    others = with_absent(_drawn(temperature, 0.4, 600, seed=1))
    before, after = calibration_error(others, START), calibration_error(others, fitted)
    assert after < before
    assert after < 0.08


def test_what_is_not_fitted_is_kept() -> None:
    fitted = fit_decision(_drawn(0.1, 0.4, 60), START)
    assert (fitted.unsure, fitted.hold_steps) == (START.unsure, START.hold_steps)
    assert 0.5 <= fitted.present <= 0.95


def test_clips_all_answered_rightly_give_a_rule_that_can_be_used() -> None:
    easy = [_ranked([0.9, 0.1 - i / 1000, 0.05], 0) for i in range(20)]
    fitted = fit_decision(easy, START)
    assert fitted.temperature >= 1e-3
    assert Decision.model_validate(fitted.model_dump()) == fitted
    assert confidences(easy[0].scores, fitted)[0] > 0.95


def test_close_scores_that_are_all_right_do_not_freeze_the_rule() -> None:
    """Their best temperature is so low that it would be rounded to zero."""
    close = [_ranked([0.5, 0.5 - 1e-4 * (i + 1), 0.3], 0) for i in range(20)]
    fitted = fit_decision(close, START)
    assert Decision.model_validate(fitted.model_dump()) == fitted
    assert np.isfinite(confidences(close[0].scores, fitted)).all()


def test_names_from_the_threshold_on_are_right_often_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("calibration.confidence.with_absent", list)
    clips = _drawn(0.05, 0.4, 800)
    fitted = fit_decision(clips, START)
    named = [c for c in clips if confidences(c.scores, fitted)[0] >= fitted.present]
    assert 20 < len(named) < len(clips)
    assert np.mean([c.right == 0 for c in named]) >= PRECISION - 0.01
