"""A study as tables, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from models.ablation.page import as_markdown
from models.ablation.study import mean_and_deviation

GROUPS = ("easy", "hard", "held", "val L0", "val L3")


def _run(image: float, fused: float, chatter: float = 0.0) -> dict[str, float]:
    figures = {f"image {group}": image for group in GROUPS}
    return {**figures, **{f"fused {group}": fused for group in GROUPS}, "fused chatter": chatter}


def _study() -> dict[str, Any]:
    return {
        "arms": {
            "plain": {"10": _run(0.5, 0.6, 0.25), "2": _run(0.7, 0.6, 0.75)},
            "one seed": {"2": {**_run(0.125, 1.0), "image held": 0.0625}},
        },
        "folds": 4,
        "git": {"commit": "0123456789abcdef"},
        "machine": {"cpu": "Some CPU", "cores": 2},
    }


def test_mean_and_deviation_are_over_seeds() -> None:
    found = mean_and_deviation(_study())
    # Of 0.5 and 0.7 the mean is 0.6, the sample deviation sqrt((0.1² + 0.1²) / 1) = 0.1414.
    assert found["plain"]["image easy"] == pytest.approx((0.6, 0.141421), abs=1e-6)
    assert found["plain"]["fused easy"] == pytest.approx((0.6, 0.0))
    assert found["plain"]["fused chatter"] == pytest.approx((0.5, 0.353553), abs=1e-6)
    assert found["one seed"]["image held"] == (0.0625, 0.0)


def test_the_page_shows_percent_by_arm_and_group() -> None:
    page = as_markdown(_study())
    head, pictures, words = page.split("**")[0], *page.split("**")[2::2]
    assert head.startswith("Seeds 2, 10; 4 folds of each; Some CPU, 2 cores; commit 0123456789ab.")
    assert "| arm | seen, easy | seen, hard | left out | val L0 | val L3 |\n" in pictures
    assert "| plain |" + " 60.0 ± 14.1 |" * 5 + "\n" in pictures
    assert "| one seed | 12.5 ± 0.0 | 12.5 ± 0.0 | 6.2 ± 0.0 | 12.5 ± 0.0 |" in pictures
    assert "| plain |" + " 60.0 ± 0.0 |" * 5 + " 50.0 ± 35.4 |\n" in words
    assert "| one seed |" + " 100.0 ± 0.0 |" * 5 + " 0.0 ± 0.0 |\n" in words
    assert page.endswith("|\n")


def test_a_figure_that_could_not_be_measured_is_a_dash() -> None:
    study = _study()
    del study["arms"]["plain"]["10"]["image easy"], study["arms"]["one seed"]["2"]["fused chatter"]
    assert mean_and_deviation(study)["plain"]["image easy"] == (0.7, 0.0)
    page = as_markdown(study)
    assert "| plain | 70.0 ± 0.0 | 60.0 ± 14.1 |" in page
    assert "100.0 ± 0.0 | - |\n" in page
