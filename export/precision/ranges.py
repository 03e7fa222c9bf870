"""Ranges of activations, found by ONNX Runtime's calibrators."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from export.precision.graph import load
from export.precision.plan import Method
from export.precision.rehearsal import Feed
from runtime.catalog.progress import Progress

Ranges = Mapping[str, tuple[float, float]]
"""Least and largest value of a tensor, by its name."""

CALIBRATED = ("Conv", "MatMul", "Gemm", "Add", "Clip", "Relu")
"""Operators whose inputs and outputs any plan may want to quantise."""


BINS = 512
"""Of a histogram; the search of the entropy method takes time with their square."""


def find_ranges(file: Path, feeds: Sequence[Feed], method: Method, progress: Progress) -> Ranges:
    """Run an FP32 submodule and find the range of every tensor that any plan may quantise.

    Args:
        file: the ONNX file.
        feeds: what it is given.
        method: ``minmax`` takes all values; ``entropy`` (Migacz, GTC 2017) and ``percentile``
            (99.999 %) leave out rare ones.
        progress: shows progress.
    """
    import onnx
    from onnxruntime.quantization import calibrate

    with tempfile.TemporaryDirectory(prefix="sgmn-calibration-") as name, _silent():
        prepared = Path(name) / "prepared.onnx"
        onnx.save(load(file), str(prepared))

        def run(kind: Any, seed: Any = None, **options: Any) -> Ranges:
            calibrator = calibrate.create_calibrator(
                prepared,
                list(CALIBRATED),
                augmented_model_path=str(Path(name) / "augmented.onnx"),
                calibrate_method=kind,
                extra_options=options,
            )
            if seed is not None:
                calibrator.collector = seed(calibrator)
            label = f"Ranges of {file.name.partition('.')[0]}"
            for feed in progress(feeds, label=label, total=len(feeds)):
                # One at a time: a calibrator keeps all activations of what it is given at once.
                calibrator.collect_data(_Reader([feed]))
            return _limits(calibrator.compute_data())

        kinds = calibrate.CalibrationMethod
        widest = run(kinds.MinMax)
        if method == "minmax":
            return widest
        kind = kinds.Entropy if method == "entropy" else kinds.Percentile
        return run(kind, lambda c: _seeded(c, widest), num_bins=BINS, symmetric=False)


def _seeded(calibrator: Any, widest: Ranges) -> Any:
    """Empty histograms as wide as they will get.

    Left to itself, ONNX Runtime's collector takes the width of the first sample's bins for all: a
    sample of zeros, such as a clip without frames, would ask for billions of bins.
    """
    from onnxruntime.quantization.calibrate import HistogramCollector

    collector = HistogramCollector(
        method=calibrator.method,
        symmetric=False,
        num_bins=BINS,
        num_quantized_bins=calibrator.num_quantized_bins,
        percentile=calibrator.percentile,
        scenario=calibrator.scenario,
    )
    for name, limits in widest.items():
        low, high = (np.float32(limit) for limit in limits)
        reach = np.maximum(abs(low), abs(high))
        if reach > 0:
            edges = np.linspace(-reach, reach, BINS + 1, dtype=np.float32)
            collector.histogram_dict[name] = (np.zeros(BINS, np.int64), edges, low, high, reach)
    return collector


def _limits(data: Any) -> Ranges:
    pairs = {name: found.range_value for name, found in data.items()}
    return {name: (float(np.min(low)), float(np.max(high))) for name, (low, high) in pairs.items()}


@contextmanager
def _silent() -> Iterator[None]:
    """ONNX Runtime's calibrators print on stdout, which belongs to a command's answer."""
    with redirect_stdout(io.StringIO()):
        yield


class _Reader:
    """Feeds as ONNX Runtime's calibrators read them."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._rest: Iterator[Feed] = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._rest, None)
