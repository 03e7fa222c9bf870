"""The kiosk in full swing: real bundle, real catalog, real matcher."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from calibration.bench.harness import StepHarness
from calibration.bench.stock import made_up_frames, made_up_vectors, sizes
from calibration.bench.threads import limited_threads
from tests.export.conftest import Exported

STAGES = {"preprocess", "frame_encoder", "query_head", "search", "reranker", "decision"}


@pytest.fixture(scope="module")
def harness(exported: Exported) -> Iterator[StepHarness]:
    with StepHarness.open(exported.bundle, items=50, seed=3) as harness:
        yield harness


def test_a_step_encodes_one_frame_and_reads_no_words(harness: StepHarness) -> None:
    step = harness.step(0)
    assert set(step.latency_ms) == {*STAGES, "total"}
    assert step.transcript
    assert len(step.candidates) == 5


def test_every_frame_of_a_ring_is_another(harness: StepHarness) -> None:
    first, again, other = (harness.step(number).attention for number in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_whole_clip_leaves_nothing_of_the_ring(harness: StepHarness) -> None:
    def scores() -> list[float]:
        return [candidate.score for candidate in harness.clip(2).candidates]

    before = scores()
    harness.step(9)
    assert scores() == before


def test_the_catalog_has_the_sizes_and_the_number_asked_for(
    harness: StepHarness, exported: Exported
) -> None:
    vector, nodes, visual = sizes(exported.manifest)
    assert visual == harness.network.visual_size
    items, stored = harness.catalog.vectors(range(50))
    assert items.shape == (50, vector)
    assert stored.shape[1:] == nodes
    np.testing.assert_allclose(np.linalg.norm(items[:, :visual], axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=2), 1, rtol=1e-5)
    assert not items[:, visual].any()


def test_vectors_and_frames_follow_the_seed(exported: Exported) -> None:
    def drawn(seed: int) -> np.ndarray:
        return next(made_up_vectors(exported.manifest, 1, seed)).item

    assert np.array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))
    assert not np.array_equal(made_up_frames(1, seed=1)[0], made_up_frames(1, seed=2)[0])


def test_threads_are_held_and_given_back() -> None:
    import torch
    from threadpoolctl import threadpool_info

    before = torch.get_num_threads()
    with limited_threads(2):
        assert torch.get_num_threads() == 2
        with limited_threads(1):
            assert torch.get_num_threads() == 1
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before
