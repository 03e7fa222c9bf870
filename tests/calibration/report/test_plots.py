"""Plots: what is drawn is where the numbers are."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from calibration.report.plots.blocks import lost_likeness, saved_time
from calibration.report.plots.calibrations import calibrations
from calibration.report.plots.frontier import frontier
from calibration.report.plots.pareto import BAR, pareto
from models.evaluation.metrics import Estimate
from models.evaluation.page.plot import AMBER, BLUE, FAINT, GREEN, INK, RED, for_page
from tests.calibration.made_up_report import measurement, near, report
from tests.drawing import Drawing


def _close(x: float, y: float) -> object:
    return pytest.approx((x, y), abs=0.15)


def test_plans_stand_at_their_time_and_accuracy() -> None:
    drawn = Drawing(pareto(report(), "p50"))
    assert drawn.marks(INK) == [_close(40, 80)], "FP32"
    assert drawn.marks(GREEN) == [_close(25, 80)], "recommended"
    assert drawn.marks(BLUE) == [_close(20, 75)]
    assert {"fp32", "int8", "mixed", "budget"} <= set(drawn.texts)
    slow = Drawing(pareto(report(), "p95"))
    assert slow.marks(INK) == [_close(48, 80)]


def test_what_ships_has_a_ring() -> None:
    assert Drawing(pareto(report(), "p50")).rings(AMBER) == [_close(25, 80)]
    assert Drawing(pareto(replace(report(), shipped="int8"), "p50")).rings(AMBER) == [
        _close(20, 75)
    ]
    assert Drawing(pareto(replace(report(), shipped=None), "p50")).rings(AMBER) == []


def test_the_dashed_line_is_the_budget() -> None:
    (_, left), (_, right) = Drawing(pareto(report(), "p50")).line(RED, 1)
    assert (left, right) == (pytest.approx(79.5, abs=0.1), pytest.approx(79.5, abs=0.1))


def test_bars_are_paired_intervals_and_fp32_has_none() -> None:
    bars = Drawing(pareto(report(), "p50")).upright_bars(FAINT, BAR)
    assert bars == [
        (pytest.approx(20, abs=0.1), pytest.approx(70, abs=0.2), pytest.approx(80, abs=0.2)),
        (pytest.approx(25, abs=0.1), pytest.approx(80, abs=0.2), pytest.approx(80, abs=0.2)),
    ]


def test_the_frontier_leaves_out_what_is_beaten() -> None:
    points = [(3.0, 0.9), (1.0, 0.5), (2.0, 0.4), (2.5, 0.9), (4.0, 0.8), (1.0, 0.3)]
    assert frontier(points) == [1, 3]
    assert frontier([(1.0, 0.5)]) == [0]


def test_names_of_plans_that_are_alike_do_not_lie_on_one_another() -> None:
    alike = tuple(
        measurement("fp32" if i == 0 else f"int8-variant-{i}", 40.0 + 0.05 * i) for i in range(8)
    )
    drawn = Drawing(
        pareto(
            replace(
                report(),
                measurements=alike,
                shipped=None,
                recommendation=replace(report().recommendation, plan=alike[1].plan),
            ),
            "p50",
        )
    )
    boxes = [drawn.box(one.plan.name) for one in alike]
    assert not [pair for pair in itertools.combinations(boxes, 2) if _overlap(*pair)]


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return (
        min(one[2], other[2]) - max(one[0], other[0]) > 1
        and min(one[3], other[3]) - max(one[1], other[1]) > 1
    )


def test_blocks_are_bars_as_long_as_what_they_lose() -> None:
    drawn = Drawing(lost_likeness(report()))
    assert {"frame_encoder/block0", "text_encoder (whole)"} <= set(drawn.texts)
    assert drawn.bars(RED) == [pytest.approx(0.01, abs=1e-4)], "held by the plan recommended"


def test_what_int8_costs_is_left_of_zero() -> None:
    (one, _) = report().sensitivities
    assert one.saved_ms == Estimate(-1.5, -1.51, -1.49)
    assert replace(one, held=None).saved_ms == near(1.5)
    ((x, _),) = Drawing(saved_time(report())).marks(RED)
    assert x == pytest.approx(-1.5, abs=0.02)


def test_methods_have_their_lines() -> None:
    made = report()
    first = made.comparisons[0]
    drawn = calibrations(replace(made, comparisons=(first, replace(first, pictures=512))))
    texts = Drawing(drawn).texts
    assert "minmax" in texts
    assert {"64", "512"} <= set(texts)
    assert "entropy" not in texts


def test_text_is_text_and_colours_are_the_pages() -> None:
    svg = pareto(report(), "p50")
    assert "<title>R@1 against p50 of a step, by plan</title>" in svg
    assert svg.startswith("<?xml")
    part = for_page(svg)
    assert "var(--ink)" in part
    assert "var(--blue)" in part
    assert not [colour for colour in (INK, BLUE, GREEN, RED) if colour in part]
    assert "http" not in part
    assert "Date" not in svg


def test_drawings_of_one_page_share_no_names_of_different_things() -> None:
    parts = [pareto(report(), "p50"), pareto(report(), "p95"), lost_likeness(report())]
    named: dict[str, str] = {}
    for part in parts:
        for name, body in Drawing(part).defined():
            assert named.setdefault(name, body) == body
