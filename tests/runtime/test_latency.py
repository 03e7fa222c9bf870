"""Latency by stage, from made-up samples: nothing here is measured."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.capture.camera import Frame
from runtime.events import Event, EventKind
from runtime.latency import summarise
from runtime.matcher import Step
from runtime.playback import Moment
from runtime.speech.recognizer import Transcript


def _moment(speech_ms: float, **stages: float) -> Moment:
    step = Step(0.0, "", (), Event(EventKind.NOTHING, 0.0, None, 0.0), stages)
    return Moment(Frame(np.zeros((1, 1, 3), np.uint8), 0.0, 0), Transcript(), step, speech_ms)


def test_every_stage_has_its_middle_its_tail_and_its_count() -> None:
    found = summarise([_moment(n, total=2.0 * n) for n in range(1, 102)])
    assert found["speech"] == {"p50": 51.0, "p95": 96.0, "samples": 101}
    assert found["total"] == {"p50": 102.0, "p95": 192.0, "samples": 101}


def test_a_stage_counts_only_where_it_ran() -> None:
    found = summarise([_moment(1.0, total=1.0), _moment(1.0, total=3.0, words=2.0)])
    assert found["words"] == {"p50": 2.0, "p95": 2.0, "samples": 1}
    assert found["total"]["samples"] == 2


@pytest.mark.parametrize("moments", [[], [_moment(0.5)]])
def test_few_samples_are_no_problem(moments: list[Moment]) -> None:
    assert list(summarise(moments)) == ["speech"] * len(moments)
