"""Events are frozen and ready for JSON."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from runtime.events import Candidate, Event, EventKind

TEA = Candidate("p1", "Grüner Tee", 0.123456789, 0.987654321)


def test_an_event_survives_json_unchanged() -> None:
    event = Event(EventKind.PRESENT, 1.23456, "p1", 0.987654321, (TEA,))
    fields = event.as_dict()
    assert json.loads(json.dumps(fields)) == fields
    assert fields == {
        "kind": "present",
        "time_s": 1.235,
        "product_id": "p1",
        "confidence": 0.987654,
        "candidates": [
            {"product_id": "p1", "title": "Grüner Tee", "score": 0.123457, "confidence": 0.987654}
        ],
    }


def test_nothing_has_no_product_and_no_candidates() -> None:
    fields = Event(EventKind.NOTHING, 0.0, None, 0.0).as_dict()
    assert (fields["kind"], fields["product_id"], fields["candidates"]) == ("nothing", None, [])


def test_what_was_said_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        TEA.score = 1.0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Event(EventKind.NOTHING, 0.0, None, 0.0).product_id = "p2"  # type: ignore[misc]
