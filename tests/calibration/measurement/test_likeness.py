"""Cosines to FP32 on real engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.measurement.likeness import Likener, Probe, cosine, draw_probe
from models.heads.norms import MASKED
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from tests.calibration.measurement.made_up_plans import (
    BLOCKS,
    INT8,
    NoisyBuilder,
    exam_of,
)
from tests.export.conftest import Exported


@pytest.fixture(scope="module")
def probe(exported: Exported) -> Probe:
    return draw_probe(exam_of(exported), exported.bundle, seed=0)


def test_fp32_is_like_itself(exported: Exported, probe: Probe) -> None:
    found = Likener(exported.bundle, probe).compare(exported.bundle)
    assert found.query.least == pytest.approx(1.0)
    for one in found.outputs.values():
        assert one.least == pytest.approx(1.0)
    assert {name.split(".")[0] for name in found.outputs} == set(SUBMODULES)
    assert {"frame_encoder.cls", "query_head.query", "reranker.reranked"} <= set(found.outputs)


def test_only_the_submodule_that_differs_is_blamed(
    exported: Exported, probe: Probe, tmp_path: Path
) -> None:
    """The heads of a noisy encoder are fed what FP32's were, so they stay exact."""
    noisy = NoisyBuilder(open_bundle(exported.bundle), dict.fromkeys(BLOCKS, 0.3)).build(
        INT8, tmp_path / "b"
    )
    found = Likener(exported.bundle, probe).compare(noisy)
    assert found.outputs["frame_encoder.cls"].mean < 0.999
    assert found.query.mean < 0.9999
    others = {n: c.least for n, c in found.outputs.items() if not n.startswith("frame_encoder")}
    assert others == pytest.approx(dict.fromkeys(others, 1.0))


def test_more_noise_is_less_alike(exported: Exported, probe: Probe, tmp_path: Path) -> None:
    likener = Likener(exported.bundle, probe)
    means = []
    for share in (0.05, 0.3, 1.0):
        builder = NoisyBuilder(open_bundle(exported.bundle), dict.fromkeys(BLOCKS, share))
        means.append(likener.compare(builder.build(INT8, tmp_path / f"{share}")).query.mean)
    assert means == sorted(means, reverse=True)
    assert means[0] - means[2] > 0.001


def test_the_draw_depends_on_the_seed_alone(exported: Exported) -> None:
    exam = exam_of(exported)
    draws = [draw_probe(exam, exported.bundle, seed, count=2) for seed in (1, 1, 2, 3, 4)]
    assert draws[0].words == draws[1].words
    assert np.array_equal(draws[0].frames[0], draws[1].frames[0])
    assert len({draw.words for draw in draws}) > 1
    assert len(draw_probe(exam, exported.bundle, 0).frames) == len(exam.clips)


def test_cosine_counts_rows_and_leaves_padding_and_masks_out() -> None:
    want = np.array([[1.0, 0.0], [0.0, 0.0], [2.0, MASKED]], np.float32)
    got = np.array([[1.0, 1.0], [5.0, 5.0], [4.0, 3 * MASKED]], np.float32)
    found = cosine([(want, got)])
    assert found.least == pytest.approx(np.sqrt(0.5))
    assert found.mean == pytest.approx((np.sqrt(0.5) + 1) / 2)


def test_an_answer_of_zeros_is_not_alike() -> None:
    assert cosine([(np.ones((1, 3)), np.zeros((1, 3)))]).least == 0.0
