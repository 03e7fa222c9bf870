"""Fixtures that every floor's tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

# Read once by OpenCV, at the first clip that any test opens.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

# Under nohup or in a background job SIGINT is ignored, by the tests' children as well.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def assets() -> Path:
    """The real data and speech model for development; skipped, saying so, where absent."""
    folder = Path(os.environ.get("SGMN_TEST_ASSETS", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no development data in {folder} (set SGMN_TEST_ASSETS)")
    return folder


@pytest.fixture(scope="session")
def speech_model() -> Path:
    """The speech model shipped with the demo."""
    return REPOSITORY / "runtime" / "assets" / "speech" / "vosk-tiny-synthetic"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed (SGMN_FORBID_SKIPS), a skip is a failure; GPU tests apart."""
    report = yield
    forbidden = os.environ.get("SGMN_FORBID_SKIPS") and "gpu" not in item.keywords
    if forbidden and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report
