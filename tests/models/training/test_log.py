"""Logs and the picture drawn from them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from models.training.curves import Panel, draw_curves, smoothed, svg
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


def test_smoothing_is_a_mean_over_what_came_before() -> None:
    assert smoothed([4.0, 0.0, 2.0, 6.0], 2) == [4.0, 2.0, 1.0, 4.0]


def test_every_line_has_its_name_and_last_value() -> None:
    losses = Panel("A <title", [0, 1, 2], {"up": [0.0, 0.5, 1.0], "flat": [0.5, 0.5, 0.5]})
    shares = Panel("R@1", [0, 1, 2], {"L0": [0.25, 0.5, 0.625]}, percent=True)
    root = ElementTree.fromstring(svg([losses, shares]))
    words = ["".join(text.itertext()).strip() for text in root.iter(f"{SPACE}text")]
    assert {"A <title", "up 1", "flat 0.5", "R@1", "L0 62.5 %"} <= set(words)


def test_a_smoothed_line_has_its_values_faint_behind_it() -> None:
    steps, values = list(range(100)), [float(n % 2) for n in range(100)]
    axes = Figure().add_subplot()
    Panel("A", steps, {"loss": values}, smooth=True).paint(axes)
    behind, line, last = axes.lines
    assert (list(behind.get_xdata()), list(behind.get_ydata())) == (steps, values)
    assert behind.get_alpha() == 0.2
    assert list(line.get_ydata()) == smoothed(values, 2)
    assert (last.get_xdata(), last.get_ydata()) == ([99], [0.5])


def test_the_same_logs_give_the_same_picture(tmp_path: Path) -> None:
    _write(tmp_path / "log.csv", range(3))
    draw_curves(RunFolder(tmp_path))
    first = (tmp_path / "curves.svg").read_bytes()
    draw_curves(RunFolder(tmp_path))
    assert (tmp_path / "curves.svg").read_bytes() == first


def test_a_run_of_one_step_can_be_drawn(tmp_path: Path) -> None:
    _write(tmp_path / "log.csv", range(1))
    draw_curves(RunFolder(tmp_path))
    ElementTree.fromstring((tmp_path / "curves.svg").read_text())
