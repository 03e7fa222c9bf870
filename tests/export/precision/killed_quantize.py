"""Quantises a bundle and kills itself at its Nth write.

Run as ``python -m tests.export.precision.killed_quantize BUNDLE FEED OUT CACHE N``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from calibration.samples import draw_samples
from export.precision.maker import make_bundle
from export.precision.presets import named_plan
from runtime.bundle.manifest import Manifest
from tests.export.precision.faulty_disk import killed, watched


def quantized(bundle: Path, feed: Path, out: Path, cache: Path, at: int = 0) -> Manifest:
    """The bundle; killed at write ``at`` below the output's folder unless it is 0."""
    samples = draw_samples(feeds=[feed], pictures=[], clips=[], count=4, seed=0)
    with watched(out.parent, killed, at):
        return make_bundle(bundle, named_plan("int8", "tiny"), samples, out, cache=cache)


if __name__ == "__main__":
    quantized(*map(Path, sys.argv[1:5]), int(sys.argv[5]))  # type: ignore[arg-type]
