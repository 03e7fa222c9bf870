"""Logs and the picture drawn from them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from models.training.curves import Panel, draw_curves, smoothed, svg, ticks
from models.training.folder import RunFolder
from models.training.log import CsvLog, read_log

SPACE = "{http://www.w3.org/2000/svg}"


def _write(path: Path, steps: range) -> None:
    log = CsvLog(path)
    for step in steps:
        log.write({"step": step, "total": step / 7})
    log.close()


def test_a_log_keeps_eight_digits(tmp_path: Path) -> None:
    _write(tmp_path / "log.csv", range(2))
    assert (tmp_path / "log.csv").read_text() == "step,total\n0,0\n1,0.14285714\n"


@pytest.mark.parametrize("tail", ["", "5,0.7", "5,0.71428571\n6,0.85714286\n", "5"])
def test_rows_after_the_last_state_are_taken_back(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "log.csv"
    _write(path, range(5))
    path.write_text(path.read_text() + tail)
    CsvLog(path).rewind(4)
    _write(path, range(4, 8))
    assert read_log(path)["step"] == list(range(8))
    assert path.read_text().count("step") == 1


def test_a_run_from_the_start_has_one_head(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    _write(path, range(3))
    CsvLog(path).rewind(0)
    _write(path, range(2))
    assert read_log(path)["step"] == [0, 1]


def test_no_log_no_columns(tmp_path: Path) -> None:
    CsvLog(tmp_path / "none.csv").rewind(3)
    assert read_log(tmp_path / "none.csv") == {}
    draw_curves(RunFolder(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, [0, 2, 4, 6, 8, 10]),
        (-0.03, 0.31, [0, 0.1, 0.2, 0.3]),
        (97.0, 99.5, [97, 97.5, 98, 98.5, 99, 99.5]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_smoothing_is_a_mean_over_what_came_before() -> None:
    assert smoothed([4.0, 0.0, 2.0, 6.0], 2) == [4.0, 2.0, 1.0, 4.0]


def test_higher_values_are_drawn_higher_and_every_line_has_its_name() -> None:
    panel = Panel("A <title", [0, 1, 2], {"up": [0.0, 0.5, 1.0], "flat": [0.5, 0.5, 0.5]})
    root = ElementTree.fromstring(svg([panel]))
    up, flat = (
        [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
        for line in root.iter(f"{SPACE}polyline")
    )
    assert [x for x, _ in up] == sorted({x for x, _ in up})
    assert up[0][1] > up[1][1] > up[2][1]
    assert {y for _, y in flat} == {up[1][1]}
    words = [text.text for text in root.iter(f"{SPACE}text")]
    assert {"A <title", "up 1", "flat 0.5"} <= set(words)


def test_a_run_of_one_step_can_be_drawn(tmp_path: Path) -> None:
    _write(tmp_path / "log.csv", range(1))
    draw_curves(RunFolder(tmp_path))
    ElementTree.fromstring((tmp_path / "curves.svg").read_text())
