"""Sections are processes of their own: none takes another with it, and none outlives its time."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from calibration.gpu_check.job import Job
from calibration.gpu_check.outcome import Outcome
from calibration.gpu_check.runner import Runner
from calibration.gpu_check.section import Section
from tests.calibration.gpu_check.fake_lab import COMMAND

HERE = "tests.calibration.gpu_check.fake_lab"


def section(name: str, limit_s: float = 60.0, **fields: object) -> Section:
    return Section(name, f"{HERE}:{name}", limit_s=limit_s, **fields)  # type: ignore[arg-type]


def run(job: Job, *sections: Section, limit_s: float = 60.0) -> dict[str, Outcome]:
    runner = Runner(job, limit_s, command=(sys.executable, *COMMAND))
    return {outcome.name: outcome for outcome in runner.run(sections)}


def test_a_crash_is_told_and_the_others_go_on(job: Job) -> None:
    found = run(job, section("aborting"), section("good", options={"value": 3}))
    crash = found["aborting"]
    assert crash.status == "failed"
    assert "crashed (SIGABRT)" in crash.why
    assert crash.found == {"before": "the crash"}, "what was found before must not be lost"
    assert found["good"].status == "passed"
    assert found["good"].found["value"] == 3
    assert 0 < found["good"].found["limit_s"] <= 60.0


def test_an_error_keeps_its_code_and_what_came_before(job: Job) -> None:
    found = run(job, section("wrong"), section("faulty"), section("leaving"))
    assert found["wrong"].status == "failed"
    assert found["wrong"].error is not None
    assert found["wrong"].error["code"] == "engine"
    assert found["wrong"].found == {"before": "this"}
    assert found["faulty"].why == "ZeroDivisionError: of a programmer"
    assert found["leaving"].why.startswith("it ended with exit code 3")


def test_what_takes_too_long_is_ended_with_all_its_processes(job: Job) -> None:
    found = run(job, section("sleeping", 4.0, options={"orphan": "x"}))["sleeping"]
    assert found.status == "cut"
    assert found.found["orphan"] == "x"
    assert _ends(found.found["pid"])


def test_nothing_is_begun_without_time(job: Job) -> None:
    found = run(job, section("good", until=0.5), section("wrong"), limit_s=5.0)
    assert found["good"].status == "cut", "2.5 s are less than a section needs"
    assert found["wrong"].status == "failed"


def test_a_section_waits_for_what_it_needs(job: Job) -> None:
    found = run(
        job,
        section("wrong"),
        section("good", needs=("wrong",)),
        section("leaving", needs=("never",)),
    )
    assert (found["good"].status, found["good"].why) == ("skipped", "wrong was failed")
    assert found["leaving"].why == "never was not asked for"


def test_the_real_child_runs_without_a_gpu(job: Job) -> None:
    """It is the driver that is missing, and that is what is told."""
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("there is a driver")
    environment = Section("environment", "calibration.gpu_check.environment:environment")
    (found,) = Runner(job).run([environment])
    assert found.status == "failed"
    assert found.error is not None
    assert found.error["reason"] == "no-driver"
    assert found.found["versions"]["numpy"]


def _ends(pid: int) -> bool:
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or ") Z " in state.read_text():
            return True
        time.sleep(0.05)
    return False
