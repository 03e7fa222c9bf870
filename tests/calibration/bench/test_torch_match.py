"""The torch side does the runtime's work: same products, same confidences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from calibration.bench.harness import WORDS, StepHarness
from calibration.bench.torch_match import Answer, TorchMatch
from runtime.matcher import Step
from tests.export.conftest import Exported


@pytest.fixture(scope="module", params=[WORDS, ""], ids=["words", "silence"])
def harness(exported: Exported, request: pytest.FixtureRequest) -> Iterator[StepHarness]:
    with StepHarness.open(exported.bundle, items=60, words=request.param) as harness:
        yield harness


@pytest.fixture
def match(exported: Exported, harness: StepHarness) -> TorchMatch:
    rule = harness.network.bundle.manifest.decision
    return TorchMatch(exported.network, harness.catalog, harness.heard, harness.frames, rule)


def assert_same(answer: Answer, step: Step, harness: StepHarness) -> None:
    ids = [item.id for item in harness.catalog.items()]
    assert [ids[row] for row in answer.rows] == [c.product_id for c in step.candidates]
    expected = [c.confidence for c in step.candidates]
    np.testing.assert_allclose(answer.confidences, expected, rtol=1e-3)


def test_a_clip_gives_the_runtimes_answer(harness: StepHarness, match: TorchMatch) -> None:
    for number in (0, 5):
        assert_same(match.clip(number), harness.clip(number), harness)
        assert_same(match.frames(number), harness.clip(number), harness)


def test_a_step_gives_the_runtimes_answer(harness: StepHarness, match: TorchMatch) -> None:
    harness.clip(3), match.clip(3)
    for number in (7, 8, 9):
        assert_same(match.step(number), harness.step(number), harness)


def test_the_first_step_fills_the_ring_before(harness: StepHarness, match: TorchMatch) -> None:
    harness.clip(3 - harness.network.frames)
    assert_same(match.step(3), harness.step(3), harness)
