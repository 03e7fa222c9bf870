"""Records to JSON and back."""

from __future__ import annotations

import json

import pytest

from calibration.records.json import from_json, to_json
from calibration.records.measurement import PlanMeasurement
from calibration.records.report import Report
from runtime.errors import InputError
from tests.calibration.made_up_report import latency, measurement, report


def test_a_report_comes_back_as_it_was() -> None:
    made = report()
    text = json.dumps(to_json(made), allow_nan=False)
    assert from_json(Report, json.loads(text)) == made


def test_every_digit_is_kept() -> None:
    made = measurement("int8", 20.0 / 3)
    again = from_json(PlanMeasurement, json.loads(json.dumps(to_json(made))))
    assert again.latency is not None
    assert again.latency.samples_ms == latency(20.0 / 3).samples_ms


def test_a_missing_field_is_told() -> None:
    fields = to_json(measurement("int8", 20.0))
    del fields["query_cosine"]
    with pytest.raises(InputError, match="query_cosine"):
        from_json(PlanMeasurement, fields)


def test_throughput_is_steps_over_their_time() -> None:
    assert latency(20.0).throughput == pytest.approx(50.0, rel=0.01)


def test_the_reference_is_the_first_and_plans_are_found_by_name() -> None:
    made = report()
    assert made.reference.plan.name == "fp32"
    assert made.of("mixed") is made.measurements[2]
    with pytest.raises(KeyError):
        made.of("another")
