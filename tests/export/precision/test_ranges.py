"""Ranges of activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from export.onnx_files import write_onnx
from export.precision.plan import Method
from export.precision.ranges import find_ranges
from export.precision.rehearsal import Feed
from export.submodules import Part, Port
from tests.export.precision.quiet import silent

METHODS: tuple[Method, ...] = ("minmax", "entropy", "percentile")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
    ports = (Port("x", "float32", ("N", 8)),), (Port("y", "float32", ("N", 4)),)
    return write_onnx(Part("net", net, *ports), tmp_path_factory.mktemp("net"))


def _feeds(count: int = 20, *, outlier: float = 0.0) -> list[Feed]:
    rng = np.random.default_rng(0)
    feeds = [{"x": rng.normal(size=(64, 8)).astype(np.float32)} for _ in range(count)]
    if outlier:
        feeds[-1]["x"][0, 0] = outlier
    return feeds  # type: ignore[return-value]


def test_minmax_is_the_least_and_largest_value(file: Path) -> None:
    feeds = _feeds()
    found = find_ranges(file, feeds, "minmax", silent)
    every = np.stack([feed["x"] for feed in feeds])
    assert found["x"] == (every.min(), every.max())
    assert found["y"][0] < 0 < found["y"][1]


def test_the_order_of_samples_means_nothing(file: Path) -> None:
    feeds = _feeds()
    for method in METHODS:
        one, two = (find_ranges(file, some, method, silent) for some in (feeds, feeds[::-1]))
        assert one == two


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_rare_values_are_left_out(file: Path, method: Method) -> None:
    feeds = _feeds(500, outlier=100.0)
    widest = find_ranges(file, feeds, "minmax", silent)["x"]
    found = find_ranges(file, feeds, method, silent)["x"]
    assert widest[1] == 100.0
    assert found[1] < 50.0
    assert found[1] > 2.0


@pytest.mark.parametrize("method", METHODS)
def test_a_first_sample_of_zeros_is_no_trouble(file: Path, method: Method) -> None:
    """ONNX Runtime's own histograms would take their width from it."""
    feeds = [{"x": np.full((64, 8), 1e-12, np.float32)}, *_feeds()]
    found = find_ranges(file, feeds, method, silent)["x"]
    assert found[0] < -1.0
    assert found[1] > 1.0


def test_samples_of_different_length(file: Path) -> None:
    feeds = [{"x": np.ones((n, 8), np.float32) * n} for n in (3, 1, 2)]
    for method in METHODS:
        assert 2.9 < find_ranges(file, feeds, method, silent)["x"][1] <= 3.0


def test_nothing_is_said_on_stdout(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method in METHODS:
        find_ranges(file, _feeds(2), method, silent)
    assert capsys.readouterr().out == ""
